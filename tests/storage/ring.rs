//! Which journal file is written when, and when it may be used again.

use crate::journal::*;
use corelane::storage::Disk;
use corelane::storage::journal::{JournalConfig, Progress, Rotation};
use corelane::types::{Offset, TopicPartition};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn synced(upto: i64) -> impl Fn(TopicPartition) -> Progress {
    move |_| Progress::Synced(Offset::new(upto))
}

#[test]
fn files_take_turns_the_oldest_first() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    for block in 0..9 {
        core.write(0, block..block + 1);
        core.journal.settle(true, synced(block - 1));
    }
    assert_eq!(core.begun, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_file_waits_for_its_segments_and_for_what_only_it_says() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    for block in 0..3 {
        core.write(0, block..block + 1);
    }
    assert!(matches!(core.journal.rotate(), Rotation::Wait));
    let needed = |upto| Some((partition(0), Offset::new(upto)));
    assert_eq!(core.journal.settle(true, synced(0)), needed(1));
    assert!(!core.journal.is_ready());
    // Synced, but its marks were not said again.
    assert_eq!(core.journal.settle(false, synced(1)), None);
    assert!(!core.journal.is_ready());
    assert!(matches!(core.journal.rotate(), Rotation::Wait));
    assert_eq!(core.journal.settle(true, synced(1)), needed(2));
    assert!(core.journal.is_ready());
    core.write(0, 3..4);
    assert_eq!(core.begun, [0, 1, 2, 0]);
    // Of a deleted partition nothing is needed.
    core.journal.settle(true, |_| Progress::Gone);
    core.write(1, 0..1);
    assert_eq!(core.begun, [0, 1, 2, 0, 1]);
}

#[test]
fn files_of_failed_partitions_are_kept_and_others_take_their_place() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    core.write(7, 0..5);
    let progress = |id: TopicPartition| match id == partition(7) {
        true => Progress::Failed,
        false => Progress::Synced(Offset::new(100)),
    };
    for block in 0..12 {
        core.write(0, block..block + 1);
        core.journal.settle(true, progress);
    }
    assert_eq!(core.begun.iter().filter(|file| **file == 0).count(), 1);
    let replay = replay(&core.disk, 0).unwrap();
    let kept = replay.of(partition(7));
    assert_eq!(kept.durable_upto(), Offset::new(5));
    assert_eq!(kept.next_from(Offset::ZERO), Some(Offset::ZERO));
}

#[test]
fn held_files_have_a_limit() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    let mut blocks = 0;
    while core.journal.block_room().is_some() || {
        let rotation = core.journal.rotate();
        core.carry_out(rotation)
    } {
        if core.journal.block_room().is_some() {
            core.write(0, blocks..blocks + 1);
            blocks += 1;
        }
        core.journal.settle(true, |_| Progress::Failed);
        assert!(blocks < 100, "files without end");
    }
    assert_eq!(blocks, 2 * ONE_BLOCK.files_max as i64);
    core.journal.settle(true, |_| Progress::Failed);
    assert!(matches!(core.journal.rotate(), Rotation::Unavailable));
}

#[test]
fn a_full_disk_makes_it_unavailable_until_it_is_tried_again() {
    let mut core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    assert!(matches!(core.journal.rotate(), Rotation::Prepare(_)));
    assert!(matches!(core.journal.rotate(), Rotation::Wait));
    core.journal.prepare_failed();
    assert!(matches!(core.journal.rotate(), Rotation::Unavailable));
    assert!(core.journal.prepare_ahead().is_none());
    core.journal.retry();
    core.write(0, 0..1);
    // With one file in use: it is full, and there is no other.
    let rotation = core.journal.rotate();
    assert!(matches!(rotation, Rotation::Prepare(_)));
    core.journal.prepare_failed();
    assert!(matches!(core.journal.rotate(), Rotation::Unavailable));
    core.journal.retry();
    core.write(0, 1..2);
    assert_eq!(
        replay(&core.disk, 0)
            .unwrap()
            .of(partition(0))
            .durable_upto(),
        Offset::new(2)
    );
}

#[test]
fn a_file_that_could_not_be_made_leaves_nothing_behind() {
    let core = Core::new(&disk(1), 0, 1, ONE_BLOCK);
    core.disk.set_capacity(Some(core.disk.space_used() + 5000));
    let mut core = core;
    let Rotation::Prepare(call) = core.journal.rotate() else {
        panic!("a file is to be made")
    };
    call.perform(&core.disk).unwrap_err();
    let directory = file(0, 1, 0);
    assert!(
        core.disk
            .list(directory.parent().unwrap())
            .unwrap()
            .is_empty()
    );
}

#[derive(Debug, Clone)]
enum Op {
    /// A block with batches of these partitions, with room for so many marks.
    Write(BTreeSet<i32>, usize),
    Sync(i32),
    Settle,
    Fail(i32),
    Delete(i32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (prop::collection::btree_set(0_i32..5, 1..3), 0_usize..3)
            .prop_map(|(partitions, marks)| Op::Write(partitions, marks)),
        4 => (0_i32..5).prop_map(Op::Sync),
        4 => Just(Op::Settle),
        1 => (0_i32..5).prop_map(Op::Fail),
        1 => (0_i32..5).prop_map(Op::Delete),
    ]
}

/// What a shard knows of its partitions.
#[derive(Default)]
struct Model {
    /// Up to where each partition is appended and journaled, and up to where synced.
    partitions: BTreeMap<i32, (i64, i64)>,
    failed: BTreeSet<i32>,
    deleted: BTreeSet<i32>,
    /// What the file in use does not say yet.
    unstated: BTreeSet<i32>,
}

impl Model {
    fn progress(&self, id: TopicPartition) -> Progress {
        let index = id.partition().get();
        match self.partitions.get(&index) {
            _ if self.deleted.contains(&index) => Progress::Gone,
            _ if self.failed.contains(&index) => Progress::Failed,
            Some((_, synced)) => Progress::Synced(Offset::new(*synced)),
            None => Progress::Gone,
        }
    }

    fn run(&mut self, op: &Op, core: &mut Core, last: bool) {
        match op {
            Op::Write(indexes, marks) => self.write(indexes, *marks, core, last),
            Op::Sync(index) => {
                if let Some((end, synced)) = self.partitions.get_mut(index)
                    && !self.failed.contains(index)
                {
                    *synced = *end;
                }
            }
            Op::Settle => self.settle(core),
            Op::Fail(index) => drop(self.failed.insert(*index)),
            Op::Delete(index) => drop(self.deleted.insert(*index)),
        }
    }

    fn settle(&self, core: &mut Core) {
        let was_ready = core.journal.is_ready();
        let may_free = self.unstated.is_empty();
        let held_up = core.journal.settle(may_free, |id| self.progress(id));
        assert!(
            may_free || core.journal.is_ready() == was_ready,
            "not said again"
        );
        if let Some((id, needed)) = held_up {
            let is_short = matches!(self.progress(id), Progress::Synced(upto) if upto < needed);
            assert!(is_short, "{id} at {needed} holds nothing up");
        }
    }

    fn write(&mut self, indexes: &BTreeSet<i32>, marks: usize, core: &mut Core, last: bool) {
        while core.journal.block_room().is_none() {
            let rotation = core.journal.rotate();
            let begins = matches!(rotation, Rotation::Begin(_));
            if !core.carry_out(rotation) {
                return;
            }
            if begins {
                self.unstated = self.partitions.keys().copied().collect();
            }
        }
        let is_taken = |index: &i32| self.failed.contains(index) || self.deleted.contains(index);
        let indexes: Vec<i32> = indexes.iter().copied().filter(|i| !is_taken(i)).collect();
        let mut entries = Vec::new();
        for index in &indexes {
            let (end, _) = self.partitions.get(index).copied().unwrap_or_default();
            entries.push((partition(*index), end..end + 2));
        }
        let mut said = Vec::new();
        while said.len() < marks
            && let Some(index) = self.unstated.pop_first()
        {
            let (end, _) = self.partitions[&index];
            if !indexes.contains(&index) && !self.deleted.contains(&index) {
                said.push((partition(index), end));
            }
        }
        let call = core.block(&entries, &said);
        if last {
            // The power goes in the middle of it.
            core.disk.crash_after(0);
            let _ = call.perform(&core.disk);
            return;
        }
        call.perform(&core.disk).unwrap();
        for index in indexes {
            self.partitions.entry(index).or_default().0 += 2;
        }
    }

    /// Everything that was journaled and is not synced is found, and every mark.
    fn check(&self, core: &Core) {
        core.disk.power_cut();
        let replay = replay(&core.disk, 0).unwrap();
        for (index, (end, synced)) in &self.partitions {
            if self.deleted.contains(index) {
                continue;
            }
            let found = replay.of(partition(*index));
            let durable = found.durable_upto().get();
            assert!(
                (*end..=end + 2).contains(&durable),
                "{index}: {durable}, not {end}"
            );
            for offset in *synced..*end {
                let offset = Offset::new(offset);
                assert_eq!(found.next_from(offset), Some(offset), "partition {index}");
                let held = found.batches_from(offset).unwrap().expect("it is held");
                let whole = batches(partition(*index), offset.get()..end + 2);
                assert!(
                    whole.starts_with(&held),
                    "partition {index}, offset {offset}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_synced_is_always_found(
        ops in prop::collection::vec(op(), 1..60),
        blocks in 1_u64..4,
        files_max in 2_usize..5,
        seed in any::<u64>(),
    ) {
        let config = JournalConfig {
            file_bytes: (blocks + 1) * 4096,
            files_max,
            block_bytes_max: 4096,
        };
        let mut core = Core::new(&disk(seed), 0, 1, config);
        let mut model = Model::default();
        for (at, op) in ops.iter().enumerate() {
            model.run(op, &mut core, at + 1 == ops.len());
        }
        model.check(&core);
    }
}
