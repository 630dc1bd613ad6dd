use super::{Effect, Shard};
use crate::types::{Now, TopicPartition};
use std::time::Duration;

/// How often partitions are looked after.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
/// How many are looked after at a time, so that no step takes long.
const PARTITIONS_AT_ONCE: usize = 256;

impl Shard {
    /// Looks after partitions from the first one on.
    pub(super) fn schedule_upkeep(&mut self, now: Now) {
        if !self.partitions.is_empty() && !self.is_stopping() {
            self.deadlines
                .ensure_upkeep(now.monotonic.after(UPKEEP_EVERY));
        }
    }

    /// Retention and checkpoints, a slice of the partitions at a time, and what is compacted next.
    pub(super) fn upkeep(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.is_stopping() || !self.deadlines.upkeep_due(now.monotonic) {
            return;
        }
        self.deadlines
            .set_upkeep(Some(now.monotonic.after(UPKEEP_EVERY)));
        self.commit.retry();
        if self.upkeep_queue.is_empty() {
            let mut all: Vec<TopicPartition> = self.partitions.keys().copied().collect();
            all.sort_unstable();
            self.upkeep_queue.extend(all);
        }
        let slice = self.upkeep_queue.len().min(PARTITIONS_AT_ONCE);
        let slice: Vec<TopicPartition> = self.upkeep_queue.drain(..slice).collect();
        for id in slice {
            self.with_partition(id, effects, |partition, outcome| {
                partition.upkeep(now, outcome);
            });
        }
        self.compact_dirtiest(now, effects);
    }
}
