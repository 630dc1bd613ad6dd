//! What a seed decides of groups of consumers; a third of the seeds has some. The choices are drawn
//! apart from all others, which stay what they are without groups.

use corelane::config::GroupConfig;
use fastrand::Rng;
use std::time::Duration;

/// How the members of a group speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JoinGroup and SyncGroup; everything is given up for a rebalance.
    Eager,
    /// The same, and what stays is kept meanwhile.
    Cooperative,
    /// ConsumerGroupHeartbeat (KIP-848).
    Consumer,
}

#[derive(Debug, Clone)]
pub(crate) struct GroupPlan {
    /// Its place in the list of groups.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) members: usize,
    /// Members have instance ids.
    pub(crate) statics: bool,
    pub(crate) session_ms: i32,
    pub(crate) rebalance_ms: i32,
    /// Members come and go more often.
    pub(crate) stormy: bool,
}

impl GroupPlan {
    /// How long a member may be silent at least. Heartbeats come more often, as otherwise members would
    /// miss every rebalance.
    pub(crate) fn patience_ms(&self) -> i32 {
        self.session_ms.min(self.rebalance_ms)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct GroupsPlan {
    pub(crate) groups: Vec<GroupPlan>,
    pub(crate) config: GroupConfig,
    pub(crate) offsets_partitions: i32,
    /// Offsets that nobody needs are forgotten within seconds.
    pub(crate) expires: bool,
    /// Somebody deletes groups and offsets.
    pub(crate) deletes: bool,
}

impl GroupsPlan {
    /// What a seed has of groups, if anything.
    pub(crate) fn draw(seed: u64) -> Option<Self> {
        let mut rng = Rng::with_seed(seed ^ 0x6772_6f75_7073_0004);
        let rng = &mut rng;
        if rng.u8(..3) > 0 {
            return None;
        }
        let session_ms = [1_500, 4_000, 10_000][rng.usize(..3)];
        let expires = rng.u8(..5) == 0;
        let delays = [0, 50, 500];
        let config = GroupConfig {
            session_timeout_ms: 100..=60_000,
            initial_rebalance_delay: Duration::from_millis(delays[rng.usize(..3)]),
            consumer_session: Duration::from_millis(session_ms as u64),
            consumer_heartbeat_ms: session_ms / 4,
            offsets_retention: match expires {
                true => Duration::from_secs(5),
                false => Duration::from_secs(1_000_000),
            },
            expiry_interval: match expires {
                true => Duration::from_secs(2),
                false => Duration::from_secs(1_000_000),
            },
            ..GroupConfig::default()
        };
        let groups = (0..rng.usize(1..=2)).map(|number| GroupPlan {
            number,
            name: format!("group-{number}"),
            protocol: {
                use Protocol::{Consumer, Cooperative, Eager};
                [Eager, Cooperative, Consumer, Consumer][rng.usize(..4)]
            },
            members: rng.usize(2..=4),
            statics: rng.u8(..4) == 0,
            session_ms,
            rebalance_ms: [800, 3_000, 12_000][rng.usize(..3)],
            stormy: rng.u8(..3) == 0,
        });
        Some(Self {
            groups: groups.collect(),
            config,
            offsets_partitions: rng.i32(1..=3),
            expires,
            deletes: rng.u8(..3) == 0,
        })
    }
}
