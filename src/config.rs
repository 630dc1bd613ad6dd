//! Every default and limit, in one place, validated once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What bounds bytes and memory taken on a peer's word. Tests run with tiny ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request frame accepted, in bytes (Kafka's `socket.request.max.bytes`).
    pub frame_bytes_max: u32,
    /// Requests under way per connection; past it the socket is not read.
    pub slots_per_connection_max: usize,
    /// Bytes of request frames under way per core; past it sockets are not read. At least one
    /// frame of the largest size is always admitted.
    pub request_bytes_per_core_max: u64,
    /// Bytes appended but not yet synced per core; past it appending sockets wait.
    pub unsynced_bytes_per_core_max: u64,
    /// Connections per core; past it a new one is closed with a log line.
    pub connections_per_core_max: usize,
    /// Partitions of one topic.
    pub partitions_per_topic_max: i32,
    /// The longest a fetch may wait, whatever it asks.
    pub fetch_wait_max: Duration,
    /// The most bytes one fetch answers, whatever it asks.
    pub fetch_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 100 * 1024 * 1024,
            slots_per_connection_max: 64,
            request_bytes_per_core_max: 256 * 1024 * 1024,
            unsynced_bytes_per_core_max: 256 * 1024 * 1024,
            connections_per_core_max: 10_000,
            partitions_per_topic_max: 10_000,
            fetch_wait_max: Duration::from_secs(300),
            fetch_bytes_max: 55 * 1024 * 1024,
        }
    }
}

/// How the data cores appear to Kafka clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nodes {
    /// One address, one node.
    #[default]
    Single,
    /// Core i also listens on port + 1 + i and is the node that leads its partitions.
    PerCore,
}

/// A broker's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the data lives.
    pub data: PathBuf,
    /// The shared listener.
    pub listen: SocketAddr,
    /// The host and port that clients are told.
    pub advertised: (String, u16),
    /// How many data cores.
    pub cores: u16,
    /// One node or one per core.
    pub nodes: Nodes,
    /// Whether asking for a topic makes it (Kafka's `auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator does not say (Kafka's `num.partitions`).
    pub default_partitions: i32,
    /// Bounds.
    pub limits: Limits,
}
