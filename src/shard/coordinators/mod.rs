//! The coordinators of this core: one per partition of the offsets' topic that it owns.
//!
//! A coordinator's records take the way of every append, its log is read like any other, and both
//! by messages of the core to itself. One batch is under way at a time; what comes meanwhile is
//! the next one, so that many small commits share a write.
//!
//! Invariants: an answer leaves when the records before it are durable; a coordinator whose records
//! could not be kept is thrown away, its askers are told, and its log is read again.

mod hosted;
mod keeping;
mod loading;
mod questions;
#[cfg(test)]
mod tests;

use super::in_flight::InFlight;
use super::{Effect, Shard};
use crate::coordinator::{GroupToken, OFFSETS_TOPIC};
use crate::topic::{Catalog, Topic};
use crate::types::{CoreId, Instant, Now, PartitionIndex, RequestId, TopicPartition};
use hosted::{Hosted, Stage};
use questions::Questions;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All coordinators of a core.
#[derive(Debug)]
pub(super) struct Coordinators {
    hosted: BTreeMap<TopicPartition, Hosted>,
    questions: Questions,
    /// Reads and appends under way, and for which coordinator.
    under_way: InFlight<RequestId, TopicPartition>,
    /// When the first of them may want to be called; none does before.
    deadline: Option<Instant>,
    random: fastrand::Rng,
}

impl Coordinators {
    /// `seed` drives the ids of members; every core has another.
    pub(super) fn new(core: CoreId, seed: u64) -> Self {
        let seed = seed.wrapping_add(u64::from(core.get()) + 1);
        Self {
            hosted: BTreeMap::new(),
            questions: Questions::default(),
            under_way: InFlight::default(),
            // What was kept is read at once: members' sessions go on.
            deadline: Some(Instant::default()),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// One of them may want to be called earlier than before.
    fn note_deadline(&mut self, id: TopicPartition) {
        let own = self.hosted.get(&id).and_then(Hosted::deadline);
        self.deadline = self.deadline.into_iter().chain(own).min();
    }

    /// Asks all of them.
    fn find_deadline(&mut self) {
        self.deadline = self.hosted.values().filter_map(Hosted::deadline).min();
    }
}

impl Shard {
    fn offsets_topic(&self) -> Option<Arc<Topic>> {
        self.catalog.by_name(OFFSETS_TOPIC).map(Arc::clone)
    }

    /// The partitions of the offsets' topic that this core owns.
    fn coordinated(&self) -> Vec<TopicPartition> {
        let Some(topic) = self.offsets_topic() else {
            return Vec::new();
        };
        let all = (0..topic.partitions).map(PartitionIndex::new);
        let all = all.map(|index| TopicPartition::new(topic.id, index));
        all.filter(|id| self.placement.owner(*id) == self.core)
            .collect()
    }

    /// A new catalog is in force: offsets in deleted topics mean nothing any more, and if the
    /// offsets' topic is new its coordinators begin.
    pub(super) fn tell_coordinators(&mut self, old: &Catalog, now: Now, effects: &mut Vec<Effect>) {
        if old.by_name(OFFSETS_TOPIC).is_none() {
            self.coordinators.deadline = Some(now.monotonic);
        }
        let catalog = Arc::clone(&self.catalog);
        let some_are_gone = old.topics().any(|topic| catalog.by_id(topic.id).is_none());
        let all: Vec<_> = self.coordinators.hosted.keys().copied().collect();
        for id in all {
            match &mut self.hosted(id).stage {
                Stage::Loading(loading) => loading.coordinator.adopt(Arc::clone(&catalog), now),
                Stage::Active(active) => {
                    active.coordinator.adopt(Arc::clone(&catalog), now);
                    if some_are_gone {
                        let outcome = active.coordinator.forget_gone();
                        self.absorb(id, outcome, now, effects);
                    }
                }
                Stage::Failed { .. } => {}
            }
        }
    }

    fn hosted(&mut self, id: TopicPartition) -> &mut Hosted {
        let hosted = self.coordinators.hosted.get_mut(&id);
        hosted.expect("a coordinator stays until its topic goes")
    }

    fn fresh_token(&mut self) -> GroupToken {
        self.coordinators.questions.fresh_token()
    }
}
