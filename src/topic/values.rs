use super::cleanup_policy::CleanupPolicy;
use super::setting::SettingError;
use super::settings::{Durability, Overflow, TimestampSource};
use crate::record::Compression;

/// What the settings of a topic come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Values {
    pub(super) retention_ms: Option<i64>,
    pub(super) retention_bytes: Option<u64>,
    pub(super) segment_bytes: u64,
    pub(super) segment_ms: i64,
    pub(super) index_interval_bytes: u32,
    pub(super) message_bytes_max: usize,
    pub(super) timestamp_source: TimestampSource,
    pub(super) timestamp_before_ms_max: i64,
    pub(super) timestamp_after_ms_max: i64,
    pub(super) durability: Durability,
    pub(super) overflow: Overflow,
    pub(super) insync_replicas_min: i32,
    pub(super) flush_messages: i64,
    pub(super) flush_ms: i64,
    pub(super) file_delete_delay_ms: i64,
    pub(super) segment_index_bytes: u64,
    pub(super) segment_jitter_ms: i64,
    pub(super) preallocates: bool,
    pub(super) cleanup: CleanupPolicy,
    /// `None` keeps what producers send.
    pub(super) compression: Option<Compression>,
    /// `None` is the codec's default.
    pub(super) gzip_level: Option<i32>,
    pub(super) zstd_level: Option<i32>,
    pub(super) compaction_lag_ms_min: i64,
    pub(super) compaction_lag_ms_max: i64,
    pub(super) delete_retention_ms: i64,
    pub(super) dirty_millionths_min: u32,
}

impl Values {
    /// Checks what must hold of more than one setting.
    pub(super) fn check_together(&self) -> Result<(), SettingError> {
        let invalid = |name: &str, value: &dyn ToString, problem| {
            Err(SettingError::Invalid {
                name: name.to_owned(),
                value: value.to_string(),
                problem,
            })
        };
        if self.compaction_lag_ms_min > self.compaction_lag_ms_max {
            let problem = "at most max.compaction.lag.ms is wanted";
            return invalid(
                "min.compaction.lag.ms",
                &self.compaction_lag_ms_min,
                problem,
            );
        }
        if self.insync_replicas_min > 1 && self.durability == Durability::Relaxed {
            let problem = "above 1 only corelane.durability=fsync is served: a record has one copy, \
                           which must be on the device";
            return invalid("min.insync.replicas", &self.insync_replicas_min, problem);
        }
        if self.overflow != Overflow::DropOldest && self.retention_bytes.is_none() {
            let problem = "retention.bytes must be set, too: it is the bound";
            return invalid("corelane.overflow", &"reject or block", problem);
        }
        Ok(())
    }
}
