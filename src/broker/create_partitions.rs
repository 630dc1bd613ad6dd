use super::BrokerError;
use super::create_topics::check_partitions;
use super::offsets_topic::is_offsets_topic;
use crate::config::Config;
use crate::topic::{Catalog, Topic};
use rustc_hash::FxHashMap;

/// Add partitions to topics (KIP-195).
#[derive(Debug, Clone)]
pub struct CreatePartitionsRequest {
    /// Which, in the client's order.
    pub topics: Vec<PartitionsWanted>,
    /// Check only.
    pub validate_only: bool,
}

/// A topic that is to have more partitions.
#[derive(Debug, Clone)]
pub struct PartitionsWanted {
    /// The topic's name.
    pub name: String,
    /// How many partitions it shall have in all.
    pub count: i32,
}

/// One result per topic, in order.
#[derive(Debug, Clone)]
pub struct CreatePartitionsResponse {
    /// The name as asked, and what came of it.
    pub topics: Vec<(String, Result<(), BrokerError>)>,
}

impl CreatePartitionsRequest {
    /// Adds the partitions in a draft of the next catalog.
    pub fn apply(&self, catalog: &mut Catalog, config: &Config) -> CreatePartitionsResponse {
        let mut mentions = FxHashMap::<_, usize>::default();
        for wanted in &self.topics {
            *mentions.entry(wanted.name.as_str()).or_default() += 1;
        }
        let topics = self.topics.iter().map(|wanted| {
            let checked = match mentions.get(wanted.name.as_str()) {
                Some(1) => wanted.check(catalog, config),
                _ => Err(BrokerError::InvalidRequest(
                    "each topic may be named once per request".into(),
                )),
            };
            let result = checked.map(|grown| {
                if !self.validate_only {
                    catalog.put(grown);
                }
            });
            (wanted.name.clone(), result)
        });
        CreatePartitionsResponse {
            topics: topics.collect(),
        }
    }
}

impl PartitionsWanted {
    fn check(&self, catalog: &Catalog, config: &Config) -> Result<Topic, BrokerError> {
        let known = catalog.by_name(&self.name);
        let topic = known.ok_or(BrokerError::UnknownTopicOrPartition)?;
        if is_offsets_topic(&self.name) {
            return Err(BrokerError::InternalTopic("change its partitions"));
        }
        if self.count <= topic.partitions {
            let (name, has, count) = (&self.name, topic.partitions, self.count);
            let problem = format!("{name:?} has {has} partitions and cannot have {count}");
            return Err(BrokerError::InvalidPartitions(problem));
        }
        check_partitions(self.count, config)?;
        Ok(Topic {
            partitions: self.count,
            ..topic.as_ref().clone()
        })
    }
}
