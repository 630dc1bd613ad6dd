//! `corelane bench`: what this machine can do, and what the broker makes of it.
//!
//! A figure alone says little, so `produce` and `consume` measure two bases in the same run: the
//! ceiling (loopback TCP into a reader that discards) and the loop (receive, check, append, by the
//! same runtime, and nothing else). The loop takes as long as what is compared with it, or it would
//! end before the kernel writes back. Durable acks at a rate have a base too: the same batches at
//! the same times, written durably by a core that does nothing else.

mod append_loop;
mod beside;
mod broker;
mod ceiling;
mod commits;
mod consume;
mod disk;
mod durable;
mod groups;
mod lane;
mod link;
mod pace;
mod polls;
mod process;
mod produce;
mod report;
mod segments;
mod workload;

use super::interrupt::Interrupt;
use super::latency::Latencies;
use super::{CliError, output};
use broker::BrokerArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use workload::WorkloadArgs;

/// How long the ceiling is measured, at most: it does not change with time.
const CEILING_TIME_MAX: Duration = Duration::from_secs(2);

/// What the loop, and a broker of our own, keep on the disk, about: a load as long as one likes
/// fits on any disk.
const DISK_BYTES_MAX: u64 = 8 << 30;

/// Measure this machine and the broker on it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  corelane bench produce                           a broker of its own, every ack on disk
  corelane bench produce --durability relaxed --seconds 10 --json
  corelane bench produce --rate 200000 --batch-bytes 4096   latency at a given load
  corelane bench consume --bytes 4000000000
  corelane bench produce --bootstrap 127.0.0.1:9092 --broker-pid 4711     any Kafka broker
  corelane bench disk                              what a durable write costs here")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: What,

    /// How long to measure, at most
    #[arg(long, value_name = "N", default_value_t = 5, global = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// How much to move, at most
    #[arg(
        long,
        value_name = "TOTAL",
        default_value_t = 4_000_000_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000_000..))]
    bytes: u64,

    /// How many data cores of the broker
    #[arg(long, value_name = "N", default_value_t = 1, global = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    cores: u16,

    /// Where files are made and removed again; the system's temporary directory if left out
    #[arg(long, value_name = "DIR", global = true)]
    directory: Option<PathBuf>,

    /// Write one JSON object to stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Loopback TCP into a reader that discards: no broker can serve faster
    #[command(after_help = "Example:\n  corelane bench ceiling")]
    Ceiling,
    /// Sequential and durable writes
    #[command(after_help = "\
Examples:
  corelane bench disk --directory /var/lib/corelane
  corelane bench disk --rate 5000 --batch-bytes 4096        what acks at that rate cost at least")]
    Disk(disk::DiskArgs),
    /// Receive, check and append by the broker's own runtime, and nothing else
    #[command(after_help = "Example:\n  corelane bench loop --cores 2")]
    Loop(WorkloadArgs),
    /// Ship prepared batches and await their acks
    #[command(after_help = "\
Receive, check and append is measured first, with as many bytes and as much time. A broker of its
own keeps about 8 GiB of the newest batches, so a load may be as long as one likes.

Examples:
  corelane bench produce --acks 1 --partitions 8
  corelane bench produce --rate 100000 --batch-bytes 4096   open loop, coordinated omission corrected")]
    Produce(produce::ProduceArgs),
    /// Small batches alone, and beside a connection that ships bulk
    #[command(after_help = "\
Examples:
  corelane bench beside --bulk 200 --seconds 20                       durable
  corelane bench beside --acks 1 --durability relaxed --rate 500      beside a flood")]
    Beside(beside::BesideArgs),
    /// Read batches that were shipped before
    #[command(after_help = "Example:\n  corelane bench consume --partitions 4")]
    Consume(consume::ConsumeArgs),
    /// Keep many consumers waiting for records that do not come
    #[command(after_help = "\
Examples:
  corelane bench polls --wait-ms 500 --seconds 20
  corelane bench polls --consumers 1000 --wait-ms 30000 --seconds 60
  corelane bench polls --consumers 20 --partitions 1000 --each 1000 --sessions")]
    Polls(polls::PollsArgs),
    /// Commit offsets for many groups
    #[command(after_help = "\
Examples:
  corelane bench commits --seconds 10
  corelane bench commits --groups 500 --each 10 --partitions 10")]
    Commits(commits::CommitsArgs),
    /// Let groups form, idle, and restart member by member
    #[command(after_help = "\
Examples:
  corelane bench groups --groups 500 --members 10 --topics 100 --seconds 30
  corelane bench groups --groups 1 --members 500")]
    Groups(groups::GroupsArgs),
}

/// What every measurement is bounded by.
#[derive(Debug, Clone)]
struct Bounds {
    time: Duration,
    bytes: u64,
    cores: u16,
    directory: PathBuf,
    interrupt: Interrupt,
}

/// The time of one measurement.
#[derive(Debug, Clone)]
struct Stopwatch {
    started: Instant,
    time: Duration,
    interrupt: Interrupt,
}

impl BenchArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let bounds = Bounds {
            time: Duration::from_secs(self.seconds),
            bytes: self.bytes,
            cores: self.cores,
            directory: self.directory.unwrap_or_else(std::env::temp_dir),
            interrupt: Interrupt::install()?,
        };
        match self.what {
            What::Ceiling => {
                let mb_per_s = ceiling::measure(&bounds)?;
                report::tell(&report::Ceiling { mb_per_s }, self.json)
            }
            What::Disk(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Loop(workload) => {
                let batch = workload.batch()?;
                let mb_per_s = append_loop::measure(&bounds, &batch)?;
                report::tell(&report::Loop { mb_per_s }, self.json)
            }
            What::Produce(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Beside(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Consume(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Polls(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Commits(args) => report::tell(&args.measure(&bounds)?, self.json),
            What::Groups(args) => report::tell(&args.measure(&bounds)?, self.json),
        }
    }
}

impl Bounds {
    /// Starts the time of a measurement.
    fn start(&self) -> Stopwatch {
        Stopwatch {
            started: Instant::now(),
            time: self.time,
            interrupt: self.interrupt.clone(),
        }
    }

    /// These for what does not change with time.
    fn short(&self) -> Self {
        Self {
            time: self.time.min(CEILING_TIME_MAX),
            ..self.clone()
        }
    }
}

impl Stopwatch {
    /// Whether the time is up, or the user has seen enough.
    fn is_over(&self) -> bool {
        self.started.elapsed() >= self.time || self.interrupt.is_set()
    }

    /// The seconds that were measured; an error where the user ended it.
    fn seconds(&self) -> Result<f64, CliError> {
        self.interrupt.check()?;
        Ok(self.started.elapsed().as_secs_f64())
    }
}

/// Says on stderr what is being done, as it takes a while.
fn say(what: &str) {
    if output::stderr_is_terminal() {
        output::message(&what);
    }
}

/// Does each job on a thread of its own; says what they counted together, and how long it took
/// each time.
fn do_all<T: Send>(
    jobs: Vec<T>,
    job: impl Fn(T) -> Result<(u64, Latencies), CliError> + Sync,
) -> Result<(u64, Latencies), CliError> {
    let job = &job;
    thread::scope(|scope| {
        let threads = jobs.into_iter().map(|one| scope.spawn(move || job(one)));
        let threads: Vec<_> = threads.collect();
        let mut total = (0, Latencies::new());
        for thread in threads {
            let (count, latencies) = joined(thread.join())?;
            total.0 += count;
            total.1.merge(&latencies);
        }
        Ok(total)
    })
}

/// A panic of a measuring thread, which is a bug of ours.
fn joined<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
