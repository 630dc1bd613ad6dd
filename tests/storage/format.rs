//! The bytes on disk against `src/storage/FORMAT.md`, and against what version 1 wrote.
#![expect(
    clippy::disallowed_methods,
    reason = "the files of version 1 lie on this machine's disk"
)]

use crate::partition::*;
use corelane::storage::checkpoint::Checkpoint;
use corelane::storage::{
    CatalogSnapshot, CatalogTombstone, CatalogTopic, Disk, LogConfig, MemoryDisk,
};
use corelane::types::{LeaderEpoch, Offset, Position, ProducerId, Timestamp, TopicId, TopicName};
use std::path::PathBuf;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/storage-v1")
}

/// The history that the fixtures are of.
fn history() -> Partition<MemoryDisk> {
    let config = LogConfig {
        segment_bytes: 500,
        index_interval_bytes: 150,
        ..tiny()
    };
    let mut partition = Partition::new(config, 1);
    for i in 0..12_i64 {
        let values = vec![format!("value {i}").into_bytes(); (i % 3 + 1) as usize];
        partition.append(&batch_of(&values, Timestamp::new(1_000_000 + i * 1000)));
    }
    partition.append(&batch_from(77, 2, 5, &[b"once".to_vec()]));
    partition.sync();
    partition.log.truncate_start(Offset::new(2));
    partition.close();
    partition
}

fn names(partition: &Partition<MemoryDisk>) -> Vec<String> {
    let entries = partition.disk.list(&partition.directory).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

fn catalog() -> CatalogSnapshot {
    CatalogSnapshot {
        topics: vec![CatalogTopic {
            name: TopicName::new("orders").unwrap(),
            id: TOPIC,
            partitions: 4,
            settings: vec![("retention.ms".into(), "1000".into())],
        }],
        tombstones: vec![CatalogTombstone {
            name: TopicName::new("gone").unwrap(),
            id: TopicId::from_bytes([9; 16]),
            partitions: 1,
        }],
        next_producer_id: ProducerId::new(2000),
        cluster_id: "a cluster".into(),
        leader_epoch: LeaderEpoch::new(3),
        clean: true,
        incarnation: 0,
        void_below: 0,
    }
}

#[test]
#[ignore = "writes the fixtures anew; only a new version of the format may need that"]
fn write_fixtures() {
    let partition = history();
    let kept = fixtures().join("orders-3");
    std::fs::create_dir_all(&kept).unwrap();
    for name in names(&partition) {
        std::fs::write(kept.join(&name), partition.file(&name)).unwrap();
    }
    std::fs::write(fixtures().join("catalog"), catalog().encode()).unwrap();
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Batches of a log as (position, base offset, last offset, leader epoch, largest timestamp), read
/// by the tables alone.
fn batches(log: &[u8]) -> Vec<(u32, i64, i64, u32, i64)> {
    let (mut at, mut found) = (0, Vec::new());
    while at < log.len() {
        let base = i64_at(log, at);
        let last = base + i64::from(u32_at(log, at + 23));
        assert_eq!(log[at + 16], 2, "magic");
        let end = at + 12 + u32_at(log, at + 8) as usize;
        assert_eq!(u32_at(log, at + 17), crc32c::crc32c(&log[at + 21..end]));
        found.push((
            at as u32,
            base,
            last,
            u32_at(log, at + 12),
            i64_at(log, at + 35),
        ));
        at = end;
    }
    assert_eq!(at, log.len());
    found
}

#[test]
fn segments_and_hints_are_as_specified() {
    let partition = history();
    let logs = partition.disk_names("log");
    assert!(logs.len() > 2);
    let mut next = 0;
    for (i, name) in logs.iter().enumerate() {
        let is_sealed = i + 1 < logs.len();
        let file = |extension: &str| partition.file(&name.replace("log", extension));
        let (log, index, times, summary) = (
            file("log"),
            file("index"),
            file("timeindex"),
            file("summary"),
        );
        assert_eq!(*name, log_name(next));
        let batches = batches(&log);
        let base = next;
        for batch in &batches {
            assert_eq!(batch.1, next);
            next = batch.2 + 1;
        }

        let (mut expected, mut expected_times) = (Vec::new(), Vec::new());
        let (mut since, mut largest, mut noted) = (0_u32, (i64::MIN, 0), i64::MIN);
        for (position, _, last, _, time) in &batches {
            if *time > largest.0 {
                largest = (*time, *last);
            }
            if position - since > 150 {
                expected.extend(((last - base) as u32).to_be_bytes());
                expected.extend(position.to_be_bytes());
                since = *position;
                if largest.0 > noted {
                    expected_times.extend(largest.0.to_be_bytes());
                    expected_times.extend(((largest.1 - base) as u32).to_be_bytes());
                    noted = largest.0;
                }
            }
        }
        if is_sealed && largest.0 > noted {
            expected_times.extend(largest.0.to_be_bytes());
            expected_times.extend(((largest.1 - base) as u32).to_be_bytes());
        }
        assert_eq!(index, expected, "{name}");
        assert_eq!(times, expected_times, "{name}");

        assert_eq!(&summary[..8], b"corelsum");
        assert_eq!((u32_at(&summary, 8), u32_at(&summary, 12)), (1, 65536));
        assert_eq!((i64_at(&summary, 16), i64_at(&summary, 24)), (base, next));
        assert_eq!(i64_at(&summary, 32), log.len() as i64);
        assert_eq!((i64_at(&summary, 40), i64_at(&summary, 48)), largest);
        assert_eq!(u32_at(&summary, 56), crc32c::crc32c(&index));
        assert_eq!(u32_at(&summary, 60), crc32c::crc32c(&times));
        assert_eq!(u32_at(&summary, 64), u32::from(is_sealed));
        assert_eq!(u32_at(&summary, 68), crc32c::crc32c(&summary[80..]));
        assert_eq!(u32_at(&summary, 72), 0);
        assert_eq!(u32_at(&summary, 76), crc32c::crc32c(&summary[..76]));
        if is_sealed {
            assert_eq!(u32_at(&summary, 80), crc32c::crc32c(&log));
        }
    }
}

#[test]
fn checkpoint_and_catalog_are_wrapped_as_specified() {
    let partition = history();
    let files = [
        (partition.file("checkpoint"), b"corelchk"),
        (catalog().encode(), b"corelcat"),
    ];
    for (bytes, magic) in files {
        assert_eq!(&bytes[..8], magic);
        assert_eq!(u32_at(&bytes, 8), 1);
        assert_eq!(u32_at(&bytes, 12) as usize, bytes.len() - 24);
        let covered = [&bytes[..16], &bytes[24..]].concat();
        assert_eq!(u32_at(&bytes, 16), crc32c::crc32c(&covered));
        assert_eq!(u32_at(&bytes, 20), 0);
    }
    let checkpoint = Checkpoint::decode(&partition.file("checkpoint")).unwrap();
    let last = partition.disk_names("log").pop().unwrap();
    assert_eq!((checkpoint.topic, checkpoint.partition), (TOPIC, PARTITION));
    assert_eq!(checkpoint.log_start, Offset::new(2));
    assert_eq!(checkpoint.synced, partition.log.end());
    assert_eq!(log_name(checkpoint.segment.get()), last);
    assert_eq!(
        checkpoint.position,
        Position::new(partition.file(&last).len() as u64)
    );
    assert_eq!(
        checkpoint.epochs.starts(),
        [(LeaderEpoch::FIRST, Offset::ZERO)]
    );
    assert!(checkpoint.clean);
    assert_eq!(checkpoint.producers.len(), 1);
    assert_eq!(checkpoint.producers[0].id, ProducerId::new(77));
    assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
}

#[test]
fn the_same_history_gives_the_bytes_of_version_1() {
    let partition = history();
    let kept = std::fs::read_dir(fixtures().join("orders-3")).unwrap();
    let mut kept: Vec<String> = kept
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(names(&partition), kept);
    for name in kept {
        let bytes = std::fs::read(fixtures().join("orders-3").join(&name)).unwrap();
        assert_eq!(partition.file(&name), bytes, "{name}");
    }
}

#[test]
fn what_version_1_wrote_is_read() {
    let disk = MemoryDisk::new(1);
    for entry in std::fs::read_dir(fixtures().join("orders-3")).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        disk.write_file(&directory().join(entry.file_name()), &bytes)
            .unwrap();
    }
    let recovered = recover(&disk, &directory(), &tiny()).unwrap();
    assert!(recovered.clean);
    assert_eq!(
        (
            recovered.report.bytes_scanned,
            recovered.report.indexes_rebuilt
        ),
        (0, 0)
    );
    let partition = Partition::open(disk, directory(), tiny());
    let texts = partition.texts();
    assert_eq!(texts.first().unwrap(), "value 1");
    assert_eq!(texts.last().unwrap(), "once");
    assert_eq!(partition.producers.len(), 1);
    let bytes = std::fs::read(fixtures().join("catalog")).unwrap();
    assert_eq!(CatalogSnapshot::decode(&bytes), Ok(catalog()));
    assert_eq!(catalog().encode(), bytes);
}
