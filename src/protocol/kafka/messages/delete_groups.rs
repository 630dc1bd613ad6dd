use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Deletes groups with their offsets (KIP-229).
    DeleteGroupsRequest<'a> (key ApiKey::DeleteGroups as i16, versions 0..=2, flexible 2) {
        /// The groups.
        groups_names: Array<'a, &'a str>, 0..;
    }

    /// What became of the groups.
    DeleteGroupsResponse<'a> (key ApiKey::DeleteGroups as i16, versions 0..=2, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The groups.
        results: Array<'a, DeletableGroupResult<'a>>, 0..;
    }

    /// What became of a group.
    DeletableGroupResult<'a> {
        /// The group.
        group_id: &'a str, 0..;
        /// Why it was not deleted.
        error_code: i16, 0..;
    }
}
