use crate::partition::{AppendError, DeleteError, ReadError};
use thiserror::Error;

/// What can go wrong with a request, in the broker's own words. `protocol/kafka/api` maps each to
/// a Kafka error code, and nothing else does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BrokerError {
    /// No such topic, or no such partition of it.
    #[error("unknown topic or partition")]
    UnknownTopicOrPartition,
    /// No topic has this id.
    #[error("unknown topic id")]
    UnknownTopicId,
    /// The partition lives on another node (`--nodes per-core`).
    #[error("this node does not lead the partition")]
    NotLeader,
    /// A topic of that name exists.
    #[error("topic {0:?} already exists")]
    TopicExists(String),
    /// The name breaks the rules for names.
    #[error("invalid topic name: {0}")]
    InvalidTopic(String),
    /// What clients may not do to the topic that keeps consumer groups.
    #[error("__consumer_offsets keeps the consumer groups; a client cannot {0}")]
    InternalTopic(&'static str),
    /// Nobody can coordinate the group at the moment.
    #[error("no coordinator: __consumer_offsets could not be made; the broker's log says why")]
    CoordinatorNotAvailable,
    /// A partition count that cannot be.
    #[error("invalid partitions: {0}")]
    InvalidPartitions(String),
    /// A replication factor that cannot be.
    #[error("invalid replication factor: {0}")]
    InvalidReplicationFactor(String),
    /// Partitions placed by hand in a way that cannot be.
    #[error("invalid assignment: {0}")]
    InvalidReplicaAssignment(&'static str),
    /// A setting that is unknown or out of range.
    #[error("invalid setting: {0}")]
    InvalidConfig(String),
    /// A request whose fields contradict each other.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// A setting of the topic forbids it; the message names it.
    #[error("{0}")]
    PolicyViolation(&'static str),
    /// `acks` is none of -1, 0, 1.
    #[error("acks must be -1, 0 or 1")]
    InvalidRequiredAcks,
    /// A batch does not decode or its checksum is wrong.
    #[error("corrupt batch: {0}")]
    CorruptMessage(String),
    /// A batch decodes but breaks a rule.
    #[error("invalid record: {0}")]
    InvalidRecord(String),
    /// A batch larger than the topic allows.
    #[error("the batch has {size} bytes; the topic allows {limit} (max.message.bytes)")]
    MessageTooLarge {
        /// The batch's size in bytes.
        size: usize,
        /// The topic's limit in bytes.
        limit: usize,
    },
    /// A compression that the client's version of the request does not know.
    #[error("zstd needs a newer version of the request; use a newer client or another compression")]
    UnsupportedCompression,
    /// A timestamp outside the topic's limits.
    #[error("invalid timestamp: {0}")]
    InvalidTimestamp(String),
    /// The asked offset lies before the log's start or past its end.
    #[error("offset out of range")]
    OffsetOutOfRange,
    /// A gap in an idempotent producer's sequence.
    #[error("out of order sequence number")]
    OutOfOrderSequence,
    /// A batch older than those the broker remembers.
    #[error("duplicate sequence number")]
    DuplicateSequence,
    /// A newer incarnation of the producer exists.
    #[error("invalid producer epoch")]
    InvalidProducerEpoch,
    /// The client knows an older leader epoch than ours.
    #[error("fenced leader epoch")]
    FencedLeaderEpoch,
    /// The client knows a newer leader epoch than ours.
    #[error("unknown leader epoch")]
    UnknownLeaderEpoch,
    /// The disk failed or is full; the message names the thing.
    #[error("storage error: {0}")]
    Storage(String),
    /// A fetch session that this core does not have, or not any more (KIP-227).
    #[error("fetch session not found")]
    FetchSessionNotFound,
    /// A request out of its fetch session's order.
    #[error("invalid fetch session epoch")]
    InvalidFetchSessionEpoch,
    /// A request that names topics by id in a fetch session that names them by name, or the other
    /// way round.
    #[error("the fetch session names its topics in the other way")]
    FetchSessionTopicIds,
    /// The request needs transactions, which are not served.
    #[error("transactions are not supported")]
    TransactionsNotSupported,
    /// The broker is stopping.
    #[error("the broker is stopping")]
    ShuttingDown,
    /// A limit was reached or the peer core did not answer in time.
    #[error("timed out")]
    TimedOut,
}

impl From<AppendError> for BrokerError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::OutOfOrderSequence => Self::OutOfOrderSequence,
            AppendError::DuplicateSequence => Self::DuplicateSequence,
            AppendError::InvalidProducerEpoch => Self::InvalidProducerEpoch,
            AppendError::TooLarge { size, limit } => Self::MessageTooLarge { size, limit },
            AppendError::InvalidRecord(problem) => Self::InvalidRecord(problem),
            AppendError::Full => Self::PolicyViolation(
                "the partition holds retention.bytes, and corelane.overflow does not drop old records",
            ),
            AppendError::TimedOut => Self::TimedOut,
            AppendError::Storage(what) => Self::Storage(what),
            AppendError::Gone => Self::NotLeader,
        }
    }
}

impl From<DeleteError> for BrokerError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::OutOfRange => Self::OffsetOutOfRange,
            DeleteError::Storage(what) => Self::Storage(what),
            DeleteError::Gone => Self::NotLeader,
        }
    }
}

impl From<ReadError> for BrokerError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::OutOfRange => Self::OffsetOutOfRange,
            ReadError::FencedEpoch => Self::FencedLeaderEpoch,
            ReadError::UnknownEpoch => Self::UnknownLeaderEpoch,
            ReadError::Storage(what) => Self::Storage(what),
        }
    }
}
