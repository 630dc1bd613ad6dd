use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Creates topics.
    CreateTopicsRequest<'a> (key ApiKey::CreateTopics as i16, versions 2..=7, flexible 5) {
        /// The topics.
        topics: Array<'a, CreatableTopic<'a>>, 0..;
        /// How long the client waits, in ms.
        timeout_ms: i32, 0.., default 60_000;
        /// Whether to check the request without doing it.
        validate_only: bool, 1..;
    }

    /// A topic to create.
    CreatableTopic<'a> {
        /// The name.
        name: &'a str, 0..;
        /// How many partitions, -1 for the broker's default or with `assignments` (KIP-464).
        num_partitions: i32, 0..;
        /// How many replicas, -1 for the broker's default or with `assignments`.
        replication_factor: i16, 0..;
        /// Which brokers are to hold which partition; empty lets the broker choose.
        assignments: Array<'a, CreatableReplicaAssignment<'a>>, 0..;
        /// The topic's settings.
        configs: Array<'a, CreatableTopicConfig<'a>>, 0..;
    }

    /// Which brokers are to hold a partition.
    CreatableReplicaAssignment<'a> {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The brokers.
        broker_ids: Array<'a, i32>, 0..;
    }

    /// A setting of a topic to create.
    CreatableTopicConfig<'a> {
        /// The setting's name.
        name: &'a str, 0..;
        /// Its value.
        value: Option<&'a str>, 0..;
    }

    /// What became of the topics.
    CreateTopicsResponse<'a> (key ApiKey::CreateTopics as i16, versions 2..=7, flexible 5) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 2.., else ignored;
        /// The topics.
        topics: Array<'a, CreatableTopicResult<'a>>, 0..;
    }

    /// What became of a topic.
    CreatableTopicResult<'a> {
        /// The name.
        name: &'a str, 0..;
        /// The new topic's id (KIP-516).
        topic_id: Uuid, 7.., else ignored;
        /// Why the topic was not created.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 1.., else ignored;
        /// Why `configs` is null.
        topic_config_error_code: i16, 5.., tag 0, else ignored;
        /// How many partitions the topic has (KIP-525).
        num_partitions: i32, 5.., default -1, else ignored;
        /// How many replicas each partition has.
        replication_factor: i16, 5.., default -1, else ignored;
        /// The topic's settings.
        configs: Option<Array<'a, CreatableTopicConfigs<'a>>>, 5.., else ignored;
    }

    /// A setting of the new topic.
    CreatableTopicConfigs<'a> {
        /// The setting's name.
        name: &'a str, 5..;
        /// Its value, null where it is secret.
        value: Option<&'a str>, 5..;
        /// Whether it cannot be altered.
        read_only: bool, 5..;
        /// Where the value comes from, as in `DescribeConfigsResourceResult`.
        config_source: i8, 5.., default -1, else ignored;
        /// Whether the value is secret.
        is_sensitive: bool, 5..;
    }
}
