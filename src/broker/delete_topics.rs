use super::{BrokerError, TopicRef};
use crate::types::TopicId;

/// Delete topics.
#[derive(Debug, Clone)]
pub struct DeleteTopicsRequest {
    /// Which, in the client's order.
    pub topics: Vec<TopicRef>,
}

/// One result per topic, in order.
#[derive(Debug, Clone)]
pub struct DeleteTopicsResponse {
    /// What came of each.
    pub topics: Vec<DeletedTopic>,
}

/// What came of one deletion.
#[derive(Debug, Clone)]
pub struct DeletedTopic {
    /// The name, if the client gave it or the id is known.
    pub name: Option<String>,
    /// The id, or [`TopicId::NONE`] if not known.
    pub id: TopicId,
    /// Whether it is gone.
    pub result: Result<(), BrokerError>,
}
