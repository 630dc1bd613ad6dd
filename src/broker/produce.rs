use super::{BrokerError, LeaderHint, NodeEndpoint, TopicRef};
use crate::types::PartitionIndex;
use bytes::Bytes;

/// What an acknowledgement must mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// None is sent (acks = 0).
    None,
    /// In the page cache (acks = 1).
    Received,
    /// On the device, unless the topic is relaxed (acks = -1, "all").
    Durable,
}

/// Append batches.
#[derive(Debug)]
pub struct ProduceRequest {
    /// What the acknowledgement must mean; `Err` holds an unknown number.
    pub acks: Result<Acks, i16>,
    /// Whether a transactional id was given; transactions are not served yet.
    pub transactional: bool,
    /// The batches, in the client's order.
    pub topics: Vec<ProduceTopic>,
}

/// The batches for one topic.
#[derive(Debug)]
pub struct ProduceTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// The batch for one partition.
#[derive(Debug)]
pub struct ProducePartition {
    /// The partition.
    pub index: PartitionIndex,
    /// A slice of the request's frame: exactly one batch if the client keeps the rules.
    pub records: Option<Bytes>,
}

/// One result per batch, in the client's order.
#[derive(Debug)]
pub struct ProduceResponse {
    /// As in the request; with [`Acks::None`] nothing is sent.
    pub acks: Result<Acks, i16>,
    /// Topics as asked.
    pub topics: Vec<ProducedTopic>,
    /// Where the leaders named in hints are reached; empty without hints.
    pub endpoints: Vec<NodeEndpoint>,
}

/// The results for one topic.
#[derive(Debug)]
pub struct ProducedTopic {
    /// As in the request.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ProducedPartition>,
}

/// The result for one batch.
#[derive(Debug)]
pub struct ProducedPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// Where the batch went.
    pub result: Result<super::Appended, BrokerError>,
    /// With [`BrokerError::NotLeader`]: who is.
    pub leader: Option<LeaderHint>,
}
