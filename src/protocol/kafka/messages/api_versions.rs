use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks which APIs the broker serves in which versions; the first request of a connection.
    ApiVersionsRequest<'a> (key ApiKey::ApiVersions as i16, versions 0..=4, flexible 3) {
        /// The client library's name (KIP-511).
        client_software_name: &'a str, 3.., else ignored;
        /// The client library's version.
        client_software_version: &'a str, 3.., else ignored;
    }

    /// Which APIs the broker serves. Its header never has tagged fields, so that a client that
    /// does not know the broker's versions yet can read it.
    ApiVersionsResponse<'a> (key ApiKey::ApiVersions as i16, versions 0..=4, flexible 3) {
        /// What went wrong with the request as a whole. With `UNSUPPORTED_VERSION` the list is
        /// filled all the same (KIP-511).
        error_code: i16, 0..;
        /// The APIs.
        api_keys: Array<'a, ApiVersion>, 0..;
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// Features the broker could use (KIP-584). Before version 4 a client cannot bear a
        /// `min_version` of 0.
        supported_features: Array<'a, SupportedFeatureKey<'a>>, 3.., tag 0, else ignored;
        /// The state of `finalized_features`, -1 for none.
        finalized_features_epoch: i64, 3.., tag 1, default -1, else ignored;
        /// Features in use by the whole cluster.
        finalized_features: Array<'a, FinalizedFeatureKey<'a>>, 3.., tag 2, else ignored;
        /// Whether the cluster could leave ZooKeeper.
        zk_migration_ready: bool, 3.., tag 3, else ignored;
    }

    /// An API and its versions, both ends included.
    ApiVersion {
        /// The API's number.
        api_key: i16, 0..;
        /// The lowest version.
        min_version: i16, 0..;
        /// The highest version.
        max_version: i16, 0..;
    }

    /// A feature the broker could use.
    SupportedFeatureKey<'a> {
        /// The feature's name.
        name: &'a str, 3..;
        /// The lowest level.
        min_version: i16, 3..;
        /// The highest level.
        max_version: i16, 3..;
    }

    /// A feature in use by the whole cluster.
    FinalizedFeatureKey<'a> {
        /// The feature's name.
        name: &'a str, 3..;
        /// The highest level in use.
        max_version_level: i16, 3..;
        /// The lowest level in use.
        min_version_level: i16, 3..;
    }
}
