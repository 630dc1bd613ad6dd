use super::cleanup_policy::CleanupPolicy;
use super::setting::{SettingDefinition, flag, limit, number, only};
use super::settings::{Durability, Overflow, TimestampSource};
use crate::record::Compression;

/// Every setting there is, by name.
pub(super) const DEFINITIONS: &[SettingDefinition] = &[
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
        name: "compression.gzip.level",
        default: "-1",
        kind: 3,
        documentation: "How hard gzip tries with compression.type=gzip, from 1 to 9; -1 is its default.",
        apply: |values, value| {
            let problem = "a level from 1 to 9, or -1 for the default, is wanted";
            let level = number(value, -1, 9, problem)? as i32;
            if level == 0 {
                return Err(problem);
            }
            values.gzip_level = (level > 0).then_some(level);
            Ok(())
        },
    },
    SettingDefinition {
        name: "compression.lz4.level",
        default: "9",
        kind: 3,
        documentation: "How hard LZ4 tries with compression.type=lz4: 9, Kafka's default, is the fast one.",
        apply: |_, value| {
            let problem =
                "only 9 is served, which is LZ4's fast compression; for more of it take zstd";
            number(value, 9, 9, problem).map(drop)
        },
    },
    SettingDefinition {
        name: "compression.type",
        default: "producer",
        kind: 2,
        documentation: "The compression batches are kept in: producer (as they were sent), \
                        uncompressed, gzip, snappy, lz4 or zstd; others are recompressed.",
        apply: |values, value| {
            values.compression = match value.trim() {
                "producer" => None,
                "uncompressed" => Some(Compression::None),
                name => {
                    let named = name
                        .parse()
                        .ok()
                        .filter(|named| *named != Compression::None);
                    Some(
                        named
                            .ok_or("producer, uncompressed, gzip, snappy, lz4 or zstd is wanted")?,
                    )
                }
            };
            Ok(())
        },
    },
    SettingDefinition {
        name: "compression.zstd.level",
        default: "3",
        kind: 3,
        documentation: "How hard Zstandard tries with compression.type=zstd, from -131072 to 22.",
        apply: |values, value| {
            let problem = "a level from -131072 to 22 is wanted";
            values.zstd_level = Some(number(value, -131_072, 22, problem)? as i32);
            Ok(())
        },
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
        name: "corelane.overflow",
        default: "drop-oldest",
        kind: 2,
        documentation: "What becomes of batches for a partition that holds retention.bytes: drop-oldest \
                        (old segments go), reject (POLICY_VIOLATION) or block (until there is room).",
        apply: |values, value| {
            values.overflow = match value.trim() {
                "drop-oldest" => Overflow::DropOldest,
                "reject" => Overflow::Reject,
                "block" => Overflow::Block,
                _ => return Err("drop-oldest, reject or block is wanted"),
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
        name: "file.delete.delay.ms",
        default: "0",
        kind: 5,
        documentation: "How long the files of a segment stay once its records are gone, in milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.file_delete_delay_ms = number(value, 0, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "flush.messages",
        default: "9223372036854775807",
        kind: 5,
        documentation: "How many records may be less than durable before an append waits for them to be, \
                        whatever its acks.",
        apply: |values, value| {
            let problem = "a number of records from 1 on is wanted";
            values.flush_messages = number(value, 1, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "flush.ms",
        default: "9223372036854775807",
        kind: 5,
        documentation: "How long a record may be less than durable before it is made so, in milliseconds; \
                        at most 5 with corelane.durability=fsync and 1000 with relaxed.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.flush_ms = number(value, 0, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "follower.replication.throttled.replicas",
        default: "",
        kind: 7,
        documentation: "Followers to slow down; there are none.",
        apply: |_, value| {
            only(
                value,
                "",
                "there is one copy of each partition, so nothing is replicated",
            )
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
        name: "leader.replication.throttled.replicas",
        default: "",
        kind: 7,
        documentation: "Leaders to slow down; there are no followers.",
        apply: |_, value| {
            only(
                value,
                "",
                "there is one copy of each partition, so nothing is replicated",
            )
        },
    },
    SettingDefinition {
        name: "local.retention.bytes",
        default: "-2",
        kind: 5,
        documentation: "How many bytes stay on this disk; -2, all that retention.bytes keeps.",
        apply: |_, value| only(value, "-2", "only -2 is served: there is no remote storage"),
    },
    SettingDefinition {
        name: "local.retention.ms",
        default: "-2",
        kind: 5,
        documentation: "How long records stay on this disk; -2, as long as retention.ms keeps them.",
        apply: |_, value| only(value, "-2", "only -2 is served: there is no remote storage"),
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
        name: "message.timestamp.after.max.ms",
        default: "3600000",
        kind: 5,
        documentation: "How far ahead of the broker's time a record of CreateTime may lie, in \
                        milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.timestamp_after_ms_max = number(value, 0, i64::MAX, problem)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "message.timestamp.before.max.ms",
        default: "9223372036854775807",
        kind: 5,
        documentation: "How far behind the broker's time a record of CreateTime may lie, in \
                        milliseconds.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.timestamp_before_ms_max = number(value, 0, i64::MAX, problem)?;
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
        documentation: "How many copies acks=all should wait for. There is one, on the device: above 1 \
                        corelane.durability must be fsync.",
        apply: |values, value| {
            let problem = "a number of replicas from 1 on is wanted";
            values.insync_replicas_min = number(value, 1, i64::from(i32::MAX), problem)? as i32;
            Ok(())
        },
    },
    SettingDefinition {
        name: "preallocate",
        default: "false",
        kind: 1,
        documentation: "Whether a segment's whole space is reserved when it is made; else in steps ahead of its \
                        end.",
        apply: |values, value| {
            values.preallocates = flag(value)?;
            Ok(())
        },
    },
    SettingDefinition {
        name: "remote.log.copy.disable",
        default: "false",
        kind: 1,
        documentation: "Whether remote storage gets nothing more; there is none.",
        apply: |_, value| {
            only(
                value,
                "false",
                "only false is served: there is no remote storage",
            )
        },
    },
    SettingDefinition {
        name: "remote.log.delete.on.disable",
        default: "false",
        kind: 1,
        documentation: "Whether remote storage is emptied when it is switched off; there is none.",
        apply: |_, value| {
            only(
                value,
                "false",
                "only false is served: there is no remote storage",
            )
        },
    },
    SettingDefinition {
        name: "remote.storage.enable",
        default: "false",
        kind: 1,
        documentation: "Whether old segments go to remote storage; there is none.",
        apply: |_, value| {
            only(
                value,
                "false",
                "only false is served: there is no remote storage",
            )
        },
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
        name: "segment.index.bytes",
        default: "10485760",
        kind: 3,
        documentation: "How large a segment's indexes grow before the next segment is begun, in bytes.",
        apply: |values, value| {
            let problem = "a number of bytes from 1024 to 2147483647 is wanted";
            values.segment_index_bytes = number(value, 1024, i64::from(i32::MAX), problem)? as u64;
            Ok(())
        },
    },
    SettingDefinition {
        name: "segment.jitter.ms",
        default: "0",
        kind: 5,
        documentation: "By how much at most a segment is begun before segment.ms is over, in milliseconds, so that \
                        not all are at once.",
        apply: |values, value| {
            let problem = "a number of milliseconds from 0 on is wanted";
            values.segment_jitter_ms = number(value, 0, i64::MAX, problem)?;
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
    SettingDefinition {
        name: "unclean.leader.election.enable",
        default: "false",
        kind: 1,
        documentation: "Whether a copy that lacks records may lead; there is one copy, which has all.",
        apply: |_, value| {
            only(
                value,
                "false",
                "only false is served: acknowledged records are not given up",
            )
        },
    },
];
