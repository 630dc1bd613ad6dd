use crate::coordinator::{Coordinator, GroupError, GroupReply, GroupRequest, GroupToken, Outcome};
use crate::types::{GroupId, Instant, Offset};
use std::collections::VecDeque;

/// An answer and whom it is for.
pub(super) type Answer = (GroupToken, Result<GroupReply, GroupError>);

/// A coordinator and what lies between it and its log.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) stage: Stage,
    /// Questions that came before the log was read.
    pub(super) waiting: VecDeque<(GroupToken, GroupId, GroupRequest)>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Its log is read.
    Loading(Box<Loading>),
    /// It answers.
    Active(Box<Active>),
    /// Its log could not be read or written; tried again from then on.
    Failed { retry_at: Instant },
}

#[derive(Debug)]
pub(super) struct Loading {
    pub(super) coordinator: Coordinator,
    /// Where to read on; not known before the log's start was asked for.
    pub(super) next: Option<Offset>,
    /// When to read on; none while a read is under way.
    pub(super) read_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) coordinator: Coordinator,
    /// Answers that wait for the batch under way; none if there is no batch.
    pub(super) under_way: Option<Vec<Answer>>,
    /// Records that wait for the next batch, and the answers that wait for them.
    pub(super) unsent: VecDeque<Outcome>,
}

impl Hosted {
    /// A coordinator whose log is to be read.
    pub(super) fn loading(coordinator: Coordinator, now: Instant) -> Self {
        let loading = Loading {
            coordinator,
            next: None,
            read_at: Some(now),
        };
        Self {
            stage: Stage::Loading(Box::new(loading)),
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Loading(loading) => loading.read_at,
            Stage::Active(active) => active.coordinator.next_deadline(),
            // Asking wakes it.
            Stage::Failed { .. } => None,
        }
    }
}

impl Active {
    pub(super) fn new(coordinator: Coordinator) -> Self {
        Self {
            coordinator,
            under_way: None,
            unsent: VecDeque::new(),
        }
    }

    /// Takes in what a step led to. Yields the answers that wait for nothing.
    pub(super) fn absorb(&mut self, outcome: Outcome) -> Vec<Answer> {
        let Outcome { records, answers } = outcome;
        if !records.is_empty() {
            self.unsent.push_back(Outcome { records, answers });
            return Vec::new();
        }
        let before = self.unsent.back_mut().map(|last| &mut last.answers);
        match before.or(self.under_way.as_mut()) {
            Some(before) => {
                before.extend(answers);
                Vec::new()
            }
            None => answers,
        }
    }

    /// Everybody who will not be answered by this coordinator.
    pub(super) fn unanswered(&self) -> Vec<GroupToken> {
        let held = self.unsent.iter().flat_map(|outcome| &outcome.answers);
        let held = held.chain(self.under_way.iter().flatten());
        let held = held.map(|(token, _)| *token);
        held.chain(self.coordinator.waiting()).collect()
    }
}
