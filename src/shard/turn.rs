use super::{Effect, Shard};
use crate::partition::Outcome;
use crate::types::{Now, TopicPartition};
use std::collections::VecDeque;

/// How much one step may append, so that no connection holds the core for long, and who goes on in
/// a later step.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// About how many bytes this step may still append.
    append_bytes: u64,
    /// Partitions with batches that wait for a later step.
    unfinished: VecDeque<TopicPartition>,
    /// Whether [`Event::Resume`](super::Event::Resume) is on its way.
    is_yielding: bool,
}

impl Turn {
    pub(super) fn begin(&mut self, append_bytes_max: u64) {
        self.append_bytes = append_bytes_max;
    }

    pub(super) fn append_bytes(&self) -> u64 {
        self.append_bytes
    }

    pub(super) fn is_over(&self) -> bool {
        self.append_bytes == 0
    }

    pub(super) fn is_yielding(&self) -> bool {
        self.is_yielding
    }

    /// Takes in what a call on a partition left of the turn.
    pub(super) fn take(&mut self, partition: TopicPartition, outcome: &Outcome) {
        self.append_bytes = outcome.append_bytes;
        if outcome.is_unfinished && !self.unfinished.contains(&partition) {
            self.unfinished.push_back(partition);
        }
    }
}

impl Shard {
    /// What this step had no turn for goes on after others had theirs.
    pub(super) fn end_turn(&mut self, effects: &mut Vec<Effect>) {
        let is_cut_short = self.turn.is_over() && self.owner.throttles_any();
        let goes_on = is_cut_short || !self.turn.unfinished.is_empty();
        if goes_on && !std::mem::replace(&mut self.turn.is_yielding, goes_on) {
            effects.push(Effect::Yield);
        }
    }

    /// Goes on with what earlier steps had no turn for: first with batches that their partition has
    /// already, as they came first.
    pub(super) fn resume(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.turn.is_yielding = false;
        while !self.turn.is_over()
            && let Some(partition) = self.turn.unfinished.pop_front()
        {
            self.with_partition(partition, effects, |partition, outcome| {
                partition.resume(now, outcome);
            });
        }
        self.append_throttled(now, effects);
    }
}
