//! A classic group: its generation, its members, its offsets (KIP-62, KIP-345, KIP-394, KIP-814).
//!
//! `Empty -> PreparingRebalance -> CompletingRebalance -> Stable`, and from each of the last two
//! back to `PreparingRebalance` when members come or go.
//!
//! Invariants:
//! - A generation is complete before its assignment is handed out, and kept before anyone hears
//!   of it.
//! - Every question is answered once: a member awaits one thing at a time, and what it awaited
//!   before is answered when something takes its place.
//! - A member whose question is not answered yet has no session that could end, but for new
//!   ones, whom nobody else would miss.

mod describe;
mod join;
mod leave;
mod member;
mod offsets;
mod rebalance;
mod sync;
#[cfg(test)]
mod tests;

use super::environment::Environment;
use super::layout::{self, GroupMetadata};
use super::offsets::Offsets;
use super::timers::Timer;
use super::{GroupError, GroupReply, GroupState, GroupToken, MemberOf};
use crate::types::{Generation, GroupId, InstanceId, Instant, MemberId, Timestamp};
use bytes::Bytes;
use member::{Awaiting, Member};
use std::collections::{BTreeMap, BTreeSet};

pub(super) use member::milliseconds;

/// A classic group.
#[derive(Debug)]
pub(super) struct ClassicGroup {
    id: GroupId,
    state: GroupState,
    state_since: Timestamp,
    generation: Generation,
    /// Empty until there were members.
    protocol_type: String,
    protocol: Option<String>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    statics: BTreeMap<InstanceId, MemberId>,
    /// Ids that were given out to members that have not come back with them.
    pending: BTreeSet<MemberId>,
    /// Members that have not asked for this generation's assignment.
    not_synced: BTreeSet<MemberId>,
    /// While the first members of an empty group are waited for: until when at most.
    first_wait: Option<FirstWait>,
    pub(super) offsets: Offsets,
}

/// The wait for more members before an empty group's first generation (KIP-134).
#[derive(Debug, Clone, Copy)]
struct FirstWait {
    until: Instant,
    has_new_member: bool,
}

impl ClassicGroup {
    pub(super) fn new(id: GroupId, offsets: Offsets, now: Timestamp) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            state_since: now,
            generation: Generation::new(0),
            protocol_type: String::new(),
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeSet::new(),
            not_synced: BTreeSet::new(),
            first_wait: None,
            offsets,
        }
    }

    /// A record of the group's generation is replayed.
    pub(super) fn restore(&mut self, kept: GroupMetadata) {
        let members = kept.members.into_iter();
        let members = members.map(|member| Member::restored(member, kept.protocol.as_deref()));
        self.members = members.map(|member| (member.id.clone(), member)).collect();
        let statics = self.members.values().filter_map(|member| {
            let instance = member.instance.clone()?;
            Some((instance, member.id.clone()))
        });
        self.statics = statics.collect();
        self.state = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
        self.state_since = kept.state_since;
        self.generation = kept.generation;
        self.protocol_type = kept.protocol_type;
        self.protocol = kept.protocol;
        self.leader = kept.leader;
    }

    /// A record that forgets the group's generation is replayed; its offsets have their own.
    pub(super) fn restore_forgotten(&mut self) {
        let offsets = std::mem::take(&mut self.offsets);
        *self = Self::new(self.id.clone(), offsets, self.state_since);
    }

    /// Everything is replayed: members have their session's time to be heard of.
    pub(super) fn resume(&self, env: &mut Environment) {
        for member in self.members.values() {
            env.set(member.session_timer(&self.id), member.session_timeout());
        }
    }

    /// Whether nothing would be missed if the group were not there.
    pub(super) fn is_void(&self) -> bool {
        self.generation.get() == 0
            && self.members.is_empty()
            && self.pending.is_empty()
            && self.offsets.is_empty()
            && self.state == GroupState::Empty
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.is_empty() || !self.pending.is_empty()
    }

    /// Asks are answered with an error; the coordinator is about to be thrown away.
    pub(super) fn waiting(&self) -> impl Iterator<Item = GroupToken> {
        self.members
            .values()
            .filter_map(|member| match member.awaiting {
                Awaiting::Nothing => None,
                Awaiting::Join(token) | Awaiting::Sync(token) => Some(token),
            })
    }

    /// A member is still alive.
    pub(super) fn heartbeat(
        &mut self,
        of: &MemberOf,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        self.check_instance(of.instance.as_ref(), &of.member)?;
        if !self.members.contains_key(&of.member) {
            // One that was given an id and has not come back with it is none yet.
            return Err(GroupError::UnknownMember);
        }
        if of.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        self.extend_session(&of.member, env);
        match self.state {
            GroupState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whoever names an instance must be the member that has it now.
    fn check_instance(
        &self,
        instance: Option<&InstanceId>,
        member: &MemberId,
    ) -> Result<(), GroupError> {
        match instance.map(|instance| self.statics.get(instance)) {
            None => Ok(()),
            Some(None) => Err(GroupError::UnknownMember),
            Some(Some(current)) if current != member => Err(GroupError::FencedInstance),
            Some(Some(_)) => Ok(()),
        }
    }

    /// A member was heard of: its session begins anew.
    fn extend_session(&self, id: &MemberId, env: &mut Environment) {
        if let Some(member) = self.members.get(id)
            && member.awaiting == Awaiting::Nothing
        {
            env.set(member.session_timer(&self.id), member.session_timeout());
        }
    }

    fn enter(&mut self, state: GroupState, env: &Environment) {
        self.state = state;
        self.state_since = env.now.wall;
    }

    fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    /// Keeps the generation as it is now.
    fn keep(&self, env: &mut Environment) {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.members.values();
        let metadata = GroupMetadata {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_since: self.state_since,
            members: members.map(|member| member.to_metadata(protocol)).collect(),
        };
        env.keep(layout::group(&self.id, Some(&metadata)));
    }

    /// A member is silent for too long.
    pub(super) fn session_over(&mut self, member: &MemberId, env: &mut Environment) {
        if self.members.contains_key(member) {
            log::info!("group {}: member {member} is silent; removed", self.id);
            self.remove(member, GroupError::UnknownMember, env);
        }
    }

    /// A member that was given an id did not come back with it.
    pub(super) fn pending_over(&mut self, member: &MemberId, env: &mut Environment) {
        if self.pending.remove(member) {
            self.complete_join_if_all_are_here(env);
        }
    }

    fn forget_pending(&mut self, member: &MemberId, env: &mut Environment) -> bool {
        env.timers
            .cancel(&Timer::Pending(self.id.clone(), member.clone()));
        self.pending.remove(member)
    }

    /// Bytes that the group keeps for its members.
    fn size(&self) -> usize {
        self.members.values().map(Member::size).sum()
    }

    /// Forgets the group, but for its offsets.
    pub(super) fn tombstone_of_protocol(&self, env: &mut Environment) {
        env.keep(layout::group(&self.id, None));
    }
}

/// The answer to whoever awaited an assignment.
fn sync_reply(group: &ClassicGroup, assignment: Bytes) -> GroupReply {
    GroupReply::Sync(super::Synced {
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone().unwrap_or_default(),
        assignment,
    })
}
