use super::{BrokerError, Cluster, TopicRef};
use crate::types::{LeaderEpoch, NodeId, PartitionIndex, TopicId};

/// Describe nodes and topics.
#[derive(Debug, Clone)]
pub struct MetadataRequest {
    /// Which topics; all if `None`.
    pub topics: Option<Vec<TopicRef>>,
    /// Whether the client wants unknown topics made.
    pub allow_auto_creation: bool,
}

/// Nodes and topics.
#[derive(Debug, Clone)]
pub struct MetadataResponse {
    /// The nodes.
    pub cluster: Cluster,
    /// The topics, in the client's order (by name if it asked for all).
    pub topics: Vec<TopicMetadata>,
}

/// One topic, or why it cannot be described.
#[derive(Debug, Clone)]
pub struct TopicMetadata {
    /// Its name; `None` if it was asked by an unknown id.
    pub name: Option<String>,
    /// Its id, [`TopicId::NONE`] if not known.
    pub id: TopicId,
    /// Its partitions by number.
    pub result: Result<Vec<PartitionMetadata>, BrokerError>,
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its number.
    pub index: PartitionIndex,
    /// The node that leads it and holds its only copy.
    pub leader: NodeId,
    /// The leader's epoch.
    pub epoch: LeaderEpoch,
}
