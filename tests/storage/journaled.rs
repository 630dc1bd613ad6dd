//! Recovery of a partition that has batches in a journal, and what is kept of one that cannot be
//! recovered.

use crate::journal::*;
use crate::partition::*;
use corelane::storage::journal::{
    Journaled, UNRECOVERED_NAME, forget_unrecovered, keep_unrecovered,
};
use corelane::storage::{Disk, LogConfig, MemoryDisk, Recovered, RecoveryError};
use corelane::types::{Offset, Position};
use std::path::PathBuf;

/// A partition whose first batches are synced, the next ones in its core's journal, and the last
/// ones in neither.
struct Journaling {
    partition: Partition<MemoryDisk>,
    core: Core,
}

impl Journaling {
    fn new(config: LogConfig, seed: u64) -> Self {
        let partition = Partition::new(config, seed);
        let core = Core::new(&partition.disk, 0, 1, ROOMY);
        Self { partition, core }
    }

    fn append(&mut self, count: usize) {
        let end = self.partition.log.end().get();
        for offset in end..end + count as i64 {
            self.partition.append_values(&[&value(offset)]);
        }
    }

    fn commit(&mut self) {
        self.core.commit(&mut self.partition.log);
    }

    /// A mark for what is synced.
    fn mark(&mut self) {
        let upto = self.partition.log.synced().get();
        let marks = [(partition(PARTITION.get()), upto)];
        self.core
            .block(&[], &marks)
            .perform(&self.partition.disk)
            .unwrap();
    }

    fn path(&self) -> PathBuf {
        directory().join(log_name(0))
    }

    fn segment(&self) -> Vec<u8> {
        self.partition.file(&log_name(0))
    }
}

/// All of one length, so that batches are.
fn value(offset: i64) -> String {
    format!("value {offset:03}")
}

fn size() -> usize {
    batch(&value(0)).bytes().len()
}

fn roomy() -> LogConfig {
    LogConfig {
        segment_bytes: 1 << 20,
        ..tiny()
    }
}

/// What a recovered log holds.
fn content(disk: &MemoryDisk, recovered: Recovered) -> Vec<String> {
    let mut partition = Partition::open(disk.fork(), directory(), tiny());
    partition.disk = disk.clone();
    partition.epoch = recovered.epoch;
    partition.take(recovered);
    partition.texts()
}

fn values(count: i64) -> Vec<String> {
    (0..count).map(value).collect()
}

fn damage_of(result: Result<Recovered, RecoveryError>) -> Position {
    match result {
        Err(RecoveryError::Damaged { position, .. }) => position,
        Err(other) => panic!("{other}"),
        Ok(recovered) => panic!("it is served up to {}", recovered.log.end()),
    }
}

#[test]
fn a_journal_fills_what_a_power_cut_took() {
    let mut lost = 0;
    for seed in 0..60 {
        let mut journaling = Journaling::new(roomy(), seed);
        journaling.append(3);
        journaling.partition.sync();
        for _ in 0..4 {
            journaling.append(2);
            journaling.commit();
        }
        journaling.append(3);
        let disk = &journaling.partition.disk;
        disk.power_cut();
        let recovered = recover_journaled(disk, 0).unwrap();
        lost += usize::from(recovered.report.bytes_replayed > 0);
        assert!(!recovered.clean);
        let found = content(disk, recovered);
        assert!((11..=14).contains(&found.len()), "seed {seed}: {found:?}");
        assert_eq!(found, values(found.len() as i64), "seed {seed}");
    }
    assert!(lost > 10, "power cuts take something");
}

#[test]
fn a_journal_wins_over_stale_bytes() {
    let mut journaling = Journaling::new(roomy(), 1);
    journaling.append(3);
    journaling.partition.sync();
    journaling.append(4);
    journaling.commit();
    let (path, whole) = (journaling.path(), journaling.segment());
    let kept = 3 * size();
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let stale: [Change<'_>; 5] = [
        &|bytes| bytes.truncate(kept),
        &|bytes| bytes[kept..].fill(0),
        &|bytes| bytes[kept..].fill(0xff),
        &|bytes| bytes[kept + 70] ^= 1,
        // A later batch in its place, which is as valid.
        &|bytes| bytes.copy_within(kept + size()..kept + 2 * size(), kept),
    ];
    for (at, change) in stale.iter().enumerate() {
        let disk = journaling.partition.disk.fork();
        let mut bytes = whole.clone();
        change(&mut bytes);
        disk.write_file(&path, &bytes).unwrap();
        let recovered = recover_journaled(&disk, 0).unwrap();
        assert!(recovered.report.bytes_replayed > 0, "change {at}");
        assert_eq!(disk.read_file(&path).unwrap(), whole, "change {at}");
        assert_eq!(content(&disk, recovered), values(7));
        // And durably so: without the journal it is the same.
        disk.power_cut();
        assert_eq!(
            recover_journaled(&disk, 2).unwrap().log.end(),
            Offset::new(7)
        );
    }
}

#[test]
fn damage_below_what_was_durable_is_named_and_above_it_is_cut() {
    let mut journaling = Journaling::new(roomy(), 1);
    journaling.append(5);
    journaling.partition.sync();
    journaling.mark();
    journaling.append(3);
    let (path, whole) = (journaling.path(), journaling.segment());
    for offset in 0..8 {
        for at in [3, 8, 17, 40, size() - 1] {
            let disk = journaling.partition.disk.fork();
            let place = offset * size() + at;
            disk.corrupt(&path, Position::new(place as u64), 0x11)
                .unwrap();
            let damaged = disk.read_file(&path).unwrap();
            let result = recover_journaled(&disk, 0);
            if offset < 5 {
                assert_eq!(damage_of(result), Position::new((offset * size()) as u64));
                assert_eq!(disk.read_file(&path).unwrap(), damaged, "nothing is cut");
            } else {
                assert_eq!(result.unwrap().log.end(), Offset::new(offset as i64));
                assert_eq!(disk.read_file(&path).unwrap(), whole[..offset * size()]);
            }
        }
    }
    // The same where the file ends too early.
    for bytes in 0..=whole.len() {
        let disk = journaling.partition.disk.fork();
        disk.write_file(&path, &whole[..bytes]).unwrap();
        let result = recover_journaled(&disk, 0);
        if bytes < 5 * size() {
            assert_eq!(
                damage_of(result),
                Position::new((bytes / size() * size()) as u64)
            );
            assert_eq!(disk.read_file(&path).unwrap().len(), bytes);
        } else {
            assert_eq!(result.unwrap().log.end().get() as usize, bytes / size());
        }
    }
}

#[test]
fn damage_before_a_journaled_batch_is_not_jumped_over() {
    let mut journaling = Journaling::new(roomy(), 1);
    journaling.append(4);
    journaling.partition.sync();
    journaling.append(2);
    journaling.commit();
    let disk = &journaling.partition.disk;
    disk.corrupt(&journaling.path(), Position::new(2 * size() as u64 + 70), 1)
        .unwrap();
    let before = journaling.segment();
    assert_eq!(
        damage_of(recover_journaled(disk, 0)),
        Position::new(2 * size() as u64)
    );
    assert_eq!(journaling.segment(), before);
}

#[test]
fn batches_beyond_the_last_segment_are_not_served_with_a_gap() {
    let mut journaling = Journaling::new(roomy(), 1);
    journaling.append(5);
    journaling.partition.sync();
    journaling.core.write(PARTITION.get(), 8..10);
    let disk = &journaling.partition.disk;
    assert_eq!(
        damage_of(recover_journaled(disk, 0)),
        Position::new(5 * size() as u64)
    );
    journaling.core.write(PARTITION.get(), 5..8);
    let recovered = recover_journaled(disk, 0).unwrap();
    assert_eq!(recovered.log.end(), Offset::new(10));
}

#[test]
fn a_journaled_tail_follows_rolls_since_the_checkpoint() {
    for seed in 0..30 {
        let mut journaling = Journaling::new(tiny(), seed);
        for round in 0..8 {
            journaling.append(7);
            // More than one segment is synced where it lies.
            journaling.partition.sync();
            if round == 2 {
                journaling.partition.checkpoint();
            }
            journaling.append(1);
            journaling.commit();
        }
        let partition = &mut journaling.partition;
        assert!(partition.disk_names("log").len() > 3);
        partition.disk.power_cut();
        let recovered = recover_journaled(&partition.disk, 0).unwrap();
        assert_eq!(
            content(&partition.disk, recovered),
            values(64),
            "seed {seed}"
        );
    }
}

#[test]
fn a_lost_segment_below_what_was_durable_is_missed() {
    let mut journaling = Journaling::new(tiny(), 1);
    journaling.append(60);
    journaling.partition.sync();
    journaling.mark();
    let names = journaling.partition.disk_names("log");
    assert!(names.len() > 3);
    for name in &names {
        let disk = journaling.partition.disk.fork();
        disk.remove_file(&directory().join(name)).unwrap();
        let error = recover_journaled(&disk, 0).unwrap_err();
        let is_named = matches!(
            error,
            RecoveryError::Damaged { .. } | RecoveryError::SegmentMissing { .. }
        );
        assert!(is_named, "{name}: {error}");
    }
}

#[test]
fn recovery_cut_at_any_write_comes_to_the_same_end() {
    for power in [false, true] {
        let mut journaling = Journaling::new(tiny(), 3);
        journaling.append(30);
        journaling.partition.sync();
        for _ in 0..4 {
            journaling.append(1);
            journaling.commit();
        }
        let expected = 34;
        let disk = &journaling.partition.disk;
        disk.process_crash();
        // What the journal holds is not in the segment, and something else is.
        let last = journaling.partition.disk_names("log").pop().unwrap();
        let path = directory().join(&last);
        let mut bytes = disk.read_file(&path).unwrap();
        let kept = (30 - base(&last)).max(0) as usize * size();
        bytes[kept..].fill(7);
        bytes.extend([7; 50]);
        disk.write_file(&path, &bytes).unwrap();
        let mut finished = false;
        for operations in 0..60 {
            let disk = disk.fork();
            disk.crash_after(operations);
            finished = recover_journaled(&disk, 0).is_ok();
            if power {
                disk.power_cut();
            } else {
                disk.process_crash();
            }
            let again = recover_journaled(&disk, 0).unwrap();
            assert_eq!(
                again.log.end().get(),
                expected,
                "after {operations} operations"
            );
            // Once it is through, the journal may go.
            disk.power_cut();
            let third = recover_journaled(&disk, 2).unwrap();
            assert_eq!(
                third.log.end().get(),
                expected,
                "after {operations} operations"
            );
            assert_eq!(content(&disk, third), values(expected));
            if finished {
                break;
            }
        }
        assert!(finished, "recovery has fewer steps");
    }
}

/// Five batches that are synced, four more in the journal of the first start.
fn journaling() -> Journaling {
    let mut journaling = Journaling::new(roomy(), 1);
    journaling.append(5);
    journaling.partition.sync();
    for _ in 0..2 {
        journaling.append(2);
        journaling.commit();
    }
    journaling
}

fn journaled(disk: &MemoryDisk, void_below: u64) -> Journaled {
    replay(disk, void_below)
        .unwrap()
        .of(partition(PARTITION.get()))
        .clone()
}

fn keep(disk: &MemoryDisk, void_below: u64) -> std::io::Result<()> {
    let journaled = journaled(disk, void_below);
    keep_unrecovered(disk, &directory(), partition(PARTITION.get()), &journaled)
}

fn unrecovered() -> PathBuf {
    directory().join(UNRECOVERED_NAME)
}

#[test]
fn what_is_kept_of_a_damaged_partition_is_taken_in_once_it_is_mended() {
    let journaling = journaling();
    let (disk, path) = (&journaling.partition.disk, journaling.path());
    let whole = journaling.segment();
    let mut damaged = whole[..5 * size()].to_vec();
    damaged[2 * size() + 70] ^= 1;
    disk.write_file(&path, &damaged).unwrap();
    damage_of(recover_journaled(disk, 0));
    keep(disk, 0).unwrap();
    // From here on the journal is void, and then gone.
    for _ in 0..2 {
        disk.power_cut();
        damage_of(recover_journaled(disk, 2));
        assert_eq!(disk.read_file(&path).unwrap(), damaged);
        keep(disk, 2).unwrap();
        corelane::storage::journal::remove_journals(disk, "data".as_ref(), 2).unwrap();
    }
    // Mended, but without what never got there.
    disk.write_file(&path, &whole[..5 * size()]).unwrap();
    let recovered = recover_journaled(disk, 2).unwrap();
    assert_eq!(content(disk, recovered), values(9));
    assert_eq!(disk.read_file(&path).unwrap(), whole);
    // It says how far the partition was durable until something else does.
    damage_of({
        disk.write_file(&path, &damaged).unwrap();
        recover_journaled(disk, 2)
    });
    for _ in 0..2 {
        forget_unrecovered(disk, &directory()).unwrap();
        assert!(disk.read_file(&unrecovered()).is_err());
    }
}

#[test]
fn what_two_starts_keep_is_merged() {
    let mut journaling = journaling();
    keep(&journaling.partition.disk, 0).unwrap();
    let disk = journaling.partition.disk.clone();
    journaling.core = Core::new(&disk, 1, 2, ROOMY);
    journaling.append(3);
    journaling.core.write(PARTITION.get(), 9..12);
    keep(&disk, 2).unwrap();
    corelane::storage::journal::remove_journals(&disk, "data".as_ref(), 9).unwrap();
    disk.write_file(&journaling.path(), &journaling.segment()[..5 * size()])
        .unwrap();
    let recovered = recover_journaled(&disk, 9).unwrap();
    assert_eq!(recovered.log.end(), Offset::new(12));
}

#[test]
fn keeping_cut_at_any_write_loses_nothing() {
    let journaling = journaling();
    let mut finished = false;
    for operations in 0..60 {
        let disk = journaling.partition.disk.fork();
        disk.write_file(&journaling.path(), &journaling.segment()[..5 * size()])
            .unwrap();
        disk.crash_after(operations);
        finished = keep(&disk, 0).is_ok();
        disk.power_cut();
        if finished {
            corelane::storage::journal::remove_journals(&disk, "data".as_ref(), 2).unwrap();
        }
        let recovered = recover_journaled(&disk, 0).unwrap();
        assert_eq!(
            recovered.log.end(),
            Offset::new(9),
            "after {operations} operations"
        );
        if finished {
            break;
        }
    }
    assert!(finished, "it has fewer steps");
}

#[test]
fn damage_of_what_was_kept_is_named_and_loses_nothing_silently() {
    let journaling = journaling();
    keep(&journaling.partition.disk, 0).unwrap();
    let disk = &journaling.partition.disk;
    corelane::storage::journal::remove_journals(disk, "data".as_ref(), 2).unwrap();
    disk.write_file(&journaling.path(), &journaling.segment()[..5 * size()])
        .unwrap();
    let whole = disk.read_file(&unrecovered()).unwrap();
    let check = |bytes: &[u8], what: &str| {
        let disk = disk.fork();
        disk.write_file(&unrecovered(), bytes).unwrap();
        match recover_journaled(&disk, 0) {
            Ok(recovered) => assert_eq!(recovered.log.end(), Offset::new(9), "{what}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains(UNRECOVERED_NAME) || text.contains(".log"),
                    "{what}: {text}"
                );
                assert!(disk.read_file(&unrecovered()).is_ok());
                return true;
            }
        }
        false
    };
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        refused += usize::from(check(&bytes, &format!("byte {at}")));
    }
    assert!(
        refused > 2 * 2 * size(),
        "only padding does not matter: {refused}"
    );
    for length in (0..whole.len()).step_by(512) {
        let cut = check(&whole[..length], &format!("{length} bytes"));
        assert!(cut || length == 0, "{length} bytes of {}", whole.len());
    }
}
