//! What a broker does, in no protocol's words: one file per operation.
//!
//! Each file holds a request, its response, and the operation between them: how the request is
//! split into one core request per core that owns a part of it, and
//! how the replies are merged. An operation is plain state: it never waits, it knows no connection
//! and no clock.

mod acceptance;
mod cluster;
mod context;
mod core_request;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod error;
mod fetch;
mod find_coordinator;
mod groups;
mod init_producer_id;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod offsets_topic;
mod part;
mod per_partition;
mod produce;
mod scatter;

pub use cluster::{Cluster, LeaderHint, NodeEndpoint, TopicRef};
pub use context::Context;
pub use core_request::{
    Appended, CatalogChange, CatalogOutcome, CoreReply, CoreRequest, ReadItem, ReadPart, SeekItem,
    WatchItem,
};
pub use create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, PartitionsWanted};
pub use create_topics::{
    AssignmentGap, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, TopicWanted,
};
pub use delete_records::DeleteRecordsRequest;
pub use delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic};
pub use describe_configs::{
    AlterConfigsRequest, AlterConfigsResponse, ConfigChange, ConfigEntry, ConfigResource,
    ConfigSource, DescribeConfigsRequest, DescribeConfigsResponse, ResourceKind,
};
pub use describe_log_dirs::{
    DescribeLogDirsOperation, DescribeLogDirsRequest, DescribeLogDirsResponse,
};
pub use describe_producers::{DescribeProducersRequest, ProducerDescription, ProducersTold};
pub use describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};
pub use error::BrokerError;
pub use fetch::{
    BegunFetch, FetchOperation, FetchOutcome, FetchPartition, FetchRequest, FetchResponse,
    FetchSessions, FetchStep, FetchTopic, FetchedPartition, FetchedTopic,
};
pub use find_coordinator::{CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse};
pub use groups::{GroupAnswer, GroupsOperation};
pub use init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use list_groups::ListGroupsOperation;
pub use list_offsets::{
    FoundOffset, ListOffsetsOperation, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopic, OffsetTarget,
};
pub use metadata::{MetadataRequest, MetadataResponse, PartitionMetadata, TopicMetadata};
pub use offset_for_leader_epoch::{EpochEnd, EpochQuestion, OffsetForLeaderEpochRequest};
pub use offsets_topic::offsets_topic_settings;
pub use part::Part;
pub use per_partition::{ByTopic, PerPartition};
pub use produce::{
    Acks, ProduceOperation, ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic,
    ProducedPartition, ProducedTopic,
};

use crate::coordinator::{GroupError, GroupFilter, GroupRequest, ListedGroup};
use crate::types::{CoreId, GroupId, Offset};

/// What an operation asks of which core.
pub type Questions = Vec<(CoreId, CoreRequest)>;

/// A client's request.
#[derive(Debug)]
pub enum Request {
    /// Append batches.
    Produce(ProduceRequest),
    /// Read batches, waiting for some if asked to.
    Fetch(FetchRequest),
    /// Find offsets by time, or the ends of a log.
    ListOffsets(ListOffsetsRequest),
    /// Find where leader epochs end.
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    /// Describe nodes and topics.
    Metadata(MetadataRequest),
    /// Describe the producers that partitions remember.
    DescribeProducers(DescribeProducersRequest),
    /// Describe the data directory.
    DescribeLogDirs(DescribeLogDirsRequest),
    /// Describe the nodes alone.
    DescribeCluster,
    /// Describe partitions, a page at a time.
    DescribeTopicPartitions(DescribeTopicPartitionsRequest),
    /// Make topics.
    CreateTopics(CreateTopicsRequest),
    /// Delete topics.
    DeleteTopics(DeleteTopicsRequest),
    /// Delete records.
    DeleteRecords(DeleteRecordsRequest),
    /// Add partitions to topics.
    CreatePartitions(CreatePartitionsRequest),
    /// Give an idempotent producer its identity.
    InitProducerId(InitProducerIdRequest),
    /// Read settings.
    DescribeConfigs(DescribeConfigsRequest),
    /// Change settings of topics.
    AlterConfigs(AlterConfigsRequest),
    /// Find who coordinates.
    FindCoordinator(FindCoordinatorRequest),
    /// Ask something of each of these groups.
    Groups(Vec<(GroupId, GroupRequest)>),
    /// List groups.
    ListGroups(GroupFilter),
}

/// The answer to the [`Request`] of the same name.
#[derive(Debug)]
pub enum Response {
    /// To [`Request::Produce`]; with acks = 0 nothing is sent.
    Produce(ProduceResponse),
    /// To [`Request::Fetch`].
    Fetch(FetchResponse),
    /// To [`Request::ListOffsets`].
    ListOffsets(ListOffsetsResponse),
    /// To [`Request::OffsetForLeaderEpoch`].
    OffsetForLeaderEpoch(ByTopic<Result<EpochEnd, BrokerError>>),
    /// To [`Request::Metadata`].
    Metadata(MetadataResponse),
    /// To [`Request::DescribeProducers`].
    DescribeProducers(ByTopic<Result<Vec<ProducerDescription>, BrokerError>>),
    /// To [`Request::DescribeLogDirs`].
    DescribeLogDirs(DescribeLogDirsResponse),
    /// To [`Request::DescribeCluster`].
    DescribeCluster(Cluster),
    /// To [`Request::DescribeTopicPartitions`].
    DescribeTopicPartitions(DescribeTopicPartitionsResponse),
    /// To [`Request::CreateTopics`].
    CreateTopics(CreateTopicsResponse),
    /// To [`Request::DeleteTopics`].
    DeleteTopics(DeleteTopicsResponse),
    /// To [`Request::DeleteRecords`]: the partitions' new starts.
    DeleteRecords(ByTopic<Result<Offset, BrokerError>>),
    /// To [`Request::CreatePartitions`].
    CreatePartitions(CreatePartitionsResponse),
    /// To [`Request::InitProducerId`].
    InitProducerId(InitProducerIdResponse),
    /// To [`Request::DescribeConfigs`].
    DescribeConfigs(DescribeConfigsResponse),
    /// To [`Request::AlterConfigs`].
    AlterConfigs(AlterConfigsResponse),
    /// To [`Request::FindCoordinator`].
    FindCoordinator(FindCoordinatorResponse),
    /// To [`Request::Groups`], in the order asked.
    Groups(Vec<GroupAnswer>),
    /// To [`Request::ListGroups`], by name.
    ListGroups(Result<Vec<ListedGroup>, GroupError>),
}

impl Response {
    /// An error that the answer cannot tell, so that the connection must end for the client to
    /// hear of it.
    pub fn unsaid_error(&self) -> Option<&BrokerError> {
        match self {
            Self::Produce(response) => response.unsaid_error(),
            _ => None,
        }
    }
}
