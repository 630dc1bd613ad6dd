//! Who gets which partition: the broker's own assignors (KIP-848).
//!
//! Both are sticky: a partition stays where it is as long as the shares stay fair.

use super::Assignment;
use crate::types::{MemberId, PartitionIndex, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// A way of assigning partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Assignor {
    /// Every member gets about as many partitions.
    #[default]
    Uniform,
    /// The same numbers of all topics go to the same member, so that topics can be joined.
    Range,
}

/// What members want.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The topics that each member is subscribed to.
    pub(super) members: BTreeMap<MemberId, BTreeSet<TopicId>>,
    /// How many partitions each topic has.
    pub(super) topics: BTreeMap<TopicId, i32>,
}

impl Assignor {
    /// Every assignor, the default first.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// The name in Kafka's protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// What each member is to get; `before` is what it was to get until now.
    pub(super) fn assign(
        self,
        wishes: &Wishes,
        before: &BTreeMap<MemberId, Assignment>,
    ) -> BTreeMap<MemberId, Assignment> {
        match self {
            Self::Uniform => uniform(wishes, before),
            Self::Range => range(wishes),
        }
    }
}

/// Members with few partitions come first; what they may keep of before they keep.
fn uniform(
    wishes: &Wishes,
    before: &BTreeMap<MemberId, Assignment>,
) -> BTreeMap<MemberId, Assignment> {
    let mut shares = Shares::new(wishes);
    for (member, old) in before {
        for (topic, partition) in old.iter() {
            shares.keep(member, topic, partition);
        }
    }
    for (&topic, &partitions) in &wishes.topics {
        for partition in (0..partitions).map(PartitionIndex::new) {
            shares.give(topic, partition);
        }
    }
    shares.assigned
}

/// Shares while they are dealt out.
struct Shares<'a> {
    wishes: &'a Wishes,
    assigned: BTreeMap<MemberId, Assignment>,
    /// Members by how many partitions they have.
    by_count: BTreeSet<(usize, MemberId)>,
    counts: BTreeMap<MemberId, usize>,
    given: Assignment,
    /// What a member may keep at most: beyond it another would have too few.
    fair: usize,
    /// How many members may have that many; the others have one less.
    larger: usize,
}

impl<'a> Shares<'a> {
    fn new(wishes: &'a Wishes) -> Self {
        let members = wishes.members.keys();
        let wanted = wishes.topics.iter().filter(|(topic, _)| {
            let mut members = wishes.members.values();
            members.any(|topics| topics.contains(topic))
        });
        let partitions: usize = wanted
            .map(|(_, &count)| usize::try_from(count).unwrap_or(0))
            .sum();
        let members_count = wishes.members.len().max(1);
        Self {
            wishes,
            assigned: members
                .clone()
                .map(|member| (member.clone(), Assignment::default()))
                .collect(),
            by_count: members.clone().map(|member| (0, member.clone())).collect(),
            counts: members.map(|member| (member.clone(), 0)).collect(),
            given: Assignment::default(),
            fair: partitions.div_ceil(members_count),
            larger: match partitions % members_count {
                0 => members_count,
                rest => rest,
            },
        }
    }

    fn wants(&self, member: &MemberId, topic: TopicId) -> bool {
        let topics = self.wishes.members.get(member);
        topics.is_some_and(|topics| topics.contains(&topic))
    }

    fn keep(&mut self, member: &MemberId, topic: TopicId, partition: PartitionIndex) {
        let exists = self
            .wishes
            .topics
            .get(&topic)
            .is_some_and(|&count| partition.get() < count);
        let count = self.counts.get(member).copied().unwrap_or(self.fair);
        let fits = count < self.fair && self.has_room(count);
        if exists && fits && self.wants(member, topic) && !self.given.has(topic, partition) {
            self.hand_out(&member.clone(), topic, partition);
        }
    }

    /// Whether a member with that many may have one more: not all can have the larger share.
    fn has_room(&self, count: usize) -> bool {
        if count + 1 < self.fair {
            return true;
        }
        let have = self.counts.values().filter(|&&count| count >= self.fair);
        have.count() < self.larger
    }

    fn give(&mut self, topic: TopicId, partition: PartitionIndex) {
        if self.given.has(topic, partition) {
            return;
        }
        let mut members = self.by_count.iter().map(|(_, member)| member);
        let poorest = members.find(|member| self.wants(member, topic)).cloned();
        if let Some(member) = poorest {
            self.hand_out(&member, topic, partition);
        }
    }

    fn hand_out(&mut self, member: &MemberId, topic: TopicId, partition: PartitionIndex) {
        let count = self
            .counts
            .get_mut(member)
            .expect("every member has a count");
        self.by_count.remove(&(*count, member.clone()));
        *count += 1;
        self.by_count.insert((*count, member.clone()));
        self.given.add(topic, partition);
        let assigned = self.assigned.get_mut(member);
        assigned
            .expect("every member has a share")
            .add(topic, partition);
    }
}

/// Each topic's partitions in equal runs, over its members by id.
fn range(wishes: &Wishes) -> BTreeMap<MemberId, Assignment> {
    let members = wishes.members.keys();
    let mut assigned: BTreeMap<_, _> = members
        .map(|member| (member.clone(), Assignment::default()))
        .collect();
    for (&topic, &partitions) in &wishes.topics {
        let members = wishes.members.iter();
        let members: Vec<&MemberId> = members
            .filter(|(_, topics)| topics.contains(&topic))
            .map(|(member, _)| member)
            .collect();
        let Some(count) = i32::try_from(members.len()).ok().filter(|&count| count > 0) else {
            continue;
        };
        let (each, rest) = (partitions / count, partitions % count);
        let mut next = 0;
        for (place, member) in (0..).zip(members) {
            let share = each + i32::from(place < rest);
            let gets = assigned.get_mut(member).expect("every member has a share");
            for partition in next..next + share {
                gets.add(topic, PartitionIndex::new(partition));
            }
            next += share;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topic(number: u8) -> TopicId {
        TopicId::from_random_bytes([number; 16])
    }

    fn member(number: usize) -> MemberId {
        MemberId::new(&format!("m{number}"))
    }

    fn wishes(members: usize, topics: &[i32]) -> Wishes {
        let topics: BTreeMap<_, _> = (1..).map(topic).zip(topics.iter().copied()).collect();
        let all: BTreeSet<_> = topics.keys().copied().collect();
        Wishes {
            members: (0..members)
                .map(|number| (member(number), all.clone()))
                .collect(),
            topics,
        }
    }

    fn counts(assigned: &BTreeMap<MemberId, Assignment>) -> Vec<usize> {
        assigned
            .values()
            .map(|assignment| assignment.iter().count())
            .collect()
    }

    #[test]
    fn range_gives_the_same_numbers_of_all_topics_to_one_member() {
        let assigned = Assignor::Range.assign(&wishes(2, &[5, 5]), &BTreeMap::new());
        let first = &assigned[&member(0)];
        for number in 0..3 {
            assert!(first.has(topic(1), PartitionIndex::new(number)));
            assert!(first.has(topic(2), PartitionIndex::new(number)));
        }
        assert_eq!(counts(&assigned), [6, 4]);
    }

    #[test]
    fn a_member_that_comes_takes_no_more_than_its_share() {
        let before = Assignor::Uniform.assign(&wishes(2, &[6]), &BTreeMap::new());
        assert_eq!(counts(&before), [3, 3]);
        let after = Assignor::Uniform.assign(&wishes(3, &[6]), &before);
        assert_eq!(counts(&after), [2, 2, 2]);
        for number in 0..2 {
            let kept = &after[&member(number)];
            assert!(
                kept.is_within(&before[&member(number)]),
                "nothing moves without need"
            );
        }
    }

    proptest! {
        #[test]
        fn every_partition_has_one_owner_and_shares_are_fair(
            members in 1..8_usize,
            topics in prop::collection::vec(0..12_i32, 1..5),
            later in 1..8_usize,
        ) {
            for assignor in Assignor::ALL {
                let mut before = BTreeMap::new();
                for count in [members, later] {
                    let wishes = wishes(count, &topics);
                    let assigned = assignor.assign(&wishes, &before);
                    let all: usize = topics.iter().map(|&count| count as usize).sum();
                    let mut seen = BTreeSet::new();
                    for assignment in assigned.values() {
                        for partition in assignment.iter() {
                            prop_assert!(seen.insert(partition), "given twice");
                        }
                    }
                    prop_assert_eq!(seen.len(), all);
                    let counts = counts(&assigned);
                    let spread = counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0);
                    let unfair = if assignor == Assignor::Range { topics.len() } else { 1 };
                    prop_assert!(spread <= unfair, "{counts:?}");
                    before = assigned;
                }
            }
        }
    }
}
