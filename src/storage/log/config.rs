//! A log's settings, with Kafka's defaults.

/// How a log rolls, indexes, reserves and forgets. Tests run with tiny values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment rolls before it grows past this (`segment.bytes`); at most `i32::MAX`.
    pub segment_bytes: u64,
    /// A segment rolls this long after its first batch (`segment.ms`).
    pub segment_ms: i64,
    /// Log bytes per index entry (`index.interval.bytes`).
    pub index_interval_bytes: u32,
    /// Segments whose newest record is older than this are removed (`retention.ms`).
    pub retention_ms: Option<i64>,
    /// The oldest segments are removed while the rest has at least this many bytes
    /// (`retention.bytes`).
    pub retention_bytes: Option<u64>,
    /// The first reservation; each next one is twice as large, also that of a segment which follows
    /// a full one.
    pub reserve_bytes_min: u64,
    /// The largest step of reserving.
    pub reserve_bytes_max: u64,
    /// The piece in which relaxed logs are written back.
    pub write_behind_bytes: u64,
    /// What a batch may unfold to when a timestamp is looked up in it, in bytes.
    pub decompressed_bytes_max: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: WEEK_MS,
            index_interval_bytes: 4096,
            retention_ms: Some(WEEK_MS),
            retention_bytes: None,
            reserve_bytes_min: 64 << 10,
            reserve_bytes_max: 128 << 20,
            write_behind_bytes: 1 << 20,
            decompressed_bytes_max: 64 << 20,
        }
    }
}

impl LogConfig {
    /// The largest segment whose positions fit Kafka's index.
    pub const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.min(Self::SEGMENT_BYTES_MAX)
    }
}
