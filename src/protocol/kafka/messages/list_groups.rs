use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks which groups there are.
    ListGroupsRequest<'a> (key ApiKey::ListGroups as i16, versions 0..=5, flexible 3) {
        /// The states wanted, empty for all (KIP-518).
        states_filter: Array<'a, &'a str>, 4..;
        /// The types wanted, empty for all (KIP-848).
        types_filter: Array<'a, &'a str>, 5..;
    }

    /// The groups that this broker coordinates.
    ListGroupsResponse<'a> (key ApiKey::ListGroups as i16, versions 0..=5, flexible 3) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// Why there are none.
        error_code: i16, 0..;
        /// The groups.
        groups: Array<'a, ListedGroup<'a>>, 0..;
    }

    /// A group.
    ListedGroup<'a> {
        /// The group.
        group_id: &'a str, 0..;
        /// The kind of its protocols; empty for a group that holds only offsets.
        protocol_type: &'a str, 0..;
        /// Its state.
        group_state: &'a str, 4.., else ignored;
        /// Its type: `classic`, `consumer` or another.
        group_type: &'a str, 5.., else ignored;
    }
}
