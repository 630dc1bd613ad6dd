use super::classic::ClassicGroup;
use super::consumer::ConsumerGroup;
use super::environment::Environment;
use super::offsets::{Need, Offsets};
use super::{CommitOffsets, GroupError, GroupFilter, GroupToken, ListedGroup, OffsetOutcomes};
use crate::types::{GroupId, PartitionIndex, Timestamp};

/// A group, by the protocol that keeps it together. An empty one of either kind becomes one of the
/// other when its next member speaks that protocol; its offsets stay.
#[derive(Debug)]
pub(super) enum Group {
    Classic(Box<ClassicGroup>),
    Consumer(Box<ConsumerGroup>),
}

impl Group {
    pub(super) fn new(id: GroupId, now: Timestamp) -> Self {
        Self::Classic(Box::new(ClassicGroup::new(id, Offsets::default(), now)))
    }

    /// The group as a classic one, if it is one or can become one.
    pub(super) fn classic(
        &mut self,
        id: &GroupId,
        env: &mut Environment,
    ) -> Option<&mut ClassicGroup> {
        if let Self::Consumer(group) = self
            && !group.has_members()
        {
            group.tombstones_of_protocol(env);
            return Some(self.make_classic(id, env.now.wall));
        }
        self.known_classic()
    }

    /// The group as one of the consumer protocol, if it is one or can become one.
    pub(super) fn consumer(
        &mut self,
        id: &GroupId,
        env: &mut Environment,
    ) -> Option<&mut ConsumerGroup> {
        if let Self::Classic(group) = self
            && !group.has_members()
        {
            group.tombstone_of_protocol(env);
            return Some(self.make_consumer(id, env.now.wall));
        }
        self.known_consumer()
    }

    /// The group as a classic one; of another kind only its offsets stay.
    pub(super) fn make_classic(&mut self, id: &GroupId, now: Timestamp) -> &mut ClassicGroup {
        if let Self::Consumer(group) = self {
            let offsets = std::mem::take(&mut group.offsets);
            let group = ClassicGroup::new(id.clone(), offsets, now);
            *self = Self::Classic(Box::new(group));
        }
        self.known_classic().expect("made just now")
    }

    /// The group as one of the consumer protocol; of another kind only its offsets stay.
    pub(super) fn make_consumer(&mut self, id: &GroupId, now: Timestamp) -> &mut ConsumerGroup {
        if let Self::Classic(group) = self {
            let offsets = std::mem::take(&mut group.offsets);
            let group = ConsumerGroup::new(id.clone(), offsets, now);
            *self = Self::Consumer(Box::new(group));
        }
        self.known_consumer().expect("made just now")
    }

    pub(super) fn known_consumer(&mut self) -> Option<&mut ConsumerGroup> {
        match self {
            Self::Classic(_) => None,
            Self::Consumer(group) => Some(group),
        }
    }

    pub(super) fn known_classic(&mut self) -> Option<&mut ClassicGroup> {
        match self {
            Self::Classic(group) => Some(group),
            Self::Consumer(_) => None,
        }
    }

    pub(super) fn offsets(&self) -> &Offsets {
        match self {
            Self::Classic(group) => &group.offsets,
            Self::Consumer(group) => &group.offsets,
        }
    }

    pub(super) fn offsets_mut(&mut self) -> &mut Offsets {
        match self {
            Self::Classic(group) => &mut group.offsets,
            Self::Consumer(group) => &mut group.offsets,
        }
    }

    /// Everything is replayed: time passes from now on.
    pub(super) fn resume(&self, env: &mut Environment) {
        match self {
            Self::Classic(group) => group.resume(env),
            Self::Consumer(group) => group.resume(env),
        }
    }

    pub(super) fn has_members(&self) -> bool {
        match self {
            Self::Classic(group) => group.has_members(),
            Self::Consumer(group) => group.has_members(),
        }
    }

    /// Whether nothing would be missed if the group were not there.
    pub(super) fn is_void(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_void(),
            Self::Consumer(group) => group.is_void(),
        }
    }

    pub(super) fn listed(&self, filter: &GroupFilter) -> Option<ListedGroup> {
        match self {
            Self::Classic(group) => group.listed(filter),
            Self::Consumer(group) => group.listed(filter),
        }
    }

    pub(super) fn commit_offsets(
        &mut self,
        request: CommitOffsets,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        match self {
            Self::Classic(group) => group.commit_offsets(request, env),
            Self::Consumer(group) => group.commit_offsets(request, env),
        }
    }

    pub(super) fn delete_offsets(
        &mut self,
        topics: Vec<(String, Vec<PartitionIndex>)>,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        match self {
            Self::Classic(group) => group.delete_offsets(topics, env),
            Self::Consumer(group) => Ok(group.delete_offsets(topics, env)),
        }
    }

    /// Forgets offsets that nobody needs.
    pub(super) fn expire_offsets(&mut self, id: &GroupId, env: &mut Environment) {
        let need: Need = match self {
            Self::Classic(group) => group.need(),
            Self::Consumer(group) => group.need(&env.catalog),
        };
        self.offsets_mut().expire(id, &need, env);
    }

    /// Forgets the group and what it keeps.
    pub(super) fn tombstones(&self, id: &GroupId, env: &mut Environment) {
        self.offsets().tombstones(id, env);
        match self {
            Self::Classic(group) => group.tombstone_of_protocol(env),
            Self::Consumer(group) => group.tombstones_of_protocol(env),
        }
    }

    /// Those whose questions this group would answer later.
    pub(super) fn waiting(&self) -> Vec<GroupToken> {
        match self {
            Self::Classic(group) => group.waiting().collect(),
            Self::Consumer(_) => Vec::new(),
        }
    }
}
