//! What one core asks of another.

use crate::types::{Offset, Timestamp};

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
