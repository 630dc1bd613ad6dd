use crate::record::Compression;
use std::time::Duration;

/// When a Produce counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// Once it was sent; nothing is heard of it again.
    None,
    /// Once the leader has it.
    Leader,
    /// Once it is safe by the topic's rules.
    #[default]
    All,
}

impl Acks {
    /// The protocol's number.
    pub const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How a producer batches and retries.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// When a batch counts as delivered. Anything but [`Acks::All`] gives up idempotence.
    pub acks: Acks,
    /// How batches are compressed.
    pub compression: Compression,
    /// The compression's level; none is its default.
    pub level: Option<i32>,
    /// The most bytes of records in a batch, before compression. A larger record is refused.
    pub batch_bytes_max: usize,
    /// How long a batch waits for company.
    pub linger: Duration,
    /// The most bytes of records that are held, before compression; past it `append` says full.
    pub buffer_bytes_max: usize,
    /// The most bytes of batches in one request.
    pub request_bytes_max: usize,
    /// Requests under way per broker; brokers keep the last 5 batches of a producer to tell
    /// duplicates (KIP-98), so it is at most 5.
    pub in_flight_max: usize,
    /// The longest a request may take before its connection is given up.
    pub request_timeout: Duration,
    /// The longest a batch may take, retries included, before the producer fails.
    pub delivery_timeout: Duration,
    /// The pause before a batch is tried again.
    pub retry_pause: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            compression: Compression::Zstd,
            level: None,
            // Below the 1 048 588 bytes that brokers take by default, also if incompressible.
            batch_bytes_max: 1_000_000,
            linger: Duration::from_millis(5),
            buffer_bytes_max: 64 * 1024 * 1024,
            request_bytes_max: 8 * 1024 * 1024,
            in_flight_max: 5,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            retry_pause: Duration::from_millis(100),
        }
    }
}

impl ProducerConfig {
    /// Whether batches carry sequences, so that retries cannot double them.
    pub const fn is_idempotent(&self) -> bool {
        matches!(self.acks, Acks::All)
    }

    /// How many batches of one partition may be under way: without sequences a retry could overtake.
    pub(super) fn in_flight_per_partition(&self) -> usize {
        if self.is_idempotent() {
            self.in_flight_max.clamp(1, 5)
        } else {
            1
        }
    }
}
