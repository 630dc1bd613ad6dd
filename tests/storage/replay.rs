//! What a start finds in the journals of earlier ones, whatever became of them.

use crate::journal::*;
use corelane::storage::journal::{
    BlockBuilder, FileHeader, JournalError, Journaled, Replay, remove_journals,
};
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::{CoreId, Offset, Position};
use std::ops::Range;
use std::path::Path;

const BLOCK: u64 = 4096;

fn upto(replay: &Replay, index: i32) -> i64 {
    replay.of(partition(index)).durable_upto().get()
}

/// The offsets whose batches are there, from 0 on.
fn held(journaled: &Journaled) -> Vec<i64> {
    let mut offsets = Vec::new();
    let mut next = Offset::ZERO;
    while let Some(from) = journaled.next_from(next) {
        let there = journaled.batches_from(from).unwrap();
        assert!(there.is_some_and(|batches| !batches.is_empty()));
        offsets.push(from.get());
        next = from.next();
    }
    offsets
}

fn held_of(replay: &Replay, index: i32) -> Vec<i64> {
    held(replay.of(partition(index)))
}

fn offsets(range: Range<i64>) -> Vec<i64> {
    range.collect()
}

#[track_caller]
fn assert_damaged(found: Result<Replay, JournalError>, path: &Path, at: u64) {
    let Err(error) = found else {
        panic!("{}: the damage is not noticed", path.display())
    };
    let JournalError::Damaged {
        path: named,
        position,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((named.as_path(), *position), (path, Position::new(at)));
    let text = error.to_string();
    let names_both = text.contains(&path.display().to_string()) && text.contains(&at.to_string());
    assert!(names_both, "{text}");
}

/// Three files of one block each, then the first one again.
fn recycled() -> Core {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    for block in 0..3 {
        core.write(0, block..block + 1);
    }
    core.journal.settle(true, |_| {
        corelane::storage::journal::Progress::Synced(Offset::new(1))
    });
    core.write(0, 3..4);
    assert_eq!(core.begun, [0, 1, 2, 0]);
    core
}

/// One file with these many blocks, each with one batch of partition 0.
fn blocks(count: i64) -> Core {
    let mut core = Core::new(&disk(1), 0, 1, ROOMY);
    for block in 0..count {
        core.write(0, block..block + 1);
    }
    core
}

fn without(disk: &MemoryDisk, path: &Path) -> MemoryDisk {
    let disk = disk.fork();
    disk.remove_file(path).unwrap();
    disk
}

#[test]
fn nothing_is_found_where_nothing_was_written() {
    let disk = disk(1);
    assert!(replay(&disk, 0).unwrap().of(partition(0)).is_empty());
    let mut core = Core::new(&disk, 0, 1, ONE_BLOCK);
    // A file that was made, and one that was put to use, both without a block.
    let rotation = core.journal.rotate();
    core.carry_out(rotation);
    assert!(replay(&disk, 0).unwrap().of(partition(0)).is_empty());
    core.make_room();
    assert!(replay(&disk, 0).unwrap().of(partition(0)).is_empty());
}

#[test]
fn entries_of_several_files_partitions_and_blocks_come_in_order() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    core.write(0, 0..4);
    core.write(1, 5..7);
    let entries = [(partition(0), 4..6), (partition(1), 7..8)];
    core.block(&entries, &[(partition(2), 40)])
        .perform(&core.disk)
        .unwrap();
    let replay = replay(&core.disk, 0).unwrap();
    assert_eq!(held_of(&replay, 0), offsets(0..6));
    assert_eq!(held_of(&replay, 1), offsets(5..8));
    assert_eq!(
        (upto(&replay, 0), upto(&replay, 1), upto(&replay, 2)),
        (6, 8, 40)
    );
    let mut with_batches: Vec<_> = replay.partitions().collect();
    with_batches.sort();
    assert_eq!(with_batches, [partition(0), partition(1)]);
    let journaled = replay.of(partition(0));
    let from_two = journaled.batches_from(Offset::new(2)).unwrap().unwrap();
    assert_eq!(from_two, batches(partition(0), 2..4));
}

#[test]
fn what_an_earlier_use_left_in_a_file_is_not_taken_in() {
    // Later blocks of the earlier use stay where the new one has not come yet.
    let config = corelane::storage::journal::JournalConfig {
        file_bytes: 4 * BLOCK,
        files_max: 2,
        ..ONE_BLOCK
    };
    let mut core = Core::new(&disk(1), 0, 1, config);
    for block in 0..6 {
        core.write(9, block..block + 1);
    }
    core.journal
        .settle(true, |_| corelane::storage::journal::Progress::Gone);
    core.write(0, 0..1);
    assert_eq!(core.begun, [0, 1, 0]);
    let replay = replay(&core.disk, 0).unwrap();
    assert_eq!(held_of(&replay, 9), offsets(3..6));
    assert_eq!(held_of(&replay, 0), offsets(0..1));
}

#[test]
fn a_last_block_torn_at_any_sector_is_no_block_and_no_damage() {
    let mut core = blocks(3);
    let path = file(0, 1, 0);
    let before = core.disk.read_file(&path).unwrap();
    core.write(0, 3..90);
    let after = core.disk.read_file(&path).unwrap();
    let place = 4 * BLOCK as usize;
    let sectors: Vec<Range<usize>> = (place..place + 3 * BLOCK as usize)
        .step_by(512)
        .map(|at| at..at + 512)
        .filter(|sector| before[sector.clone()] != after[sector.clone()])
        .collect();
    assert!(sectors.len() > 10, "it spans sectors");
    let torn = |kept: &dyn Fn(usize) -> bool| {
        let mut bytes = before.clone();
        for (at, sector) in sectors.iter().enumerate().filter(|(at, _)| kept(*at)) {
            assert!(at < sectors.len());
            bytes[sector.clone()].copy_from_slice(&after[sector.clone()]);
        }
        let disk = core.disk.fork();
        disk.write_file(&path, &bytes).unwrap();
        held_of(&replay(&disk, 0).unwrap(), 0)
    };
    for cut in 0..sectors.len() {
        assert_eq!(
            torn(&|at| at < cut),
            offsets(0..3),
            "its first {cut} sectors"
        );
        assert_eq!(torn(&|at| at != cut), offsets(0..3), "all but sector {cut}");
        assert_eq!(torn(&|at| at == cut), offsets(0..3), "sector {cut} alone");
    }
    assert_eq!(torn(&|_| true), offsets(0..90));
}

#[test]
fn damage_before_the_last_block_is_refused_by_file_and_byte() {
    let core = blocks(4);
    let path = file(0, 1, 0);
    for block in 1..4 {
        for at in [0, 5, 9, 13, 20, 30, 50, 100] {
            let disk = core.disk.fork();
            let place = block * BLOCK;
            disk.corrupt(&path, Position::new(place + at), 0x10)
                .unwrap();
            assert_damaged(replay(&disk, 0), &path, place);
        }
    }
    let disk = core.disk.fork();
    disk.corrupt(&path, Position::new(4 * BLOCK + 50), 1)
        .unwrap();
    assert_eq!(
        held_of(&replay(&disk, 0).unwrap(), 0),
        offsets(0..3),
        "the last is spared"
    );
}

#[test]
fn a_used_file_without_its_header_is_refused() {
    let core = blocks(2);
    let path = file(0, 1, 0);
    let mut bytes = core.disk.read_file(&path).unwrap();
    for at in 0..52 {
        let disk = core.disk.fork();
        disk.corrupt(&path, Position::new(at), 4).unwrap();
        assert_damaged(replay(&disk, 0), &path, 0);
    }
    bytes[..BLOCK as usize].fill(0);
    core.disk.write_file(&path, &bytes).unwrap();
    assert_damaged(replay(&core.disk, 0), &path, 0);
}

#[test]
fn a_newer_file_names_its_version() {
    let core = blocks(1);
    let path = file(0, 1, 0);
    let mut bytes = core.disk.read_file(&path).unwrap();
    bytes[11] = 9;
    let crc = crc32c::crc32c(&bytes[..48]);
    bytes[48..52].copy_from_slice(&crc.to_be_bytes());
    core.disk.write_file(&path, &bytes).unwrap();
    let error = replay(&core.disk, 0).unwrap_err().to_string();
    assert!(
        error.contains("version 9") && error.contains("newer release"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_needed_may_not_be_missing() {
    // The first file is in use again, the second and third hold what is not synced.
    let core = recycled();
    assert_eq!(held_of(&replay(&core.disk, 0).unwrap(), 0), offsets(1..4));
    for number in [1, 2] {
        let found = replay(&without(&core.disk, &file(0, 1, number)), 0);
        assert!(
            matches!(found, Err(JournalError::Damaged { .. })),
            "file {number}"
        );
    }
    // Its last block is damaged, and the next file says that there was one.
    let disk = core.disk.fork();
    disk.corrupt(&file(0, 1, 2), Position::new(BLOCK + 50), 1)
        .unwrap();
    assert_damaged(replay(&disk, 0), &file(0, 1, 2), BLOCK);
    // Once all of it is synced, nothing of it is needed.
    let mut core = recycled();
    core.journal
        .settle(true, |_| corelane::storage::journal::Progress::Gone);
    core.write(0, 4..5);
    assert_eq!(core.begun.last(), Some(&1));
    assert!(replay(&without(&core.disk, &file(0, 1, 2)), 0).is_ok());
}

#[test]
fn of_void_starts_only_the_marks_count() {
    let core = blocks(3);
    let void = replay(&core.disk, 2).unwrap();
    assert_eq!((held_of(&void, 0), upto(&void, 0)), (vec![], 3));
    assert_eq!(void.partitions().count(), 0);
    // Of damage in them only marks are lost.
    core.disk
        .corrupt(&file(0, 1, 0), Position::new(2 * BLOCK + 50), 1)
        .unwrap();
    assert_eq!(upto(&replay(&core.disk, 2).unwrap(), 0), 1);
    assert_damaged(replay(&core.disk, 1), &file(0, 1, 0), 2 * BLOCK);
}

#[test]
fn a_partition_may_be_in_the_journals_of_two_cores() {
    let disk = disk(1);
    Core::new(&disk, 0, 1, ROOMY).write(0, 0..5);
    // The next start has other cores, and dies before it voids the first.
    let mut second = Core::new(&disk, 1, 2, ROOMY);
    second
        .block(&[], &[(partition(0), 5)])
        .perform(&disk)
        .unwrap();
    let both = replay(&disk, 0).unwrap();
    assert_eq!((held_of(&both, 0), upto(&both, 0)), (offsets(0..5), 5));
    // The one after that has voided it, and goes on.
    second.write(0, 5..8);
    let both = replay(&disk, 2).unwrap();
    assert_eq!((held_of(&both, 0), upto(&both, 0)), (offsets(5..8), 8));
    remove_journals(&disk, Path::new("data"), 2).unwrap();
    assert!(disk.list(Path::new("data/journal/0")).unwrap().is_empty());
    assert_eq!(held_of(&replay(&disk, 2).unwrap(), 0), offsets(5..8));
    remove_journals(&disk, Path::new("data"), 3).unwrap();
    assert!(replay(&disk, 0).unwrap().of(partition(0)).is_empty());
}

#[test]
fn strangers_among_journals_are_left_alone() {
    let core = blocks(1);
    for name in [
        "data/journal/0/notes.txt",
        "data/journal/lost+found/x",
        "data/journal/0/7.journal",
    ] {
        core.disk.write_file(Path::new(name), b"theirs").unwrap();
    }
    assert_eq!(upto(&replay(&core.disk, 0).unwrap(), 0), 1);
    remove_journals(&core.disk, Path::new("data"), 9).unwrap();
    assert!(
        core.disk
            .read_file(Path::new("data/journal/0/notes.txt"))
            .is_ok()
    );
}

#[test]
fn a_block_behind_the_last_number_is_damage() {
    let header = FileHeader {
        core: CoreId::new(0),
        incarnation: 1,
        salt: 5,
        sequence: u64::MAX,
        needed_from: 1,
    };
    let mut bytes = header.encode().as_slice().to_vec();
    let block = BlockBuilder::with_capacity(0).finish(1, u64::MAX, 5);
    bytes.extend_from_slice(block.as_slice());
    let disk = disk(1);
    let path = file(0, 1, 0);
    disk.write_file(&path, &bytes).unwrap();
    assert_damaged(replay(&disk, 0), &path, BLOCK);
}
