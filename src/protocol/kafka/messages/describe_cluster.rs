use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for the cluster's id and brokers (KIP-700).
    DescribeClusterRequest (key ApiKey::DescribeCluster as i16, versions 0..=2, flexible 0) {
        /// Whether to tell what the client may do with the cluster.
        include_cluster_authorized_operations: bool, 0..;
        /// Which endpoints: 1 those of brokers, 2 those of controllers (KIP-919).
        endpoint_type: i8, 1.., default 1;
        /// Whether brokers that take no clients count (KIP-1073).
        include_fenced_brokers: bool, 2..;
    }

    /// The cluster's id and brokers.
    DescribeClusterResponse<'a> (key ApiKey::DescribeCluster as i16, versions 0..=2, flexible 0) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// What went wrong with the request as a whole.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// Which endpoints these are.
        endpoint_type: i8, 1.., default 1;
        /// The cluster's id.
        cluster_id: &'a str, 0..;
        /// The broker that takes administrative requests, -1 if unknown.
        controller_id: i32, 0.., default -1;
        /// The brokers.
        brokers: Array<'a, DescribeClusterBroker<'a>>, 0..;
        /// What the client may do with the cluster, as a bit field; the default says "not asked".
        cluster_authorized_operations: i32, 0.., default i32::MIN;
    }

    /// A broker.
    DescribeClusterBroker<'a> {
        /// Its id.
        broker_id: i32, 0..;
        /// Its host name or address.
        host: &'a str, 0..;
        /// Its port.
        port: i32, 0..;
        /// Its rack, if it has one.
        rack: Option<&'a str>, 0..;
        /// Whether it takes no clients.
        is_fenced: bool, 2..;
    }
}
