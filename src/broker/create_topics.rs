use super::BrokerError;
use crate::types::TopicId;

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
    pub assigned_partitions: Option<i32>,
    /// Settings that differ from the defaults.
    pub settings: Vec<(String, Option<String>)>,
}

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
    pub settings: Vec<super::ConfigEntry>,
}
