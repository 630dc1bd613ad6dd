use super::BrokerError;

/// What a setting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A topic (Kafka's code 2).
    Topic,
    /// A node (Kafka's code 4).
    Broker,
    /// Anything else, by Kafka's code.
    Other(i8),
}

/// A thing with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// The topic's name or the node's id.
    pub name: String,
}

/// Read settings.
#[derive(Debug, Clone)]
pub struct DescribeConfigsRequest {
    /// Of what, and which (all if `None`).
    pub resources: Vec<(ConfigResource, Option<Vec<String>>)>,
}

/// One result per resource, in order.
#[derive(Debug, Clone)]
pub struct DescribeConfigsResponse {
    /// The settings of each.
    pub resources: Vec<(ConfigResource, Result<Vec<ConfigEntry>, BrokerError>)>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on this topic (Kafka's code 1).
    Topic,
    /// The configuration file or command line (Kafka's code 4).
    StaticBroker,
    /// Nobody set it (Kafka's code 5).
    Default,
}

/// One setting and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name, Kafka's where Kafka has one.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Kafka's code of its type (1 boolean, 2 string, 3 int, 5 long, 7 list).
    pub kind: i8,
    /// What it does.
    pub documentation: String,
}

/// Change settings one by one (KIP-339).
#[derive(Debug, Clone)]
pub struct AlterConfigsRequest {
    /// The changes of each resource; all of one resource or none.
    pub resources: Vec<(ConfigResource, Vec<ConfigChange>)>,
    /// Check only.
    pub validate_only: bool,
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String, String),
    /// Back to the default.
    Delete(String),
    /// Add to, or take from, a list; no setting of ours is a list that can grow, so it is refused.
    EditList(String),
}

/// One result per resource, in order.
#[derive(Debug, Clone)]
pub struct AlterConfigsResponse {
    /// What came of each.
    pub resources: Vec<(ConfigResource, Result<(), BrokerError>)>,
}
