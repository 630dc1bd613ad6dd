//! Compaction of the core's partitions: one at a time, the dirtiest first, a piece after the other
//! off the core.

use super::owner::Hosted;
use super::{Effect, Shard};
use crate::storage::log::CompactionBudget;
use crate::types::{Now, TopicPartition};
use std::cmp::Reverse;

/// About how many bytes one call reads.
const PIECE_BYTES: usize = 1024 * 1024;

/// What the core compacts.
#[derive(Debug)]
pub(super) struct Compactor {
    current: Option<TopicPartition>,
    /// Calls until the next upkeep, which comes about once a second.
    pieces_left: u64,
    /// Keys the hash of keys.
    seed: u64,
}

impl Compactor {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            current: None,
            pieces_left: 0,
            seed,
        }
    }
}

impl Shard {
    /// Allows for as much compacting as fits until the next upkeep.
    pub(super) fn compact_on(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let bytes_max = self.config.limits.compaction_bytes_per_second_max;
        self.compactor.pieces_left = bytes_max / PIECE_BYTES as u64;
        self.compact_next(effects);
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
        self.compact_next(effects);
    }

    /// A call of a partition's log has ended, perhaps a piece.
    pub(super) fn compact_on_with(&mut self, ended: TopicPartition, effects: &mut Vec<Effect>) {
        if self.compactor.current == Some(ended) {
            self.compact_next(effects);
        }
    }

    fn compact_next(&mut self, effects: &mut Vec<Effect>) {
        let Some(id) = self.compactor.current else {
            return;
        };
        if self.compactor.pieces_left > 0 && !self.is_stopping() {
            let mut has_begun = false;
            self.with_partition(id, effects, |partition, outcome| {
                has_begun = partition.continue_compaction(PIECE_BYTES, outcome);
            });
            self.compactor.pieces_left -= u64::from(has_begun);
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
    use crate::shard::testing::boot;
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

    /// Lets time pass, second by second, and gives the most pieces within one, and of all.
    fn run(shard: &mut Shard, disk: &MemoryDisk, seconds: std::ops::Range<u64>) -> (u32, u32) {
        let (mut most, mut all) = (0, 0);
        for second in seconds {
            let now = Now {
                wall: Timestamp::new(1),
                monotonic: Instant::new(second * 1_000_000),
            };
            let (mut effects, mut pieces) = (Vec::new(), 0);
            shard.step(now, Event::Tick, &mut effects);
            while let Some(effect) = effects.pop() {
                let Effect::Disk { io, call } = effect else {
                    continue;
                };
                pieces += u32::from(matches!(call, DiskCall::Compact { .. }));
                let result = call.perform(disk);
                shard.step(now, Event::DiskDone { io, result }, &mut effects);
            }
            most = most.max(pieces);
            all += pieces;
        }
        (most, all)
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
        assert_eq!(most, 64, "{all} in all");
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
        let now = Now {
            wall: Timestamp::new(1),
            monotonic: Instant::new(10_000_000_000),
        };
        stopped.step(now, Event::Stop, &mut Vec::new());
        assert_eq!(run(&mut stopped, &disk, 10_001..10_010), (0, 0));
    }
}
