//! The bytes on disk against `src/storage/FORMAT.md`, and against what version 1 wrote.
#![expect(
    clippy::disallowed_methods,
    reason = "the files of version 1 lie on this machine's disk"
)]

use crate::partition::*;
use corelane::record::{BatchBuilder, Compression};
use corelane::storage::checkpoint::{Checkpoint, FilePrefix};
use corelane::storage::journal::{
    BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader, FileHeader, Replay, UNRECOVERED_NAME,
    keep_unrecovered,
};
use corelane::storage::{
    AlignedBuffer, CatalogSnapshot, CatalogTombstone, CatalogTopic, Disk, LogConfig, MemoryDisk,
};
use corelane::types::{
    CoreId, LeaderEpoch, Offset, Position, ProducerId, Timestamp, TopicId, TopicName,
    TopicPartition,
};
use std::path::{Path, PathBuf};

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

/// The first offset that the history leaves free.
const JOURNALED_FROM: i64 = 25;

const JOURNAL: &str = "journal/1/00000000000000000004-00000.journal";

fn of_partition(base: i64) -> EntryHeader {
    EntryHeader {
        partition: TopicPartition::new(TOPIC, PARTITION),
        epoch: LeaderEpoch::new(2),
        base: Offset::new(base),
    }
}

fn journaled_batch(base: i64, value: &str) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.append(NOW, None, Some(value.as_bytes()), &[]);
    builder.build(Offset::new(base)).unwrap().to_vec()
}

/// A block of entries, each of batches or, without any, a mark.
fn block(sequence: u64, entries: &[(i64, Vec<u8>)]) -> AlignedBuffer {
    let mut block = BlockBuilder::with_capacity(1000);
    for (base, batches) in entries {
        let fill = |room: &mut [u8]| {
            room.copy_from_slice(batches);
            Ok(())
        };
        block
            .push(&of_partition(*base), batches.len(), fill)
            .unwrap();
    }
    block.finish(4, sequence, 0x5a17)
}

/// A file of 16 KiB that was put to use and holds two blocks: a batch, then another and a mark.
fn journal_file() -> Vec<u8> {
    let header = FileHeader {
        core: CoreId::new(1),
        incarnation: 4,
        salt: 0x5a17,
        sequence: 7,
        needed_from: 7,
    };
    let first = (JOURNALED_FROM, journaled_batch(JOURNALED_FROM, "first"));
    let from = JOURNALED_FROM + 1;
    let second = (from, journaled_batch(from, "second"));
    let mark = (from + 1, Vec::new());
    let blocks = [block(7, &[first]), block(8, &[second, mark])];
    let mut bytes = header.encode().as_slice().to_vec();
    blocks
        .iter()
        .for_each(|block| bytes.extend(block.as_slice()));
    bytes.resize(16384, 0);
    bytes
}

/// The partition's file `unrecovered` after a start that read the journal and not the partition.
fn unrecovered(disk: &MemoryDisk) -> Vec<u8> {
    disk.write_file(&Path::new("data").join(JOURNAL), &journal_file())
        .unwrap();
    let partition = TopicPartition::new(TOPIC, PARTITION);
    let replay = Replay::read(disk, Path::new("data"), 4).unwrap();
    keep_unrecovered(disk, &directory(), partition, replay.of(partition)).unwrap();
    disk.read_file(&directory().join(UNRECOVERED_NAME)).unwrap()
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
    let journal = fixtures().join(JOURNAL);
    std::fs::create_dir_all(journal.parent().unwrap()).unwrap();
    std::fs::write(journal, journal_file()).unwrap();
    let unrecovered = unrecovered(&MemoryDisk::new(1));
    std::fs::write(fixtures().join(UNRECOVERED_NAME), unrecovered).unwrap();
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
        let (log, index, times) = (file("log"), file("index"), file("timeindex"));
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

        if !is_sealed {
            let checkpoint = Checkpoint::decode(&partition.file("checkpoint")).unwrap();
            let mark = checkpoint.index.unwrap();
            let prefix = |bytes: &[u8], entry_bytes| FilePrefix {
                entries: (bytes.len() / entry_bytes) as u32,
                crc: crc32c::crc32c(bytes),
            };
            assert!(!index.is_empty());
            assert_eq!(mark.offsets, prefix(&index, 8));
            assert_eq!(mark.times, prefix(&times, 12));
            continue;
        }
        let summary = file("summary");
        assert_eq!(&summary[..8], b"corelsum");
        assert_eq!((u32_at(&summary, 8), u32_at(&summary, 12)), (1, 65536));
        assert_eq!((i64_at(&summary, 16), i64_at(&summary, 24)), (base, next));
        assert_eq!(i64_at(&summary, 32), log.len() as i64);
        assert_eq!((i64_at(&summary, 40), i64_at(&summary, 48)), largest);
        assert_eq!(u32_at(&summary, 56), crc32c::crc32c(&index));
        assert_eq!(u32_at(&summary, 60), crc32c::crc32c(&times));
        assert_eq!(u32_at(&summary, 64), 1);
        assert_eq!(u32_at(&summary, 68), crc32c::crc32c(&summary[80..]));
        assert_eq!(u32_at(&summary, 72), 0);
        assert_eq!(u32_at(&summary, 76), crc32c::crc32c(&summary[..76]));
        assert_eq!(u32_at(&summary, 80), crc32c::crc32c(&log));
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

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    i64_at(bytes, at).cast_unsigned()
}

/// Entries of a block as (base offset, batches), read by the tables alone.
fn entries(block: &[u8], salt: u64, epoch: u32) -> Vec<(i64, Vec<u8>)> {
    assert_eq!(&block[..4], b"cjbk");
    let length = u32_at(block, 4) as usize;
    let covered = [&salt.to_be_bytes(), &block[12..length]].concat();
    assert_eq!(u32_at(block, 8), crc32c::crc32c(&covered));
    let mut at = 32;
    let mut found = Vec::new();
    for _ in 0..u32_at(block, 12) {
        assert_eq!(block[at..at + 16], TOPIC.to_bytes());
        assert_eq!(u32_at(block, at + 16) as i32, PARTITION.get());
        assert_eq!(u32_at(block, at + 20), epoch);
        let batches = at + 36..at + 36 + u32_at(block, at + 32) as usize;
        found.push((i64_at(block, at + 24), block[batches.clone()].to_vec()));
        at = batches.end;
    }
    assert_eq!(at, length);
    assert!(block[length..].iter().all(|byte| *byte == 0), "padding");
    found
}

#[test]
fn journals_are_as_specified() {
    let bytes = journal_file();
    assert_eq!(&bytes[..8], b"coreljnl");
    assert_eq!((u32_at(&bytes, 8), u32_at(&bytes, 12)), (1, 1));
    assert_eq!((u64_at(&bytes, 16), u64_at(&bytes, 24)), (4, 0x5a17));
    assert_eq!((u64_at(&bytes, 32), u64_at(&bytes, 40)), (7, 7));
    assert_eq!(u32_at(&bytes, 48), crc32c::crc32c(&bytes[..48]));
    assert!(bytes[52..4096].iter().all(|byte| *byte == 0));
    let blocks = [&bytes[4096..8192], &bytes[8192..12288]];
    for (sequence, block) in (7..).zip(blocks) {
        assert_eq!((u64_at(block, 16), u64_at(block, 24)), (4, sequence));
    }
    let from = JOURNALED_FROM;
    let first = (from, journaled_batch(from, "first"));
    let second = (from + 1, journaled_batch(from + 1, "second"));
    let mark = (from + 2, Vec::new());
    assert_eq!(entries(blocks[0], 0x5a17, 2), std::slice::from_ref(&first));
    assert_eq!(
        entries(blocks[1], 0x5a17, 2),
        [second.clone(), mark.clone()]
    );
    assert_eq!(ENTRY_HEADER_BYTES, 36);

    let kept = unrecovered(&MemoryDisk::new(1));
    let blocks: Vec<&[u8]> = kept.chunks(4096).collect();
    for (sequence, (block, entry)) in (0..).zip(blocks.iter().zip([mark, first, second])) {
        assert_eq!((u64_at(block, 16), u64_at(block, 24)), (0, sequence));
        assert_eq!(entries(block, 0, 0), [entry]);
    }
    assert_eq!(blocks.len(), 3);
}

#[test]
fn journals_have_the_bytes_of_version_1_and_what_they_hold_comes_back() {
    let stored = |name: &str| std::fs::read(fixtures().join(name)).unwrap();
    assert_eq!(journal_file(), stored(JOURNAL));
    let disk = history().disk;
    assert_eq!(unrecovered(&disk), stored(UNRECOVERED_NAME));
    // As a broker leaves it that was killed.
    let path = directory().join("checkpoint");
    let mut checkpoint = Checkpoint::decode(&disk.read_file(&path).unwrap()).unwrap();
    assert_eq!(checkpoint.synced, Offset::new(JOURNALED_FROM));
    checkpoint.clean = false;
    disk.write_file(&path, &checkpoint.encode()).unwrap();
    disk.sync_directory(Path::new("data")).unwrap();
    let partition = Partition::open(disk, directory(), tiny());
    assert_eq!(partition.texts().last().unwrap(), "second");
    assert_eq!(partition.log.end(), Offset::new(JOURNALED_FROM + 2));
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
    let report = recovered.report;
    assert!(recovered.clean);
    assert_eq!((report.bytes_scanned, report.indexes_rebuilt), (0, 0));
    // The first brokers of version 1 said nothing of index files.
    let path = directory().join("checkpoint");
    let mut checkpoint = Checkpoint::decode(&disk.read_file(&path).unwrap()).unwrap();
    checkpoint.index = None;
    disk.write_file(&path, &checkpoint.encode()).unwrap();
    let without = recover(&disk, &directory(), &tiny()).unwrap();
    assert!(without.clean);
    assert_eq!(without.report.bytes_walked, checkpoint.position.get());
    assert!(report.bytes_walked < checkpoint.position.get());
    let partition = Partition::open(disk, directory(), tiny());
    let texts = partition.texts();
    assert_eq!(texts.first().unwrap(), "value 1");
    assert_eq!(texts.last().unwrap(), "once");
    assert_eq!(partition.producers.len(), 1);
    let bytes = std::fs::read(fixtures().join("catalog")).unwrap();
    assert_eq!(CatalogSnapshot::decode(&bytes), Ok(catalog()));
    assert_eq!(catalog().encode(), bytes);
}
