use super::Shard;
use super::hosted::{Answer, Stage};
use crate::broker::CoreReply;
use crate::coordinator::{
    GroupError, GroupFilter, GroupReply, GroupRequest, GroupToken, partition_of,
};
use crate::shard::Effect;
use crate::shard::in_flight::InFlight;
use crate::shard::watches::Watcher;
use crate::types::{GroupId, Now, TopicPartition};

/// What cores have asked of coordinators and are still to hear.
#[derive(Debug, Default)]
pub(super) struct Questions {
    next: u64,
    by_token: InFlight<GroupToken, (Watcher, usize)>,
    by_asker: InFlight<Watcher, Pending>,
}

/// Questions of one request that are not all answered yet.
#[derive(Debug)]
struct Pending {
    results: Vec<Option<Result<GroupReply, GroupError>>>,
    missing: usize,
}

impl Questions {
    pub(super) fn fresh_token(&mut self) -> GroupToken {
        self.next += 1;
        GroupToken::new(self.next)
    }
}

impl Shard {
    /// A core asks something of groups of this one.
    pub(in crate::shard) fn ask_groups(
        &mut self,
        asker: Watcher,
        items: Vec<(GroupId, GroupRequest)>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let pending = Pending {
            results: items.iter().map(|_| None).collect(),
            missing: items.len(),
        };
        let questions = &mut self.coordinators.questions;
        questions.by_asker.insert(asker, pending);
        for (index, (group, request)) in items.into_iter().enumerate() {
            let token = self.fresh_token();
            let questions = &mut self.coordinators.questions;
            questions.by_token.insert(token, (asker, index));
            match self.coordinator_of(&group, now) {
                Ok(id) => self.ask_coordinator(id, token, group, request, now, effects),
                Err(error) => self.settle_question((token, Err(error)), effects),
            }
        }
    }

    /// The coordinator of a group, if it is this core's; made if it was not there yet.
    fn coordinator_of(&mut self, group: &GroupId, now: Now) -> Result<TopicPartition, GroupError> {
        if self.is_stopping() {
            return Err(GroupError::NotAvailable);
        }
        let topic = self.offsets_topic().ok_or(GroupError::NotCoordinator)?;
        let id = TopicPartition::new(topic.id, partition_of(group, topic.partitions));
        if self.placement.owner(id) != self.core {
            return Err(GroupError::NotCoordinator);
        }
        self.ensure_hosted(id, now);
        Ok(id)
    }

    fn ask_coordinator(
        &mut self,
        id: TopicPartition,
        token: GroupToken,
        group: GroupId,
        request: GroupRequest,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let hosted = self.hosted(id);
        match &mut hosted.stage {
            Stage::Loading(_) => hosted.waiting.push_back((token, group, request)),
            Stage::Active(active) => {
                let outcome = active.coordinator.handle(token, &group, request, now);
                self.absorb(id, outcome, now, effects);
            }
            Stage::Failed { .. } => {
                self.settle_question((token, Err(GroupError::NotAvailable)), effects);
            }
        }
    }

    /// A coordinator is ready for the questions that waited for it.
    pub(super) fn ask_waiting(&mut self, id: TopicPartition, now: Now, effects: &mut Vec<Effect>) {
        for (token, group, request) in std::mem::take(&mut self.hosted(id).waiting) {
            self.ask_coordinator(id, token, group, request, now, effects);
        }
    }

    /// A core asks which groups this one coordinates.
    pub(in crate::shard) fn list_groups(
        &mut self,
        asker: Watcher,
        filter: &GroupFilter,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        for id in self.coordinated() {
            self.ensure_hosted(id, now);
        }
        let mut groups = Vec::new();
        let mut failure = None;
        for hosted in self.coordinators.hosted.values() {
            match &hosted.stage {
                Stage::Active(active) => groups.extend(active.coordinator.list(filter)),
                Stage::Loading(_) => failure = Some(GroupError::LoadInProgress),
                Stage::Failed { .. } => failure = Some(GroupError::NotAvailable),
            }
        }
        let groups = failure.map_or(Ok(groups), Err);
        self.answer(asker, CoreReply::ListGroups(groups), effects);
    }

    /// One question is answered; with the last one of its request the asker is.
    pub(super) fn settle_question(&mut self, answer: Answer, effects: &mut Vec<Effect>) {
        let (token, result) = answer;
        let questions = &mut self.coordinators.questions;
        let (asker, index) = questions
            .by_token
            .remove(&token)
            .expect("a question is answered once");
        let pending = questions.by_asker.get_mut(&asker);
        let pending = pending.expect("it lives as long as its questions");
        let place = pending.results.get_mut(index).expect("one per question");
        *place = Some(result);
        pending.missing -= 1;
        if pending.missing > 0 {
            return;
        }
        let pending = questions.by_asker.remove(&asker);
        let results = pending.expect("looked up just now").results.into_iter();
        let results = results.map(|result| result.expect("none is missing"));
        self.answer(asker, CoreReply::Groups(results.collect()), effects);
    }
}
