use crate::types::{Offset, Timestamp};
use std::time::Duration;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record that is kept.
    Beginning,
    /// After the last record that is there now.
    End,
    /// An offset; one that is not kept any more means the first that is, one past the end the end.
    Offset(Offset),
    /// The first record at or after a time; the end if there is none.
    Timestamp(Timestamp),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The end of each partition as it was when reading began.
    End,
    /// Never.
    Forever,
}

/// How a consumer reads.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Where to end.
    pub until: Until,
    /// How long a broker may wait for records to come.
    pub wait: Duration,
    /// The most bytes of one partition in an answer (a single larger batch still comes).
    pub partition_bytes_max: i32,
    /// The most bytes in an answer (a single larger batch still comes).
    pub answer_bytes_max: i32,
    /// Bytes fetched and not yet taken, past which nothing more is asked for.
    pub ahead_bytes_max: usize,
    /// The longest an answer may take, the broker's waiting included.
    pub request_timeout: Duration,
    /// The pause before a failed attempt is made again.
    pub retry_pause: Duration,
    /// How long attempts for a partition may fail before the consumer does.
    pub stall_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            until: Until::End,
            wait: Duration::from_millis(500),
            partition_bytes_max: 2 * 1024 * 1024,
            answer_bytes_max: 16 * 1024 * 1024,
            ahead_bytes_max: 16 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            retry_pause: Duration::from_millis(100),
            stall_timeout: Duration::from_secs(60),
        }
    }
}
