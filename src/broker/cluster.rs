use crate::types::{LeaderEpoch, NodeId, TopicId};

/// How a client names a topic; the answer names it the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicRef {
    /// By its name, not checked yet.
    Name(String),
    /// By its id (KIP-516).
    Id(TopicId),
}

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The node.
    pub node: NodeId,
    /// Its host as clients are told.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The nodes as clients see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Names this cluster; made with the data directory, lasting.
    pub id: String,
    /// The node that clients send topic administration to; every node serves it all the same.
    pub controller: NodeId,
    /// All nodes.
    pub nodes: Vec<NodeEndpoint>,
}

/// Who leads a partition, told together with [`NotLeader`](super::BrokerError::NotLeader)
/// (KIP-951).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderHint {
    /// The leader.
    pub node: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
}
