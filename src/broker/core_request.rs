//! What one core asks of another, itself included: an operation does not know which parts are
//! its own core's.

use super::{
    AlterConfigsRequest, AlterConfigsResponse, BrokerError, CreatePartitionsRequest,
    CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, EpochEnd, EpochQuestion, FoundOffset, OffsetTarget, ProducerDescription,
};
use crate::config::Config;
use crate::coordinator::{GroupError, GroupFilter, GroupReply, GroupRequest, ListedGroup};
use crate::record::Batch;
use crate::storage::FileRange;
use crate::topic::Catalog;
use crate::types::{
    FetchSessionId, GroupId, LeaderEpoch, Offset, ProducerId, TopicId, TopicPartition,
};
use std::time::Duration;

pub use crate::partition::Appended;

/// A question to the core that can answer it.
#[derive(Debug)]
pub enum CoreRequest {
    /// To the owner of the partitions: append, and answer when every ack is due.
    Append {
        /// Whether the answer waits until the batches are as durable as their topics promise.
        durable: bool,
        /// How long a batch may wait for room in a partition that is full.
        wait_max: Duration,
        /// At most one batch per partition, in the client's order.
        items: Vec<(TopicPartition, Batch)>,
    },
    /// To the owner: what can be read now.
    Read {
        /// The reads, in the client's order.
        items: Vec<ReadItem>,
        /// About how many bytes in all; the first batch may exceed it.
        bytes_max: u32,
    },
    /// To the owner: say [`Wake`](crate::shard::Message::Wake) once as soon as one of these is
    /// another than it was seen. No reply.
    Watch(Vec<WatchItem>),
    /// To the owner: forget the watch. No reply.
    Unwatch,
    /// To the owner, for a fetch session: say [`Moved`](crate::shard::Message::Moved) of each of
    /// these once, as soon as it is another than it was seen. No reply.
    WatchInSession(FetchSessionId, Vec<WatchItem>),
    /// To the owner: forget what of these the session watches. No reply.
    UnwatchInSession(FetchSessionId, Vec<TopicPartition>),
    /// To the owner: find offsets.
    Seek(Vec<SeekItem>),
    /// To the owner: find where leader epochs end.
    EpochEnds(Vec<(TopicPartition, EpochQuestion)>),
    /// To the owner: delete the records below an offset, or all that may be read, and answer when
    /// the new start is durable.
    DeleteRecords(Vec<(TopicPartition, Option<Offset>)>),
    /// To the owner: how many bytes these have.
    Sizes(Vec<(TopicPartition, ())>),
    /// To the owner: describe the producers that these remember.
    Producers(Vec<(TopicPartition, ())>),
    /// To the registrar: change the catalog, and answer when every core has the new one.
    Change(CatalogChange),
    /// To the registrar: a producer id that nobody else gets.
    ProducerId,
    /// To the owner of the partitions that keep the groups: do what is asked of each.
    Groups(Vec<(GroupId, GroupRequest)>),
    /// To every core: the groups that it coordinates.
    ListGroups(GroupFilter),
}

/// The reply to the [`CoreRequest`] of the same name, its results in the order of its items.
#[derive(Debug)]
pub enum CoreReply {
    /// Where each batch went.
    Append(Vec<Result<Appended, BrokerError>>),
    /// What each read gave.
    Read(Vec<Result<ReadPart, BrokerError>>),
    /// What each search found.
    Seek(Vec<Result<FoundOffset, BrokerError>>),
    /// Where each epoch ends.
    EpochEnds(Vec<Result<EpochEnd, BrokerError>>),
    /// The new start of each partition.
    RecordsDeleted(Vec<Result<Offset, BrokerError>>),
    /// The bytes of each partition.
    Sizes(Vec<Result<u64, BrokerError>>),
    /// The producers of each partition.
    Producers(Vec<Result<Vec<ProducerDescription>, BrokerError>>),
    /// What came of the change.
    Change(CatalogOutcome),
    /// An id that nobody else gets.
    ProducerId(Result<ProducerId, BrokerError>),
    /// What each group says.
    Groups(Vec<Result<GroupReply, GroupError>>),
    /// The groups that pass the filter.
    ListGroups(Result<Vec<ListedGroup>, GroupError>),
}

/// One read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadItem {
    /// Where.
    pub partition: TopicPartition,
    /// The first record wanted.
    pub offset: Offset,
    /// About how many bytes at most.
    pub bytes_max: u32,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
}

/// What one read gave.
#[derive(Debug)]
pub struct ReadPart {
    /// The last offset that may be read, plus one.
    pub high_watermark: Offset,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Whole batches, ready to be sent.
    pub range: Option<FileRange>,
}

/// A partition as a fetch saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchItem {
    /// Which.
    pub partition: TopicPartition,
    /// The last offset that could be read, plus one.
    pub high_watermark: Offset,
    /// The first offset that was kept.
    pub log_start: Offset,
}

/// One search in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeekItem {
    /// Where.
    pub partition: TopicPartition,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// What to find.
    pub target: OffsetTarget,
}

/// A change of the catalog, as a client asked for it.
#[derive(Debug)]
pub enum CatalogChange {
    /// Make topics.
    CreateTopics(CreateTopicsRequest),
    /// Delete topics.
    DeleteTopics(DeleteTopicsRequest),
    /// Add partitions.
    CreatePartitions(CreatePartitionsRequest),
    /// Change settings.
    AlterConfigs(AlterConfigsRequest),
}

/// What came of the [`CatalogChange`] of the same name.
#[derive(Debug)]
pub enum CatalogOutcome {
    /// Made or refused.
    CreateTopics(CreateTopicsResponse),
    /// Deleted or refused.
    DeleteTopics(DeleteTopicsResponse),
    /// Added or refused.
    CreatePartitions(CreatePartitionsResponse),
    /// Changed or refused.
    AlterConfigs(AlterConfigsResponse),
}

impl CatalogChange {
    /// Makes the change in a draft of the next catalog.
    pub fn apply(
        &self,
        draft: &mut Catalog,
        config: &Config,
        new_id: impl FnMut() -> TopicId,
    ) -> CatalogOutcome {
        match self {
            Self::CreateTopics(request) => {
                CatalogOutcome::CreateTopics(request.apply(draft, config, new_id))
            }
            Self::DeleteTopics(request) => CatalogOutcome::DeleteTopics(request.apply(draft)),
            Self::CreatePartitions(request) => {
                CatalogOutcome::CreatePartitions(request.apply(draft, config))
            }
            Self::AlterConfigs(request) => CatalogOutcome::AlterConfigs(request.apply(draft)),
        }
    }

    /// The outcome if nothing of it could be done.
    pub fn failed(&self, error: &BrokerError) -> CatalogOutcome {
        let error = || error.clone();
        match self {
            Self::CreateTopics(request) => {
                let topics = request.topics.iter();
                let topics = topics
                    .map(|topic| (topic.name.clone(), Err(error())))
                    .collect();
                CatalogOutcome::CreateTopics(CreateTopicsResponse { topics })
            }
            Self::DeleteTopics(request) => CatalogOutcome::DeleteTopics(request.failed(error)),
            Self::CreatePartitions(request) => {
                let topics = request.topics.iter();
                let topics = topics
                    .map(|topic| (topic.name.clone(), Err(error())))
                    .collect();
                CatalogOutcome::CreatePartitions(CreatePartitionsResponse { topics })
            }
            Self::AlterConfigs(request) => {
                let resources = request.resources.iter();
                let resources = resources
                    .map(|(resource, _)| (resource.clone(), Err(error())))
                    .collect();
                CatalogOutcome::AlterConfigs(AlterConfigsResponse { resources })
            }
        }
    }
}
