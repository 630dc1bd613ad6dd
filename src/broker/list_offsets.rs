use super::{BrokerError, TopicRef};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp};

/// Find offsets (KIP-79).
#[derive(Debug, Clone)]
pub struct ListOffsetsRequest {
    /// Where to look, in the client's order.
    pub topics: Vec<ListOffsetsTopic>,
}

/// The lookups in one topic.
#[derive(Debug, Clone)]
pub struct ListOffsetsTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One lookup.
#[derive(Debug, Clone, Copy)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// What to find.
    pub target: OffsetTarget,
}

/// What to find in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetTarget {
    /// The first offset (Kafka's -2 and -4: nothing is tiered, so local is all).
    Earliest,
    /// The high watermark (Kafka's -1).
    Latest,
    /// The record with the largest timestamp (Kafka's -3, KIP-734).
    LargestTimestamp,
    /// The last offset in tiered storage, of which there is none (Kafka's -5, KIP-1005).
    LatestTiered,
    /// The first record at or after this time.
    At(Timestamp),
}

/// One result per lookup, in the client's order.
#[derive(Debug, Clone)]
pub struct ListOffsetsResponse {
    /// Topics as asked.
    pub topics: Vec<(
        TopicRef,
        Vec<(PartitionIndex, Result<FoundOffset, BrokerError>)>,
    )>,
}

/// What was found; offset -1 with timestamp -1 if nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset, or -1.
    pub offset: Offset,
    /// The record's timestamp, or [`Timestamp::NONE`] where Kafka tells none.
    pub timestamp: Timestamp,
    /// The leader epoch of the record.
    pub leader_epoch: LeaderEpoch,
}
