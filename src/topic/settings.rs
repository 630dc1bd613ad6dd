use super::cleanup_policy::CleanupPolicy;
use super::definitions::DEFINITIONS;
use super::setting::{SettingDefinition, SettingError};
use super::values::Values;
use crate::record::{Compression, TargetCompression};
use std::collections::BTreeMap;
use std::time::Duration;

/// What `acks=all` means on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// On the device.
    #[default]
    Fsync,
    /// In the page cache: lost by a power cut, not by a crash of the process.
    Relaxed,
}

/// Whose clock stamps the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampSource {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// What becomes of batches for a partition that holds `retention.bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// They are taken, and the oldest records go.
    #[default]
    DropOldest,
    /// They are refused.
    Reject,
    /// They wait until there is room, or until their time is up.
    Block,
}

/// How much a partition takes whose old records are not dropped for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of batches.
    pub bytes_max: u64,
    /// Whether what is too much waits; else it is refused.
    pub blocks: bool,
}

/// A topic's settings: what was set on it, over the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    overrides: BTreeMap<String, String>,
    values: Values,
}

/// Settings that Kafka has had, and why they are not served.
const NOT_SERVED: [(&str, &str); 3] = [
    (
        "message.downconversion.enable",
        "no client that is served needs batches of an older format, and Kafka 4 has no such setting",
    ),
    (
        "message.format.version",
        "batches are of format 2, and Kafka 4 has no such setting",
    ),
    (
        "message.timestamp.difference.max.ms",
        "message.timestamp.before.max.ms and message.timestamp.after.max.ms took its place",
    ),
];

fn unknown(name: &str) -> SettingError {
    let known = NOT_SERVED.into_iter().find(|(known, _)| *known == name);
    match known {
        Some((name, reason)) => SettingError::NotServed { name, reason },
        None => SettingError::Unknown(name.to_owned()),
    }
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self::new(BTreeMap::new()).expect("the defaults are valid")
    }
}

impl TopicSettings {
    /// Checks what was set and lays it over the defaults.
    pub fn new(overrides: BTreeMap<String, String>) -> Result<Self, SettingError> {
        let mut values = Values::default();
        for definition in DEFINITIONS {
            (definition.apply)(&mut values, definition.default).expect("a default is valid");
        }
        for (name, value) in &overrides {
            let definition = DEFINITIONS
                .iter()
                .find(|definition| definition.name == name)
                .ok_or_else(|| unknown(name))?;
            (definition.apply)(&mut values, value).map_err(|problem| SettingError::Invalid {
                name: name.clone(),
                value: value.clone(),
                problem,
            })?;
        }
        values.check_together()?;
        Ok(Self { overrides, values })
    }

    /// Every setting there is, by name.
    pub fn definitions() -> &'static [SettingDefinition] {
        DEFINITIONS
    }

    /// What was set on this topic.
    pub fn overrides(&self) -> &BTreeMap<String, String> {
        &self.overrides
    }

    /// How long records are kept, in milliseconds.
    pub fn retention_ms(&self) -> Option<i64> {
        self.values.retention_ms
    }

    /// How many bytes of a partition are kept; what is over goes.
    pub fn retention_bytes(&self) -> Option<u64> {
        let drops = self.values.overflow == Overflow::DropOldest;
        self.values.retention_bytes.filter(|_| drops)
    }

    /// How many bytes a partition takes, if old records do not go for new ones.
    pub fn capacity(&self) -> Option<Capacity> {
        let blocks = match self.values.overflow {
            Overflow::DropOldest => return None,
            Overflow::Reject => false,
            Overflow::Block => true,
        };
        let bytes_max = self.values.retention_bytes?;
        Some(Capacity { bytes_max, blocks })
    }

    /// What becomes of old records.
    pub fn cleanup(&self) -> CleanupPolicy {
        self.values.cleanup
    }

    /// How long a record stays as it is at least, in milliseconds.
    pub fn compaction_lag_ms_min(&self) -> i64 {
        self.values.compaction_lag_ms_min
    }

    /// How long a record stays without being compacted at most, in milliseconds.
    pub fn compaction_lag_ms_max(&self) -> Option<i64> {
        let lag_ms = self.values.compaction_lag_ms_max;
        (lag_ms < i64::MAX).then_some(lag_ms)
    }

    /// How long tombstones stay once they were compacted, in milliseconds.
    pub fn delete_retention_ms(&self) -> i64 {
        self.values.delete_retention_ms
    }

    /// How much of a partition is dirty at least when it is compacted, in millionths.
    pub fn dirty_millionths_min(&self) -> u32 {
        self.values.dirty_millionths_min
    }

    /// The compression that batches are kept in; `None` keeps them as they were sent.
    pub fn compression(&self) -> Option<TargetCompression> {
        let compression = self.values.compression?;
        let level = match compression {
            Compression::Gzip => self.values.gzip_level,
            Compression::Zstd => self.values.zstd_level,
            Compression::None | Compression::Snappy | Compression::Lz4 => None,
        };
        Some(TargetCompression { compression, level })
    }

    /// How large a segment grows, in bytes.
    pub fn segment_bytes(&self) -> u64 {
        self.values.segment_bytes
    }

    /// How old a segment grows, in milliseconds.
    pub fn segment_ms(&self) -> i64 {
        self.values.segment_ms
    }

    /// By how much at most a segment is begun before its time, in milliseconds.
    pub fn segment_jitter_ms(&self) -> i64 {
        self.values.segment_jitter_ms
    }

    /// How large a segment's indexes grow, in bytes.
    pub fn segment_index_bytes(&self) -> u64 {
        self.values.segment_index_bytes
    }

    /// Whether a segment's whole space is reserved when it is made.
    pub fn preallocates(&self) -> bool {
        self.values.preallocates
    }

    /// How long files stay whose records are gone, in milliseconds.
    pub fn file_delete_delay_ms(&self) -> i64 {
        self.values.file_delete_delay_ms
    }

    /// Bytes of log between index entries.
    pub fn index_interval_bytes(&self) -> u32 {
        self.values.index_interval_bytes
    }

    /// The largest batch accepted, in bytes.
    pub fn message_bytes_max(&self) -> usize {
        self.values.message_bytes_max
    }

    /// Whose clock stamps the records.
    pub fn timestamp_source(&self) -> TimestampSource {
        self.values.timestamp_source
    }

    /// How far behind the broker's time a producer's timestamp may lie, in milliseconds; `None` is
    /// any.
    pub fn timestamp_before_ms_max(&self) -> Option<i64> {
        let ms = self.values.timestamp_before_ms_max;
        (ms < i64::MAX).then_some(ms)
    }

    /// How far ahead of the broker's time a producer's timestamp may lie, in milliseconds; `None` is
    /// any.
    pub fn timestamp_after_ms_max(&self) -> Option<i64> {
        let ms = self.values.timestamp_after_ms_max;
        (ms < i64::MAX).then_some(ms)
    }

    /// How many records may be less than durable; `None` is any number.
    pub fn flush_messages(&self) -> Option<i64> {
        let messages = self.values.flush_messages;
        (messages < i64::MAX).then_some(messages)
    }

    /// How long records may be less than durable, if that is set: a millisecond at least.
    pub fn flush_after(&self) -> Option<Duration> {
        let ms = self.values.flush_ms;
        (ms < i64::MAX).then(|| Duration::from_millis(ms.unsigned_abs().max(1)))
    }

    /// What `acks=all` means.
    pub fn durability(&self) -> Durability {
        self.values.durability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<TopicSettings, SettingError> {
        TopicSettings::new(BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn defaults_are_kafkas() {
        let settings = TopicSettings::default();
        assert_eq!(settings.retention_ms(), Some(7 * 24 * 3600 * 1000));
        assert_eq!(settings.retention_bytes(), None);
        assert_eq!(settings.segment_bytes(), 1 << 30);
        assert_eq!(settings.message_bytes_max(), 1_048_588);
        assert_eq!(settings.durability(), Durability::Fsync);
    }

    #[test]
    fn a_setting_works_or_is_refused() {
        let relaxed = with("corelane.durability", "relaxed").expect("valid");
        assert_eq!(relaxed.durability(), Durability::Relaxed);
        let kept = with("retention.ms", "-1").expect("valid");
        assert_eq!(kept.retention_ms(), None);
        assert!(matches!(
            with("segment.bytes", "12"),
            Err(SettingError::Invalid { .. })
        ));
        assert!(matches!(
            with("retention.ms", "week"),
            Err(SettingError::Invalid { .. })
        ));
        assert!(matches!(
            with("no.such.thing", "1"),
            Err(SettingError::Unknown(_))
        ));
    }

    #[test]
    fn more_than_one_copy_is_wanted_on_a_device_only() {
        assert!(with("min.insync.replicas", "2").is_ok());
        assert!(with("min.insync.replicas", "0").is_err());
        for (durability, is_fine) in [("fsync", true), ("relaxed", false)] {
            let set = [
                ("min.insync.replicas", "2"),
                ("corelane.durability", durability),
            ];
            let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(TopicSettings::new(set.into()).is_ok(), is_fine);
        }
    }

    #[test]
    fn a_full_partition_drops_refuses_or_blocks() {
        let bounded = |overflow: &str| {
            let set = [("corelane.overflow", overflow), ("retention.bytes", "70")];
            let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let settings = TopicSettings::new(set.into()).expect("valid");
            (settings.retention_bytes(), settings.capacity())
        };
        let capacity = |blocks| {
            let bytes_max = 70;
            Some(Capacity { bytes_max, blocks })
        };
        assert_eq!(bounded("drop-oldest"), (Some(70), None));
        assert_eq!(bounded("reject"), (None, capacity(false)));
        assert_eq!(bounded("block"), (None, capacity(true)));
        assert!(with("corelane.overflow", "drop-oldest").is_ok());
        for unbounded in ["reject", "block", "spill"] {
            assert!(with("corelane.overflow", unbounded).is_err());
        }
    }

    /// What Kafka Connect, Kafka Streams, Schema Registry and Flink set on the topics they make, and
    /// what a mirror copies from a broker where nothing was set.
    #[test]
    fn what_common_tools_set_is_taken() {
        for (name, value) in [
            ("cleanup.policy", "compact"),
            ("compression.type", "producer"),
            ("delete.retention.ms", "86400000"),
            ("file.delete.delay.ms", "60000"),
            ("flush.messages", "9223372036854775807"),
            ("flush.ms", "9223372036854775807"),
            ("follower.replication.throttled.replicas", ""),
            ("leader.replication.throttled.replicas", ""),
            ("max.message.bytes", "1048588"),
            ("message.timestamp.type", "CreateTime"),
            ("min.insync.replicas", "2"),
            ("preallocate", "false"),
            ("remote.storage.enable", "false"),
            ("retention.ms", "-1"),
            ("segment.bytes", "52428800"),
            ("segment.index.bytes", "10485760"),
            ("segment.jitter.ms", "0"),
            ("segment.ms", "600000"),
            ("unclean.leader.election.enable", "false"),
        ] {
            let taken = with(name, value);
            assert!(taken.is_ok(), "{taken:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_with_its_reason() {
        for (name, value, reason) in [
            ("remote.storage.enable", "true", "no remote storage"),
            ("unclean.leader.election.enable", "true", "not given up"),
            ("leader.replication.throttled.replicas", "*", "one copy"),
            ("message.format.version", "3.0", "format 2"),
            ("segment.index.bytes", "10", "1024"),
            ("preallocate", "yes", "true or false"),
        ] {
            let refused = with(name, value).expect_err(name).to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn policies_are_lists_of_two_words() {
        let policy = |value| with("cleanup.policy", value).map(|settings| settings.cleanup());
        let known = |deletes, compacts| Ok(CleanupPolicy { deletes, compacts });
        assert_eq!(policy("delete"), known(true, false));
        assert_eq!(policy("compact"), known(false, true));
        assert_eq!(policy("compact,delete"), known(true, true));
        assert_eq!(policy("delete, compact"), known(true, true));
        for wrong in ["", "compact,", "compact,compact", "Compact", "none"] {
            assert!(policy(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn compaction_settings_keep_to_their_ranges() {
        let settings = with("min.cleanable.dirty.ratio", "0.01").expect("valid");
        assert_eq!(settings.dirty_millionths_min(), 10_000);
        assert_eq!(settings.compaction_lag_ms_max(), None);
        assert_eq!(settings.delete_retention_ms(), 24 * 3600 * 1000);
        for (name, value) in [
            ("min.cleanable.dirty.ratio", "1.1"),
            ("min.cleanable.dirty.ratio", "-0.1"),
            ("min.cleanable.dirty.ratio", "nan"),
            ("delete.retention.ms", "-1"),
            ("max.compaction.lag.ms", "0"),
            ("min.compaction.lag.ms", "-1"),
        ] {
            assert!(with(name, value).is_err(), "{name}={value}");
        }
        let lags = [
            ("min.compaction.lag.ms", "9"),
            ("max.compaction.lag.ms", "8"),
        ];
        let lags = lags.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert!(TopicSettings::new(BTreeMap::from(lags)).is_err());
    }

    #[test]
    fn batches_are_kept_as_sent_or_in_one_compression_at_its_level() {
        let kept_in = |set: &[(&str, &str)]| {
            let set = set.iter();
            let set = set.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let settings = TopicSettings::new(set.collect());
            let target = settings.expect("valid").compression();
            target.map(|target| (target.compression, target.level))
        };
        assert_eq!(kept_in(&[]), None);
        let levels = [
            ("compression.gzip.level", "2"),
            ("compression.zstd.level", "-7"),
        ];
        for (name, compression, default, set) in [
            ("uncompressed", Compression::None, None, None),
            ("gzip", Compression::Gzip, None, Some(2)),
            ("snappy", Compression::Snappy, None, None),
            ("lz4", Compression::Lz4, None, None),
            ("zstd", Compression::Zstd, Some(3), Some(-7)),
        ] {
            let kind = ("compression.type", name);
            assert_eq!(kept_in(&[kind]), Some((compression, default)));
            let [gzip, zstd] = levels;
            assert_eq!(kept_in(&[kind, gzip, zstd]), Some((compression, set)));
        }
        assert_eq!(
            kept_in(&[("compression.type", "producer"), levels[0]]),
            None
        );
        for (name, value) in [
            ("compression.type", "none"),
            ("compression.type", "brotli"),
            ("compression.gzip.level", "0"),
            ("compression.gzip.level", "10"),
            ("compression.lz4.level", "17"),
            ("compression.zstd.level", "23"),
        ] {
            assert!(with(name, value).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn the_table_for_people_has_every_setting_with_its_default() {
        let page = include_str!("../../docs/settings.md");
        let (_, section) = page
            .split_once("## A topic's settings")
            .expect("it is there");
        let rows = section.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let cell = |text: Option<&'static str>| Some(text?.trim().trim_matches(['`', '"']));
            Some((cell(cells.next())?, cell(cells.next())?))
        });
        let rows: Vec<_> = rows.collect();
        let definitions = DEFINITIONS.iter();
        let known = definitions.map(|definition| (definition.name, definition.default));
        assert_eq!(rows, known.collect::<Vec<_>>());
    }

    #[test]
    fn definitions_are_sorted_by_name() {
        assert!(DEFINITIONS.is_sorted_by_key(|definition| definition.name));
    }
}
