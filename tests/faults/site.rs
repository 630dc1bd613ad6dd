//! Where a test takes place: an address, topics, and what is known about them.

use crate::history::{History, TopicPromise};
use corelane::client::ClientError;
use corelane::client::admin::NewTopic;
use corelane::client::transport::{Cluster, ClusterConfig};
use corelane::types::{PartitionIndex, TopicId, TopicPartition};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest that clients may need once the broker is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A topic under load.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) id: TopicId,
    pub(crate) partitions: i32,
    /// `corelane.durability=fsync`.
    pub(crate) durable: bool,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> TopicPartition {
        TopicPartition::new(self.id, PartitionIndex::new(index))
    }
}

/// What a test is to do to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    /// Only processes end: the page cache stays.
    PageCache,
    /// The power goes, too: only what was synced stays.
    DeviceOnly,
}

/// What all clients of a test share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) address: String,
    pub(crate) survives: Survives,
    pub(crate) topics: Vec<Topic>,
    history: Mutex<History>,
}

impl Site {
    /// Makes the topics: one of each durability, in small segments so that they roll.
    pub(crate) fn make(address: &str, survives: Survives, rng: &mut fastrand::Rng) -> Self {
        let mut cluster = persist(|| Cluster::connect(cluster_config(address, "admin")));
        let mut history = History::default();
        let mut topics = Vec::new();
        for (name, durability) in [("durable", "fsync"), ("relaxed", "relaxed")] {
            let partitions = rng.i32(2..=4);
            let segment_bytes = 1 << rng.u32(16..22);
            let created = cluster.create_topic(&NewTopic {
                name: name.into(),
                partitions: Some(partitions),
                replication_factor: None,
                configs: vec![
                    ("corelane.durability".into(), durability.into()),
                    ("segment.bytes".into(), segment_bytes.to_string()),
                ],
            });
            let id = created.unwrap().id;
            let durable = durability == "fsync";
            history.topic(
                id,
                TopicPromise {
                    durable,
                    alternates: false,
                    keeps_all: true,
                    compacted: false,
                    create_time: true,
                },
            );
            topics.push(Topic {
                name,
                id,
                partitions,
                durable,
            });
        }
        Self {
            address: address.to_owned(),
            survives,
            topics,
            history: Mutex::new(history),
        }
    }

    /// What is known; also after a client failed over it, so that the first failure is told alone.
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for `name`, waited for.
    pub(crate) fn connect(&self, name: &str) -> Cluster {
        persist(|| Cluster::connect(cluster_config(&self.address, name)))
    }
}

/// Short times, as everything is near and falls often.
pub(crate) fn cluster_config(address: &str, name: &str) -> ClusterConfig {
    ClusterConfig {
        client_id: name.into(),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(10),
        ..ClusterConfig::new(vec![address.into()])
    }
}

/// Tries again while there is no broker.
pub(crate) fn persist<T>(mut attempt: impl FnMut() -> Result<T, ClientError>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if error.is_connection() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}
