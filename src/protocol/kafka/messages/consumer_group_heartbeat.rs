use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Joins a group of the consumer protocol, stays in it, or leaves it (KIP-848). What has not
    /// changed since the member's last heartbeat may be null or -1.
    ConsumerGroupHeartbeatRequest<'a> (key ApiKey::ConsumerGroupHeartbeat as i16, versions 0..=1, flexible 0) {
        /// The group.
        group_id: &'a str, 0..;
        /// The member, the same for as long as its process lives; in version 0 it may be empty at
        /// first, and the coordinator chooses.
        member_id: &'a str, 0..;
        /// The member's epoch; 0 joins, -1 leaves, -2 leaves for a moment, to come back under the
        /// same instance id.
        member_epoch: i32, 0..;
        /// What names the member across its restarts.
        instance_id: Option<&'a str>, 0..;
        /// The member's rack.
        rack_id: Option<&'a str>, 0..;
        /// How long the member may take to give partitions up, in ms.
        rebalance_timeout_ms: i32, 0.., default -1;
        /// The topics that the member wants.
        subscribed_topic_names: Option<Array<'a, &'a str>>, 0..;
        /// A regular expression for topics that the member wants.
        subscribed_topic_regex: Option<&'a str>, 1..;
        /// The broker's assignor to use.
        server_assignor: Option<&'a str>, 0..;
        /// The partitions that the member has.
        topic_partitions: Option<Array<'a, ConsumerGroupTopicPartitions<'a>>>, 0..;
    }

    /// Partitions of a topic.
    ConsumerGroupTopicPartitions<'a> {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 0..;
    }

    /// What the member is to do next.
    ConsumerGroupHeartbeatResponse<'a> (key ApiKey::ConsumerGroupHeartbeat as i16, versions 0..=1, flexible 0) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// Why the member is not in the group.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// The member's id; null on errors.
        member_id: Option<&'a str>, 0..;
        /// The member's epoch.
        member_epoch: i32, 0..;
        /// How often the member is to send heartbeats, in ms.
        heartbeat_interval_ms: i32, 0..;
        /// The member's assignment, null where it has not changed.
        assignment: Option<ConsumerGroupAssignment<'a>>, 0..;
    }

    /// What a member gets.
    ConsumerGroupAssignment<'a> {
        /// The partitions that it may use at once.
        topic_partitions: Array<'a, ConsumerGroupTopicPartitions<'a>>, 0..;
    }
}
