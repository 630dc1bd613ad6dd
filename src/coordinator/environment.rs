use super::layout::OffsetsRecord;
use super::timers::{Timer, Timers};
use super::{GroupConfig, GroupError, GroupReply};
use crate::topic::Catalog;
use crate::types::{MemberId, Now};
use std::sync::Arc;
use std::time::Duration;

/// A question to a coordinator, by the number that its asker gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupToken(u64);

impl GroupToken {
    /// Wraps a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What follows from a step of a coordinator.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Records to be kept, all or none, in order.
    pub records: Vec<OffsetsRecord>,
    /// Answers that are due once the records, and all before them, are durable.
    pub answers: Vec<(GroupToken, Result<GroupReply, GroupError>)>,
}

/// What groups share: settings, time, chance, and what their step has led to so far.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) config: GroupConfig,
    pub(super) now: Now,
    pub(super) timers: Timers,
    random: fastrand::Rng,
    pub(super) outcome: Outcome,
    /// The topics that members may want.
    pub(super) catalog: Arc<Catalog>,
    /// How often the catalog has changed.
    pub(super) catalog_changes: u64,
}

impl Environment {
    pub(super) fn new(config: GroupConfig, catalog: Arc<Catalog>, now: Now, seed: u64) -> Self {
        Self {
            config,
            now,
            timers: Timers::default(),
            random: fastrand::Rng::with_seed(seed),
            outcome: Outcome::default(),
            catalog,
            catalog_changes: 0,
        }
    }

    pub(super) fn keep(&mut self, record: OffsetsRecord) {
        self.outcome.records.push(record);
    }

    pub(super) fn answer(&mut self, token: GroupToken, result: Result<GroupReply, GroupError>) {
        self.outcome.answers.push((token, result));
    }

    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        self.timers.set(timer, self.now.monotonic.after(after));
    }

    /// An id that no other member has, `prefix` in front.
    pub(super) fn new_member_id(&mut self, prefix: &str) -> MemberId {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        MemberId::new(&format!("{prefix}-{id}"))
    }
}
