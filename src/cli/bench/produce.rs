//! Ships prepared batches. Closed loop: as fast as acks come, so many under way per connection.
//! Open loop (`--rate`): at fixed times, whether acks come or not.

use super::super::CliError;
use super::super::latency::{Latencies, Percentiles};
use super::broker::Led;
use super::durable::Load;
use super::link::Link;
use super::pace::Pace;
use super::report::{Bases, Measured, Throughput};
use super::workload::Batch;
use super::{
    Bounds, BrokerArgs, DISK_BYTES_MAX, Stopwatch, WorkloadArgs, append_loop, ceiling, disk,
    do_all, joined, say,
};
use crate::client::BrokerCode;
use crate::client::connection::{Answer, Answered};
use crate::protocol::kafka::messages::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use crate::wire::{Array, Records};
use clap::{Args, ValueEnum};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// An open loop's backlog past which it is hopeless.
const BACKLOG_MAX: usize = 100_000;

/// How long a broker may take for one ack, in ms.
const ACK_TIMEOUT_MS: i32 = 30_000;

/// A device is still busy with a thousand new directories and segments when they are acknowledged:
/// without a pause their stall of 0.1 s was the p99 of a minute.
const SETTLING: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Args)]
pub(crate) struct ProduceArgs {
    #[command(flatten)]
    workload: WorkloadArgs,

    #[command(flatten)]
    broker: BrokerArgs,

    /// Which acks to ask for
    #[arg(long, value_name = "WHICH", default_value = "all")]
    acks: AcksArg,

    /// Records a second over all connections; as many as possible if left out
    #[arg(long, value_name = "R")]
    rate: Option<f64>,

    /// Connections to each node
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,

    /// Unacknowledged batches per connection without --rate
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    in_flight: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AcksArg {
    /// None
    #[value(name = "0")]
    None,
    /// Once appended
    #[value(name = "1")]
    Leader,
    /// Once safe
    All,
}

/// What one connection ships.
#[derive(Debug, Clone)]
pub(super) struct Shipping {
    pub(super) topic: String,
    pub(super) partitions: Vec<i32>,
    pub(super) batch: Batch,
    pub(super) acks: AcksArg,
    pub(super) window: usize,
    /// Batches a second; none for a closed loop.
    pub(super) rate: Option<f64>,
}

impl ProduceArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Throughput, CliError> {
        let batch = self.workload.batch()?;
        let bases = Bases {
            disk_ack_us: self.measure_disk(bounds, &batch)?,
            ..measure_bases(bounds, &batch)?
        };
        say("producing");
        let mut broker = self.broker.open(bounds, Some(DISK_BYTES_MAX))?;
        let leaders = broker.leaders()?;
        let shippings = self.shippings(broker.topic(), &batch, &leaders);
        if self.rate.is_some() {
            // What a partition's first batch costs, its directory and its segment, comes once.
            say("appending to each partition once");
            open_partitions(&shippings, &bounds.start())?;
        }
        let cpu_before = broker.cpu_s();
        let watch = bounds.start();
        let (batches, latencies) = ship_all(shippings, &watch, bounds.bytes)?;
        let seconds = watch.seconds()?;
        let cpu = broker
            .cpu_s()
            .zip(cpu_before)
            .map(|(now, before)| now - before);
        let measured = Measured {
            what: "produce",
            durability: broker.durability(),
            seconds,
            bytes: batches * batch.bytes.len() as u64,
            records: batches * batch.records,
            ack_us: (self.acks != AcksArg::None).then(|| latencies.percentiles()),
            fetch_us: None,
            broker_cpu_s: cpu,
            broker_rss_anon_mb: broker.rss_anon_mb(),
        };
        Ok(measured.compared(bases))
    }

    /// What durable acks at the rate are compared with.
    fn measure_disk(
        &self,
        bounds: &Bounds,
        batch: &Batch,
    ) -> Result<Option<Percentiles>, CliError> {
        let durable = self.acks == AcksArg::All && self.broker.is_durable();
        let rate = self.rate.filter(|_| durable);
        rate.map(|rate| {
            let load = Load {
                batches_per_s: rate / batch.records as f64,
                batch_bytes: batch.bytes.len(),
            };
            disk::measure_acks(bounds, load)
        })
        .transpose()
    }

    fn shippings(&self, topic: &str, batch: &Batch, leaders: &[Led]) -> Vec<(String, Shipping)> {
        let shares = share_out(leaders, self.connections.into());
        let batches_per_s = self.rate.map(|rate| rate / batch.records as f64);
        let rate = batches_per_s.map(|rate| rate / shares.len() as f64);
        let shipping = |led: Led| {
            let shipping = Shipping {
                topic: topic.to_owned(),
                partitions: led.partitions,
                batch: batch.clone(),
                acks: self.acks,
                window: self.in_flight.into(),
                rate,
            };
            (led.address, shipping)
        };
        shares.into_iter().map(shipping).collect()
    }
}

/// Measures what results are compared to.
pub(super) fn measure_bases(bounds: &Bounds, batch: &Batch) -> Result<Bases, CliError> {
    say("measuring loopback TCP");
    let ceiling_mb_per_s = ceiling::measure(&bounds.short())?;
    say("measuring receive, check, append");
    let loop_mb_per_s = append_loop::measure(bounds, batch)?;
    Ok(Bases {
        ceiling_mb_per_s,
        loop_mb_per_s,
        disk_ack_us: None,
    })
}

/// Shares each node's partitions among so many connections; none is left without one.
pub(super) fn share_out(leaders: &[Led], connections: usize) -> Vec<Led> {
    let mut shares = Vec::new();
    for led in leaders {
        let count = connections.min(led.partitions.len());
        for first in 0..count {
            shares.push(Led {
                address: led.address.clone(),
                partitions: led
                    .partitions
                    .iter()
                    .copied()
                    .skip(first)
                    .step_by(count)
                    .collect(),
            });
        }
    }
    shares
}

/// Ships one batch to each partition, and lets the device settle.
pub(super) fn open_partitions(
    shippings: &[(String, Shipping)],
    watch: &Stopwatch,
) -> Result<(), CliError> {
    for (address, shipping) in shippings {
        let bytes = shipping.partitions.len() * shipping.batch.bytes.len();
        let hurried = Shipping {
            rate: None,
            ..shipping.clone()
        };
        hurried.run(address, watch, &AtomicU64::new(bytes as u64))?;
    }
    thread::sleep(SETTLING);
    Ok(())
}

/// Ships over all connections at once; says how many batches were taken, and the acks' latencies.
pub(super) fn ship_all(
    shippings: Vec<(String, Shipping)>,
    watch: &Stopwatch,
    bytes: u64,
) -> Result<(u64, Latencies), CliError> {
    let left = AtomicU64::new(bytes);
    do_all(shippings, |(address, shipping)| {
        shipping.run(&address, watch, &left)
    })
}

impl Shipping {
    /// Ships until the time or the bytes are over; says how many batches were taken, and the acks'
    /// latencies.
    pub(super) fn run(
        &self,
        address: &str,
        watch: &Stopwatch,
        left: &AtomicU64,
    ) -> Result<(u64, Latencies), CliError> {
        let link = Link::connect(address)?;
        if self.acks == AcksArg::None {
            let batches = self.send(&link, watch, left)?;
            link.barrier()?;
            return Ok((batches, Latencies::new()));
        }
        thread::scope(|scope| {
            let receiving = scope.spawn(|| {
                let received = receive_acks(&link);
                if received.is_err() {
                    link.abort();
                }
                received
            });
            let sent = self.send(&link, watch, left);
            match &sent {
                Ok(_) => link.finish(),
                Err(_) => link.abort(),
            }
            // The receiver knows better why a connection ended.
            let received = joined(receiving.join())?;
            sent.map(|_| received)
        })
    }

    /// Sends until the time or the bytes are over; says how many batches.
    fn send(&self, link: &Link, watch: &Stopwatch, left: &AtomicU64) -> Result<u64, CliError> {
        let size = self.batch.bytes.len() as u64;
        let answered = match self.acks {
            AcksArg::None => Answered::No,
            AcksArg::Leader | AcksArg::All => Answered::Yes,
        };
        let pace = self.rate.map(Pace::new);
        let window = if pace.is_some() {
            BACKLOG_MAX
        } else {
            self.window
        };
        let records = [self.batch.bytes.clone()];
        for (number, partition) in (0..).zip(self.partitions.iter().cycle()) {
            let since = match pace {
                Some(pace) => pace.wait(number),
                None => Instant::now(),
            };
            let enough = watch.is_over()
                || left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(size)
                    })
                    .is_err();
            if enough || !link.wait_for_room(window) {
                return Ok(number);
            }
            let since = if pace.is_some() {
                since
            } else {
                Instant::now()
            };
            link.send(&self.request(*partition), &records, answered, since)?;
        }
        Ok(0)
    }

    fn request(&self, partition: i32) -> ProduceRequest<'_> {
        let length = self.batch.bytes.len() as u32;
        ProduceRequest {
            transactional_id: None,
            acks: match self.acks {
                AcksArg::None => 0,
                AcksArg::Leader => 1,
                AcksArg::All => -1,
            },
            timeout_ms: ACK_TIMEOUT_MS,
            topic_data: Array::from(vec![TopicProduceData {
                name: &self.topic,
                partition_data: Array::from(vec![PartitionProduceData {
                    index: partition,
                    records: Some(Records::External { index: 0, length }),
                }]),
                ..Default::default()
            }]),
        }
    }
}

fn receive_acks(link: &Link) -> Result<(u64, Latencies), CliError> {
    let mut latencies = Latencies::new();
    let mut batches = 0;
    while let Some((answer, since)) = link.receive()? {
        latencies.record(since.elapsed());
        check(&answer)?;
        batches += 1;
    }
    Ok((batches, latencies))
}

fn check(answer: &Answer) -> Result<(), CliError> {
    let response: ProduceResponse<'_> = answer.decode()?;
    for topic in response.responses.iter() {
        for partition in topic.partition_responses.iter() {
            BrokerCode::new(partition.error_code)
                .check()
                .map_err(|code| answer.refused(code, partition.error_message))?;
        }
    }
    Ok(())
}
