use super::ApiKey;
use crate::wire::message;

message! {
    /// Tells that a member of a group lives.
    HeartbeatRequest<'a> (key ApiKey::Heartbeat as i16, versions 0..=4, flexible 4) {
        /// The group.
        group_id: &'a str, 0..;
        /// The generation that the member is in.
        generation_id: i32, 0..;
        /// The member.
        member_id: &'a str, 0..;
        /// What names it across its restarts (KIP-345).
        group_instance_id: Option<&'a str>, 3..;
    }

    /// Whether the member's generation still stands.
    HeartbeatResponse (key ApiKey::Heartbeat as i16, versions 0..=4, flexible 4) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// What the member has to do, if anything.
        error_code: i16, 0..;
    }
}
