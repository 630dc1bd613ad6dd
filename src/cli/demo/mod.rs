//! `corelane demo`: shows in seconds, on a throw-away broker, what corelane does, and checks it.

mod embedded;
mod lines;
mod orders;
mod phases;
mod report;
mod verify;
mod workload;

use super::interrupt::Interrupt;
use super::{CliError, output};
use crate::client::admin::NewTopic;
use crate::client::producer::ProducerConfig;
use crate::client::transport::{Clock, Cluster, ClusterConfig};
use crate::record::Compression;
use clap::Args;
use embedded::Embedded;
use lines::Lines;
use orders::Orders;
use phases::Run;
use report::Report;
use std::path::PathBuf;
use workload::Workload;

/// See corelane work: produce, replay and check a stream of orders on a throw-away broker
#[derive(Debug, Args)]
#[command(after_help = "\
Starts a broker on a free port of the loopback interface with a temporary data directory, has
several producers write the lives of orders (placed, paid, shipped, completed, refunded) at once,
replays them from offset 0 and from a point in time, and checks that nothing was lost, doubled,
reordered or altered. Nothing is left behind. The exit code is 1 if a check fails.

Examples:
  corelane demo
  corelane demo --records 5000000 --producers 4
  corelane demo --input /var/log/syslog --records 1000000
  corelane demo --json | jq .produce.records_per_second")]
pub(crate) struct DemoArgs {
    /// How many records; if left out, those of 100 000 orders, or each line of the input once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    records: Option<u64>,

    /// Use this file's lines instead of orders
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Partitions of the topic
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: i32,

    /// Producers at once; one per core, at most 4, if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    producers: Option<u32>,

    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC", default_value = "zstd")]
    compression: Compression,

    /// Where the temporary data directory is made; the system's place for such if left out
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Write the result as one JSON object to stdout
    #[arg(long)]
    json: bool,

    /// Use this broker instead of a throw-away one; a topic of its own is made and deleted
    #[arg(long, value_name = "HOST:PORT", hide = true)]
    bootstrap: Option<String>,
}

const ORDERS: u32 = 100_000;
/// The records' times lie in the hour before the demo.
const SPAN_MS: i64 = 3_600_000;
/// Smaller than a bulk load's, so that there are enough batches to speak of their latency.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// A whole input is held in memory.
const INPUT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

impl DemoArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let interrupt = Interrupt::install()?;
        match &self.input {
            None => {
                let orders = match self.records {
                    None => Orders::with_orders(ORDERS),
                    Some(records) => Orders::with_records(records),
                };
                let what = "the lives of orders".to_owned();
                self.run_workload(&orders, what, &interrupt)
            }
            Some(path) => {
                let name = path.display().to_string();
                let read = std::fs::metadata(path).and_then(|metadata| {
                    if metadata.len() > INPUT_BYTES_MAX {
                        return Err(std::io::ErrorKind::FileTooLarge.into());
                    }
                    std::fs::read(path)
                });
                let text = read.map_err(|error| CliError::io(&name, error))?;
                let lines = Lines::new(text, self.records);
                if lines.records() == 0 {
                    return Err(CliError::Message(format!("{name} has no lines")));
                }
                self.run_workload(&lines, format!("lines of {name}"), &interrupt)
            }
        }
    }

    fn run_workload<W: Workload>(
        &self,
        workload: &W,
        what: String,
        interrupt: &Interrupt,
    ) -> Result<(), CliError> {
        let embedded = match &self.bootstrap {
            None => Some(Embedded::start(self.directory.as_deref())?),
            Some(_) => None,
        };
        let address = match (&embedded, &self.bootstrap) {
            (Some(embedded), _) => embedded.address(),
            (None, bootstrap) => bootstrap.clone().unwrap_or_default(),
        };
        let measured = self.measure(workload, what, address, interrupt);
        drop(embedded);
        let report = measured?;
        if self.json {
            output::json(&report.json())?;
        } else {
            output::text(&report)?;
        }
        if report.is_ok() {
            Ok(())
        } else {
            Err(CliError::Failed)
        }
    }

    fn measure<W: Workload>(
        &self,
        workload: &W,
        what: String,
        address: String,
        interrupt: &Interrupt,
    ) -> Result<Report, CliError> {
        let config = ClusterConfig::new(vec![address]);
        let mut cluster = Cluster::connect(config.clone())?;
        let now = Clock::default().wall();
        let topic = format!("corelane-demo-{}-{now}", std::process::id());
        cluster.create_topic(&NewTopic {
            name: topic.clone(),
            partitions: Some(self.partitions),
            ..NewTopic::default()
        })?;
        cluster.topic(&topic, false)?;
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let run = Run {
            workload,
            cluster: config,
            topic: &topic,
            partitions: self.partitions,
            producer: ProducerConfig {
                compression: self.compression,
                batch_bytes_max: BATCH_BYTES_MAX,
                ..ProducerConfig::default()
            },
            producers: self.producers.unwrap_or(cores.clamp(2, 4)),
            first_ms: now.get() - SPAN_MS,
            span_ms: SPAN_MS,
            interrupt,
            quiet: self.json,
        };
        let measured = self.run_phases(&run, what);
        if self.bootstrap.is_some() {
            cluster.delete_topic(&topic)?;
        }
        measured
    }

    fn run_phases<W: Workload>(&self, run: &Run<'_, W>, what: String) -> Result<Report, CliError> {
        let produced = run.produce()?;
        let (replayed, mut faults, spans) = run.replay_all()?;
        let (replayed_from_cut, more) = run.replay_from_cut(&spans)?;
        faults.add(more);
        Ok(Report {
            what,
            noun: run.workload.noun(),
            expected: run.workload.records(),
            partitions: self.partitions,
            producers: run.producers,
            compression: self.compression.name(),
            produced,
            replayed,
            cut: run.cut(),
            replayed_from_cut,
            faults,
        })
    }
}
