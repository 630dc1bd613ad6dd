use super::Assignment;
use crate::coordinator::layout::{CurrentAssignment, MemberWish};
use crate::coordinator::timers::Timer;
use crate::coordinator::{ConsumerHeartbeat, ConsumerMemberDescription, NamedPartitions};
use crate::topic::Catalog;
use crate::types::{GroupId, InstanceId, MemberId};

/// A member's epoch when it joins, leaves, or leaves to come back under its instance id.
pub(super) const JOINING: i32 = 0;
pub(super) const LEAVING: i32 = -1;
pub(super) const LEAVING_FOR_A_MOMENT: i32 = -2;

/// Where a member is on its way to its part of the target, as Kafka numbers it.
pub(super) const STABLE: i8 = 0;
pub(super) const UNREVOKED: i8 = 1;
pub(super) const UNRELEASED: i8 = 2;

/// A member of a group of the consumer protocol.
#[derive(Debug)]
pub(super) struct ConsumerMember {
    pub(super) wish: MemberWish,
    pub(super) current: CurrentAssignment,
    /// What it is to get in the end.
    pub(super) target: Assignment,
}

impl ConsumerMember {
    pub(super) fn new(wish: MemberWish) -> Self {
        Self {
            wish,
            current: CurrentAssignment::default(),
            target: Assignment::default(),
        }
    }

    /// A wish of nothing, to be filled by [`Self::updated`].
    pub(super) fn empty_wish(instance: Option<InstanceId>) -> MemberWish {
        MemberWish {
            instance,
            rack: None,
            client_id: String::new(),
            client_host: String::new(),
            topics: Vec::new(),
            regex: None,
            rebalance_timeout_ms: -1,
            assignor: None,
        }
    }

    /// The wish with what a heartbeat says; what it leaves out stays.
    pub(super) fn updated(&self, beat: &ConsumerHeartbeat) -> MemberWish {
        let mut wish = self.wish.clone();
        wish.client_id.clone_from(&beat.client_id);
        wish.client_host.clone_from(&beat.client_host);
        if beat.rack.is_some() {
            wish.rack.clone_from(&beat.rack);
        }
        if beat.rebalance_timeout_ms >= 0 {
            wish.rebalance_timeout_ms = beat.rebalance_timeout_ms;
        }
        if let Some(topics) = &beat.topics {
            wish.topics.clone_from(topics);
            wish.topics.sort_unstable();
            wish.topics.dedup();
        }
        if let Some(regex) = &beat.regex {
            wish.regex = Some(regex.clone()).filter(|regex| !regex.is_empty());
        }
        if beat.assignor.is_some() {
            wish.assignor.clone_from(&beat.assignor);
        }
        wish
    }

    pub(super) fn describe(&self, id: &MemberId, catalog: &Catalog) -> ConsumerMemberDescription {
        ConsumerMemberDescription {
            member: id.clone(),
            instance: self.wish.instance.clone(),
            rack: self.wish.rack.clone(),
            epoch: self.current.epoch,
            client_id: self.wish.client_id.clone(),
            client_host: self.wish.client_host.clone(),
            topics: self.wish.topics.clone(),
            regex: self.wish.regex.clone(),
            assigned: named(&self.current.assigned, catalog),
            target: named(&self.target, catalog),
        }
    }

    /// Bytes of what the member wants, about.
    pub(super) fn size(&self) -> usize {
        let topics: usize = self.wish.topics.iter().map(String::len).sum();
        topics + self.wish.regex.as_ref().map_or(0, String::len)
    }
}

/// The partitions of topics that still exist.
fn named(assignment: &Assignment, catalog: &Catalog) -> Vec<NamedPartitions> {
    let topics = assignment.topics().filter_map(|(id, partitions)| {
        let topic = catalog.by_id(id)?;
        Some(NamedPartitions {
            id,
            name: topic.name.clone(),
            partitions: partitions.iter().copied().collect(),
        })
    });
    topics.collect()
}

pub(super) fn session_timer(group: &GroupId, member: &MemberId) -> Timer {
    Timer::Session(group.clone(), member.clone())
}

pub(super) fn revocation_timer(group: &GroupId, member: &MemberId) -> Timer {
    Timer::Revocation(group.clone(), member.clone())
}
