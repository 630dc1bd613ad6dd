//! Committing and fetching offsets, in whatever version, and what the answers mean.

use super::code_of;
use crate::clients::Context;
use crate::clients::link::{Answer, Link};
use crate::history::{Fate, Spot, View};
use corelane::protocol::kafka::messages::{
    ErrorCode, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
    OffsetFetchRequestTopics, OffsetFetchResponse,
};
use std::collections::BTreeMap;

/// Who asks something of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) member: String,
    /// The generation or the member's epoch.
    pub(crate) generation: i32,
    pub(crate) instance: Option<String>,
}

/// Commits that were sent.
#[derive(Debug, Clone)]
pub(crate) struct Committing {
    group: usize,
    items: Vec<(Spot, u64)>,
    pub(crate) of: Identity,
    pub(crate) view: Option<View>,
}

/// A question for offsets.
#[derive(Debug, Clone)]
pub(crate) struct Fetching {
    group: usize,
    pub(crate) spots: Vec<Spot>,
    asked: u64,
}

/// Partitions by the names of their topics.
pub(crate) fn by_topic<T: Copy>(
    items: impl Iterator<Item = (Spot, T)>,
    context: &Context<'_>,
) -> BTreeMap<String, Vec<(i32, T)>> {
    let mut topics: BTreeMap<String, Vec<(i32, T)>> = BTreeMap::new();
    for ((topic, index), item) in items {
        let name = context.topics.all[topic].name.clone();
        topics.entry(name).or_default().push((index, item));
    }
    topics
}

impl Committing {
    /// Sends offsets, of which each has a number as its metadata.
    pub(super) fn send<T>(
        (group, name): (usize, &str),
        of: Identity,
        offsets: &[(Spot, i64)],
        version: i16,
        (link, wrap): (&mut Link<T>, impl FnOnce(Self) -> T),
        context: &mut Context<'_>,
    ) {
        let view = (!of.member.is_empty()).then(|| context.history.view(group, link.client()));
        let commits = &mut context.history.commits;
        let items = offsets.iter().map(|&(spot, offset)| {
            let number = commits.commits(group, spot, offset);
            (spot, (offset, number, number.to_string()))
        });
        let items: Vec<_> = items.collect();
        let numbered = items.iter().map(|(spot, item)| (*spot, item));
        let topics = by_topic(numbered, context);
        let topics = topics.iter().map(|(name, partitions)| {
            let partitions = partitions.iter().map(|(index, (offset, _, metadata))| {
                OffsetCommitRequestPartition {
                    partition_index: *index,
                    committed_offset: *offset,
                    committed_metadata: Some(metadata),
                    ..Default::default()
                }
            });
            OffsetCommitRequestTopic {
                name,
                partitions: partitions.collect(),
            }
        });
        let request = OffsetCommitRequest {
            group_id: name,
            generation_id_or_member_epoch: of.generation,
            member_id: &of.member,
            group_instance_id: of.instance.as_deref(),
            retention_time_ms: -1,
            topics: topics.collect(),
        };
        let asked = Self {
            group,
            items: items.iter().map(|(spot, item)| (*spot, item.1)).collect(),
            of: of.clone(),
            view,
        };
        link.send(&request, version, Some(wrap(asked)), context);
    }

    /// The answer: the first error, if any.
    pub(super) fn answered<T>(&self, answer: &Answer<T>, context: &mut Context<'_>) -> ErrorCode {
        let response: OffsetCommitResponse<'_> = Answer::<T>::decode(&answer.body, answer.version);
        let topics: Vec<_> = response.topics.iter().collect();
        let mut codes = BTreeMap::new();
        for topic in &topics {
            for partition in &topic.partitions {
                let code = code_of(partition.error_code);
                codes.insert((topic.name, partition.partition_index), code);
            }
        }
        assert_eq!(codes.len(), self.items.len(), "one result per partition");
        let mut first = ErrorCode::None;
        for ((topic, index), number) in &self.items {
            let known = &context.topics.all[*topic];
            let code = *codes
                .get(&(known.name.as_str(), *index))
                .expect("it was asked for");
            let fate = fate_of(code);
            if code == ErrorCode::UnknownTopicOrPartition {
                let is_live = context.topics.is_live_topic(*topic);
                assert!(!is_live, "{}-{index} is not there to commit", known.name);
            }
            if fate == Fate::Done
                && let Some(view) = self.view
            {
                let membership = &context.history.members[self.group];
                // Epochs are the members' own.
                let generation = match membership.has_epochs {
                    true => i32::MAX,
                    false => self.of.generation,
                };
                membership.speaks("a commit", generation, view);
            }
            context.history.commits.committed(*number, fate);
            if first == ErrorCode::None {
                first = code;
            }
        }
        first
    }
}

/// What an answer says of a change of offsets.
pub(super) fn fate_of(code: ErrorCode) -> Fate {
    match code {
        ErrorCode::None => Fate::Done,
        ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress => Fate::Open,
        ErrorCode::UnknownMemberId
        | ErrorCode::IllegalGeneration
        | ErrorCode::RebalanceInProgress
        | ErrorCode::FencedInstanceId
        | ErrorCode::StaleMemberEpoch
        | ErrorCode::NotCoordinator
        | ErrorCode::UnknownTopicOrPartition
        | ErrorCode::GroupIdNotFound
        | ErrorCode::GroupSubscribedToTopic
        | ErrorCode::NonEmptyGroup => Fate::Refused,
        other => panic!("offsets were answered with {other}"),
    }
}

impl Fetching {
    pub(crate) fn new(group: usize, spots: Vec<Spot>, context: &mut Context<'_>) -> Self {
        let asked = context.history.commits.ask();
        Self {
            group,
            spots,
            asked,
        }
    }

    /// Sends the question; with an identity as that member.
    pub(super) fn send<T>(
        self,
        name: &str,
        of: Option<&Identity>,
        version: i16,
        (link, wrap): (&mut Link<T>, impl FnOnce(Self) -> T),
        context: &mut Context<'_>,
    ) {
        let topics = by_topic(self.spots.iter().map(|spot| (*spot, ())), context);
        let request = self.request(name, &topics, of, version);
        link.send(&request, version, Some(wrap(self)), context);
    }

    pub(crate) fn request<'a>(
        &self,
        name: &'a str,
        topics: &'a BTreeMap<String, Vec<(i32, ())>>,
        of: Option<&'a Identity>,
        version: i16,
    ) -> OffsetFetchRequest<'a> {
        let indexes =
            |partitions: &[(i32, ())]| partitions.iter().map(|(index, ())| *index).collect();
        if version < 8 {
            let topics = topics
                .iter()
                .map(|(name, partitions)| OffsetFetchRequestTopic {
                    name,
                    partition_indexes: indexes(partitions),
                });
            return OffsetFetchRequest {
                group_id: name,
                topics: Some(topics.collect()),
                ..Default::default()
            };
        }
        let topics = topics
            .iter()
            .map(|(name, partitions)| OffsetFetchRequestTopics {
                name,
                partition_indexes: indexes(partitions),
            });
        let group = OffsetFetchRequestGroup {
            group_id: name,
            member_id: of.map(|of| of.member.as_str()),
            member_epoch: of.map_or(-1, |of| of.generation),
            topics: Some(topics.collect()),
        };
        OffsetFetchRequest {
            groups: vec![group].into(),
            ..Default::default()
        }
    }

    /// The answer: the committed offsets of the partitions whose topics are still there, or why not.
    pub(crate) fn answered<T>(
        &self,
        answer: &Answer<T>,
        context: &mut Context<'_>,
    ) -> Result<Vec<(Spot, i64)>, ErrorCode> {
        let response: OffsetFetchResponse<'_> = Answer::<T>::decode(&answer.body, answer.version);
        let mut told = BTreeMap::new();
        let mut code = code_of(response.error_code);
        let mut take =
            |topic: &str, index: i32, offset: i64, metadata: Option<&str>, error: i16| {
                let metadata = metadata.unwrap_or_default().to_owned();
                if error != 0 {
                    code = code_of(error);
                }
                told.insert((topic.to_owned(), index), (offset, metadata));
            };
        for topic in &response.topics {
            for p in &topic.partitions {
                let (offset, error) = (p.committed_offset, p.error_code);
                take(topic.name, p.partition_index, offset, p.metadata, error);
            }
        }
        let mut of_group = ErrorCode::None;
        for group in &response.groups {
            of_group = code_of(group.error_code);
            for topic in &group.topics {
                for p in &topic.partitions {
                    let (offset, error) = (p.committed_offset, p.error_code);
                    take(topic.name, p.partition_index, offset, p.metadata, error);
                }
            }
        }
        for code in [code, of_group] {
            if code != ErrorCode::None {
                return Err(code);
            }
        }
        let mut offsets = Vec::new();
        for spot in &self.spots {
            if !context.topics.is_live_topic(spot.0) {
                continue;
            }
            let name = context.topics.all[spot.0].name.clone();
            let (offset, metadata) = told.get(&(name, spot.1)).expect("it was asked for");
            let commits = &mut context.history.commits;
            commits.read(self.group, *spot, self.asked, (*offset, metadata));
            offsets.push((*spot, *offset));
        }
        Ok(offsets)
    }
}
