use crate::types::{PartitionIndex, TopicId};
use std::collections::{BTreeMap, BTreeSet};

/// Partitions by topic, as they are assigned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment(BTreeMap<TopicId, BTreeSet<PartitionIndex>>);

impl Assignment {
    /// Whether it has no partition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has a partition.
    pub fn has(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        let partitions = self.0.get(&topic);
        partitions.is_some_and(|partitions| partitions.contains(&partition))
    }

    /// Adds a partition.
    pub fn add(&mut self, topic: TopicId, partition: PartitionIndex) {
        self.0.entry(topic).or_default().insert(partition);
    }

    /// The partitions by topic.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (TopicId, &BTreeSet<PartitionIndex>)> {
        self.0
            .iter()
            .map(|(topic, partitions)| (*topic, partitions))
    }

    /// Every partition.
    pub fn iter(&self) -> impl Iterator<Item = (TopicId, PartitionIndex)> {
        let topics = self.0.iter();
        topics.flat_map(|(topic, partitions)| partitions.iter().map(|index| (*topic, *index)))
    }

    /// The partitions that `keep` accepts.
    pub(super) fn filtered(&self, keep: impl Fn(TopicId, PartitionIndex) -> bool) -> Self {
        self.iter()
            .filter(|(topic, partition)| keep(*topic, *partition))
            .collect()
    }

    /// Whether some partition is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.iter()
            .any(|(topic, partition)| other.has(topic, partition))
    }

    /// Whether every partition is in `other`.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.iter()
            .all(|(topic, partition)| other.has(topic, partition))
    }
}

impl FromIterator<(TopicId, PartitionIndex)> for Assignment {
    fn from_iter<I: IntoIterator<Item = (TopicId, PartitionIndex)>>(partitions: I) -> Self {
        let mut assignment = Self::default();
        for (topic, partition) in partitions {
            assignment.add(topic, partition);
        }
        assignment
    }
}
