use super::environment::Environment;
use super::layout::{self, OffsetCommit, OffsetCommitKey};
use super::{
    CommitOffsets, CommitPartition, CommittedOffset, FetchOffsets, GroupError, OffsetOutcomes,
};
use crate::topic::Topic;
use crate::types::{GroupId, PartitionIndex, Timestamp, TopicId, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The offsets that a group has committed.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    topics: BTreeMap<String, BTreeMap<PartitionIndex, OffsetCommit>>,
}

/// Who needs a group's offsets.
#[derive(Debug)]
pub(super) enum Need {
    /// Members, of which it is not known what they read.
    Members,
    /// Members that read these topics.
    Subscribed(BTreeSet<String>),
    /// Nobody since then.
    NobodySince(Timestamp),
    /// Clients that only keep offsets here.
    Strangers,
}

impl Offsets {
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(super) fn put(&mut self, topic: &str, partition: PartitionIndex, commit: OffsetCommit) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.insert(partition, commit);
        } else {
            let partitions = BTreeMap::from([(partition, commit)]);
            self.topics.insert(topic.to_owned(), partitions);
        }
    }

    pub(super) fn take(&mut self, topic: &str, partition: PartitionIndex) -> bool {
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

    /// Keeps offsets whose committer may do so.
    pub(super) fn commit(
        &mut self,
        group: &GroupId,
        request: CommitOffsets,
        env: &mut Environment,
    ) -> OffsetOutcomes {
        let committed = env.now.wall;
        let expires = request
            .retention_ms
            .map(|kept| Timestamp::new(committed.get().saturating_add(kept)));
        let topics = request.topics.into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|partition| {
                let index = partition.index;
                let result = check(&topic, &partition, env).map(|id| {
                    let commit = OffsetCommit {
                        topic: id,
                        offset: partition.offset,
                        leader_epoch: partition.leader_epoch,
                        metadata: partition.metadata,
                        committed,
                        expires,
                    };
                    env.keep(layout::offset(&key(group, &topic, index), Some(&commit)));
                    self.put(&topic, index, commit);
                });
                (index, result)
            });
            let partitions = partitions.collect();
            (topic, partitions)
        });
        topics.collect()
    }

    /// Tells offsets; those asked for that there are not are told as well.
    pub(super) fn fetch(
        &self,
        request: &FetchOffsets,
    ) -> Vec<(String, Vec<(PartitionIndex, CommittedOffset)>)> {
        let Some(asked) = &request.topics else {
            let topics = self.topics.iter().map(|(topic, partitions)| {
                let partitions = partitions.iter();
                let all = partitions.map(|(index, commit)| (*index, committed(commit)));
                (topic.clone(), all.collect())
            });
            return topics.collect();
        };
        let topics = asked.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter();
            let offsets = partitions.map(|index| (*index, self.get(topic, *index)));
            (topic.clone(), offsets.collect())
        });
        topics.collect()
    }

    /// Forgets offsets that no member uses (KIP-496).
    pub(super) fn delete(
        &mut self,
        group: &GroupId,
        topics: Vec<(String, Vec<PartitionIndex>)>,
        subscribed: &BTreeSet<String>,
        env: &mut Environment,
    ) -> OffsetOutcomes {
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let is_subscribed = subscribed.contains(&topic);
            let partitions = partitions.into_iter().map(|partition| {
                if is_subscribed {
                    return (partition, Err(GroupError::SubscribedToTopic));
                }
                self.forget(group, &topic, partition, env);
                (partition, Ok(()))
            });
            let partitions = partitions.collect();
            (topic, partitions)
        });
        topics.collect()
    }

    /// Forgets offsets that nobody has needed for as long as they are kept (KIP-211).
    pub(super) fn expire(&mut self, group: &GroupId, need: &Need, env: &mut Environment) {
        let now = env.now.wall;
        let limit = now.before(env.config.offsets_retention.as_millis() as i64);
        let is_old = |topic: &str, commit: &OffsetCommit| {
            if let Some(expires) = commit.expires {
                return expires <= now;
            }
            let unused_since = match need {
                Need::Members => return false,
                Need::Subscribed(topics) if topics.contains(topic) => return false,
                Need::Subscribed(_) | Need::Strangers => commit.committed,
                Need::NobodySince(since) => commit.committed.max(*since),
            };
            unused_since <= limit
        };
        let mut old = Vec::new();
        for (topic, partitions) in &self.topics {
            let aged = partitions
                .iter()
                .filter(|(_, commit)| is_old(topic, commit));
            old.extend(aged.map(|(partition, _)| (topic.clone(), *partition)));
        }
        for (topic, partition) in old {
            self.forget(group, &topic, partition, env);
        }
    }

    /// Forgets the offsets of topics that are gone. A name alone tells nothing: by now it may be
    /// another topic's.
    pub(super) fn forget_gone(&mut self, group: &GroupId, env: &mut Environment) {
        let mut gone = Vec::new();
        for (topic, partitions) in &self.topics {
            let current = env.catalog.by_name(topic).map(|topic| topic.id);
            let is_gone = |commit: &OffsetCommit| {
                current.is_none_or(|id| commit.topic != id && commit.topic != TopicId::NONE)
            };
            let of_topic = partitions.iter().filter(|(_, commit)| is_gone(commit));
            gone.extend(of_topic.map(|(partition, _)| (topic.clone(), *partition)));
        }
        for (topic, partition) in gone {
            self.forget(group, &topic, partition, env);
        }
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

    /// Says that all are forgotten, as the group is.
    pub(super) fn tombstones(&self, group: &GroupId, env: &mut Environment) {
        for (topic, partitions) in &self.topics {
            for partition in partitions.keys() {
                env.keep(layout::offset(&key(group, topic, *partition), None));
            }
        }
    }
}

/// The topic's id, if the offset may be kept.
fn check(
    topic: &str,
    partition: &CommitPartition,
    env: &Environment,
) -> Result<TopicId, GroupError> {
    let topic = env.catalog.by_name(topic);
    let exists = |topic: &&Arc<Topic>| topic.has(TopicPartition::new(topic.id, partition.index));
    let topic = topic.filter(exists);
    let topic = topic.ok_or(GroupError::UnknownTopicOrPartition)?;
    if partition.metadata.len() > env.config.offset_metadata_bytes_max {
        return Err(GroupError::MetadataTooLarge);
    }
    Ok(topic.id)
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
