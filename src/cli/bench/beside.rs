//! Small batches alone, and beside a connection that ships bulk to another partition: what one
//! client costs another.

use super::super::CliError;
use super::super::latency::{Latencies, Percentiles};
use super::broker::Led;
use super::produce::{AcksArg, Shipping, open_partitions};
use super::report::rounded;
use super::workload::{Batch, WorkloadArgs};
use super::{Bounds, BrokerArgs, DISK_BYTES_MAX, Stopwatch, joined, say};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

/// What both ship: records and batches of so many bytes.
const SMALL_BYTES: (u32, u32) = (1_000, 4_096);
const BULK_BYTES: (u32, u32) = (1_000, 131_072);

/// What the sleeper sleeps for.
const NAP: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Args)]
pub(crate) struct BesideArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// Which acks both ask for
    #[arg(long, value_name = "WHICH", default_value = "all")]
    acks: AcksArg,

    /// Small batches of 4 KiB a second, at fixed times
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// MB a second of bulk, in batches of 128 KiB; as many as the broker takes if left out
    #[arg(long, value_name = "MB")]
    bulk: Option<f64>,

    /// Unacknowledged batches of the bulk without --bulk
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
}

/// Of `bench beside`.
#[derive(Debug, Serialize)]
pub(super) struct Beside {
    durability: &'static str,
    alone: Side,
    beside: Side,
    /// What the bulk came to.
    bulk_mb_per_s: f64,
    /// Of the small batches' p99 beside the bulk and alone.
    p99_ratio: f64,
}

/// What a small batch waits for its ack.
#[derive(Debug, Clone, Copy, Serialize)]
struct Side {
    /// From when sending was due to the ack.
    ack_us: Percentiles,
    /// How late a thread of the client woke that slept for a millisecond: what the machine alone
    /// makes a client wait.
    sleeper_us: Percentiles,
}

impl BesideArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Beside, CliError> {
        if self.acks == AcksArg::None {
            let text = "what is measured are acks: use --acks 1 or --acks all";
            return Err(CliError::Usage(text.to_owned()));
        }
        let batch = |(record, batch)| WorkloadArgs::uncompressed(record, batch).batch();
        let (small, bulk) = (batch(SMALL_BYTES)?, batch(BULK_BYTES)?);
        let mut broker = self.broker.open(bounds, Some(DISK_BYTES_MAX))?;
        let leaders = broker.leaders()?;
        let Some((address, first, others)) = leaders.iter().find_map(shared) else {
            let text = "each has partitions of its own: use --partitions 2 or more per node";
            return Err(CliError::Usage(text.to_owned()));
        };
        let shipping = |partitions: &[i32], batch: Batch, rate| Shipping {
            topic: broker.topic().to_owned(),
            partitions: partitions.to_vec(),
            batch,
            acks: self.acks,
            window: self.in_flight.into(),
            rate,
        };
        let bulk_rate = self.bulk.map(|mb| mb * 1e6 / bulk.bytes.len() as f64);
        let small = shipping(others, small, Some(self.rate.into()));
        let bulk = shipping(&[first], bulk, bulk_rate);
        let both = [(address.to_owned(), small), (address.to_owned(), bulk)];
        open_partitions(&both, &bounds.start())?;
        let [(_, small), (_, bulk)] = both;
        let bytes = AtomicU64::new(u64::MAX);
        say("small batches alone");
        let watch = bounds.start();
        let alone = Side::of(&small, address, &watch, &bytes)?;
        say("small batches beside bulk");
        let watch = bounds.start();
        let bulk_size = bulk.batch.bytes.len() as f64;
        let (beside, batches) = thread::scope(|scope| {
            let bulk = scope.spawn(|| bulk.run(address, &watch, &bytes));
            let beside = Side::of(&small, address, &watch, &bytes);
            let (batches, _) = joined(bulk.join())?;
            beside.map(|beside| (beside, batches))
        })?;
        let seconds = watch.seconds()?;
        let p99 = |side: &Side| side.ack_us.p99 as f64;
        Ok(Beside {
            durability: broker.durability(),
            p99_ratio: rounded(p99(&beside) / p99(&alone).max(1.0)),
            alone,
            beside,
            bulk_mb_per_s: rounded(batches as f64 * bulk_size / 1e6 / seconds),
        })
    }
}

/// A node that leads two partitions or more: the first, and the others.
fn shared(led: &Led) -> Option<(&str, i32, &[i32])> {
    let (first, others) = led.partitions.split_first()?;
    (!others.is_empty()).then_some((led.address.as_str(), *first, others))
}

impl Side {
    fn of(
        small: &Shipping,
        address: &str,
        watch: &Stopwatch,
        bytes: &AtomicU64,
    ) -> Result<Self, CliError> {
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| sleep(watch));
            let (_, acks) = small.run(address, watch, bytes)?;
            Ok(Self {
                ack_us: acks.percentiles(),
                sleeper_us: joined(sleeper.join()).percentiles(),
            })
        })
    }
}

/// Sleeps again and again; how late it woke.
fn sleep(watch: &Stopwatch) -> Latencies {
    let mut late = Latencies::new();
    while !watch.is_over() {
        let due = Instant::now() + NAP;
        thread::sleep(NAP);
        late.record(due.elapsed());
    }
    late
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bulk, durability) = (self.bulk_mb_per_s, self.durability);
        writeln!(f, "acks of small batches, durability {durability}")?;
        writeln!(f, "alone: {}", self.alone.ack_us)?;
        writeln!(f, "beside {bulk:.0} MB/s: {}", self.beside.ack_us)?;
        writeln!(f, "p99 beside / alone: {:.1}", self.p99_ratio)?;
        writeln!(
            f,
            "a thread that sleeps is late, alone: {}",
            self.alone.sleeper_us
        )?;
        writeln!(f, "beside: {}", self.beside.sleeper_us)
    }
}
