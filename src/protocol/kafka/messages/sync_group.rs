use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for a member's assignment; the leader hands in everyone's.
    SyncGroupRequest<'a> (key ApiKey::SyncGroup as i16, versions 0..=5, flexible 4) {
        /// The group.
        group_id: &'a str, 0..;
        /// The generation that the member is in.
        generation_id: i32, 0..;
        /// The member.
        member_id: &'a str, 0..;
        /// What names it across its restarts (KIP-345).
        group_instance_id: Option<&'a str>, 3..;
        /// The kind of protocols, to be compared with the group's (KIP-559).
        protocol_type: Option<&'a str>, 5.., else ignored;
        /// The chosen protocol, to be compared with the group's.
        protocol_name: Option<&'a str>, 5.., else ignored;
        /// All members' assignments; empty unless the leader asks.
        assignments: Array<'a, SyncGroupRequestAssignment<'a>>, 0..;
    }

    /// What a member gets.
    SyncGroupRequestAssignment<'a> {
        /// The member.
        member_id: &'a str, 0..;
        /// Its assignment, in the protocol's own form.
        assignment: &'a [u8], 0..;
    }

    /// A member's assignment.
    SyncGroupResponse<'a> (key ApiKey::SyncGroup as i16, versions 0..=5, flexible 4) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// Why there is no assignment.
        error_code: i16, 0..;
        /// The kind of protocols.
        protocol_type: Option<&'a str>, 5.., else ignored;
        /// The chosen protocol.
        protocol_name: Option<&'a str>, 5.., else ignored;
        /// The assignment, in the protocol's own form.
        assignment: &'a [u8], 0..;
    }
}
