use thiserror::Error;

/// Why records were not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeleteError {
    /// Below zero, or past what may be read.
    #[error("the offset is out of the range of what may be read")]
    OutOfRange,
    /// The disk failed; the message names the thing. The records may be deleted all the same.
    #[error("{0}")]
    Storage(String),
    /// The partition is going away.
    #[error("the partition is going away")]
    Gone,
}
