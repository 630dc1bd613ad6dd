use super::member::{Awaiting, Member, protocols_size};
use super::{ClassicGroup, Environment};
use crate::coordinator::timers::Timer;
use crate::coordinator::{
    GroupError, GroupReply, GroupState, GroupToken, JoinGroup, JoinReply, Joined, JoinedMember,
};
use crate::types::{InstanceId, MemberId};
use std::time::Duration;

/// How long a new member's join may take; its client may be gone without a word.
const NEW_MEMBER_WAIT: Duration = Duration::from_secs(300);

impl ClassicGroup {
    /// A client wants to be in the next generation.
    pub(in crate::coordinator) fn join(
        &mut self,
        token: GroupToken,
        request: JoinGroup,
        env: &mut Environment,
    ) {
        let member = request.member.clone();
        if let Err(error) = self.try_join(token, request, env) {
            let member = match error {
                GroupError::GroupFull => MemberId::new(""),
                _ => member,
            };
            refuse(token, member, error, env);
        }
    }

    fn try_join(
        &mut self,
        token: GroupToken,
        request: JoinGroup,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        if !self.accepts(&request) {
            return Err(GroupError::InconsistentProtocol);
        }
        self.check_room(&request, env)?;
        if !request.member.is_empty() {
            return self.join_known(token, request, env);
        }
        let Some(instance) = request.instance.clone() else {
            self.join_new(token, request, env);
            return Ok(());
        };
        let id = env.new_member_id(instance.as_str());
        match self.statics.get(&instance).cloned() {
            Some(old) => self.replace_static(token, &instance, &old, id, request, env),
            None => self.add(token, id, request, env),
        }
        Ok(())
    }

    /// Whether the members could agree on a protocol with this one among them.
    fn accepts(&self, request: &JoinGroup) -> bool {
        if self.members.is_empty() {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let common = |protocol: &str| self.members.values().all(|member| member.knows(protocol));
        request.protocol_type == self.protocol_type
            && request.protocols.iter().any(|(name, _)| common(name))
    }

    fn check_room(&self, request: &JoinGroup, env: &Environment) -> Result<(), GroupError> {
        let known = self.members.get(&request.member);
        let is_expected = known.is_some() || self.pending.contains(&request.member);
        let members = self.members.len() + self.pending.len();
        let before = known.map_or(0, |member| protocols_size(&member.protocols));
        let bytes = self.size() - before + protocols_size(&request.protocols);
        let full = !is_expected && members >= env.config.members_max;
        if full || bytes > env.config.group_bytes_max {
            return Err(GroupError::GroupFull);
        }
        Ok(())
    }

    /// A dynamic member without an id.
    fn join_new(&mut self, token: GroupToken, request: JoinGroup, env: &mut Environment) {
        let id = env.new_member_id(&request.client_id);
        if !request.requires_known_member {
            return self.add(token, id, request, env);
        }
        // Clients that give up before they hear of their id would leave members behind (KIP-394).
        self.pending.insert(id.clone());
        let timer = Timer::Pending(self.id.clone(), id.clone());
        env.set(timer, super::milliseconds(request.session_timeout_ms));
        refuse(token, id, GroupError::MemberIdRequired, env);
    }

    fn join_known(
        &mut self,
        token: GroupToken,
        request: JoinGroup,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        let id = request.member.clone();
        if self.forget_pending(&id, env) {
            self.add(token, id, request, env);
            return Ok(());
        }
        self.check_instance(request.instance.as_ref(), &id)?;
        let member = self.members.get(&id).ok_or(GroupError::UnknownMember)?;
        let is_unchanged = member.protocols == request.protocols;
        match self.state {
            // The answer to its last request got lost.
            GroupState::CompletingRebalance if is_unchanged => self.answer_joined(token, &id, env),
            // Followers ask again after an error; a leader has seen that something changed.
            GroupState::Stable if is_unchanged && !self.is_leader(&id) => {
                self.answer_joined(token, &id, env);
            }
            GroupState::Empty | GroupState::Dead => return Err(GroupError::UnknownMember),
            _ => self.rejoin(token, &id, request, env),
        }
        Ok(())
    }

    /// Takes a member in.
    fn add(&mut self, token: GroupToken, id: MemberId, request: JoinGroup, env: &mut Environment) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&request.protocol_type);
        }
        self.leader.get_or_insert_with(|| id.clone());
        if let Some(instance) = &request.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        if let Some(wait) = &mut self.first_wait {
            wait.has_new_member = true;
        }
        let mut member = Member::new(id.clone(), request);
        member.awaiting = Awaiting::Join(token);
        env.set(member.session_timer(&self.id), NEW_MEMBER_WAIT);
        self.members.insert(id, member);
        self.rebalance(env);
    }

    /// A member of this or an earlier generation wants to be in the next.
    fn rejoin(
        &mut self,
        token: GroupToken,
        id: &MemberId,
        request: JoinGroup,
        env: &mut Environment,
    ) {
        let member = self.members.get_mut(id).expect("its caller found it");
        member.update(request);
        let before = std::mem::replace(&mut member.awaiting, Awaiting::Join(token));
        if !member.is_new {
            env.timers.cancel(&member.session_timer(&self.id));
        }
        answer_given_up(before, id, env);
        self.rebalance(env);
    }

    /// A static member has restarted: it takes the place of the one that it was (KIP-345).
    fn replace_static(
        &mut self,
        token: GroupToken,
        instance: &InstanceId,
        old: &MemberId,
        id: MemberId,
        request: JoinGroup,
        env: &mut Environment,
    ) {
        let can_skip = request.can_skip_assignment;
        let mut member = self
            .members
            .remove(old)
            .expect("static members are members");
        env.timers.cancel(&member.session_timer(&self.id));
        answer_fenced(member.awaiting, old, env);
        member.awaiting = Awaiting::Nothing;
        member.id = id.clone();
        member.update(request);
        self.not_synced.remove(old);
        self.members.insert(id.clone(), member);
        self.statics.insert(instance.clone(), id.clone());
        let was_leader = self.is_leader(old);
        if was_leader {
            self.leader = Some(id.clone());
        }
        let settled = self.state == GroupState::Stable && self.choose_protocol() == self.protocol;
        if !settled {
            let member = self.members.get_mut(&id).expect("inserted just now");
            member.awaiting = Awaiting::Join(token);
            return self.rebalance(env);
        }
        // Nothing changes for the others: it gets what it had.
        self.keep(env);
        self.extend_session(&id, env);
        let mut joined = self.joined(&id);
        joined.skip_assignment = was_leader && can_skip;
        if was_leader && !can_skip {
            // It would compute a new assignment if it knew that it leads.
            joined.leader = old.clone();
            joined.members.clear();
        }
        let result = Ok(joined);
        env.answer(
            token,
            Ok(GroupReply::Join(JoinReply { member: id, result })),
        );
    }

    fn answer_joined(&self, token: GroupToken, id: &MemberId, env: &mut Environment) {
        self.extend_session(id, env);
        let result = Ok(self.joined(id));
        let member = id.clone();
        env.answer(token, Ok(GroupReply::Join(JoinReply { member, result })));
    }

    /// The generation as a member is told of it.
    pub(super) fn joined(&self, id: &MemberId) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let members = self.members.values().filter(|_| self.is_leader(id));
        let members = members.map(|member| JoinedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(&protocol),
        });
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            leader: self.leader.clone().unwrap_or_else(|| MemberId::new("")),
            skip_assignment: false,
            members: members.collect(),
            protocol,
        }
    }
}

fn refuse(token: GroupToken, member: MemberId, error: GroupError, env: &mut Environment) {
    let result = Err(error);
    env.answer(token, Ok(GroupReply::Join(JoinReply { member, result })));
}

/// The member asks anew, so that nobody waits for the old answer; it is given all the same.
pub(super) fn answer_given_up(before: Awaiting, member: &MemberId, env: &mut Environment) {
    answer_with(before, member, GroupError::RebalanceInProgress, env);
}

fn answer_fenced(before: Awaiting, member: &MemberId, env: &mut Environment) {
    answer_with(before, member, GroupError::FencedInstance, env);
}

pub(super) fn answer_with(
    awaiting: Awaiting,
    member: &MemberId,
    error: GroupError,
    env: &mut Environment,
) {
    match awaiting {
        Awaiting::Nothing => {}
        Awaiting::Join(token) => refuse(token, member.clone(), error, env),
        Awaiting::Sync(token) => env.answer(token, Err(error)),
    }
}
