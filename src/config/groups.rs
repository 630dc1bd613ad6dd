use super::ConfigError;
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How groups are kept, and how large they may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// The session time-outs that members may have, in ms (Kafka's
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`).
    pub session_timeout_ms: RangeInclusive<i32>,
    /// How long more members are waited for before an empty group's first generation (Kafka's
    /// `group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay: Duration,
    /// After this long without a heartbeat a member of the consumer protocol counts as dead
    /// (Kafka's `group.consumer.session.timeout.ms`).
    pub consumer_session: Duration,
    /// How often members of the consumer protocol send heartbeats, in ms (Kafka's
    /// `group.consumer.heartbeat.interval.ms`).
    pub consumer_heartbeat_ms: i32,
    /// Members of a group, those that were only given an id included (Kafka's `group.max.size`).
    pub members_max: usize,
    /// Bytes of a group's subscriptions and assignments: they are kept as one record.
    pub group_bytes_max: usize,
    /// Groups that one coordinator makes for members.
    pub groups_max: usize,
    /// Bytes beside an offset (Kafka's `offset.metadata.max.bytes`).
    pub offset_metadata_bytes_max: usize,
    /// How long offsets are kept that nobody needs (Kafka's `offsets.retention.minutes`).
    pub offsets_retention: Duration,
    /// How often those are looked for (Kafka's `offsets.retention.check.interval.ms`).
    pub expiry_interval: Duration,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms: 6_000..=1_800_000,
            initial_rebalance_delay: Duration::from_secs(3),
            consumer_session: Duration::from_secs(45),
            consumer_heartbeat_ms: 5_000,
            members_max: 10_000,
            group_bytes_max: 16 * 1024 * 1024,
            groups_max: 100_000,
            offset_metadata_bytes_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 3600),
            expiry_interval: Duration::from_secs(600),
        }
    }
}

/// The table `[groups]` of `corelane.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GroupSettings {
    /// How long more members are waited for before an empty group's first generation, in ms.
    pub initial_rebalance_delay_ms: Option<u32>,
    /// The shortest session time-out that a member may have, in ms.
    pub session_timeout_ms_min: Option<i32>,
    /// The longest session time-out that a member may have, in ms.
    pub session_timeout_ms_max: Option<i32>,
    /// After this long without a heartbeat a member of the consumer protocol counts as dead, in ms.
    pub consumer_session_timeout_ms: Option<u32>,
    /// How often members of the consumer protocol send heartbeats, in ms.
    pub consumer_heartbeat_interval_ms: Option<u32>,
    /// Members of a group.
    pub members_max: Option<usize>,
    /// How long offsets are kept that nobody needs, in minutes.
    pub offsets_retention_minutes: Option<u32>,
}

impl GroupSettings {
    pub(super) fn into_config(self) -> Result<GroupConfig, ConfigError> {
        let defaults = GroupConfig::default();
        let delay = self.initial_rebalance_delay_ms;
        let retention = self.offsets_retention_minutes;
        let min = self.session_timeout_ms_min;
        let max = self.session_timeout_ms_max;
        let min = min.unwrap_or(*defaults.session_timeout_ms.start());
        let max = max.unwrap_or(*defaults.session_timeout_ms.end());
        let out_of_range = |name, value: i64, wanted| ConfigError::OutOfRange {
            name,
            value: u64::try_from(value).unwrap_or(0),
            wanted,
        };
        if min < 1 {
            let wanted = "a number of milliseconds from 1 on is wanted";
            let name = "groups.session-timeout-ms-min";
            return Err(out_of_range(name, min.into(), wanted));
        }
        if max < min {
            let wanted = "at least session-timeout-ms-min is wanted";
            let name = "groups.session-timeout-ms-max";
            return Err(out_of_range(name, max.into(), wanted));
        }
        let session = self.consumer_session_timeout_ms.unwrap_or(45_000);
        let heartbeat = self.consumer_heartbeat_interval_ms.unwrap_or(5_000);
        if heartbeat < 100 || heartbeat >= session || session > i32::MAX as u32 {
            let wanted = "from 100 on, and less than consumer-session-timeout-ms, is wanted";
            let name = "groups.consumer-heartbeat-interval-ms";
            return Err(out_of_range(name, heartbeat.into(), wanted));
        }
        if self.members_max == Some(0) {
            let wanted = "at least one member is wanted";
            return Err(out_of_range("groups.members-max", 0, wanted));
        }
        Ok(GroupConfig {
            session_timeout_ms: min..=max,
            initial_rebalance_delay: delay.map_or(defaults.initial_rebalance_delay, |delay| {
                Duration::from_millis(delay.into())
            }),
            consumer_session: Duration::from_millis(session.into()),
            consumer_heartbeat_ms: heartbeat as i32,
            members_max: self.members_max.unwrap_or(defaults.members_max),
            offsets_retention: retention.map_or(defaults.offsets_retention, |minutes| {
                Duration::from_secs(u64::from(minutes) * 60)
            }),
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_over_the_defaults() {
        let settings = GroupSettings {
            initial_rebalance_delay_ms: Some(0),
            session_timeout_ms_min: Some(100),
            ..GroupSettings::default()
        };
        let config = settings.into_config().expect("valid");
        assert_eq!(config.initial_rebalance_delay, Duration::ZERO);
        assert_eq!(config.session_timeout_ms, 100..=1_800_000);
    }

    #[test]
    fn an_empty_range_is_refused_by_name() {
        let settings = GroupSettings {
            session_timeout_ms_max: Some(10),
            ..GroupSettings::default()
        };
        let error = settings.into_config().expect_err("10 is below the least");
        assert!(
            error
                .to_string()
                .starts_with("groups.session-timeout-ms-max=10")
        );
    }
}
