use super::ApiKey;
use crate::wire::{Array, message};
use uuid::Uuid;

message! {
    /// Asks for the states and members of groups of the consumer protocol (KIP-848).
    ConsumerGroupDescribeRequest<'a> (key ApiKey::ConsumerGroupDescribe as i16, versions 0..=1, flexible 0) {
        /// The groups.
        group_ids: Array<'a, &'a str>, 0..;
        /// Whether to tell what the client may do with the groups.
        include_authorized_operations: bool, 0..;
    }

    /// Groups.
    ConsumerGroupDescribeResponse<'a> (key ApiKey::ConsumerGroupDescribe as i16, versions 0..=1, flexible 0) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The groups.
        groups: Array<'a, DescribedConsumerGroup<'a>>, 0..;
    }

    /// A group.
    DescribedConsumerGroup<'a> {
        /// Why nothing is told.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// The group.
        group_id: &'a str, 0..;
        /// Its state: `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`.
        group_state: &'a str, 0..;
        /// The group's epoch, which every change of members or subscriptions raises.
        group_epoch: i32, 0..;
        /// The epoch of the last assignment.
        assignment_epoch: i32, 0..;
        /// The assignor in use.
        assignor_name: &'a str, 0..;
        /// The members.
        members: Array<'a, DescribedConsumerGroupMember<'a>>, 0..;
        /// What the client may do with the group, as a bit field; the default says "not asked".
        authorized_operations: i32, 0.., default i32::MIN;
    }

    /// A member of a group.
    DescribedConsumerGroupMember<'a> {
        /// Its id.
        member_id: &'a str, 0..;
        /// What names it across its restarts.
        instance_id: Option<&'a str>, 0..;
        /// Its rack.
        rack_id: Option<&'a str>, 0..;
        /// Its epoch.
        member_epoch: i32, 0..;
        /// What its client calls itself.
        client_id: &'a str, 0..;
        /// Its client's address.
        client_host: &'a str, 0..;
        /// The topics that it wants.
        subscribed_topic_names: Array<'a, &'a str>, 0..;
        /// A regular expression for topics that it wants.
        subscribed_topic_regex: Option<&'a str>, 0..;
        /// What it has.
        assignment: DescribedAssignment<'a>, 0..;
        /// What it will have.
        target_assignment: DescribedAssignment<'a>, 0..;
        /// Which protocol it speaks: 0 the classic one, 1 the consumer protocol, -1 unknown.
        member_type: i8, 1.., default -1, else ignored;
    }

    /// What a member has or will have.
    DescribedAssignment<'a> {
        /// The partitions.
        topic_partitions: Array<'a, DescribedTopicPartitions<'a>>, 0..;
    }

    /// Partitions of a topic.
    DescribedTopicPartitions<'a> {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// The topic's name.
        topic_name: &'a str, 0..;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 0..;
    }
}
