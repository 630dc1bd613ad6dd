use super::*;
use crate::record::{BatchBuilder, Compression};
use crate::types::{Offset, Timestamp};
use tempfile::TempDir;

const DEEP: Depth = Depth {
    verify: true,
    batches: true,
};

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
