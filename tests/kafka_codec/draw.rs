//! Every message filled with values from a seed.

use corelane::protocol::kafka::messages::*;
use corelane::wire::{Array, Records};
use uuid::Uuid;

/// Where drawn values come from.
pub(crate) struct Source {
    pub(crate) random: fastrand::Rng,
    pub(crate) version: i16,
}

/// A value that can be drawn.
pub(crate) trait Draw: Sized {
    fn draw(source: &mut Source) -> Self;
}

macro_rules! draw_numbers {
    ($($type:ident),*) => {$(
        impl Draw for $type {
            fn draw(source: &mut Source) -> Self {
                match source.random.u8(..6) {
                    0 => 0,
                    1 => -1,
                    2 => $type::MIN,
                    3 => $type::MAX,
                    _ => source.random.$type(..),
                }
            }
        }
    )*};
}
draw_numbers!(i8, i16, i32, i64);

impl Draw for bool {
    fn draw(source: &mut Source) -> Self {
        source.random.bool()
    }
}

impl Draw for Uuid {
    fn draw(source: &mut Source) -> Self {
        Uuid::from_u128(source.random.u128(..))
    }
}

/// Longer than one byte of a varint can say.
const LONG: &str = "a-name-that-is-longer-than-one-hundred-and-twenty-seven-bytes-so-that-the-\
                    varint-before-it-takes-two-bytes-instead-of-one-as-it-does-for-the-others";

impl Draw for &'static str {
    fn draw(source: &mut Source) -> Self {
        ["", "a", "orders.v1", "größe", LONG][source.random.usize(..5)]
    }
}

impl Draw for &'static [u8] {
    fn draw(source: &mut Source) -> Self {
        <&str>::draw(source).as_bytes()
    }
}

impl Draw for Records<'static> {
    fn draw(source: &mut Source) -> Self {
        Records::Borrowed(<&str>::draw(source).as_bytes())
    }
}

impl<T: Draw> Draw for Option<T> {
    fn draw(source: &mut Source) -> Self {
        (source.random.u8(..4) != 0).then(|| T::draw(source))
    }
}

impl<T: Draw> Draw for Array<'static, T> {
    fn draw(source: &mut Source) -> Self {
        let count = source.random.usize(..4);
        (0..count).map(|_| T::draw(source)).collect()
    }
}

/// Draws every field of a struct. `field [versions]` is drawn in those versions only, for what
/// must not be set elsewhere; `field some [versions]` is never null in those versions.
macro_rules! draw {
    ($($type:ty { $($field:ident $($some:ident)? $([$versions:expr])?),* $(,)? })*) => {$(
        impl Draw for $type {
            fn draw(source: &mut Source) -> Self {
                Self {$(
                    $field: draw!(@field source, $field $($some)? $([$versions])?),
                )*}
            }
        }
    )*};
    (@field $source:ident, $field:ident) => { Draw::draw($source) };
    (@field $source:ident, $field:ident [$versions:expr]) => {
        if ($versions).contains(&$source.version) {
            Draw::draw($source)
        } else {
            Self::default().$field
        }
    };
    (@field $source:ident, $field:ident some [$versions:expr]) => {
        if ($versions).contains(&$source.version) {
            Some(Draw::draw($source))
        } else {
            Draw::draw($source)
        }
    };
}

/// The one message with a field that is never null in one version, may be null in others, and must
/// not be set in the rest.
impl Draw for OffsetFetchRequest<'static> {
    fn draw(source: &mut Source) -> Self {
        let mut request = Self::default();
        match source.version {
            1 => request.topics = Some(Draw::draw(source)),
            2..=7 => request.topics = Draw::draw(source),
            _ => request.groups = Draw::draw(source),
        }
        if source.version <= 7 {
            request.group_id = Draw::draw(source);
        }
        if source.version >= 7 {
            request.require_stable = Draw::draw(source);
        }
        request
    }
}

draw! {
    ApiVersionsRequest<'static> { client_software_name, client_software_version }
    ApiVersionsResponse<'static> {
        error_code, api_keys, throttle_time_ms, supported_features, finalized_features_epoch,
        finalized_features, zk_migration_ready
    }
    ApiVersion { api_key, min_version, max_version }
    SupportedFeatureKey<'static> { name, min_version, max_version }
    FinalizedFeatureKey<'static> { name, max_version_level, min_version_level }

    MetadataRequest<'static> {
        topics some [..=0], allow_auto_topic_creation [4..],
        include_cluster_authorized_operations [8..=10], include_topic_authorized_operations [8..]
    }
    MetadataRequestTopic<'static> { topic_id, name some [..=9] }
    MetadataResponse<'static> {
        throttle_time_ms, brokers, cluster_id, controller_id, topics,
        cluster_authorized_operations [8..=10], error_code
    }
    MetadataResponseBroker<'static> { node_id, host, port, rack }
    MetadataResponseTopic<'static> {
        error_code, name some [..=11], topic_id, is_internal, partitions,
        topic_authorized_operations [8..]
    }
    MetadataResponsePartition<'static> {
        error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes,
        offline_replicas
    }

    NodeEndpoint<'static> { node_id, host, port, rack }
    LeaderIdAndEpoch { leader_id, leader_epoch }

    ProduceRequest<'static> { transactional_id, acks, timeout_ms, topic_data }
    TopicProduceData<'static> { name, topic_id, partition_data }
    PartitionProduceData<'static> { index, records }
    ProduceResponse<'static> { responses, throttle_time_ms, node_endpoints [10..] }
    TopicProduceResponse<'static> { name, topic_id, partition_responses }
    PartitionProduceResponse<'static> {
        index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors,
        error_message, current_leader [10..]
    }
    BatchIndexAndErrorMessage<'static> { batch_index, batch_index_error_message }

    FetchRequest<'static> {
        cluster_id, replica_id [..=14], replica_state [15..], max_wait_ms, min_bytes, max_bytes,
        isolation_level, session_id, session_epoch, topics, forgotten_topics_data [7..], rack_id
    }
    ReplicaState { replica_id, replica_epoch }
    FetchTopic<'static> { topic, topic_id, partitions }
    FetchPartition {
        partition, current_leader_epoch, fetch_offset, last_fetched_epoch [12..],
        log_start_offset, partition_max_bytes, replica_directory_id, high_watermark
    }
    ForgottenTopic<'static> { topic, topic_id, partitions }
    FetchResponse<'static> {
        throttle_time_ms, error_code, session_id [7..], responses, node_endpoints [16..]
    }
    FetchableTopicResponse<'static> { topic, topic_id, partitions }
    PartitionData<'static> {
        partition_index, error_code, high_watermark, last_stable_offset, log_start_offset,
        diverging_epoch [12..], current_leader [12..], snapshot_id [12..], aborted_transactions,
        preferred_read_replica [11..], records
    }
    EpochEndOffset { epoch, end_offset }
    SnapshotId { end_offset, epoch }
    AbortedTransaction { producer_id, first_offset }

    ListOffsetsRequest<'static> { replica_id, isolation_level [2..], topics, timeout_ms }
    ListOffsetsTopic<'static> { name, partitions }
    ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
    ListOffsetsResponse<'static> { throttle_time_ms, topics }
    ListOffsetsTopicResponse<'static> { name, partitions }
    ListOffsetsPartitionResponse {
        partition_index, error_code, timestamp, offset, leader_epoch [4..]
    }

    InitProducerIdRequest<'static> {
        transactional_id, transaction_timeout_ms, producer_id [3..], producer_epoch [3..]
    }
    InitProducerIdResponse { throttle_time_ms, error_code, producer_id, producer_epoch }

    CreateTopicsRequest<'static> { topics, timeout_ms, validate_only }
    CreatableTopic<'static> { name, num_partitions, replication_factor, assignments, configs }
    CreatableReplicaAssignment<'static> { partition_index, broker_ids }
    CreatableTopicConfig<'static> { name, value }
    CreateTopicsResponse<'static> { throttle_time_ms, topics }
    CreatableTopicResult<'static> {
        name, topic_id, error_code, error_message, topic_config_error_code, num_partitions,
        replication_factor, configs
    }
    CreatableTopicConfigs<'static> { name, value, read_only, config_source, is_sensitive }

    DeleteTopicsRequest<'static> { topics [6..], topic_names, timeout_ms }
    DeleteTopicState<'static> { name, topic_id }
    DeleteTopicsResponse<'static> { throttle_time_ms, responses }
    DeletableTopicResult<'static> { name some [..=5], topic_id, error_code, error_message }

    CreatePartitionsRequest<'static> { topics, timeout_ms, validate_only }
    CreatePartitionsTopic<'static> { name, count, assignments }
    CreatePartitionsAssignment<'static> { broker_ids }
    CreatePartitionsResponse<'static> { throttle_time_ms, results }
    CreatePartitionsTopicResult<'static> { name, error_code, error_message }

    DescribeConfigsRequest<'static> { resources, include_synonyms, include_documentation [3..] }
    DescribeConfigsResource<'static> { resource_type, resource_name, configuration_keys }
    DescribeConfigsResponse<'static> { throttle_time_ms, results }
    DescribeConfigsResult<'static> {
        error_code, error_message, resource_type, resource_name, configs
    }
    DescribeConfigsResourceResult<'static> {
        name, value, read_only, config_source, is_sensitive, synonyms, config_type, documentation
    }
    DescribeConfigsSynonym<'static> { name, value, source }

    IncrementalAlterConfigsRequest<'static> { resources, validate_only }
    AlterConfigsResource<'static> { resource_type, resource_name, configs }
    AlterableConfig<'static> { name, config_operation, value }
    IncrementalAlterConfigsResponse<'static> { throttle_time_ms, responses }
    AlterConfigsResourceResponse<'static> {
        error_code, error_message, resource_type, resource_name
    }

    DescribeClusterRequest {
        include_cluster_authorized_operations, endpoint_type [1..], include_fenced_brokers [2..]
    }
    DescribeClusterResponse<'static> {
        throttle_time_ms, error_code, error_message, endpoint_type [1..], cluster_id,
        controller_id, brokers, cluster_authorized_operations
    }
    DescribeClusterBroker<'static> { broker_id, host, port, rack, is_fenced [2..] }

    FindCoordinatorRequest<'static> { key [..=3], key_type [1..], coordinator_keys [4..] }
    FindCoordinatorResponse<'static> {
        throttle_time_ms, error_code [..=3], error_message, node_id [..=3], host [..=3],
        port [..=3], coordinators [4..]
    }
    Coordinator<'static> { key, node_id, host, port, error_code, error_message }

    JoinGroupRequest<'static> {
        group_id, session_timeout_ms, rebalance_timeout_ms, member_id, group_instance_id [5..],
        protocol_type, protocols, reason
    }
    JoinGroupRequestProtocol<'static> { name, metadata }
    JoinGroupResponse<'static> {
        throttle_time_ms, error_code, generation_id, protocol_type, protocol_name some [..=6],
        leader, skip_assignment [9..], member_id, members
    }
    JoinGroupResponseMember<'static> { member_id, group_instance_id, metadata }

    HeartbeatRequest<'static> { group_id, generation_id, member_id, group_instance_id [3..] }
    HeartbeatResponse { throttle_time_ms, error_code }

    LeaveGroupRequest<'static> { group_id, member_id [..=2], members [3..] }
    MemberIdentity<'static> { member_id, group_instance_id, reason }
    LeaveGroupResponse<'static> { throttle_time_ms, error_code, members [3..] }
    MemberResponse<'static> { member_id, group_instance_id, error_code }

    SyncGroupRequest<'static> {
        group_id, generation_id, member_id, group_instance_id [3..], protocol_type,
        protocol_name, assignments
    }
    SyncGroupRequestAssignment<'static> { member_id, assignment }
    SyncGroupResponse<'static> {
        throttle_time_ms, error_code, protocol_type, protocol_name, assignment
    }

    OffsetCommitRequest<'static> {
        group_id, generation_id_or_member_epoch, member_id, group_instance_id [7..],
        retention_time_ms, topics
    }
    OffsetCommitRequestTopic<'static> { name, partitions }
    OffsetCommitRequestPartition<'static> {
        partition_index, committed_offset, committed_leader_epoch, committed_metadata
    }
    OffsetCommitResponse<'static> { throttle_time_ms, topics }
    OffsetCommitResponseTopic<'static> { name, partitions }
    OffsetCommitResponsePartition { partition_index, error_code }

    OffsetFetchRequestTopic<'static> { name, partition_indexes }
    OffsetFetchRequestGroup<'static> { group_id, member_id, member_epoch, topics }
    OffsetFetchRequestTopics<'static> { name, partition_indexes }
    OffsetFetchResponse<'static> { throttle_time_ms, topics [..=7], error_code, groups [8..] }
    OffsetFetchResponseTopic<'static> { name, partitions }
    OffsetFetchResponsePartition<'static> {
        partition_index, committed_offset, committed_leader_epoch, metadata, error_code
    }
    OffsetFetchResponseGroup<'static> { group_id, topics, error_code }
    OffsetFetchResponseTopics<'static> { name, partitions }
    OffsetFetchResponsePartitions<'static> {
        partition_index, committed_offset, committed_leader_epoch, metadata, error_code
    }

    DescribeGroupsRequest<'static> { groups, include_authorized_operations [3..] }
    DescribeGroupsResponse<'static> { throttle_time_ms, groups }
    DescribedGroup<'static> {
        error_code, error_message [6..], group_id, group_state, protocol_type, protocol_data,
        members, authorized_operations [3..]
    }
    DescribedGroupMember<'static> {
        member_id, group_instance_id, client_id, client_host, member_metadata, member_assignment
    }

    ListGroupsRequest<'static> { states_filter [4..], types_filter [5..] }
    ListGroupsResponse<'static> { throttle_time_ms, error_code, groups }
    ListedGroup<'static> { group_id, protocol_type, group_state, group_type }

    DeleteGroupsRequest<'static> { groups_names }
    DeleteGroupsResponse<'static> { throttle_time_ms, results }
    DeletableGroupResult<'static> { group_id, error_code }

    OffsetDeleteRequest<'static> { group_id, topics }
    OffsetDeleteRequestTopic<'static> { name, partitions }
    OffsetDeleteRequestPartition { partition_index }
    OffsetDeleteResponse<'static> { error_code, throttle_time_ms, topics }
    OffsetDeleteResponseTopic<'static> { name, partitions }
    OffsetDeleteResponsePartition { partition_index, error_code }

    ConsumerGroupHeartbeatRequest<'static> {
        group_id, member_id, member_epoch, instance_id, rack_id, rebalance_timeout_ms,
        subscribed_topic_names, subscribed_topic_regex [1..], server_assignor, topic_partitions
    }
    ConsumerGroupTopicPartitions<'static> { topic_id, partitions }
    ConsumerGroupHeartbeatResponse<'static> {
        throttle_time_ms, error_code, error_message, member_id, member_epoch,
        heartbeat_interval_ms, assignment
    }
    ConsumerGroupAssignment<'static> { topic_partitions }

    ConsumerGroupDescribeRequest<'static> { group_ids, include_authorized_operations }
    ConsumerGroupDescribeResponse<'static> { throttle_time_ms, groups }
    DescribedConsumerGroup<'static> {
        error_code, error_message, group_id, group_state, group_epoch, assignment_epoch,
        assignor_name, members, authorized_operations
    }
    DescribedConsumerGroupMember<'static> {
        member_id, instance_id, rack_id, member_epoch, client_id, client_host,
        subscribed_topic_names, subscribed_topic_regex, assignment, target_assignment, member_type
    }
    DescribedAssignment<'static> { topic_partitions }
    DescribedTopicPartitions<'static> { topic_id, topic_name, partitions }

    AlterConfigsRequest<'static> { resources, validate_only }
    ReplaceConfigsResource<'static> { resource_type, resource_name, configs }
    ReplaceableConfig<'static> { name, value }
    AlterConfigsResponse<'static> { throttle_time_ms, responses }

    DeleteRecordsRequest<'static> { topics, timeout_ms }
    DeleteRecordsTopic<'static> { name, partitions }
    DeleteRecordsPartition { partition_index, offset }
    DeleteRecordsResponse<'static> { throttle_time_ms, topics }
    DeleteRecordsTopicResult<'static> { name, partitions }
    DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }

    OffsetForLeaderEpochRequest<'static> { replica_id, topics }
    OffsetForLeaderTopic<'static> { topic, partitions }
    OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }
    OffsetForLeaderEpochResponse<'static> { throttle_time_ms, topics }
    OffsetForLeaderTopicResult<'static> { topic, partitions }
    LeaderEpochEndOffset { error_code, partition, leader_epoch, end_offset }

    DescribeTopicPartitionsRequest<'static> { topics, response_partition_limit, cursor }
    DescribeTopicPartitionsTopic<'static> { name }
    PartitionCursor<'static> { topic_name, partition_index }
    DescribeTopicPartitionsResponse<'static> { throttle_time_ms, topics, next_cursor }
    DescribedTopic<'static> {
        error_code, name, topic_id, is_internal, partitions, topic_authorized_operations
    }
    DescribedPartition<'static> {
        error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes,
        eligible_leader_replicas, last_known_elr, offline_replicas
    }

    DescribeLogDirsRequest<'static> { topics }
    DescribableLogDirTopic<'static> { topic, partitions }
    DescribeLogDirsResponse<'static> { throttle_time_ms, error_code, results }
    DescribeLogDirsResult<'static> {
        error_code, log_dir, topics, total_bytes, usable_bytes, is_cordoned
    }
    DescribeLogDirsTopic<'static> { name, partitions }
    DescribeLogDirsPartition { partition_index, partition_size, offset_lag, is_future_key }

    DescribeProducersRequest<'static> { topics }
    DescribeProducersTopic<'static> { name, partition_indexes }
    DescribeProducersResponse<'static> { throttle_time_ms, topics }
    DescribeProducersTopicResponse<'static> { name, partitions }
    DescribeProducersPartitionResponse<'static> {
        partition_index, error_code, error_message, active_producers
    }
    ActiveProducer {
        producer_id, producer_epoch, last_sequence, last_timestamp, coordinator_epoch,
        current_txn_start_offset
    }

    ConsumerProtocolSubscription<'static> {
        topics, user_data, owned_partitions, generation_id, rack_id
    }
    ConsumerProtocolAssignment<'static> { assigned_partitions, user_data }
    ConsumerProtocolTopicPartitions<'static> { topic, partitions }
}
