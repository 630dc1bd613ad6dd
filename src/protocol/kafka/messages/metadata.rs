use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Asks for the brokers and for topics with their partitions.
    MetadataRequest<'a> (key ApiKey::Metadata as i16, versions 0..=13, flexible 9) {
        /// The topics. Null asks for all of them, as an empty list does in version 0.
        topics: Option<Array<'a, MetadataRequestTopic<'a>>>, 0.., nullable 1..;
        /// Whether unknown topics may be created, if the broker's settings agree.
        allow_auto_topic_creation: bool, 4.., default true;
        /// Whether to tell what the client may do with the cluster.
        include_cluster_authorized_operations: bool, 8..=10;
        /// Whether to tell what the client may do with each topic.
        include_topic_authorized_operations: bool, 8..;
    }

    /// A topic asked for, by name or (from version 12 in earnest) by id.
    MetadataRequestTopic<'a> {
        /// The topic's id, zero for none (KIP-516).
        topic_id: Uuid, 10.., else ignored;
        /// The topic's name.
        name: Option<&'a str>, 0.., nullable 10..;
    }

    /// The brokers, and topics with their partitions.
    MetadataResponse<'a> (key ApiKey::Metadata as i16, versions 0..=13, flexible 9) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 3.., else ignored;
        /// The brokers that clients may connect to.
        brokers: Array<'a, MetadataResponseBroker<'a>>, 0..;
        /// The cluster's id.
        cluster_id: Option<&'a str>, 2.., else ignored;
        /// The broker that takes administrative requests, -1 if unknown.
        controller_id: i32, 1.., default -1, else ignored;
        /// The topics.
        topics: Array<'a, MetadataResponseTopic<'a>>, 0..;
        /// What the client may do with the cluster, as a bit field; the default says "not asked".
        cluster_authorized_operations: i32, 8..=10, default i32::MIN;
        /// What went wrong with the request as a whole.
        error_code: i16, 13.., else ignored;
    }

    /// A broker that clients may connect to.
    MetadataResponseBroker<'a> {
        /// The broker's id.
        node_id: i32, 0..;
        /// Its host name or address.
        host: &'a str, 0..;
        /// Its port.
        port: i32, 0..;
        /// Its rack, if it has one.
        rack: Option<&'a str>, 1.., else ignored;
    }

    /// A topic.
    MetadataResponseTopic<'a> {
        /// What went wrong with this topic.
        error_code: i16, 0..;
        /// The name; null only for an id that is unknown.
        name: Option<&'a str>, 0.., nullable 12..;
        /// The id; zero only for a name that is unknown (KIP-516).
        topic_id: Uuid, 10.., else ignored;
        /// Whether the broker itself keeps the topic.
        is_internal: bool, 1.., else ignored;
        /// The partitions.
        partitions: Array<'a, MetadataResponsePartition<'a>>, 0..;
        /// What the client may do with the topic, as a bit field; the default says "not asked".
        topic_authorized_operations: i32, 8.., default i32::MIN;
    }

    /// A partition and where it lives.
    MetadataResponsePartition<'a> {
        /// What went wrong with this partition.
        error_code: i16, 0..;
        /// The partition's number.
        partition_index: i32, 0..;
        /// The broker that takes its reads and writes, -1 for none.
        leader_id: i32, 0..;
        /// How many times leadership began anew (KIP-320).
        leader_epoch: i32, 7.., default -1, else ignored;
        /// The brokers that hold the partition.
        replica_nodes: Array<'a, i32>, 0..;
        /// The brokers that hold all of it.
        isr_nodes: Array<'a, i32>, 0..;
        /// The brokers whose copy is out of reach.
        offline_replicas: Array<'a, i32>, 5.., else ignored;
    }
}
