use super::BrokerError;

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
