use super::{BrokerError, ConfigEntry};
use crate::config::Config;
use crate::topic::{Catalog, Topic, TopicSettings};
use crate::types::{TopicId, TopicName};
use std::collections::BTreeMap;

/// Make topics.
#[derive(Debug, Clone)]
pub struct CreateTopicsRequest {
    /// The wanted topics, in the client's order.
    pub topics: Vec<TopicWanted>,
    /// Check only.
    pub validate_only: bool,
}

/// A topic to make.
#[derive(Debug, Clone)]
pub struct TopicWanted {
    /// Its name, not checked yet.
    pub name: String,
    /// How many partitions; -1 for the broker's default, or for as many as `assignments` has.
    pub partitions: i32,
    /// How many copies; -1 for the default. Any positive number is taken and served as one copy.
    pub replication_factor: i16,
    /// How many partitions the client placed by hand, if it did; only their count is used.
    pub assigned_partitions: Option<Result<i32, AssignmentGap>>,
    /// Settings that differ from the defaults.
    pub settings: Vec<(String, Option<String>)>,
}

/// The partitions that a client placed are not those from 0 on, each once and somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignmentGap;

/// One result per wanted topic, in order.
#[derive(Debug, Clone)]
pub struct CreateTopicsResponse {
    /// The name as asked, and what came of it.
    pub topics: Vec<(String, Result<CreatedTopic, BrokerError>)>,
}

/// A topic that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its lasting id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// All its settings, as `DescribeConfigs` would tell them.
    pub settings: Vec<ConfigEntry>,
}

impl CreateTopicsRequest {
    /// Puts the wanted topics into a draft of the next catalog, each with an id of `new_id`.
    pub fn apply(
        &self,
        catalog: &mut Catalog,
        config: &Config,
        mut new_id: impl FnMut() -> TopicId,
    ) -> CreateTopicsResponse {
        let topics = self.topics.iter().map(|wanted| {
            let times = self
                .topics
                .iter()
                .filter(|other| other.name == wanted.name)
                .count();
            let made = if times > 1 {
                let problem = format!("{:?} is named {times} times", wanted.name);
                Err(BrokerError::InvalidRequest(problem))
            } else {
                wanted
                    .check(catalog, config)
                    .map(|(name, partitions, settings)| {
                        let entries = super::describe_configs::entries(&settings, None);
                        let id = new_id();
                        if !self.validate_only {
                            catalog.put(Topic {
                                name,
                                id,
                                partitions,
                                settings,
                            });
                        }
                        CreatedTopic {
                            id,
                            partitions,
                            settings: entries,
                        }
                    })
            };
            (wanted.name.clone(), made)
        });
        CreateTopicsResponse {
            topics: topics.collect(),
        }
    }
}

impl TopicWanted {
    /// A topic with the broker's defaults, as auto-creation makes it.
    pub fn with_defaults(name: String) -> Self {
        Self {
            name,
            partitions: -1,
            replication_factor: -1,
            assigned_partitions: None,
            settings: Vec::new(),
        }
    }

    fn check(
        &self,
        catalog: &Catalog,
        config: &Config,
    ) -> Result<(TopicName, i32, TopicSettings), BrokerError> {
        let wanted = self.as_made(config)?;
        let name = TopicName::new(&self.name)
            .map_err(|error| BrokerError::InvalidTopic(error.to_string()))?;
        if catalog.by_name(&self.name).is_some() {
            return Err(BrokerError::TopicExists(self.name.clone()));
        }
        let copies = self.replication_factor;
        if copies == 0 || copies < -1 {
            let problem = format!("{copies}; use 1, or -1 for the default");
            return Err(BrokerError::InvalidReplicationFactor(problem));
        }
        let partitions = match (wanted.assigned_partitions, wanted.partitions) {
            (Some(Ok(assigned)), -1) => assigned,
            (Some(Err(AssignmentGap)), -1) => {
                let problem = "partitions are assigned from 0 on, each once, to a broker at least";
                return Err(BrokerError::InvalidReplicaAssignment(problem));
            }
            (Some(_), _) => {
                let problem = "partitions are both counted and assigned";
                return Err(BrokerError::InvalidRequest(problem.into()));
            }
            (None, -1) => config.default_partitions,
            (None, partitions) => partitions,
        };
        check_partitions(partitions, config)?;
        let mut overrides = BTreeMap::new();
        for (name, value) in &wanted.settings {
            let Some(value) = value else {
                return Err(BrokerError::InvalidConfig(format!(
                    "{name:?} needs a value"
                )));
            };
            overrides.insert(name.clone(), value.clone());
        }
        let settings = TopicSettings::new(overrides)
            .map_err(|error| BrokerError::InvalidConfig(error.to_string()))?;
        Ok((name, partitions, settings))
    }
}

/// Whether a topic may have this many partitions.
pub(super) fn check_partitions(partitions: i32, config: &Config) -> Result<(), BrokerError> {
    let most = config.limits.partitions_per_topic_max;
    if (1..=most).contains(&partitions) {
        return Ok(());
    }
    let problem = format!("{partitions}; a topic has from 1 to {most}");
    Err(BrokerError::InvalidPartitions(problem))
}
