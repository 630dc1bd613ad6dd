use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for settings.
    DescribeConfigsRequest<'a> (key ApiKey::DescribeConfigs as i16, versions 1..=4, flexible 4) {
        /// Whose settings.
        resources: Array<'a, DescribeConfigsResource<'a>>, 0..;
        /// Whether to tell the values that would apply without the current one.
        include_synonyms: bool, 1..;
        /// Whether to tell what the settings mean (KIP-569).
        include_documentation: bool, 3..;
    }

    /// A thing with settings.
    DescribeConfigsResource<'a> {
        /// What it is: 2 a topic, 4 a broker.
        resource_type: i8, 0..;
        /// Its name; a broker's id as text.
        resource_name: &'a str, 0..;
        /// The settings wanted, null for all.
        configuration_keys: Option<Array<'a, &'a str>>, 0..;
    }

    /// Settings.
    DescribeConfigsResponse<'a> (key ApiKey::DescribeConfigs as i16, versions 1..=4, flexible 4) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The things asked for.
        results: Array<'a, DescribeConfigsResult<'a>>, 0..;
    }

    /// A thing's settings.
    DescribeConfigsResult<'a> {
        /// Why there are none.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// What it is: 2 a topic, 4 a broker.
        resource_type: i8, 0..;
        /// Its name.
        resource_name: &'a str, 0..;
        /// The settings.
        configs: Array<'a, DescribeConfigsResourceResult<'a>>, 0..;
    }

    /// A setting.
    DescribeConfigsResourceResult<'a> {
        /// The setting's name.
        name: &'a str, 0..;
        /// Its value, null where it is secret.
        value: Option<&'a str>, 0..;
        /// Whether it cannot be altered.
        read_only: bool, 0..;
        /// Where the value comes from: 1 the topic, 2 a broker's dynamic settings, 3 their
        /// default, 4 the configuration file, 5 the built-in default, -1 unknown (KIP-226).
        config_source: i8, 1.., default -1, else ignored;
        /// Whether the value is secret.
        is_sensitive: bool, 0..;
        /// The values that would apply without this one, nearest first.
        synonyms: Array<'a, DescribeConfigsSynonym<'a>>, 1.., else ignored;
        /// The value's type: 0 unknown, 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double,
        /// 7 list, 8 class, 9 password.
        config_type: i8, 3.., else ignored;
        /// What the setting means.
        documentation: Option<&'a str>, 3.., else ignored;
    }

    /// A value that would apply without the current one.
    DescribeConfigsSynonym<'a> {
        /// The name under which it is set.
        name: &'a str, 1..;
        /// The value.
        value: Option<&'a str>, 1..;
        /// Where it comes from.
        source: i8, 1..;
    }
}
