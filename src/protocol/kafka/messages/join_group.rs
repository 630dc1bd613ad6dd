use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Joins a group, or joins it again for its next generation.
    JoinGroupRequest<'a> (key ApiKey::JoinGroup as i16, versions 0..=9, flexible 6) {
        /// The group.
        group_id: &'a str, 0..;
        /// After this long without a heartbeat the member counts as dead, in ms.
        session_timeout_ms: i32, 0..;
        /// How long the group waits for the member to join again, in ms; version 0 means the
        /// session's time-out.
        rebalance_timeout_ms: i32, 1.., default -1, else ignored;
        /// The member's id, empty for a new member.
        member_id: &'a str, 0..;
        /// What names the member across its restarts (KIP-345).
        group_instance_id: Option<&'a str>, 5..;
        /// The kind of protocols; consumers say `consumer`.
        protocol_type: &'a str, 0..;
        /// The protocols that the member knows, the preferred first.
        protocols: Array<'a, JoinGroupRequestProtocol<'a>>, 0..;
        /// Why the member joins (KIP-800).
        reason: Option<&'a str>, 8.., else ignored;
    }

    /// A protocol that a member knows; for consumers an assignor.
    JoinGroupRequestProtocol<'a> {
        /// Its name.
        name: &'a str, 0..;
        /// What the member has to say in it; for consumers its subscription.
        metadata: &'a [u8], 0..;
    }

    /// The group's generation.
    JoinGroupResponse<'a> (key ApiKey::JoinGroup as i16, versions 0..=9, flexible 6) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 2.., else ignored;
        /// Why the member is not in the group.
        error_code: i16, 0..;
        /// The generation's number.
        generation_id: i32, 0.., default -1;
        /// The kind of protocols (KIP-559).
        protocol_type: Option<&'a str>, 7.., else ignored;
        /// The protocol that all members know.
        protocol_name: Option<&'a str>, 0.., nullable 7.., default Some("");
        /// The member that assigns.
        leader: &'a str, 0..;
        /// Whether the leader is to keep the assignment as it was (KIP-814).
        skip_assignment: bool, 9..;
        /// The member's id.
        member_id: &'a str, 0..;
        /// All members; only the leader is told.
        members: Array<'a, JoinGroupResponseMember<'a>>, 0..;
    }

    /// A member of the group.
    JoinGroupResponseMember<'a> {
        /// Its id.
        member_id: &'a str, 0..;
        /// What names it across its restarts.
        group_instance_id: Option<&'a str>, 5.., else ignored;
        /// What it has to say in the chosen protocol.
        metadata: &'a [u8], 0..;
    }
}
