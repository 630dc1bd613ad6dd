//! Compaction of the core's partitions: one at a time, the dirtiest first, a piece after the other
//! off the core.

use super::owner::Hosted;
use super::{Effect, Shard};
use crate::storage::log::CompactionBudget;
use crate::types::{Now, TopicPartition};
use std::cmp::Reverse;

/// About how many bytes one call reads.
const PIECE_BYTES: usize = 1024 * 1024;
/// Calls between two upkeeps, which come about once a second: 64 MiB.
const PIECES_PER_UPKEEP: u32 = 64;

/// What the core compacts.
#[derive(Debug)]
pub(super) struct Compactor {
    current: Option<TopicPartition>,
    pieces_left: u32,
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
        self.compactor.pieces_left = PIECES_PER_UPKEEP;
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
            self.compactor.pieces_left -= u32::from(has_begun);
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
