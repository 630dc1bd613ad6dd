use super::{BrokerError, ByTopic, Context, CoreRequest, PerPartition, Questions, TopicRef};
use crate::storage::Volume;
use crate::types::{CoreId, PartitionIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Describe the data directory and what partitions take there (KIP-113).
#[derive(Debug, Clone)]
pub struct DescribeLogDirsRequest {
    /// Which partitions; all if `None`.
    pub topics: Option<BTreeMap<String, BTreeSet<PartitionIndex>>>,
}

/// The data directory.
#[derive(Debug, Clone)]
pub struct DescribeLogDirsResponse {
    /// Its absolute path.
    pub directory: String,
    /// The file system that it is on, if that can be told.
    pub volume: Option<Volume>,
    /// The bytes of each partition that is asked for, exists and serves.
    pub sizes: ByTopic<u64>,
}

/// A description under way: the owners tell sizes, the disk tells of itself.
#[derive(Debug)]
pub struct DescribeLogDirsOperation {
    directory: String,
    sizes: PerPartition<u64>,
    /// What the disk told, `None` until it did.
    volume: Option<Option<Volume>>,
}

impl DescribeLogDirsOperation {
    /// Splits the question over the cores that own the partitions.
    pub fn start(request: DescribeLogDirsRequest, context: &Context<'_>) -> (Self, Questions) {
        let mut topics = ByTopic::new();
        for topic in context.catalog.topics() {
            let all = (0..topic.partitions).map(PartitionIndex::new);
            let partitions: Vec<_> = match &request.topics {
                None => all.map(|index| (index, ())).collect(),
                Some(wanted) => {
                    let Some(wanted) = wanted.get(topic.name.as_str()) else {
                        continue;
                    };
                    let wanted = all.filter(|index| wanted.contains(index));
                    wanted.map(|index| (index, ())).collect()
                }
            };
            topics.push((TopicRef::Name(topic.name.to_string()), partitions));
        }
        let (sizes, questions) = PerPartition::start(topics, context, CoreRequest::Sizes);
        let operation = Self {
            directory: context.config.data.to_string_lossy().into_owned(),
            sizes,
            volume: None,
        };
        (operation, questions)
    }

    /// Takes a core's reply.
    pub fn reply(&mut self, from: CoreId, sizes: Vec<Result<u64, BrokerError>>) {
        self.sizes.reply(from, sizes);
    }

    /// Takes what the disk told of itself.
    pub fn volume(&mut self, volume: Option<Volume>) {
        self.volume = Some(volume);
    }

    /// Whether all have replied.
    pub fn is_complete(&self) -> bool {
        self.sizes.is_complete() && self.volume.is_some()
    }

    /// The response, once complete. A partition that another node leads, or that is offline, has
    /// nothing here that could be told.
    pub fn finish(self) -> DescribeLogDirsResponse {
        let mut sizes = ByTopic::new();
        for (topic, partitions) in self.sizes.finish() {
            let known = partitions.into_iter();
            let known = known.filter_map(|(index, size)| Some((index, size.ok()?)));
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                sizes.push((topic, known));
            }
        }
        DescribeLogDirsResponse {
            directory: self.directory,
            volume: self.volume.flatten(),
            sizes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;

    /// Each core says 100 bytes for each of its partitions.
    fn described(
        fixture: &Fixture,
        own_node: bool,
        topics: Option<&[(&str, &[i32])]>,
    ) -> DescribeLogDirsResponse {
        let topics = topics.map(|topics| {
            let topics = topics.iter().map(|(name, partitions)| {
                let partitions = partitions.iter().copied().map(PartitionIndex::new);
                ((*name).to_owned(), partitions.collect())
            });
            topics.collect()
        });
        let request = DescribeLogDirsRequest { topics };
        let (mut operation, questions) =
            DescribeLogDirsOperation::start(request, &fixture.context(own_node));
        for (core, question) in questions {
            let CoreRequest::Sizes(items) = question else {
                panic!("sizes are asked for: {question:?}");
            };
            operation.reply(core, items.iter().map(|_| Ok(100)).collect());
        }
        assert!(!operation.is_complete());
        operation.volume(None);
        assert!(operation.is_complete());
        operation.finish()
    }

    fn told(response: &DescribeLogDirsResponse) -> Vec<i32> {
        let partitions = response.sizes.iter().flat_map(|(_, partitions)| partitions);
        partitions.map(|(index, _)| index.get()).collect()
    }

    #[test]
    fn what_exists_is_told() {
        let fixture = Fixture::new(Nodes::Single);
        assert_eq!(told(&described(&fixture, false, None)), [0, 1, 2, 3]);
        let some: &[(&str, &[i32])] = &[("nothing", &[0]), ("orders", &[2, 9, 1])];
        assert_eq!(told(&described(&fixture, false, Some(some))), [1, 2]);
        assert!(told(&described(&fixture, false, Some(&[]))).is_empty());
    }

    #[test]
    fn a_node_tells_of_its_own_partitions() {
        let fixture = Fixture::new(Nodes::PerCore);
        let own = (0..4).filter(|index| fixture.owner(*index) == CoreId::new(0));
        assert_eq!(
            told(&described(&fixture, true, None)),
            own.collect::<Vec<_>>()
        );
    }
}
