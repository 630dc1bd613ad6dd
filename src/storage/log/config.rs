//! A log's settings, with Kafka's defaults.

/// How a log rolls, indexes, reserves and forgets. Tests run with tiny values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment rolls before it grows past this (`segment.bytes`); at most `i32::MAX`.
    pub segment_bytes: u64,
    /// A segment rolls this long after its first batch (`segment.ms`).
    pub segment_ms: i64,
    /// By how much at most a segment rolls before that (`segment.jitter.ms`).
    pub segment_jitter_ms: i64,
    /// A segment rolls before one of its indexes grows past this (`segment.index.bytes`).
    pub segment_index_bytes: u64,
    /// Log bytes per index entry (`index.interval.bytes`).
    pub index_interval_bytes: u32,
    /// Segments whose newest record is older than this are removed (`retention.ms`).
    pub retention_ms: Option<i64>,
    /// The oldest segments are removed while the rest has at least this many bytes
    /// (`retention.bytes`).
    pub retention_bytes: Option<u64>,
    /// How long the files of a segment stay that was forgotten (`file.delete.delay.ms`).
    pub file_delete_delay_ms: i64,
    /// The first reservation; each next one is twice as large, also that of a segment which follows
    /// a full one.
    pub reserve_bytes_min: u64,
    /// The largest step of reserving.
    pub reserve_bytes_max: u64,
    /// How much is written back at least at once before a sync asks for it; up to eight times as
    /// much where so much waits.
    pub write_behind_bytes: u64,
    /// What a batch may unfold to when it is looked into, in bytes.
    pub decompressed_bytes_max: usize,
    /// How the log is compacted; `None` if it is not (`cleanup.policy`).
    pub compaction: Option<CompactionConfig>,
}

/// When a log is compacted, and how long tombstones stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionConfig {
    /// Records younger than this stay as they are (`min.compaction.lag.ms`).
    pub lag_ms_min: i64,
    /// Records older than this make a compaction due (`max.compaction.lag.ms`).
    pub lag_ms_max: Option<i64>,
    /// How long tombstones stay once they were cleaned (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    /// A compaction is due if a larger part of what can be compacted is dirty, in millionths
    /// (`min.cleanable.dirty.ratio`).
    pub dirty_millionths_min: u32,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self {
            lag_ms_min: 0,
            lag_ms_max: None,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            dirty_millionths_min: 500_000,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: WEEK_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(WEEK_MS),
            retention_bytes: None,
            file_delete_delay_ms: 0,
            reserve_bytes_min: 64 << 10,
            reserve_bytes_max: 128 << 20,
            write_behind_bytes: 128 << 10,
            decompressed_bytes_max: 64 << 20,
            compaction: None,
        }
    }
}

impl LogConfig {
    /// The largest segment whose positions fit Kafka's index.
    pub const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

    pub(in crate::storage) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.min(Self::SEGMENT_BYTES_MAX)
    }
}
