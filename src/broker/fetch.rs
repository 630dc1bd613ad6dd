//! Reading batches: one operation per request, and the sessions that spare clients the naming of
//! partitions of which there is nothing new.

mod operation;
mod session;
mod sessions;

pub use operation::{FetchOperation, FetchOutcome, FetchStep};
pub use sessions::{BegunFetch, FetchSessions};

use super::{BrokerError, LeaderHint, NodeEndpoint, Part, TopicRef};
use crate::types::{FetchSessionEpoch, FetchSessionId, LeaderEpoch, Offset, PartitionIndex};
use std::sync::Arc;
use std::time::Duration;

/// Read batches.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// How long to wait for `bytes_min`.
    pub wait_max: Duration,
    /// How many bytes make it worth answering before that.
    pub bytes_min: u32,
    /// About how many bytes to answer at most; the first batch may exceed it.
    pub bytes_max: u32,
    /// The fetch session that it belongs to (KIP-227).
    pub session: FetchSessionId,
    /// Its number in the session.
    pub epoch: FetchSessionEpoch,
    /// Whether topics are named by id (KIP-516).
    pub names_by_id: bool,
    /// Whether the client may know zstandard (KIP-110).
    pub knows_zstandard: bool,
    /// Where to read, in the client's order; in a session, what is new or another.
    pub topics: Vec<FetchTopic>,
    /// What leaves the session.
    pub forgotten: Vec<(TopicRef, Vec<PartitionIndex>)>,
}

/// The reads in one topic.
#[derive(Debug, Clone)]
pub struct FetchTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// One read.
#[derive(Debug, Clone, Copy)]
pub struct FetchPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// The first record wanted; the first batch may begin before it.
    pub offset: Offset,
    /// About how many bytes of this partition at most.
    pub bytes_max: u32,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
}

/// What was read, in the client's order.
#[derive(Debug)]
pub struct FetchResponse {
    /// An error of the request as a whole.
    pub error: Option<BrokerError>,
    /// The session that the next request may go on with.
    pub session: FetchSessionId,
    /// Topics as asked; in a session, those with something new.
    pub topics: Vec<FetchedTopic>,
    /// Where the leaders named in hints are reached; empty without hints.
    pub endpoints: Vec<NodeEndpoint>,
}

/// What was read of one topic.
#[derive(Debug)]
pub struct FetchedTopic {
    /// As in the request.
    pub topic: Arc<TopicRef>,
    /// Its partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// What was read of one partition. Offsets are -1 where the error leaves them unknown.
#[derive(Debug)]
pub struct FetchedPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// Why nothing was read.
    pub error: Option<BrokerError>,
    /// The last offset that may be read, plus one.
    pub high_watermark: Offset,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Whole batches; `None` if there are none.
    pub records: Option<Part>,
    /// With [`BrokerError::NotLeader`]: who is.
    pub leader: Option<LeaderHint>,
}

impl FetchResponse {
    /// The answer to a request that failed as a whole.
    pub fn failed(error: BrokerError) -> Self {
        Self {
            error: Some(error),
            session: FetchSessionId::NONE,
            topics: Vec::new(),
            endpoints: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
