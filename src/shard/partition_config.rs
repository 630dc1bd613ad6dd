use crate::partition::PartitionConfig;
use crate::storage::log::{CompactionConfig, LogConfig};
use crate::topic::TopicSettings;

/// What a topic's settings mean for its partitions.
pub fn partition_config(settings: &TopicSettings) -> PartitionConfig {
    let cleanup = settings.cleanup();
    let lag_ms_max = settings.compaction_lag_ms_max();
    let compaction = cleanup.compacts.then(|| CompactionConfig {
        lag_ms_min: settings.compaction_lag_ms_min(),
        lag_ms_max,
        delete_retention_ms: settings.delete_retention_ms(),
        dirty_millionths_min: settings.dirty_millionths_min(),
    });
    // What is still written is not compacted.
    let segment_ms_max = lag_ms_max.filter(|_| cleanup.compacts).unwrap_or(i64::MAX);
    let defaults = LogConfig::default();
    let (reserve_bytes_min, reserve_bytes_max) = if settings.preallocates() {
        (settings.segment_bytes(), settings.segment_bytes())
    } else {
        (defaults.reserve_bytes_min, defaults.reserve_bytes_max)
    };
    PartitionConfig {
        log: LogConfig {
            reserve_bytes_min,
            reserve_bytes_max,
            segment_jitter_ms: settings.segment_jitter_ms(),
            segment_index_bytes: settings.segment_index_bytes(),
            file_delete_delay_ms: settings.file_delete_delay_ms(),
            segment_bytes: settings.segment_bytes(),
            segment_ms: settings.segment_ms().min(segment_ms_max),
            index_interval_bytes: settings.index_interval_bytes(),
            retention_ms: settings.retention_ms().filter(|_| cleanup.deletes),
            retention_bytes: settings.retention_bytes().filter(|_| cleanup.deletes),
            compaction,
            ..defaults
        },
        durability: settings.durability(),
        timestamp_source: settings.timestamp_source(),
        flush_messages: settings.flush_messages(),
        flush_after: settings.flush_after(),
        capacity: settings.capacity(),
        compression: settings.compression(),
        message_bytes_max: settings.message_bytes_max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> PartitionConfig {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        partition_config(&TopicSettings::new(settings.collect()).expect("valid"))
    }

    #[test]
    fn what_nobody_set_is_as_the_log_has_it() {
        let log = config(&[]).log;
        assert_eq!(log, LogConfig::default());
    }

    #[test]
    fn a_segment_is_reserved_at_once_or_in_steps() {
        let log = config(&[("preallocate", "true"), ("segment.bytes", "20000")]).log;
        assert_eq!(
            (log.reserve_bytes_min, log.reserve_bytes_max),
            (20_000, 20_000)
        );
    }

    #[test]
    fn a_partition_that_refuses_what_is_too_much_drops_nothing_for_its_size() {
        for (overflow, drops) in [("drop-oldest", true), ("reject", false), ("block", false)] {
            let bound = ("retention.bytes", "70");
            let config = config(&[bound, ("corelane.overflow", overflow)]);
            assert_eq!(config.log.retention_bytes.is_some(), drops);
            assert_eq!(config.capacity.is_some(), !drops);
        }
    }
}
