use crate::types::{Instant, RequestId, TopicPartition};
use std::collections::BTreeSet;

/// What is due when.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    fetches: BTreeSet<(Instant, RequestId)>,
    partitions: BTreeSet<(Instant, TopicPartition)>,
    upkeep: Option<Instant>,
}

impl Deadlines {
    pub(super) fn next(&self) -> Option<Instant> {
        let fetch = self.fetches.first().map(|(at, _)| *at);
        let partition = self.partitions.first().map(|(at, _)| *at);
        [fetch, partition, self.upkeep].into_iter().flatten().min()
    }

    pub(super) fn set_fetch(&mut self, at: Instant, id: RequestId) {
        self.fetches.insert((at, id));
    }

    pub(super) fn clear_fetch(&mut self, at: Instant, id: RequestId) {
        self.fetches.remove(&(at, id));
    }

    /// Takes out a fetch whose time is up.
    pub(super) fn due_fetch(&mut self, now: Instant) -> Option<RequestId> {
        let first = self.fetches.first().copied().filter(|(at, _)| *at <= now)?;
        self.fetches.remove(&first);
        Some(first.1)
    }

    /// Moves what is due for a partition from one time to another, either of which may be none.
    pub(super) fn move_partition(
        &mut self,
        partition: TopicPartition,
        from: Option<Instant>,
        to: Option<Instant>,
    ) {
        if from == to {
            return;
        }
        if let Some(at) = from {
            self.partitions.remove(&(at, partition));
        }
        if let Some(at) = to {
            self.partitions.insert((at, partition));
        }
    }

    /// Takes out a partition for which something is due.
    pub(super) fn due_partition(&mut self, now: Instant) -> Option<TopicPartition> {
        let first = self
            .partitions
            .first()
            .copied()
            .filter(|(at, _)| *at <= now)?;
        self.partitions.remove(&first);
        Some(first.1)
    }

    pub(super) fn ensure_upkeep(&mut self, at: Instant) {
        self.upkeep.get_or_insert(at);
    }

    pub(super) fn set_upkeep(&mut self, at: Option<Instant>) {
        self.upkeep = at;
    }

    pub(super) fn upkeep_due(&self, now: Instant) -> bool {
        self.upkeep.is_some_and(|at| at <= now)
    }
}
