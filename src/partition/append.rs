use crate::record::{Batch, RecompressError};
use crate::types::{AppendToken, Instant, Offset, Timestamp};
use thiserror::Error;

/// A batch that is to be appended.
#[derive(Debug)]
pub struct Offered {
    /// Names it in its answer.
    pub token: AppendToken,
    /// The batch.
    pub batch: Batch,
    /// Whether the answer waits until the batch is as durable as its topic promises.
    pub durable: bool,
    /// Until when it waits in a partition that is full.
    pub deadline: Instant,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The broker's time, if the topic takes that instead of the producer's.
    pub log_append_time: Option<Timestamp>,
    /// The first offset that the log keeps.
    pub log_start: Offset,
}

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendError {
    /// The producer's sequence has a gap before this batch.
    #[error("the batch is out of its producer's sequence")]
    OutOfOrderSequence,
    /// The batch is older than those remembered, so its offset is not known any more.
    #[error("the batch is a duplicate of one too old to be remembered")]
    DuplicateSequence,
    /// A newer incarnation of the producer has written.
    #[error("a newer epoch of the producer has written")]
    InvalidProducerEpoch,
    /// Recompressed as the topic wants it, the batch is larger than it allows.
    #[error("the recompressed batch has {size} bytes, the topic allows {limit}")]
    TooLarge {
        /// The batch's size in bytes.
        size: usize,
        /// The topic's limit in bytes.
        limit: usize,
    },
    /// A record does not decode, or the batch unfolds past all limits.
    #[error("{0}")]
    InvalidRecord(String),
    /// The partition holds as much as it may (`corelane.overflow=reject`).
    #[error("the partition holds retention.bytes, and corelane.overflow does not drop old records")]
    Full,
    /// There was no room for the batch in the time it had (`corelane.overflow=block`).
    #[error("there was no room in the partition in time")]
    TimedOut,
    /// The disk refused; later appends may succeed (it was full) or not.
    #[error("{0}")]
    Storage(String),
    /// The partition is going away.
    #[error("the partition was deleted or the broker is stopping")]
    Gone,
}

impl From<RecompressError> for AppendError {
    fn from(error: RecompressError) -> Self {
        match error {
            RecompressError::TooLarge { size, limit } => Self::TooLarge { size, limit },
            error => Self::InvalidRecord(error.to_string()),
        }
    }
}
