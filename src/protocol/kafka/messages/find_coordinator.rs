use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks who coordinates groups or transactions; several at once from version 4 on (KIP-699).
    FindCoordinatorRequest<'a> (key ApiKey::FindCoordinator as i16, versions 0..=6, flexible 3) {
        /// The group or the transactional id.
        key: &'a str, 0..=3;
        /// What the keys are: 0 groups, 1 transactional ids, 2 share groups' partitions.
        key_type: i8, 1..;
        /// The groups or the transactional ids.
        coordinator_keys: Array<'a, &'a str>, 4..;
    }

    /// Who coordinates.
    FindCoordinatorResponse<'a> (key ApiKey::FindCoordinator as i16, versions 0..=6, flexible 3) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// Why there is no coordinator.
        error_code: i16, 0..=3;
        /// The same in words.
        error_message: Option<&'a str>, 1..=3, else ignored;
        /// The coordinator's id, -1 for none.
        node_id: i32, 0..=3;
        /// Its host name or address.
        host: &'a str, 0..=3;
        /// Its port.
        port: i32, 0..=3;
        /// An answer for each key.
        coordinators: Array<'a, Coordinator<'a>>, 4..;
    }

    /// Who coordinates one key.
    Coordinator<'a> {
        /// The group or the transactional id.
        key: &'a str, 4..;
        /// The coordinator's id, -1 for none.
        node_id: i32, 4..;
        /// Its host name or address.
        host: &'a str, 4..;
        /// Its port.
        port: i32, 4..;
        /// Why there is no coordinator.
        error_code: i16, 4..;
        /// The same in words.
        error_message: Option<&'a str>, 4..;
    }
}
