//! Reads what was shipped before, from the start and over again until the time is over.

use super::super::CliError;
use super::super::latency::Latencies;
use super::link::Link;
use super::produce::{AcksArg, Shipping, measure_bases, share_out, ship_all};
use super::report::{Measured, Throughput};
use super::workload::Batch;
use super::{Bounds, BrokerArgs, Stopwatch, WorkloadArgs, do_all, say};
use crate::client::BrokerCode;
use crate::client::connection::{Answer, Answered};
use crate::protocol::kafka::messages::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use crate::wire::Array;
use clap::Args;
use std::time::{Duration, Instant};

/// What is shipped before reading, at most: more than that and the disk is measured.
const FILL_BYTES_MAX: u64 = 1_000_000_000;

/// How long shipping that may take.
const FILL_TIME: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Args)]
pub(crate) struct ConsumeArgs {
    #[command(flatten)]
    workload: WorkloadArgs,

    #[command(flatten)]
    broker: BrokerArgs,

    /// Connections to each node
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,

    /// Bytes of one partition in one answer, at most
    #[arg(long, value_name = "N", default_value_t = 1_048_576, value_parser = clap::value_parser!(i32).range(1..))]
    partition_bytes: i32,
}

/// What one connection reads.
#[derive(Debug)]
struct Reading {
    topic: String,
    /// Partitions and the next offset to read of each.
    offsets: Vec<(i32, i64)>,
    batch: Batch,
    partition_bytes: i32,
    bytes_max: u64,
}

impl ConsumeArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Throughput, CliError> {
        let batch = self.workload.batch()?;
        // What is read was written before, so the loop need not be throttled either.
        let bases = measure_bases(&bounds.short(), &batch)?;
        let mut broker = self.broker.open(bounds, None)?;
        let leaders = broker.leaders()?;
        say("shipping what is to be read");
        let fill = share_out(&leaders, 1).into_iter().map(|led| {
            let shipping = Shipping {
                topic: broker.topic().to_owned(),
                partitions: led.partitions,
                batch: batch.clone(),
                acks: AcksArg::All,
                window: 16,
                rate: None,
            };
            (led.address, shipping)
        });
        let filling = Bounds {
            time: FILL_TIME,
            ..bounds.clone()
        };
        let fill_bytes = bounds.bytes.min(FILL_BYTES_MAX);
        ship_all(fill.collect(), &filling.start(), fill_bytes)?;
        say("consuming");
        let shares = share_out(&leaders, self.connections.into());
        let bytes_max = bounds.bytes / shares.len().max(1) as u64;
        let readings = shares.into_iter().map(|led| {
            let reading = Reading {
                topic: broker.topic().to_owned(),
                offsets: led.partitions.into_iter().map(|index| (index, 0)).collect(),
                batch: batch.clone(),
                partition_bytes: self.partition_bytes,
                bytes_max,
            };
            (led.address, reading)
        });
        let readings: Vec<_> = readings.collect();
        let cpu_before = broker.cpu_s();
        let watch = bounds.start();
        let read = |(address, reading): (String, Reading)| reading.run(&address, &watch);
        let (bytes, latencies) = do_all(readings, read)?;
        let seconds = watch.seconds()?;
        let cpu = broker
            .cpu_s()
            .zip(cpu_before)
            .map(|(now, before)| now - before);
        let measured = Measured {
            what: "consume",
            durability: broker.durability(),
            seconds,
            bytes,
            records: bytes / batch.bytes.len() as u64 * batch.records,
            ack_us: None,
            fetch_us: Some(latencies.percentiles()),
            broker_cpu_s: cpu,
            broker_rss_anon_mb: broker.rss_anon_mb(),
        };
        Ok(measured.compared(bases))
    }
}

impl Reading {
    fn run(mut self, address: &str, watch: &Stopwatch) -> Result<(u64, Latencies), CliError> {
        let link = Link::connect(address)?;
        let mut latencies = Latencies::new();
        let mut bytes = 0;
        while !watch.is_over() && bytes < self.bytes_max {
            link.send(&self.request(), &[], Answered::Yes, Instant::now())?;
            let Some((answer, since)) = link.receive()? else {
                break;
            };
            latencies.record(since.elapsed());
            bytes += self.take(&answer)?;
        }
        Ok((bytes, latencies))
    }

    fn request(&self) -> FetchRequest<'_> {
        let partitions = self
            .offsets
            .iter()
            .map(|(partition, offset)| FetchPartition {
                partition: *partition,
                fetch_offset: *offset,
                partition_max_bytes: self.partition_bytes,
                last_fetched_epoch: -1,
                current_leader_epoch: -1,
                ..Default::default()
            });
        FetchRequest {
            max_wait_ms: 1_000,
            min_bytes: 1,
            max_bytes: i32::MAX,
            topics: Array::from(vec![FetchTopic {
                topic: &self.topic,
                partitions: partitions.collect(),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    /// Moves on past what an answer holds; says how many bytes of whole batches that are.
    fn take(&mut self, answer: &Answer) -> Result<u64, CliError> {
        let response: FetchResponse<'_> = answer.decode()?;
        let size = self.batch.bytes.len();
        let mut bytes = 0;
        let topics = response.responses.iter();
        let partitions: Vec<_> = topics
            .flat_map(|topic| topic.partitions.iter().collect::<Vec<_>>())
            .collect();
        for partition in partitions {
            BrokerCode::new(partition.error_code)
                .check()
                .map_err(|code| answer.refused(code, None))?;
            let length = partition.records.map_or(0, |records| records.length());
            // All batches are the same, so their number tells where the next one begins.
            let batches = (length / size) as u64;
            bytes += batches * size as u64;
            let place = self
                .offsets
                .iter_mut()
                .find(|(index, _)| *index == partition.partition_index);
            if let Some((_, next)) = place {
                *next += (batches * self.batch.records) as i64;
                if *next >= partition.high_watermark {
                    *next = 0;
                }
            }
        }
        Ok(bytes)
    }
}
