use super::member::Awaiting;
use super::{ClassicGroup, Environment, sync_reply};
use crate::coordinator::classic::join::answer_given_up;
use crate::coordinator::timers::Timer;
use crate::coordinator::{GroupError, GroupState, GroupToken, SyncGroup};
use crate::types::MemberId;
use bytes::Bytes;
use std::collections::BTreeMap;

impl ClassicGroup {
    /// A member wants its assignment, or the leader hands them out.
    pub(in crate::coordinator) fn sync(
        &mut self,
        token: GroupToken,
        request: SyncGroup,
        env: &mut Environment,
    ) {
        if let Err(error) = self.try_sync(token, request, env) {
            env.answer(token, Err(error));
        }
    }

    fn try_sync(
        &mut self,
        token: GroupToken,
        request: SyncGroup,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        self.check_sync(&request)?;
        let id = request.of.member;
        match self.state {
            GroupState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            GroupState::Stable => {
                self.synced(&id, env);
                self.extend_session(&id, env);
                let assignment = self
                    .members
                    .get(&id)
                    .map(|member| member.assignment.clone());
                env.answer(token, Ok(sync_reply(self, assignment.unwrap_or_default())));
                Ok(())
            }
            GroupState::CompletingRebalance if self.is_leader(&id) => {
                let assignments: BTreeMap<MemberId, Bytes> =
                    request.assignments.into_iter().collect();
                self.check_assignments(&assignments, env)?;
                self.await_sync(token, &id, env);
                self.assign(assignments, env);
                Ok(())
            }
            GroupState::CompletingRebalance => {
                self.await_sync(token, &id, env);
                Ok(())
            }
            _ => Err(GroupError::UnknownMember),
        }
    }

    fn check_sync(&self, request: &SyncGroup) -> Result<(), GroupError> {
        self.check_instance(request.of.instance.as_ref(), &request.of.member)?;
        if !self.members.contains_key(&request.of.member) {
            return Err(GroupError::UnknownMember);
        }
        if request.of.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        let differs = |said: &Option<String>, is: Option<&str>| {
            said.as_deref().is_some_and(|said| is != Some(said))
        };
        if differs(&request.protocol_type, Some(&self.protocol_type))
            || (self.protocol.is_some() && differs(&request.protocol, self.protocol.as_deref()))
        {
            return Err(GroupError::InconsistentProtocol);
        }
        Ok(())
    }

    /// A generation is kept as one record, and that has to have an end.
    fn check_assignments(
        &self,
        assignments: &BTreeMap<MemberId, Bytes>,
        env: &Environment,
    ) -> Result<(), GroupError> {
        let assigned: usize = assignments.values().map(Bytes::len).sum();
        if self.size() + assigned > env.config.group_bytes_max {
            return Err(GroupError::StateTooLarge);
        }
        Ok(())
    }

    fn await_sync(&mut self, token: GroupToken, id: &MemberId, env: &mut Environment) {
        self.synced(id, env);
        let member = self.members.get_mut(id).expect("checked by the caller");
        let before = std::mem::replace(&mut member.awaiting, Awaiting::Sync(token));
        env.timers.cancel(&member.session_timer(&self.id));
        answer_given_up(before, id, env);
    }

    fn synced(&mut self, id: &MemberId, env: &mut Environment) {
        self.not_synced.remove(id);
        if self.not_synced.is_empty() {
            env.timers.cancel(&Timer::Sync(self.id.clone()));
        }
    }

    /// The generation is complete.
    fn assign(&mut self, mut assignments: BTreeMap<MemberId, Bytes>, env: &mut Environment) {
        self.enter(GroupState::Stable, env);
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        self.keep(env);
        let mut due = Vec::new();
        for member in self.members.values_mut() {
            if let Awaiting::Sync(token) = member.awaiting {
                member.awaiting = Awaiting::Nothing;
                env.set(member.session_timer(&self.id), member.session_timeout());
                due.push((token, member.assignment.clone()));
            }
        }
        for (token, assignment) in due {
            env.answer(token, Ok(sync_reply(self, assignment)));
        }
    }
}
