use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Asks for topics' partitions, a page at a time (KIP-966).
    DescribeTopicPartitionsRequest<'a> (
        key ApiKey::DescribeTopicPartitions as i16, versions 0..=0, flexible 0
    ) {
        /// The topics, none for all.
        topics: Array<'a, DescribeTopicPartitionsTopic<'a>>, 0..;
        /// How many partitions the response may hold.
        response_partition_limit: i32, 0.., default 2_000;
        /// Where the page begins, null for the start.
        cursor: Option<PartitionCursor<'a>>, 0..;
    }

    /// A topic asked for.
    DescribeTopicPartitionsTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
    }

    /// A place in the list of all partitions, which topics' names order.
    PartitionCursor<'a> {
        /// The topic's name.
        topic_name: &'a str, 0..;
        /// The partition's number.
        partition_index: i32, 0..;
    }

    /// A page of partitions.
    DescribeTopicPartitionsResponse<'a> (
        key ApiKey::DescribeTopicPartitions as i16, versions 0..=0, flexible 0
    ) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0.., else ignored;
        /// The topics.
        topics: Array<'a, DescribedTopic<'a>>, 0..;
        /// Where the next page begins, null after the last.
        next_cursor: Option<PartitionCursor<'a>>, 0..;
    }

    /// A topic.
    DescribedTopic<'a> {
        /// Why nothing is told.
        error_code: i16, 0..;
        /// The topic's name.
        name: Option<&'a str>, 0..;
        /// The topic's id.
        topic_id: Uuid, 0.., else ignored;
        /// Whether the topic is the broker's own.
        is_internal: bool, 0.., else ignored;
        /// The partitions of this page.
        partitions: Array<'a, DescribedPartition<'a>>, 0..;
        /// What the client may do with the topic, as a bit field; the default says "not asked".
        topic_authorized_operations: i32, 0.., default i32::MIN;
    }

    /// A partition.
    DescribedPartition<'a> {
        /// What is wrong with the partition.
        error_code: i16, 0..;
        /// The partition's number.
        partition_index: i32, 0..;
        /// The leader, -1 for none.
        leader_id: i32, 0..;
        /// The leader's epoch, -1 if unknown.
        leader_epoch: i32, 0.., default -1, else ignored;
        /// The brokers that hold the partition.
        replica_nodes: Array<'a, i32>, 0..;
        /// Those of them that have all of it.
        isr_nodes: Array<'a, i32>, 0..;
        /// Those that may lead although they are not in sync.
        eligible_leader_replicas: Option<Array<'a, i32>>, 0..;
        /// The last of those that were known.
        last_known_elr: Option<Array<'a, i32>>, 0..;
        /// The brokers whose copy is offline.
        offline_replicas: Array<'a, i32>, 0.., else ignored;
    }
}
