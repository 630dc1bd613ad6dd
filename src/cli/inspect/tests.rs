use super::*;
use crate::record::{BatchBuilder, Compression};
use crate::storage::checkpoint::Checkpoint;
use crate::storage::epoch_history::EpochHistory;
use crate::storage::journal::{BlockBuilder, EntryHeader, FileHeader, Replay, keep_unrecovered};
use crate::storage::{CatalogSnapshot, RealDisk};
use crate::types::{
    CoreId, LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId, TopicPartition,
};
use tempfile::TempDir;

const DEEP: Depth = Depth {
    verify: true,
    batches: true,
};

fn examine(path: &Path, depth: Depth) -> Examined {
    super::examine(path, depth, &Journals::default())
}

/// A segment of three batches of two records each, from offset 10 on.
fn segment() -> (Vec<u8>, Vec<usize>) {
    let (mut log, mut positions) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let mut builder = BatchBuilder::new(Compression::Lz4, None);
        builder.append(Timestamp::new(1000 + number), None, Some(b"one"), &[]);
        builder.append(Timestamp::new(2000 + number), None, Some(b"two"), &[]);
        positions.push(log.len());
        let base = Offset::new(10 + 2 * number);
        log.extend_from_slice(&builder.build(base).expect("a batch"));
    }
    (log, positions)
}

fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, bytes).expect("written");
    (directory, path)
}

const LOG: &str = "00000000000000000010.log";
const INDEX: &str = "00000000000000000010.index";

#[test]
fn a_whole_segment_is_told_and_holds() {
    let (log, _) = segment();
    let (_directory, path) = written(LOG, &log);
    let examined = examine(&path, DEEP);
    assert!(examined.problems.is_empty(), "{:?}", examined.problems);
    let text = examined.to_string();
    assert!(
        text.contains("offsets 10 to 15, 6 records in 3 batches (lz4)"),
        "{text}"
    );
    assert!(
        text.contains("checksums hold") && text.contains("14..=15"),
        "{text}"
    );
}

#[test]
fn damage_is_found_where_it_lies() {
    let (mut log, positions) = segment();
    let second = positions[1];
    log[second + 65] ^= 1;
    let (_directory, path) = written(LOG, &log);
    let shallow = Depth {
        verify: false,
        batches: false,
    };
    assert!(examine(&path, shallow).problems.is_empty());
    let deep = examine(&path, DEEP);
    assert_eq!(deep.problems.len(), 1);
    assert!(
        deep.problems[0].contains(&format!("byte {second}")),
        "{deep}"
    );
}

#[test]
fn a_torn_tail_is_a_problem_at_any_byte() {
    let (log, positions) = segment();
    for length in 1..log.len() {
        let (_directory, path) = written(LOG, &log[..length]);
        let examined = examine(&path, DEEP);
        let whole = positions.contains(&length);
        assert_eq!(examined.problems.is_empty(), whole, "{length} bytes");
    }
}

#[test]
fn an_index_is_held_against_its_log() {
    let (log, positions) = segment();
    let (directory, path) = written(LOG, &log);
    let entry = |relative: u32, position: usize| {
        let mut bytes = relative.to_be_bytes().to_vec();
        bytes.extend((position as u32).to_be_bytes());
        bytes
    };
    let index = directory.path().join(INDEX);
    let good = [entry(3, positions[1]), entry(5, positions[2])].concat();
    fs::write(&index, &good).expect("written");
    let examined = examine(&index, DEEP);
    assert!(examined.problems.is_empty(), "{examined}");
    assert!(examined.to_string().contains("agrees with the log"));

    for bad in [
        entry(2, positions[1]),
        entry(3, positions[1] + 1),
        entry(9, log.len()),
    ] {
        fs::write(&index, &bad).expect("written");
        assert_eq!(examine(&index, DEEP).problems.len(), 1);
    }
    fs::write(&index, [good.clone(), good].concat()).expect("written");
    assert_eq!(examine(&index, DEEP).problems.len(), 1, "order");
    assert!(path.exists());
}

#[test]
fn what_is_not_ours_is_named_and_no_problem() {
    let (directory, path) = written("notes.txt", b"hello");
    assert!(matches!(examine(&path, DEEP).content, Content::Unknown));
    let (_other, tail) = written("checkpoint", b"torn");
    assert_eq!(examine(&tail, DEEP).problems.len(), 1);
    let found = files_of(directory.path(), DEPTH_MAX).expect("readable");
    assert_eq!(found, [path]);
    assert!(files_of(&directory.path().join("absent"), 1).is_err());
}

const OWNER: TopicPartition =
    TopicPartition::new(TopicId::from_bytes([7; 16]), PartitionIndex::new(2));

/// A data directory whose journal holds the segment's last two batches, in a block each, and the
/// journal's path.
fn with_journal(log: &[u8], positions: &[usize]) -> (TempDir, PathBuf) {
    let header = FileHeader {
        core: CoreId::new(3),
        incarnation: 4,
        salt: 5,
        sequence: 8,
        needed_from: 8,
    };
    let mut bytes = header.encode().as_slice().to_vec();
    let ends = [positions[2], log.len()];
    for (number, end) in ends.into_iter().enumerate() {
        let batch = &log[positions[number + 1]..end];
        let entry = EntryHeader {
            partition: OWNER,
            epoch: LeaderEpoch::FIRST,
            base: Offset::new(12 + 2 * number as i64),
        };
        let mut block = BlockBuilder::with_capacity(1000);
        let fill = |room: &mut [u8]| {
            room.copy_from_slice(batch);
            Ok(())
        };
        block.push(&entry, batch.len(), fill).expect("filled");
        bytes.extend(block.finish(4, 8 + number as u64, 5).as_slice());
    }
    bytes.resize(1 << 16, 0);
    let data = tempfile::tempdir().expect("a directory");
    let catalog = CatalogSnapshot {
        incarnation: 4,
        void_below: 4,
        ..CatalogSnapshot::default()
    };
    let checkpoint = Checkpoint {
        topic: OWNER.topic(),
        partition: OWNER.partition(),
        log_start: Offset::new(10),
        synced: Offset::new(12),
        segment: Offset::new(10),
        position: Position::new(positions[1] as u64),
        leader_epoch: LeaderEpoch::FIRST,
        epochs: EpochHistory::default(),
        clean: false,
        producers: Vec::new(),
        clean_below: Offset::ZERO,
        index: None,
    };
    let journal = data
        .path()
        .join("journal/3/00000000000000000004-00000.journal");
    for (path, bytes) in [
        (data.path().join("catalog"), catalog.encode()),
        (data.path().join("t-2/checkpoint"), checkpoint.encode()),
        (journal.clone(), bytes),
    ] {
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, bytes).expect("written");
    }
    (data, journal)
}

#[test]
fn a_journal_is_told_and_damage_that_refuses_a_start_is_found() {
    let (log, positions) = segment();
    let (_data, path) = with_journal(&log, &positions);
    let whole = examine(&path, DEEP);
    assert!(whole.problems.is_empty(), "{whole}");
    let text = whole.to_string();
    assert!(text.contains("core 3, start 4, blocks 8 to 9"), "{text}");
    assert!(text.contains("12..=15"), "{text}");
    let json = serde_json::to_value(&whole).expect("JSON");
    assert_eq!(
        (&json["kind"], &json["entries"]),
        (&"journal".into(), &2.into())
    );
    assert_eq!(json["partition_list"][0]["durable_upto"], 16);

    let mut bytes = fs::read(&path).expect("readable");
    let mut flip = |place: usize| {
        bytes[place] ^= 1;
        fs::write(&path, &bytes).expect("written");
        let problems = examine(&path, DEEP).problems;
        bytes[place] ^= 1;
        problems
    };
    assert!(flip(20)[0].contains("damaged at byte 0"));
    assert!(flip(4096 + 50)[0].contains("damaged at byte 4096"));
    assert!(flip(8192 + 50).is_empty(), "the last block may be torn");
    fs::write(&path, [0; 8192]).expect("written");
    assert!(matches!(
        examine(&path, DEEP).content,
        Content::UnusedJournal
    ));
}

#[test]
fn a_tail_that_a_journal_holds_is_no_damage() {
    let (log, positions) = segment();
    let (data, journal) = with_journal(&log, &positions);
    let path = data.path().join("t-2").join(LOG);
    for length in 1..log.len() {
        fs::write(&path, &log[..length]).expect("written");
        let examined = examine(&path, DEEP);
        let was_durable = length < positions[1];
        assert_eq!(
            examined.problems.len(),
            usize::from(was_durable),
            "{length}"
        );
    }
    assert!(
        examine(&path, DEEP)
            .to_string()
            .contains("goes on in a journal")
    );

    let replay = Replay::read(&RealDisk::new(), data.path(), 4).expect("readable");
    let kept = replay.of(OWNER);
    keep_unrecovered(&RealDisk::new(), &data.path().join("t-2"), OWNER, kept).expect("kept");
    fs::remove_file(journal).expect("removed");
    assert!(examine(&path, DEEP).problems.is_empty());
    let text = examine(&data.path().join("t-2/unrecovered"), DEEP).to_string();
    assert!(
        text.contains("below offset 16") && text.contains("12..=15"),
        "{text}"
    );
    fs::remove_file(data.path().join("t-2/unrecovered")).expect("removed");
    assert_eq!(examine(&path, DEEP).problems.len(), 1);
}
