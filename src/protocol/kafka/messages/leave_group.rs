use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Takes members out of a group; several at once from version 3 on (KIP-345).
    LeaveGroupRequest<'a> (key ApiKey::LeaveGroup as i16, versions 0..=5, flexible 4) {
        /// The group.
        group_id: &'a str, 0..;
        /// The member that leaves.
        member_id: &'a str, 0..=2;
        /// The members that leave.
        members: Array<'a, MemberIdentity<'a>>, 3..;
    }

    /// A member that leaves, by either of its names.
    MemberIdentity<'a> {
        /// Its id, which may be empty where the other name is given.
        member_id: &'a str, 3..;
        /// What names it across its restarts.
        group_instance_id: Option<&'a str>, 3..;
        /// Why it leaves (KIP-800).
        reason: Option<&'a str>, 5.., else ignored;
    }

    /// What became of the members.
    LeaveGroupResponse<'a> (key ApiKey::LeaveGroup as i16, versions 0..=5, flexible 4) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// What went wrong with the request as a whole.
        error_code: i16, 0..;
        /// An answer for each member.
        members: Array<'a, MemberResponse<'a>>, 3..;
    }

    /// What became of a member.
    MemberResponse<'a> {
        /// Its id as the request gave it.
        member_id: &'a str, 3..;
        /// What names it across its restarts.
        group_instance_id: Option<&'a str>, 3..;
        /// Why it did not leave.
        error_code: i16, 3..;
    }
}
