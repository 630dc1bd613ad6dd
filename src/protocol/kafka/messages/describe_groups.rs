use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for classic groups' states and members.
    DescribeGroupsRequest<'a> (key ApiKey::DescribeGroups as i16, versions 0..=6, flexible 5) {
        /// The groups.
        groups: Array<'a, &'a str>, 0..;
        /// Whether to tell what the client may do with the groups.
        include_authorized_operations: bool, 3..;
    }

    /// Groups.
    DescribeGroupsResponse<'a> (key ApiKey::DescribeGroups as i16, versions 0..=6, flexible 5) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// The groups.
        groups: Array<'a, DescribedGroup<'a>>, 0..;
    }

    /// A group.
    DescribedGroup<'a> {
        /// Why nothing is told.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 6..;
        /// The group.
        group_id: &'a str, 0..;
        /// Its state: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
        group_state: &'a str, 0..;
        /// The kind of protocols.
        protocol_type: &'a str, 0..;
        /// The chosen protocol; empty unless the group is stable.
        protocol_data: &'a str, 0..;
        /// The members.
        members: Array<'a, DescribedGroupMember<'a>>, 0..;
        /// What the client may do with the group, as a bit field; the default says "not asked".
        authorized_operations: i32, 3.., default i32::MIN;
    }

    /// A member of a group.
    DescribedGroupMember<'a> {
        /// Its id.
        member_id: &'a str, 0..;
        /// What names it across its restarts (KIP-345).
        group_instance_id: Option<&'a str>, 4.., else ignored;
        /// What its client calls itself.
        client_id: &'a str, 0..;
        /// Its client's address.
        client_host: &'a str, 0..;
        /// What it has to say in the chosen protocol.
        member_metadata: &'a [u8], 0..;
        /// Its assignment, in the protocol's own form.
        member_assignment: &'a [u8], 0..;
    }
}
