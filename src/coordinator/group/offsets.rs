use super::{Environment, Group};
use crate::coordinator::layout::{self, OffsetCommit, OffsetCommitKey};
use crate::coordinator::{
    CommitOffsets, CommitPartition, CommittedOffset, FetchOffsets, GroupError, GroupState,
    MemberOf, OffsetOutcomes,
};
use crate::protocol::kafka::messages::{ConsumerProtocol, ConsumerProtocolSubscription};
use crate::types::{GroupId, PartitionIndex, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What members of this protocol say is known to be subscriptions.
const CONSUMERS: &str = "consumer";

/// The offsets that a group has committed.
#[derive(Debug, Default)]
pub(in crate::coordinator) struct Offsets {
    topics: BTreeMap<String, BTreeMap<PartitionIndex, OffsetCommit>>,
}

impl Offsets {
    pub(in crate::coordinator) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(in crate::coordinator) fn put(
        &mut self,
        topic: &str,
        partition: PartitionIndex,
        commit: OffsetCommit,
    ) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.insert(partition, commit);
        } else {
            let partitions = BTreeMap::from([(partition, commit)]);
            self.topics.insert(topic.to_owned(), partitions);
        }
    }

    pub(in crate::coordinator) fn take(&mut self, topic: &str, partition: PartitionIndex) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else {
            return false;
        };
        let was_there = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        was_there
    }

    fn get(&self, topic: &str, partition: PartitionIndex) -> CommittedOffset {
        let kept = self.topics.get(topic);
        let kept = kept.and_then(|partitions| partitions.get(&partition));
        kept.map_or(CommittedOffset::NONE, committed)
    }

    /// Forgets one offset for good, if there is one.
    fn forget(
        &mut self,
        group: &GroupId,
        topic: &str,
        partition: PartitionIndex,
        env: &mut Environment,
    ) {
        if self.take(topic, partition) {
            env.keep(layout::offset(&key(group, topic, partition), None));
        }
    }

    pub(super) fn forget_all(&self, group: &GroupId, env: &mut Environment) {
        for (topic, partitions) in &self.topics {
            for partition in partitions.keys() {
                env.keep(layout::offset(&key(group, topic, *partition), None));
            }
        }
    }

    /// The partitions whose offsets are older than `is_old` allows.
    fn old(&self, is_old: impl Fn(&str, &OffsetCommit) -> bool) -> Vec<(String, PartitionIndex)> {
        let mut old = Vec::new();
        for (topic, partitions) in &self.topics {
            let aged = partitions
                .iter()
                .filter(|(_, commit)| is_old(topic, commit));
            old.extend(aged.map(|(partition, _)| (topic.clone(), *partition)));
        }
        old
    }
}

impl Group {
    /// Keeps offsets of a member, or of a client that is none if nobody is.
    pub(in crate::coordinator) fn commit_offsets(
        &mut self,
        request: CommitOffsets,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        self.check_commit(&request.of)?;
        if matches!(
            self.state,
            GroupState::Stable | GroupState::PreparingRebalance
        ) {
            self.extend_session(&request.of.member, env);
        }
        let committed = env.now.wall;
        let expires = request
            .retention_ms
            .map(|kept| Timestamp::new(committed.get().saturating_add(kept)));
        let topics = request.topics.into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|partition| {
                let index = partition.index;
                (
                    index,
                    self.commit(&topic, partition, committed, expires, env),
                )
            });
            let partitions = partitions.collect();
            (topic, partitions)
        });
        Ok(topics.collect())
    }

    fn commit(
        &mut self,
        topic: &str,
        partition: CommitPartition,
        committed: Timestamp,
        expires: Option<Timestamp>,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        if !partition.exists {
            return Err(GroupError::UnknownTopicOrPartition);
        }
        if partition.metadata.len() > env.config.offset_metadata_bytes_max {
            return Err(GroupError::MetadataTooLarge);
        }
        let commit = OffsetCommit {
            offset: partition.offset,
            leader_epoch: partition.leader_epoch,
            metadata: partition.metadata,
            committed,
            expires,
        };
        env.keep(layout::offset(
            &key(&self.id, topic, partition.index),
            Some(&commit),
        ));
        self.offsets.put(topic, partition.index, commit);
        Ok(())
    }

    fn check_commit(&self, of: &MemberOf) -> Result<(), GroupError> {
        if of.generation.get() < 0 && self.state == GroupState::Empty {
            // A client that assigns partitions to itself and only keeps offsets here.
            return Ok(());
        }
        let claims_membership =
            of.generation.get() >= 0 || !of.member.is_empty() || of.instance.is_some();
        if !claims_membership {
            return Err(GroupError::UnknownMember);
        }
        self.check_instance(of.instance.as_ref(), &of.member)?;
        if !self.members.contains_key(&of.member) {
            return Err(GroupError::UnknownMember);
        }
        if of.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        match self.state {
            // Its partitions may be another's already.
            GroupState::CompletingRebalance => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Tells offsets.
    pub(in crate::coordinator) fn fetch_offsets(
        &self,
        request: &FetchOffsets,
    ) -> Vec<(String, Vec<(PartitionIndex, CommittedOffset)>)> {
        match &request.topics {
            Some(topics) => asked_offsets(Some(self), topics),
            None => {
                let topics = self.offsets.topics.iter();
                let topics = topics.map(|(topic, partitions)| {
                    let partitions = partitions.iter();
                    let all = partitions.map(|(index, commit)| (*index, committed(commit)));
                    (topic.clone(), all.collect())
                });
                topics.collect()
            }
        }
    }

    /// Forgets offsets that no member uses (KIP-496).
    pub(in crate::coordinator) fn delete_offsets(
        &mut self,
        topics: Vec<(String, Vec<PartitionIndex>)>,
        env: &mut Environment,
    ) -> Result<OffsetOutcomes, GroupError> {
        if self.has_members() && self.protocol_type != CONSUMERS {
            return Err(GroupError::NonEmptyGroup);
        }
        let subscribed = self.subscribed();
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let is_subscribed = subscribed.contains(&topic);
            let partitions = partitions.into_iter().map(|partition| {
                if is_subscribed {
                    return (partition, Err(GroupError::SubscribedToTopic));
                }
                self.offsets.forget(&self.id, &topic, partition, env);
                (partition, Ok(()))
            });
            let partitions = partitions.collect();
            (topic, partitions)
        });
        Ok(topics.collect())
    }

    /// The topics that members want; known of consumers only.
    fn subscribed(&self) -> BTreeSet<String> {
        let mut topics = BTreeSet::new();
        if self.protocol_type != CONSUMERS {
            return topics;
        }
        for member in self.members.values() {
            for (_, metadata) in &member.protocols {
                if let Ok(subscription) = ConsumerProtocolSubscription::decode(metadata) {
                    topics.extend(subscription.topics.iter().map(str::to_owned));
                }
            }
        }
        topics
    }

    /// Forgets offsets that nobody has needed for as long as they are kept (KIP-211).
    pub(in crate::coordinator) fn expire_offsets(&mut self, env: &mut Environment) {
        let now = env.now.wall;
        let kept_ms = env.config.offsets_retention.as_millis() as i64;
        let limit = now.before(kept_ms);
        let subscribed = self.subscribed();
        let has_members = self.has_members();
        let consumers = self.protocol_type == CONSUMERS;
        let state_since = self.state_since;
        let was_a_group = !self.protocol_type.is_empty();
        let old = self.offsets.old(|topic, commit| {
            if let Some(expires) = commit.expires {
                return expires <= now;
            }
            let since = match (has_members, was_a_group) {
                // A group of members needs what they are subscribed to, as long as that is known.
                (true, _) if !consumers || subscribed.contains(topic) => return false,
                (true, _) | (false, false) => commit.committed,
                // Offsets age from when the last member left.
                (false, true) => state_since.max(commit.committed),
            };
            since <= limit
        });
        for (topic, partition) in old {
            self.offsets.forget(&self.id, &topic, partition, env);
        }
    }

    /// A topic is gone, and its offsets with it.
    pub(in crate::coordinator) fn forget_topic(&mut self, topic: &str, env: &mut Environment) {
        let partitions = self.offsets.topics.get(topic);
        let partitions = partitions.map(|partitions| partitions.keys().copied().collect());
        let partitions: Vec<PartitionIndex> = partitions.unwrap_or_default();
        for partition in partitions {
            self.offsets.forget(&self.id, topic, partition, env);
        }
    }
}

/// The offsets asked for; of a group that is not there, none.
pub(in crate::coordinator) fn asked_offsets(
    group: Option<&Group>,
    topics: &[(String, Vec<PartitionIndex>)],
) -> Vec<(String, Vec<(PartitionIndex, CommittedOffset)>)> {
    let topics = topics.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|partition| {
            let offset = group.map_or(CommittedOffset::NONE, |group| {
                group.offsets.get(topic, *partition)
            });
            (*partition, offset)
        });
        (topic.clone(), partitions.collect())
    });
    topics.collect()
}

fn committed(commit: &OffsetCommit) -> CommittedOffset {
    CommittedOffset {
        offset: commit.offset,
        leader_epoch: commit.leader_epoch,
        metadata: commit.metadata.clone(),
    }
}

fn key(group: &GroupId, topic: &str, partition: PartitionIndex) -> OffsetCommitKey {
    OffsetCommitKey {
        group: group.clone(),
        topic: topic.to_owned(),
        partition,
    }
}
