//! The simulator: one to four shards, stepped in one thread by a scheduler that follows from a
//! seed, on a disk in memory, with clients that speak the Kafka protocol, and with crashes, power
//! cuts and restarts at every step. What the clients were told is checked against what can be true
//! (`history`).
//!
//! A failing seed says how to run it again. In the environment:
//! - `CORELANE_SIM_SEED`: run this seed alone, and show the last lines of its trace if it fails;
//! - `CORELANE_SIM_STEPS`: how many steps each seed runs before it is drained;
//! - `CORELANE_SIM_SEEDS`: how many seeds to run; `CORELANE_SIM_FROM`: the first one;
//! - `CORELANE_SIM_LINES`: how many lines of a trace to show, also of one that holds.

mod auditor;
mod clients;
mod clock;
mod disturbance;
mod drain;
mod group_plan;
mod history;
mod inspection;
mod keyed;
mod marks;
mod network;
mod plan;
mod process;
mod rot;
mod topics;
mod trace;
mod value;
mod world;

use history::History;
use plan::Plan;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use trace::Trace;
use world::World;

/// Seeds and steps that every test run tries.
const SEEDS: u64 = 1_000;
const STEPS: u64 = 5_000;

/// Seeds that found something, with their steps and what it was. A change of the simulator gives
/// them another meaning; they are kept as long as they cost little.
const FOUND: [(u64, u64, &str); 14] = [
    (
        44,
        6_000,
        "the registrar did not hear of its own unclean stop",
    ),
    (
        296,
        6_000,
        "or heard of it with a request, and then answered that",
    ),
    (
        906,
        6_000,
        "a rotten last offset made readers wait for ever",
    ),
    (
        1_000_808,
        10_000,
        "a checkpoint whose name was not durable told a log start that a power cut took back",
    ),
    (
        40,
        5_000,
        "a segment was written back further than the shorter one that compaction put in its place",
    ),
    (
        729,
        5_000,
        "a commit to a group that is gone was one of another generation",
    ),
    (
        57,
        5_000,
        "a topic under the name of one that was gone began where that had been read to",
    ),
    (
        2_005_005,
        10_000,
        "or did so when a crash came before a coordinator that could not read its log could forget",
    ),
    (
        2_001_323,
        10_000,
        "the first members of an empty group waited longer than a rebalance may take",
    ),
    (
        3_003_887,
        10_000,
        "a member of the simulator took its refused leave for done, and led without knowing it",
    ),
    (
        3_006_918,
        10_000,
        "a coordinator that had failed on a full disk was asked before it read its log again",
    ),
    (
        3_014_874,
        10_000,
        "a torn append that a failed seal left in its segment took the partition offline",
    ),
    (
        4_009_385,
        10_000,
        "damaging a file gave the device what a failed sync had kept from it",
    ),
    (
        4_014_863,
        10_000,
        "a start must refuse to replace what was kept of a partition and is damaged",
    ),
];

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summary {
    hash: u64,
    acks: u64,
    reads: u64,
    gaps: u64,
    commits: u64,
}

fn run(seed: u64, steps: u64, trace: Trace) -> (World, Result<Summary, String>) {
    let mut world = World::new(Plan::new(seed, steps), trace);
    let result = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..world.plan.steps {
            world.step();
        }
        world.finish();
    }));
    let History {
        acks, reads, gaps, ..
    } = world.history;
    let summary = Summary {
        hash: world.trace.hash(),
        acks,
        reads,
        gaps,
        commits: world.history.commits.acks,
    };
    let result = result.map(|()| summary).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without words".to_owned())
    });
    (world, result)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: a number is wanted")),
    )
}

fn fail(seed: u64, steps: u64, why: &str) -> String {
    format!(
        "seed {seed}: {why}\n  again: CORELANE_SIM_SEED={seed} CORELANE_SIM_STEPS={steps} \
         cargo test --test sim seeds"
    )
}

#[test]
fn seeds_hold() {
    let steps = number("CORELANE_SIM_STEPS").unwrap_or(STEPS);
    if let Some(seed) = number("CORELANE_SIM_SEED") {
        // What the broker says for itself.
        env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .init();
        let (world, result) = run(seed, steps, Trace::verbose());
        match result {
            Ok(summary) => {
                if number("CORELANE_SIM_LINES").is_some() {
                    println!("{}", world.trace.lines());
                }
                println!("seed {seed}: {summary:?}\n{:#?}", world.plan);
            }
            Err(why) => {
                let (plan, lines) = (&world.plan, world.trace.lines());
                panic!(
                    "{lines}\n{plan:#?}\nseed {seed}, step {}: {why}",
                    world.trace.step
                );
            }
        }
        return;
    }
    let seeds = number("CORELANE_SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("CORELANE_SIM_FROM").unwrap_or(0);
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let totals = Mutex::new((0, 0, 0, 0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || failures.lock().expect("whole").len() >= 5 {
                        return;
                    }
                    match run(seed, steps, Trace::default()).1 {
                        Ok(summary) => {
                            let mut totals = totals.lock().expect("whole");
                            totals.0 += summary.acks;
                            totals.1 += summary.reads;
                            totals.2 += summary.gaps;
                            totals.3 += summary.commits;
                        }
                        Err(why) => {
                            let why = fail(seed, steps, &why);
                            println!("{why}");
                            failures.lock().expect("whole").push(why);
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("whole");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let (acks, reads, gaps, commits) = totals.into_inner().expect("whole");
    println!(
        "{seeds} seeds of {steps} steps: {acks} acks and {reads} records were checked, {gaps} that \
         compaction had taken, and {commits} commits of groups"
    );
    let has_happened = acks > 0 && reads > 0 && gaps > 0 && commits > 0;
    assert!(seeds < 20 || has_happened, "nothing happened");
}

#[test]
fn what_was_found_once_holds() {
    for (seed, steps, what) in FOUND {
        if let Err(why) = run(seed, steps, Trace::default()).1 {
            panic!("{what}: {}", fail(seed, steps, &why));
        }
    }
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    for seed in 0..5 {
        let summary = |()| {
            run(seed, 2_000, Trace::default())
                .1
                .expect("the seed holds")
        };
        assert_eq!(summary(()), summary(()), "seed {seed}");
    }
    let hash = |seed| {
        run(seed, 500, Trace::default())
            .1
            .expect("the seed holds")
            .hash
    };
    assert_ne!(hash(0), hash(1));
}
