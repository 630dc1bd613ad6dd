use super::cleanup_policy::CleanupPolicy;
use std::collections::BTreeMap;
use thiserror::Error;

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

/// A topic's settings: what was set on it, over the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    overrides: BTreeMap<String, String>,
    values: Values,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Values {
    retention_ms: Option<i64>,
    retention_bytes: Option<u64>,
    segment_bytes: u64,
    segment_ms: i64,
    index_interval_bytes: u32,
    message_bytes_max: usize,
    timestamp_source: TimestampSource,
    durability: Durability,
    cleanup: CleanupPolicy,
    compaction_lag_ms_min: i64,
    compaction_lag_ms_max: i64,
    delete_retention_ms: i64,
    dirty_millionths_min: u32,
}

/// Why a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// No such setting.
    #[error("{0:?} is not a setting of topics that this broker serves")]
    Unknown(String),
    /// A value that does not parse or is out of range.
    #[error("{name}={value}: {problem}")]
    Invalid {
        /// The setting.
        name: String,
        /// The refused value.
        value: String,
        /// What would be accepted.
        problem: &'static str,
    },
}

/// A setting that topics have.
#[derive(Debug)]
pub struct SettingDefinition {
    /// Its name, Kafka's where Kafka has one.
    pub name: &'static str,
    /// Its value where nobody set it.
    pub default: &'static str,
    /// Kafka's code of its type (2 string, 3 int, 5 long, 7 list).
    pub kind: i8,
    /// What it does.
    pub documentation: &'static str,
    apply: fn(&mut Values, &str) -> Result<(), &'static str>,
}

fn number(value: &str, min: i64, max: i64, problem: &'static str) -> Result<i64, &'static str> {
    match value.trim().parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(problem),
    }
}

fn limit(value: &str, problem: &'static str) -> Result<Option<i64>, &'static str> {
    number(value, -1, i64::MAX, problem).map(|number| (number >= 0).then_some(number))
}

fn only(value: &str, served: &str, problem: &'static str) -> Result<(), &'static str> {
    if value.trim() == served {
        Ok(())
    } else {
        Err(problem)
    }
}

const DEFINITIONS: &[SettingDefinition] = &[
    SettingDefinition {
        name: "cleanup.policy",
        default: "delete",
        kind: 7,
        documentation: "What becomes of old records: delete (segments go by age and size), compact \
                        (the newest record of each key stays), or both.",
        apply: |values, value| {
            let problem = "delete, compact or delete,compact is wanted";
            values.cleanup = CleanupPolicy::parse(value).ok_or(problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "compression.type",
        default: "producer",
        kind: 2,
        documentation: "The codec batches are kept in: producer (as they were sent).",
        apply: |_, value| only(value, "producer", "only \"producer\" is served so far"),
    },
    SettingDefinition {
        name: "corelane.durability",
        default: "fsync",
        kind: 2,
        documentation: "What acks=all means: fsync (on the device) or relaxed (in the page cache).",
        apply: |values, value| {
            values.durability = match value.trim() {
                "fsync" => Durability::Fsync,
                "relaxed" => Durability::Relaxed,
                _ => return Err("fsync or relaxed is wanted"),
            };
            Ok(())
        },
    },
    SettingDefinition {
        name: "delete.retention.ms",
        default: "86400000",
        kind: 5,
        documentation: "How long records without a value stay once they were compacted, in \
                        milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.delete_retention_ms = number(value, 0, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "index.interval.bytes",
        default: "4096",
        kind: 3,
        documentation: "About how many bytes of the log lie between two entries of its indexes.",
        apply: |values, value| {
            let problem = "a number of bytes from 0 to 1073741824 is wanted";
            values.index_interval_bytes = number(value, 0, 1 << 30, problem)? as u32;
            Ok(())
        },
    },
    SettingDefinition {
        name: "max.compaction.lag.ms",
        default: "9223372036854775807",
        kind: 5,
        documentation: "How long a record stays without being compacted at most, in milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 1 on is wanted";
            values.compaction_lag_ms_max = number(value, 1, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "max.message.bytes",
        default: "1048588",
        kind: 3,
        documentation: "The largest record batch accepted, in bytes, as it is sent.",
        apply: |values, value| {
            let problem = "a number of bytes from 0 to 1073741824 is wanted";
            values.message_bytes_max = number(value, 0, 1 << 30, problem)? as usize;
            Ok(())
        },
    },
    SettingDefinition {
        name: "message.timestamp.type",
        default: "CreateTime",
        kind: 2,
        documentation: "Whose clock stamps the records: CreateTime (the producer's) or LogAppendTime.",
        apply: |values, value| {
            values.timestamp_source = match value.trim() {
                "CreateTime" => TimestampSource::CreateTime,
                "LogAppendTime" => TimestampSource::LogAppendTime,
                _ => return Err("CreateTime or LogAppendTime is wanted"),
            };
            Ok(())
        },
    },
    SettingDefinition {
        name: "min.cleanable.dirty.ratio",
        default: "0.5",
        kind: 6,
        documentation: "A partition is compacted once a larger part of it is dirty, from 0 to 1.",
        apply: |values, value| {
            let ratio = value.trim().parse::<f64>().unwrap_or(f64::NAN);
            if !(0.0..=1.0).contains(&ratio) {
                return Err("a number from 0 to 1 is wanted");
            }
            values.dirty_millionths_min = (ratio * 1e6) as u32;
            Ok(())
        },
    },
    SettingDefinition {
        name: "min.compaction.lag.ms",
        default: "0",
        kind: 5,
        documentation: "How long a record stays as it is at least, in milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.compaction_lag_ms_min = number(value, 0, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "min.insync.replicas",
        default: "1",
        kind: 3,
        documentation: "How many copies acks=all waits for; there is one.",
        apply: |_, value| only(value, "1", "only 1 is served: a partition has one copy"),
    },
    SettingDefinition {
        name: "retention.bytes",
        default: "-1",
        kind: 5,
        documentation: "How many bytes of a partition are kept; -1 keeps all.",
        apply: |values, value| {
            let limit = limit(value, "a number of bytes, or -1 for no limit, is wanted")?;
            values.retention_bytes = limit.map(|bytes| bytes as u64);
            Ok(())
        },
    },
    SettingDefinition {
        name: "retention.ms",
        default: "604800000",
        kind: 5,
        documentation: "How long records are kept, in milliseconds; -1 keeps them for good.",
        apply: |values, value| {
            let problem = "a number of milliseconds, or -1 for no limit, is wanted";
            values.retention_ms = limit(value, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "segment.bytes",
        default: "1073741824",
        kind: 3,
        documentation: "How large a segment grows before the next one is begun, in bytes.",
        apply: |values, value| {
            let problem = "a number of bytes from 16384 to 2147483647 is wanted";
            values.segment_bytes = number(value, 16_384, i64::from(i32::MAX), problem)? as u64;
            Ok(())
        },
    },
    SettingDefinition {
        name: "segment.ms",
        default: "604800000",
        kind: 5,
        documentation: "How old a segment grows before the next one is begun, in milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 1 on is wanted";
            values.segment_ms = number(value, 1, i64::MAX, problem)?;
            Ok(())
        },
    },
];

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
                .ok_or_else(|| SettingError::Unknown(name.clone()))?;
            (definition.apply)(&mut values, value).map_err(|problem| SettingError::Invalid {
                name: name.clone(),
                value: value.clone(),
                problem,
            })?;
        }
        if values.compaction_lag_ms_min > values.compaction_lag_ms_max {
            return Err(SettingError::Invalid {
                name: "min.compaction.lag.ms".to_owned(),
                value: values.compaction_lag_ms_min.to_string(),
                problem: "at most max.compaction.lag.ms is wanted",
            });
        }
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

    /// How many bytes of a partition are kept.
    pub fn retention_bytes(&self) -> Option<u64> {
        self.values.retention_bytes
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

    /// How large a segment grows, in bytes.
    pub fn segment_bytes(&self) -> u64 {
        self.values.segment_bytes
    }

    /// How old a segment grows, in milliseconds.
    pub fn segment_ms(&self) -> i64 {
        self.values.segment_ms
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
    fn definitions_are_sorted_by_name() {
        assert!(DEFINITIONS.is_sorted_by_key(|definition| definition.name));
    }
}
