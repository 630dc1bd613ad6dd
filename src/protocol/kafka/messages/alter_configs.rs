use super::{AlterConfigsResourceResponse, ApiKey};
use crate::wire::{Array, message};

message! {
    /// Replaces all settings of things: what is not named returns to its default.
    AlterConfigsRequest<'a> (key ApiKey::AlterConfigs as i16, versions 0..=2, flexible 2) {
        /// Whose settings.
        resources: Array<'a, ReplaceConfigsResource<'a>>, 0..;
        /// Whether to check the request without doing it.
        validate_only: bool, 0..;
    }

    /// A thing with settings.
    ReplaceConfigsResource<'a> {
        /// What it is: 2 a topic, 4 a broker.
        resource_type: i8, 0..;
        /// Its name; a broker's id as text.
        resource_name: &'a str, 0..;
        /// Its settings from now on.
        configs: Array<'a, ReplaceableConfig<'a>>, 0..;
    }

    /// A setting.
    ReplaceableConfig<'a> {
        /// The setting's name.
        name: &'a str, 0..;
        /// The value.
        value: Option<&'a str>, 0..;
    }

    /// What became of the settings.
    AlterConfigsResponse<'a> (key ApiKey::AlterConfigs as i16, versions 0..=2, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The things whose settings were to change.
        responses: Array<'a, AlterConfigsResourceResponse<'a>>, 0..;
    }
}
