//! What a seed decides before anything happens. Every run leaves something out and does something
//! else a lot, as a run that does a little of everything rarely goes far in any direction.

use crate::group_plan::GroupsPlan;
use corelane::config::{Config, GroupConfig, Limits, Nodes};
use fastrand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// How likely each kind of thing is to happen next, among those that can.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    pub(crate) messages: u32,
    pub(crate) perform: u32,
    pub(crate) complete: u32,
    pub(crate) network: u32,
    pub(crate) clients: u32,
    pub(crate) ticks: u32,
    pub(crate) time: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) weights: Weights,
    /// Steps between disturbances on average.
    pub(crate) disturb_every: u64,
    /// Of 100 crashes, how many are power cuts.
    pub(crate) power_cuts: u8,
    /// Of 100 disturbances, how many are clean stops.
    pub(crate) clean_stops: u8,
    /// Of 100 starts, how many crash at some disk operation; of those after such a one, more.
    pub(crate) crashing_starts: u8,
    /// Reads need a populate first.
    pub(crate) cold: bool,
    /// The disk fails now and then: calls return errors.
    pub(crate) disk_faults: bool,
    /// Space runs out now and then, and returns.
    pub(crate) full_disks: bool,
    pub(crate) wall_jumps: bool,
    pub(crate) hostile: bool,
    pub(crate) nodes: Nodes,
    pub(crate) limits: Limits,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    /// Batches that each producer sends before it is content.
    pub(crate) batches: u32,
    /// The largest filler of a record, in bytes.
    pub(crate) record_bytes_max: usize,
    /// Groups of consumers, in some seeds.
    pub(crate) groups: Option<GroupsPlan>,
}

pub(crate) const DATA: &str = "data";

impl Plan {
    pub(crate) fn new(seed: u64, steps: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x706c_616e);
        let rng = &mut rng;
        let weight = |rng: &mut Rng| [1, 3, 10, 10, 30][rng.usize(..5)];
        let weights = Weights {
            messages: weight(rng),
            perform: weight(rng),
            complete: weight(rng),
            network: weight(rng) * 2,
            clients: weight(rng),
            ticks: weight(rng),
            time: [1, 1, 3, 10][rng.usize(..4)],
        };
        let plan = Self {
            seed,
            steps,
            weights,
            disturb_every: [150, 500, 1_000, 4_000][rng.usize(..4)],
            power_cuts: [0, 50, 50, 100][rng.usize(..4)],
            clean_stops: [0, 20, 60][rng.usize(..3)],
            crashing_starts: [0, 20, 60][rng.usize(..3)],
            cold: rng.u8(..3) == 0,
            disk_faults: rng.u8(..3) == 0,
            full_disks: rng.u8(..3) == 0,
            wall_jumps: rng.bool(),
            hostile: rng.bool(),
            nodes: if rng.u8(..4) == 0 {
                Nodes::PerCore
            } else {
                Nodes::Single
            },
            limits: limits(rng),
            producers: rng.usize(1..=4),
            consumers: rng.usize(1..=3),
            // So that a long run does not end idle.
            batches: rng.u32(20..=200) * (steps as u32).div_ceil(4_000),
            record_bytes_max: [40, 600, 3_000][rng.usize(..3)],
            groups: None,
        };
        plan.with_groups()
    }

    /// Where there are groups they are what matters.
    fn with_groups(mut self) -> Self {
        self.groups = GroupsPlan::draw(self.seed);
        if self.groups.is_some() {
            self.producers = self.producers.min(2);
            self.consumers = 1;
            self.weights.clients = self.weights.clients.max(10);
            self.weights.network = self.weights.network.max(20);
        }
        self
    }

    /// The settings of a start on this many cores.
    pub(crate) fn config(&self, cores: u16) -> Arc<Config> {
        Arc::new(Config {
            groups: self
                .groups
                .as_ref()
                .map_or_else(GroupConfig::default, |plan| plan.config.clone()),
            data: DATA.into(),
            listen: "127.0.0.1:9092".parse().expect("an address"),
            advertised: ("localhost".into(), 9092),
            cores,
            nodes: self.nodes,
            auto_create_topics: false,
            default_partitions: 1,
            offsets_topic_partitions: self
                .groups
                .as_ref()
                .map_or(3, |plan| plan.offsets_partitions),
            limits: self.limits.clone(),
        })
    }
}

/// Bytes of a journal file, files, and bytes of a block.
fn journal(rng: &mut Rng) -> (u64, usize, usize) {
    let block_bytes_max = [4 << 10, 8 << 10, 64 << 10][rng.usize(..3)];
    let file_bytes = (4 << 10) + block_bytes_max as u64 * rng.u64(1..=6);
    (file_bytes, rng.usize(2..=5), block_bytes_max)
}

fn limits(rng: &mut Rng) -> Limits {
    let (journal_file_bytes, journal_files_max, journal_block_bytes_max) = journal(rng);
    // So that the other choices of a seed stay what they were.
    let mut aside = rng.clone();
    Limits {
        frame_bytes_max: 64 * 1024,
        slots_per_connection_max: [1, 2, 5, 64][rng.usize(..4)],
        request_bytes_per_core_max: [256 << 10, 1 << 20][rng.usize(..2)],
        compaction_map_bytes_per_core: [100, 1 << 10, 1 << 20][rng.usize(..3)],
        unsynced_bytes_per_core_max: [2 << 10, 32 << 10, 1 << 20][rng.usize(..3)],
        journal_file_bytes,
        journal_files_max,
        journal_block_bytes_max,
        sync_pause_max: Duration::from_millis([0, 40, 1_000][aside.usize(..3)]),
        compaction_bytes_per_second_max: 64 << 20,
        scrub_bytes_per_second_max: [0, 4 << 20][aside.usize(..2)],
        uncheckpointed_bytes_per_core_max: [1 << 10, 1 << 20, 1 << 20][aside.usize(..3)],
        append_bytes_per_step_max: [1, 4 << 10, 1 << 20][rng.usize(..3)],
        connections_per_core_max: 100,
        partitions_per_topic_max: 8,
        fetch_sessions_per_core_max: [0, 1, 100][aside.usize(..3)],
        fetch_session_partitions_per_core_max: [3, 100][aside.usize(..2)],
        fetch_wait_max: Duration::from_secs(300),
        fetch_bytes_max: [8 << 10, 1 << 20][rng.usize(..2)],
    }
}
