use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Alters single settings and leaves the others (KIP-339).
    IncrementalAlterConfigsRequest<'a> (
        key ApiKey::IncrementalAlterConfigs as i16, versions 0..=1, flexible 1
    ) {
        /// Whose settings.
        resources: Array<'a, AlterConfigsResource<'a>>, 0..;
        /// Whether to check the request without doing it.
        validate_only: bool, 0..;
    }

    /// A thing with settings.
    AlterConfigsResource<'a> {
        /// What it is: 2 a topic, 4 a broker.
        resource_type: i8, 0..;
        /// Its name; a broker's id as text.
        resource_name: &'a str, 0..;
        /// The changes.
        configs: Array<'a, AlterableConfig<'a>>, 0..;
    }

    /// A change to a setting.
    AlterableConfig<'a> {
        /// The setting's name.
        name: &'a str, 0..;
        /// 0 sets it, 1 returns it to its default, 2 adds to a list, 3 takes from a list.
        config_operation: i8, 0..;
        /// The value.
        value: Option<&'a str>, 0..;
    }

    /// What became of the changes.
    IncrementalAlterConfigsResponse<'a> (
        key ApiKey::IncrementalAlterConfigs as i16, versions 0..=1, flexible 1
    ) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The things whose settings were to change.
        responses: Array<'a, AlterConfigsResourceResponse<'a>>, 0..;
    }

    /// What became of a thing's changes: all of them, or none.
    AlterConfigsResourceResponse<'a> {
        /// Why nothing changed.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// What it is: 2 a topic, 4 a broker.
        resource_type: i8, 0..;
        /// Its name.
        resource_name: &'a str, 0..;
    }
}
