use super::metadata::looked_up;
use super::{BrokerError, Context, TopicMetadata, TopicRef};
use crate::types::{PartitionIndex, TopicId};
use std::collections::BTreeSet;

/// How many partitions one page holds at most, whatever the client asks for.
const PARTITIONS_MAX: usize = 2_000;

/// Describe a page of all partitions, which are ordered by their topics' names (KIP-966).
#[derive(Debug, Clone)]
pub struct DescribeTopicPartitionsRequest {
    /// Which topics; all if empty.
    pub topics: Vec<String>,
    /// How many partitions the client wants at most.
    pub partitions_max: usize,
    /// Where the page begins; at the first partition if `None`.
    pub cursor: Option<Cursor>,
}

/// A place among all partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The topic.
    pub topic: String,
    /// The partition in it.
    pub partition: PartitionIndex,
}

/// A page.
#[derive(Debug, Clone)]
pub struct DescribeTopicPartitionsResponse {
    /// The topics by name, the first and the last perhaps in part.
    pub topics: Vec<TopicMetadata>,
    /// Where the next page begins, if this one is not the last.
    pub next: Option<Cursor>,
}

impl DescribeTopicPartitionsRequest {
    /// Describes what the catalog holds.
    pub fn answer(&self, context: &Context<'_>) -> DescribeTopicPartitionsResponse {
        let from = self.cursor.as_ref().map_or("", |cursor| &cursor.topic);
        let all = self.topics.is_empty();
        // Sorted, and each once.
        let names: BTreeSet<&str> = if all {
            let topics = context.catalog.topics();
            topics.map(|topic| topic.name.as_str()).collect()
        } else {
            self.topics.iter().map(String::as_str).collect()
        };
        if let Err(error) = self.check_cursor(all, &names) {
            return self.failed(&error);
        }
        let mut page = Page {
            topics: Vec::new(),
            room: self.partitions_max.clamp(1, PARTITIONS_MAX),
        };
        for name in names.range(from..) {
            let cursor = self.cursor.as_ref().filter(|cursor| cursor.topic == *name);
            let first = cursor.map_or(0, |cursor| cursor.partition.get());
            let next = page.add(name, usize::try_from(first).unwrap_or(0), context);
            if next.is_some() {
                let topics = page.topics;
                return DescribeTopicPartitionsResponse { topics, next };
            }
        }
        let topics = page.topics;
        DescribeTopicPartitionsResponse { topics, next: None }
    }

    fn check_cursor(&self, all: bool, names: &BTreeSet<&str>) -> Result<(), BrokerError> {
        let Some(cursor) = &self.cursor else {
            return Ok(());
        };
        if !all && !names.contains(cursor.topic.as_str()) {
            let problem = format!("the cursor's topic {:?} is not asked for", cursor.topic);
            return Err(BrokerError::InvalidRequest(problem));
        }
        if cursor.partition.get() < 0 {
            let problem = format!("the cursor's partition {} is negative", cursor.partition);
            return Err(BrokerError::InvalidRequest(problem));
        }
        Ok(())
    }

    /// The answer has no place for an error but its topics.
    fn failed(&self, error: &BrokerError) -> DescribeTopicPartitionsResponse {
        let topics = self.topics.iter().map(|name| TopicMetadata {
            name: Some(name.clone()),
            id: TopicId::NONE,
            is_internal: false,
            result: Err(error.clone()),
        });
        DescribeTopicPartitionsResponse {
            topics: topics.collect(),
            next: None,
        }
    }
}

/// A page that is being filled.
struct Page {
    topics: Vec<TopicMetadata>,
    /// How many partitions it still holds.
    room: usize,
}

impl Page {
    /// Adds a topic from its partition `first` on. Gives the first partition for which there is no
    /// room.
    fn add(&mut self, name: &str, first: usize, context: &Context<'_>) -> Option<Cursor> {
        let cursor = |partition: usize| Cursor {
            topic: name.to_owned(),
            partition: PartitionIndex::new(i32::try_from(partition).unwrap_or(i32::MAX)),
        };
        if self.room == 0 {
            return Some(cursor(0));
        }
        let mut topic = looked_up(&TopicRef::Name(name.to_owned()), context);
        let mut next = None;
        if let Ok(partitions) = &mut topic.result {
            let last = first.saturating_add(self.room);
            next = (last < partitions.len()).then(|| cursor(last));
            partitions.truncate(last);
            partitions.drain(..first.min(partitions.len()));
            self.room -= partitions.len();
        }
        self.topics.push(topic);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;
    use crate::topic::{Topic, TopicSettings};
    use crate::types::TopicName;

    /// "orders" with 4 partitions and "returns" with 3.
    fn fixture() -> Fixture {
        let mut fixture = Fixture::new(Nodes::Single);
        fixture.catalog.put(Topic {
            name: TopicName::new("returns").expect("valid"),
            id: TopicId::from_random_bytes([8; 16]),
            partitions: 3,
            settings: TopicSettings::default(),
        });
        fixture
    }

    fn request(topics: &[&str], partitions_max: usize) -> DescribeTopicPartitionsRequest {
        DescribeTopicPartitionsRequest {
            topics: topics.iter().map(|name| (*name).to_owned()).collect(),
            partitions_max,
            cursor: None,
        }
    }

    /// Topics with the numbers of their partitions, or `None` for one that failed.
    type Told = Vec<(String, Option<Vec<i32>>)>;

    fn told(response: &DescribeTopicPartitionsResponse) -> Told {
        let topics = response.topics.iter().map(|topic| {
            let partitions = topic.result.as_ref().ok();
            let numbers = partitions.map(|all| all.iter().map(|p| p.index.get()).collect());
            (topic.name.clone().expect("asked by name"), numbers)
        });
        topics.collect()
    }

    #[test]
    fn pages_of_any_size_tell_every_partition_once() {
        let fixture = fixture();
        for size in 0..9 {
            let mut request = request(&[], size);
            let mut all = Vec::new();
            loop {
                let page = request.answer(&fixture.context(false));
                let mut count = 0;
                for (name, partitions) in told(&page) {
                    let partitions = partitions.expect("it exists");
                    count += partitions.len();
                    all.extend(partitions.into_iter().map(|number| (name.clone(), number)));
                }
                assert!(count <= size.max(1));
                match page.next {
                    Some(next) => request.cursor = Some(next),
                    None => break,
                }
            }
            let orders = (0..4).map(|number| ("orders".to_owned(), number));
            let returns = (0..3).map(|number| ("returns".to_owned(), number));
            assert_eq!(all, orders.chain(returns).collect::<Vec<_>>(), "{size}");
        }
    }

    #[test]
    fn topics_come_by_name_and_unknown_ones_are_told() {
        let response =
            request(&["returns", "orders", "no", "orders"], 99).answer(&fixture().context(false));
        assert_eq!(
            told(&response),
            [
                ("no".to_owned(), None),
                ("orders".to_owned(), Some(vec![0, 1, 2, 3])),
                ("returns".to_owned(), Some(vec![0, 1, 2])),
            ]
        );
        assert_eq!(response.next, None);
    }

    #[test]
    fn a_cursor_that_cannot_be_is_an_error_of_every_topic() {
        for (topic, partition) in [("returns", 0), ("orders", -1)] {
            let mut request = request(&["orders"], 9);
            request.cursor = Some(Cursor {
                topic: topic.to_owned(),
                partition: PartitionIndex::new(partition),
            });
            let response = request.answer(&fixture().context(false));
            assert!(matches!(
                response.topics[0].result,
                Err(BrokerError::InvalidRequest(_))
            ));
        }
    }

    #[test]
    fn a_cursor_into_a_topic_that_is_gone_goes_on_after_it() {
        let mut request = request(&[], 9);
        request.cursor = Some(Cursor {
            topic: "pears".to_owned(),
            partition: PartitionIndex::new(7),
        });
        let response = request.answer(&fixture().context(false));
        assert_eq!(
            told(&response),
            [("returns".to_owned(), Some(vec![0, 1, 2]))]
        );
    }
}
