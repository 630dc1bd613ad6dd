//! Compaction of the core's partitions: one at a time, the dirtiest first, a piece after the other
//! off the core.

use super::owner::Hosted;
use super::pace::Pace;
use super::{Effect, Shard};
use crate::storage::log::CompactionBudget;
use crate::types::{Instant, Now, TopicPartition};
use std::cmp::Reverse;

/// About how many bytes one call reads.
const PIECE_BYTES: usize = 1024 * 1024;

/// What the core compacts.
#[derive(Debug)]
pub(super) struct Compactor {
    current: Option<TopicPartition>,
    pace: Pace,
    /// Keys the hash of keys.
    seed: u64,
}

impl Compactor {
    pub(super) fn new(bytes_per_second_max: u64, seed: u64) -> Self {
        Self {
            current: None,
            pace: Pace::new(PIECE_BYTES as u64, bytes_per_second_max),
            seed,
        }
    }

    /// When the next piece is to begin.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pace.deadline()
    }
}

impl Shard {
    /// Begins with the dirtiest partition, unless there is one that is being compacted.
    pub(super) fn compact_dirtiest(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.compactor.current.is_some() || self.is_stopping() {
            return;
        }
        let Some(dirtiest) = self.dirtiest(now) else {
            return;
        };
        let bytes_max = self.config.limits.compaction_map_bytes_per_core;
        let budget = CompactionBudget {
            map_bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            seed: self.compactor.seed,
        };
        self.compactor.current = Some(dirtiest);
        self.with_partition(dirtiest, effects, |partition, _| {
            partition.begin_compaction(now, budget);
        });
        self.compact_on(now, effects);
    }

    /// A call of a partition's log has ended, perhaps a piece.
    pub(super) fn compact_on_with(
        &mut self,
        ended: TopicPartition,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if self.compactor.current == Some(ended) {
            self.compact_on(now, effects);
        }
    }

    /// Begins the next piece, if there is one and it is time.
    pub(super) fn compact_on(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.compactor.pace.allows(now.monotonic) || self.is_stopping() {
            return;
        }
        let Some(id) = self.compactor.current else {
            return;
        };
        let mut has_begun = false;
        self.with_partition(id, effects, |partition, outcome| {
            has_begun = partition.continue_compaction(PIECE_BYTES, outcome);
        });
        if has_begun {
            self.compactor.pace.begun(now.monotonic);
        }
        let hosted = self.partitions.get(&id);
        let goes_on =
            matches!(hosted, Some(Hosted::Online(partition)) if partition.is_compacting());
        if !goes_on {
            self.compactor.current = None;
        }
    }

    fn dirtiest(&self, now: Now) -> Option<TopicPartition> {
        let dirty = self.partitions.iter().filter_map(|(id, hosted)| {
            let Hosted::Online(partition) = hosted else {
                return None;
            };
            Some((partition.dirtiness(now)?, Reverse(*id)))
        });
        dirty.max().map(|(_, Reverse(id))| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Compression};
    use crate::shard::Event;
    use crate::shard::testing::{boot, now, pass};
    use crate::storage::call::DiskCall;
    use crate::storage::checkpoint::Checkpoint;
    use crate::storage::epoch_history::EpochHistory;
    use crate::storage::{CatalogSnapshot, CatalogTopic, Disk, MemoryDisk};
    use crate::types::{
        Instant, LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId, TopicName,
    };
    use std::path::Path;

    const SEGMENTS: i64 = 100;

    /// A partition with a segment per record, all of one key, and an active one without bytes.
    fn disk(policy: &str) -> MemoryDisk {
        let disk = MemoryDisk::new(1);
        let write = |path: &str, bytes: &[u8]| disk.write_file(Path::new(path), bytes).unwrap();
        let topic = TopicId::from_bytes([7; 16]);
        let catalog = CatalogSnapshot {
            topics: vec![CatalogTopic {
                name: TopicName::new("t").unwrap(),
                id: topic,
                partitions: 1,
                settings: vec![("cleanup.policy".to_owned(), policy.to_owned())],
            }],
            ..CatalogSnapshot::default()
        };
        let checkpoint = Checkpoint {
            topic,
            partition: PartitionIndex::new(0),
            log_start: Offset::ZERO,
            synced: Offset::new(SEGMENTS),
            segment: Offset::new(SEGMENTS),
            position: Position::ZERO,
            leader_epoch: LeaderEpoch::FIRST,
            epochs: EpochHistory::default(),
            clean: false,
            producers: Vec::new(),
            clean_below: Offset::ZERO,
            index: None,
        };
        write("data/catalog", &catalog.encode());
        write("data/t-0/checkpoint", &checkpoint.encode());
        for base in 0..SEGMENTS {
            let mut builder = BatchBuilder::new(Compression::None, None);
            builder.append(Timestamp::new(1), Some(b"key"), Some(b"value"), &[]);
            let bytes = builder.build(Offset::new(base)).unwrap();
            write(&format!("data/t-0/{base:020}.log"), &bytes);
        }
        write(&format!("data/t-0/{SEGMENTS:020}.log"), &[]);
        disk
    }

    /// The most pieces within a second, and all.
    fn run(shard: &mut Shard, disk: &MemoryDisk, seconds: std::ops::Range<u64>) -> (usize, usize) {
        let is_piece = |call: &DiskCall| usize::from(matches!(call, DiskCall::Compact { .. }));
        pass(shard, disk, seconds, is_piece)
    }

    fn segments(disk: &MemoryDisk) -> usize {
        let names = disk.list(Path::new("data/t-0")).unwrap().into_iter();
        names.filter(|entry| entry.name.ends_with(".log")).count()
    }

    #[test]
    fn a_dirty_partition_is_compacted_once_and_at_a_pace() {
        let disk = disk("compact");
        let mut shard = boot(&disk).1;
        let (most, all) = run(&mut shard, &disk, 1..20);
        assert!((64..=66).contains(&most), "{most} of {all} in a second");
        assert_eq!(
            segments(&disk),
            2,
            "the one with the last record, and the active one"
        );
        assert_eq!(run(&mut shard, &disk, 20..40), (0, 0));
    }

    #[test]
    fn other_topics_and_a_stopping_broker_are_left_alone() {
        let kept = disk("delete");
        let mut idle = boot(&kept).1;
        assert_eq!(run(&mut idle, &kept, 1..10), (0, 0));
        assert_eq!(segments(&kept), SEGMENTS as usize + 1);

        let disk = disk("compact,delete");
        let mut stopped = boot(&disk).1;
        let (most, _) = run(&mut stopped, &disk, 1..3);
        assert!(most > 0);
        let now = now(Instant::new(10_000_000_000));
        stopped.step(now, Event::Stop, &mut Vec::new());
        assert_eq!(run(&mut stopped, &disk, 10_001..10_010), (0, 0));
    }
}
