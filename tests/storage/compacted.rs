//! Compaction of a log: when it is due, and what readers see before and after.

use crate::partition::*;
use bytes::Bytes;
use corelane::record::{Batch, BatchBuilder, Batches, Compression, DecompressionLimits};
use corelane::storage::log::{CompactionBudget, CompactionConfig};
use corelane::storage::{Disk, LogConfig, MemoryDisk};
use corelane::types::{Offset, Timestamp};
use std::collections::BTreeMap;

pub(crate) const BUDGET: CompactionBudget = CompactionBudget {
    map_bytes_max: 1 << 16,
    seed: 5,
};

/// Compacts whatever may be.
pub(crate) fn compacted() -> LogConfig {
    LogConfig {
        compaction: Some(CompactionConfig {
            delete_retention_ms: 1_000,
            dirty_millionths_min: 0,
            ..CompactionConfig::default()
        }),
        ..tiny()
    }
}

pub(crate) fn keyed(key: u32, value: Option<u32>, time: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    let value = value.map(|value| format!("value {value:>40}"));
    builder.append(
        time,
        Some(&key.to_be_bytes()),
        value.as_deref().map(str::as_bytes),
        &[],
    );
    Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap()
}

/// Offset, key and value of every record.
pub(crate) type Records = Vec<(i64, Vec<u8>, Option<Vec<u8>>)>;

/// What a reader sees from `from` on, fetch by fetch.
pub(crate) fn read_from<D: Disk + Clone>(
    partition: &Partition<D>,
    from: i64,
    bytes_max: u32,
) -> Records {
    let (mut next, end) = (Offset::new(from), partition.log.end());
    let mut records = Records::new();
    while next < end {
        let range = partition
            .log
            .read(next, end, bytes_max, true)
            .expect("plans");
        let range = range.expect("there is more");
        assert!(range.next > next, "a reader gets on");
        let mut bytes = vec![0; range.length() as usize];
        let read = range.file.read_at(range.from, &mut bytes).unwrap();
        assert_eq!(read, bytes.len());
        for batch in Batches::new(Bytes::from(bytes)) {
            let batch = batch.expect("whole");
            let decoded = batch.records(&DecompressionLimits::default()).unwrap();
            for record in decoded.iter().map(|record| record.expect("decodes")) {
                if record.offset >= next {
                    let (key, value) = (record.key.unwrap(), record.value);
                    let value = value.map(<[u8]>::to_vec);
                    records.push((record.offset.get(), key.to_vec(), value));
                }
            }
        }
        next = range.next;
    }
    records
}

pub(crate) fn read_all<D: Disk + Clone>(partition: &Partition<D>) -> Records {
    read_from(partition, partition.log.start().get(), 700)
}

pub(crate) fn newest(records: &Records) -> BTreeMap<Vec<u8>, (i64, Option<Vec<u8>>)> {
    let entries = records.iter().cloned();
    entries
        .map(|(offset, key, value)| (key, (offset, value)))
        .collect()
}

/// Many values of few keys, durable and covered by a checkpoint but for the last segment.
pub(crate) fn filled<D: Disk + Clone>(partition: &mut Partition<D>, count: u32) -> Records {
    for number in 0..count {
        let value = (number % 11 != 3).then_some(number);
        partition.append(&keyed(number * number % 23, value, NOW));
    }
    partition.sync();
    partition.checkpoint();
    partition.sync();
    read_all(partition)
}

pub(crate) fn begin<D: Disk + Clone>(partition: &mut Partition<D>, now: Timestamp) -> bool {
    let limit = partition.log.synced();
    partition
        .log
        .begin_compaction(now, limit, &partition.producers, BUDGET);
    partition.log.is_compacting()
}

/// Runs a compaction to its end.
pub(crate) fn compact<D: Disk + Clone>(partition: &mut Partition<D>, now: Timestamp) -> bool {
    let begun = begin(partition, now);
    go_on(partition);
    begun
}

pub(crate) fn go_on<D: Disk + Clone>(partition: &mut Partition<D>) {
    while partition.log.is_compacting() {
        partition.log.continue_compaction(400, &mut partition.calls);
        partition.drain();
    }
}

pub(crate) fn new_partition(seed: u64) -> Partition<MemoryDisk> {
    Partition::new(compacted(), seed)
}

/// Everything that was there is there or was overtaken; nothing else is.
pub(crate) fn check(before: &Records, after: &Records) {
    assert_eq!(
        newest(before),
        newest(after),
        "the newest of each key stays"
    );
    assert!(after.iter().all(|record| before.contains(record)));
    assert!(after.is_sorted_by_key(|(offset, ..)| *offset));
}

#[test]
fn the_newest_record_of_each_key_stays_and_segments_become_fewer() {
    let mut partition = new_partition(1);
    let before = filled(&mut partition, 300);
    let segments = partition.disk_names("log").len();
    assert!(compact(&mut partition, NOW));
    let after = read_all(&partition);
    check(&before, &after);
    assert!(after.len() < 60, "{} records", after.len());
    let sizes = |partition: &Partition<MemoryDisk>| {
        let names = partition.disk_names("log").into_iter();
        names
            .map(|name| partition.file(&name).len())
            .collect::<Vec<_>>()
    };
    assert!(sizes(&partition).iter().filter(|size| **size < 100).count() > segments / 2);
    assert!(partition.disk_names("swap").is_empty() && partition.disk_names("cleaned").is_empty());
    assert!(!begin(&mut partition, NOW), "it is clean");

    // From any offset, also one that is gone, the next that is there is read.
    for from in 0..300 {
        let expected = after.iter().filter(|(offset, ..)| *offset >= from);
        for bytes_max in [1, 300, 5_000] {
            let seen = read_from(&partition, from, bytes_max);
            assert!(expected.clone().eq(seen.iter()), "from {from}");
        }
    }
    // A start finds the same, with and without the hints.
    partition.crash();
    assert_eq!(read_all(&partition), after);
    for extension in ["summary", "index", "timeindex"] {
        for name in partition.disk_names(extension) {
            partition
                .disk
                .remove_file(&partition.directory.join(name))
                .unwrap();
        }
    }
    partition.crash();
    assert_eq!(read_all(&partition), after);
    for from in (0..300).step_by(7) {
        let expected = after.iter().filter(|(offset, ..)| *offset >= from);
        assert!(expected.eq(read_from(&partition, from, 300).iter()));
    }
    // The log goes on.
    let more = filled(&mut partition, 200);
    assert!(compact(&mut partition, NOW));
    check(&more, &read_all(&partition));
    // Those that became small the first time share a segment now.
    assert!(partition.disk_names("log").len() < segments);
    assert!(sizes(&partition).iter().all(|size| *size <= 1500));
}

#[test]
fn times_are_found_across_gaps() {
    let mut partition = new_partition(1);
    for number in 0..200_u32 {
        let time = Timestamp::new(1_000 + i64::from(number));
        partition.append(&keyed(number % 20, Some(number), time));
    }
    // Overtaken, and the latest of all.
    partition.append(&keyed(77, Some(1), Timestamp::new(9_000)));
    partition.append(&keyed(77, Some(2), Timestamp::new(1_300)));
    filled(&mut partition, 60);
    partition.sync();
    assert!(compact(&mut partition, NOW));
    let end = partition.log.end();
    let mut times = BTreeMap::new();
    let mut walk = Vec::new();
    let (mut next, upto) = (partition.log.start(), end);
    while next < upto {
        let range = partition.log.read(next, upto, 1, true).unwrap().unwrap();
        let mut bytes = vec![0; range.length() as usize];
        range.file.read_at(range.from, &mut bytes).unwrap();
        for batch in Batches::new(Bytes::from(bytes)).map(Result::unwrap) {
            let decoded = batch.records(&DecompressionLimits::default()).unwrap();
            for record in decoded.iter().map(Result::unwrap) {
                times.insert(record.offset, record.timestamp);
                walk.push((record.offset, record.timestamp));
            }
        }
        next = range.next;
    }
    for asked in [0, 1_000, 1_150, 1_199, 1_250, 5_000, 9_000, NOW.get()] {
        let asked = Timestamp::new(asked);
        let expected = walk.iter().find(|(_, time)| *time >= asked).copied();
        assert_eq!(
            partition.log.offset_for_timestamp(asked, end).unwrap(),
            expected
        );
    }
    let latest = partition.log.latest_timestamp(end).unwrap().unwrap();
    assert_eq!(Some(&latest.1), times.values().max());
}

#[test]
fn tombstones_go_once_their_time_has_come() {
    let mut partition = new_partition(1);
    partition.append(&keyed(1, Some(1), NOW));
    partition.append(&keyed(1, None, NOW));
    filled(&mut partition, 100);
    assert!(compact(&mut partition, NOW));
    let tombstones = |partition: &Partition<MemoryDisk>, upto: i64| {
        let records = read_all(partition);
        let below = records.iter().filter(|(offset, ..)| *offset < upto);
        below.filter(|(_, _, value)| value.is_none()).count()
    };
    let clean_upto = 60;
    let kept = tombstones(&partition, clean_upto);
    for (later, stays) in [(999, true), (1_000, false)] {
        filled(&mut partition, 40);
        let now = Timestamp::new(NOW.get() + later);
        let before = read_all(&partition);
        assert!(compact(&mut partition, now));
        let after = read_all(&partition);
        let values = |records: &Records| {
            let newest = newest(records).into_iter();
            newest
                .filter(|(_, (_, value))| value.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(values(&before), values(&after));
        assert!(
            stays || tombstones(&partition, clean_upto) == 0,
            "{kept} were there"
        );
    }
}

#[test]
fn only_what_may_be_is_touched() {
    let mut partition = new_partition(1);
    for number in 0..100 {
        partition.append(&keyed(number % 5, Some(number), NOW));
    }
    partition.sync();
    assert!(!begin(&mut partition, NOW), "no checkpoint covers it");
    partition.checkpoint();
    partition.log.set_config(LogConfig {
        compaction: Some(CompactionConfig {
            lag_ms_min: 100,
            ..compacted().compaction.unwrap()
        }),
        ..compacted()
    });
    let young = Timestamp::new(NOW.get() + 99);
    assert!(!begin(&mut partition, young), "it is too young");
    let limit = partition.log.synced();
    let old = Timestamp::new(NOW.get() + 100);
    assert!(partition.log.dirtiness(old, limit).is_some());
    assert!(
        partition.log.dirtiness(old, Offset::new(3)).is_none(),
        "not readable yet"
    );
    partition.log.set_config(LogConfig {
        compaction: Some(CompactionConfig {
            dirty_millionths_min: 1_000_000,
            ..compacted().compaction.unwrap()
        }),
        ..compacted()
    });
    assert!(
        !begin(&mut partition, NOW),
        "all of it is not more than all"
    );
    partition.log.set_config(tiny());
    assert!(!begin(&mut partition, NOW), "it is not to be compacted");
}

#[test]
fn what_is_overdue_is_compacted_though_little_is_dirty() {
    let config = LogConfig {
        compaction: Some(CompactionConfig {
            lag_ms_max: Some(500),
            dirty_millionths_min: 1_000_000,
            ..CompactionConfig::default()
        }),
        ..tiny()
    };
    let mut partition = Partition::new(config, 1);
    for number in 0..10 {
        partition.append(&keyed(1, Some(number), NOW));
    }
    partition.sync();
    // Though nothing more comes, what is there is sealed, and a checkpoint lets it be compacted.
    let late = Timestamp::new(NOW.get() + 501);
    let limit = partition.log.synced();
    assert!(!partition.log.wants_checkpoint(NOW, limit));
    partition.log.expire(late, limit, &mut partition.calls);
    partition.drain();
    assert!(partition.log.wants_checkpoint(late, limit));
    partition.checkpoint();
    assert!(!partition.log.wants_checkpoint(late, limit));
    assert!(compact(&mut partition, late));
    let last = vec![(9, 1_u32.to_be_bytes().to_vec())];
    let seen = read_all(&partition)
        .into_iter()
        .map(|(offset, key, _)| (offset, key));
    assert_eq!(seen.collect::<Vec<_>>(), last);
    partition.power_cut();
    assert_eq!(partition.log.end(), Offset::new(10));
    assert_eq!(partition.append(&keyed(1, Some(3), NOW)), Offset::new(10));
    partition.sync();
    partition.power_cut();
    assert_eq!(read_all(&partition).len(), 2);
}

#[test]
fn readers_keep_what_they_hold() {
    let mut partition = new_partition(1);
    filled(&mut partition, 100);
    let range = partition.read(3, 90, 300).unwrap().unwrap();
    let mut before = vec![0; range.length() as usize];
    range.file.read_at(range.from, &mut before).unwrap();
    assert!(compact(&mut partition, NOW));
    let mut after = vec![0; range.length() as usize];
    range.file.read_at(range.from, &mut after).unwrap();
    assert_eq!(before, after);
}
