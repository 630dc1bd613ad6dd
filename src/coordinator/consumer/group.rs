use super::member::{
    ConsumerMember, LEAVING_FOR_A_MOMENT, STABLE, revocation_timer, session_timer,
};
use super::{Assignment, Assignor};
use crate::coordinator::environment::Environment;
use crate::coordinator::layout::{self, ConsumerPiece};
use crate::coordinator::offsets::{Need, Offsets};
use crate::coordinator::{
    CommitOffsets, ConsumerGroupDescription, GroupError, GroupFilter, GroupState, GroupType,
    ListedGroup, MemberOf, OffsetOutcomes,
};
use crate::topic::Catalog;
use crate::types::{GroupId, InstanceId, MemberId, PartitionIndex, Timestamp, TopicId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A group of the consumer protocol.
#[derive(Debug)]
pub(in crate::coordinator) struct ConsumerGroup {
    pub(super) id: GroupId,
    /// Rises with what members want, and with the topics that they want.
    pub(super) epoch: i32,
    /// The epoch that the target was computed for.
    pub(super) target_epoch: i32,
    pub(super) members: BTreeMap<MemberId, ConsumerMember>,
    pub(super) statics: BTreeMap<InstanceId, MemberId>,
    /// Who holds a partition, be it to give it up.
    pub(super) holders: BTreeMap<(TopicId, PartitionIndex), MemberId>,
    /// The partitions of wanted topics as the target knows them; none after a start.
    pub(super) topics: Option<BTreeMap<TopicId, i32>>,
    /// Which change of the catalog was looked at last.
    pub(super) catalog_seen: u64,
    /// Since when the group has no members.
    pub(super) empty_since: Timestamp,
    pub(in crate::coordinator) offsets: Offsets,
}

impl ConsumerGroup {
    pub(in crate::coordinator) fn new(id: GroupId, offsets: Offsets, now: Timestamp) -> Self {
        Self {
            id,
            epoch: 0,
            target_epoch: 0,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            holders: BTreeMap::new(),
            topics: None,
            catalog_seen: 0,
            empty_since: now,
            offsets,
        }
    }

    /// A record is replayed.
    pub(in crate::coordinator) fn restore(&mut self, piece: ConsumerPiece) {
        match piece {
            ConsumerPiece::Epoch(epoch) => self.epoch = epoch.unwrap_or(0),
            ConsumerPiece::TargetEpoch(epoch) => self.target_epoch = epoch.unwrap_or(0),
            ConsumerPiece::Member(member, None) => {
                self.take_out(&member);
            }
            ConsumerPiece::Member(member, Some(wish)) => {
                if let Some(instance) = &wish.instance {
                    self.statics.insert(instance.clone(), member.clone());
                }
                match self.members.get_mut(&member) {
                    Some(known) => known.wish = wish,
                    None => {
                        self.members.insert(member, ConsumerMember::new(wish));
                    }
                }
            }
            ConsumerPiece::Target(member, target) => {
                if let Some(member) = self.members.get_mut(&member) {
                    member.target = target.unwrap_or_default();
                }
            }
            ConsumerPiece::Current(member, current) => {
                if self.members.contains_key(&member) {
                    self.set_current(&member, current.unwrap_or_default());
                }
            }
        }
    }

    /// Everything is replayed: members have their session's time to be heard of.
    pub(in crate::coordinator) fn resume(&self, env: &mut Environment) {
        for member in self.members.keys() {
            env.set(session_timer(&self.id, member), env.config.consumer_session);
        }
    }

    pub(in crate::coordinator) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether nothing would be missed if the group were not there.
    pub(in crate::coordinator) fn is_void(&self) -> bool {
        self.epoch == 0 && self.members.is_empty() && self.offsets.is_empty()
    }

    /// Where the group is in its life.
    pub(super) fn state(&self) -> GroupState {
        let settled = |member: &ConsumerMember| {
            member.current.state == STABLE && member.current.epoch == self.target_epoch
        };
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.target_epoch {
            GroupState::Assigning
        } else if self.members.values().all(settled) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    pub(in crate::coordinator) fn describe(&self, catalog: &Catalog) -> ConsumerGroupDescription {
        let members = self.members.iter();
        ConsumerGroupDescription {
            state: self.state(),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            assignor: self.assignor(),
            members: members
                .map(|(id, member)| member.describe(id, catalog))
                .collect(),
        }
    }

    pub(in crate::coordinator) fn listed(&self, filter: &GroupFilter) -> Option<ListedGroup> {
        let listed = ListedGroup {
            group: self.id.clone(),
            protocol_type: "consumer".to_owned(),
            state: self.state(),
            group_type: GroupType::Consumer,
        };
        filter.passes(&listed).then_some(listed)
    }

    /// The assignor that most members want; of several, the first by name.
    pub(super) fn assignor(&self) -> Assignor {
        let mut votes = BTreeMap::<&str, usize>::new();
        let wanted = self
            .members
            .values()
            .filter_map(|member| member.wish.assignor.as_deref());
        for name in wanted {
            *votes.entry(name).or_default() += 1;
        }
        let most = votes.values().copied().max();
        let chosen = votes.into_iter().find(|(_, count)| Some(*count) == most);
        let chosen = chosen.and_then(|(name, _)| Assignor::named(name));
        chosen.unwrap_or_default()
    }

    /// Keeps offsets of a member, or of a client that is none if nobody is.
    pub(in crate::coordinator) fn commit_offsets(
        &mut self,
        request: CommitOffsets,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        self.check_commit(&request.of)?;
        Ok(self.offsets.commit(&self.id, request, env))
    }

    /// Forgets offsets that no member uses (KIP-496).
    pub(in crate::coordinator) fn delete_offsets(
        &mut self,
        topics: Vec<(String, Vec<PartitionIndex>)>,
        env: &mut Environment,
    ) -> OffsetOutcomes {
        let subscribed = self.subscribed(&Arc::clone(&env.catalog));
        self.offsets.delete(&self.id, topics, &subscribed, env)
    }

    /// Who needs the offsets.
    pub(in crate::coordinator) fn need(&self, catalog: &Catalog) -> Need {
        if self.members.is_empty() {
            Need::NobodySince(self.empty_since)
        } else {
            Need::Subscribed(self.subscribed(catalog))
        }
    }

    fn subscribed(&self, catalog: &Catalog) -> BTreeSet<String> {
        let topics = self.wishes(catalog).topics.into_keys();
        let names = topics.filter_map(|topic| catalog.by_id(topic));
        names.map(|topic| topic.name.as_str().to_owned()).collect()
    }

    /// Whether a member of that epoch may commit and fetch offsets.
    pub(in crate::coordinator) fn check_member(&self, of: &MemberOf) -> Result<(), GroupError> {
        let member = self.members.get(&of.member);
        let member = member.ok_or(GroupError::UnknownMember)?;
        if of.generation.get() == member.current.epoch {
            Ok(())
        } else {
            Err(GroupError::StaleMemberEpoch)
        }
    }

    /// A client commits offsets: a member of the current epoch, or nobody's while there are none.
    fn check_commit(&self, of: &MemberOf) -> Result<(), GroupError> {
        if of.generation.get() < 0 && self.members.is_empty() {
            return Ok(());
        }
        self.check_member(of)
    }

    /// A member is silent for too long.
    pub(in crate::coordinator) fn session_over(
        &mut self,
        member: &MemberId,
        env: &mut Environment,
    ) {
        if self.members.contains_key(member) {
            log::info!("group {}: member {member} is silent; removed", self.id);
            self.remove(member, env);
        }
    }

    /// A member has not given partitions up in time.
    pub(in crate::coordinator) fn revocation_over(
        &mut self,
        member: &MemberId,
        env: &mut Environment,
    ) {
        if self.members.contains_key(member) {
            log::info!(
                "group {}: member {member} gives nothing up; removed",
                self.id
            );
            self.remove(member, env);
        }
    }

    /// Takes a member out, and frees what it held.
    pub(super) fn remove(&mut self, id: &MemberId, env: &mut Environment) {
        env.timers.cancel(&session_timer(&self.id, id));
        env.timers.cancel(&revocation_timer(&self.id, id));
        self.take_out(id);
        for piece in [
            ConsumerPiece::Current(id.clone(), None),
            ConsumerPiece::Target(id.clone(), None),
            ConsumerPiece::Member(id.clone(), None),
        ] {
            env.keep(layout::consumer(&self.id, &piece));
        }
        if self.members.is_empty() {
            self.empty_since = env.now.wall;
        }
        self.raise_epoch(env);
    }

    /// A static member goes for a moment: what it has waits for it.
    pub(super) fn suspend(&mut self, id: &MemberId, env: &mut Environment) {
        let member = self.members.get(id).expect("its caller found it");
        let mut current = member.current.clone();
        current.epoch = LEAVING_FOR_A_MOMENT;
        self.keep_current(id, current, env);
        env.timers.cancel(&revocation_timer(&self.id, id));
    }

    fn take_out(&mut self, id: &MemberId) {
        let Some(member) = self.members.remove(id) else {
            return;
        };
        self.holders.retain(|_, holder| holder != id);
        if let Some(instance) = &member.wish.instance
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
    }

    pub(super) fn raise_epoch(&mut self, env: &mut Environment) {
        self.epoch = self.epoch.saturating_add(1);
        env.keep(layout::consumer(
            &self.id,
            &ConsumerPiece::Epoch(Some(self.epoch)),
        ));
    }

    pub(super) fn keep_current(
        &mut self,
        id: &MemberId,
        current: layout::CurrentAssignment,
        env: &mut Environment,
    ) {
        let piece = ConsumerPiece::Current(id.clone(), Some(current.clone()));
        env.keep(layout::consumer(&self.id, &piece));
        self.set_current(id, current);
    }

    fn set_current(&mut self, id: &MemberId, current: layout::CurrentAssignment) {
        let member = self.members.get_mut(id).expect("its caller found it");
        let before = std::mem::replace(&mut member.current, current);
        for place in before.assigned.iter().chain(before.revoked.iter()) {
            if self.holders.get(&place) == Some(id) {
                self.holders.remove(&place);
            }
        }
        let held = member
            .current
            .assigned
            .iter()
            .chain(member.current.revoked.iter());
        self.holders.extend(held.map(|place| (place, id.clone())));
    }

    /// The target assignment of a member, kept if it is another than before.
    pub(super) fn set_target(&mut self, id: &MemberId, target: Assignment, env: &mut Environment) {
        let member = self.members.get_mut(id).expect("its caller found it");
        if member.target != target {
            let piece = ConsumerPiece::Target(id.clone(), Some(target.clone()));
            env.keep(layout::consumer(&self.id, &piece));
            member.target = target;
        }
    }

    /// Forgets the group, but for its offsets.
    pub(in crate::coordinator) fn tombstones_of_protocol(&self, env: &mut Environment) {
        for piece in [ConsumerPiece::TargetEpoch(None), ConsumerPiece::Epoch(None)] {
            env.keep(layout::consumer(&self.id, &piece));
        }
    }
}
