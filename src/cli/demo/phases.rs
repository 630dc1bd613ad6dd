//! The demo's two halves: several producers at once, then several readers at once.

use super::super::CliError;
use super::super::interrupt::Interrupt;
use super::super::latency::Latencies;
use super::super::progress::Progress;
use super::verify::{Faults, Span, Verifier, conclude};
use super::workload::{Schedule, Workload};
use crate::client::consumer::{ConsumerConfig, Start};
use crate::client::producer::ProducerConfig;
use crate::client::transport::{BlockingConsumer, BlockingProducer, ClusterConfig};
use crate::record::DecompressionLimits;
use crate::types::{Offset, PartitionIndex, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Records between two looks at progress and signals.
const RECORDS_PER_LOOK: u64 = 4096;
/// How long to wait for the broker at a time.
const TURN: Duration = Duration::from_millis(100);

/// What all threads of a run share.
#[derive(Debug)]
pub(super) struct Run<'a, W> {
    pub(super) workload: &'a W,
    pub(super) cluster: ClusterConfig,
    pub(super) topic: &'a str,
    pub(super) partitions: i32,
    pub(super) producer: ProducerConfig,
    pub(super) producers: u32,
    /// The time of the first record, and how much later the last one is.
    pub(super) first_ms: i64,
    pub(super) span_ms: i64,
    pub(super) interrupt: &'a Interrupt,
    pub(super) quiet: bool,
}

/// What producing came to.
#[derive(Debug)]
pub(super) struct Produced {
    pub(super) records: u64,
    /// Keys and values.
    pub(super) bytes: u64,
    /// Batches before and after compression.
    pub(super) raw_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) elapsed: Duration,
    pub(super) latencies: Latencies,
}

/// What reading came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Replayed {
    pub(super) records: u64,
    /// Keys and values.
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
}

/// Runs a closure for each number below `count`, each in a thread of its own; the first error wins.
fn in_threads<T: Send>(
    count: u32,
    work: impl Fn(u32) -> Result<T, CliError> + Sync,
) -> Result<Vec<T>, CliError> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn({
                    let work = &work;
                    move || work(number)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a panic of ours ends the process"))
            .collect()
    })
}

impl<W: Workload> Run<'_, W> {
    /// Produces the whole workload.
    pub(super) fn produce(&self) -> Result<Produced, CliError> {
        let progress = Progress::records(Some(self.workload.records()), self.quiet);
        progress.say("producing");
        let started = Instant::now();
        let parts = in_threads(self.producers, |lane| self.produce_lane(lane, &progress))?;
        let mut all = Produced {
            elapsed: started.elapsed(),
            ..Produced::new()
        };
        for part in parts {
            all.records += part.records;
            all.bytes += part.bytes;
            all.raw_bytes += part.raw_bytes;
            all.sent_bytes += part.sent_bytes;
            all.latencies.merge(&part.latencies);
        }
        Ok(all)
    }

    fn produce_lane(&self, lane: u32, progress: &Progress) -> Result<Produced, CliError> {
        let mut producer =
            BlockingProducer::connect(self.cluster.clone(), self.topic, self.producer.clone())?;
        let mut produced = Produced::new();
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (item, index) in Schedule::new(self.workload, lane, self.producers).zip(0..) {
            let at_ms = self.at_ms(index);
            self.workload.write_key(item.entity, &mut key);
            self.workload.write_value(item, at_ms, &mut value);
            producer.send(Timestamp::new(at_ms), Some(&key), Some(&value))?;
            produced.bytes += (key.len() + value.len()) as u64;
            if index % RECORDS_PER_LOOK == 0 {
                self.interrupt.check()?;
                produced.take_deliveries(&mut producer, progress);
            }
        }
        producer.set_flushing(true);
        while !producer.is_idle() {
            self.interrupt.check()?;
            producer.poll(TURN)?;
        }
        produced.take_deliveries(&mut producer, progress);
        Ok(produced)
    }

    /// The time of a producer's record: all producers pass through the same span side by side.
    fn at_ms(&self, index: u64) -> i64 {
        let all = self.workload.records().max(1);
        let place = u128::from(index) * u128::from(self.producers) * self.span_ms as u128;
        self.first_ms + (place / u128::from(all)) as i64
    }

    /// A time in the middle of the records.
    pub(super) const fn cut(&self) -> Timestamp {
        Timestamp::new(self.first_ms + self.span_ms / 2)
    }

    fn readers(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        cores.clamp(1, 8).min(self.partitions as u32)
    }

    fn partitions_of(&self, reader: u32) -> Vec<PartitionIndex> {
        (reader as i32..self.partitions)
            .step_by(self.readers() as usize)
            .map(PartitionIndex::new)
            .collect()
    }

    fn consumer(&self, reader: u32, start: Start) -> Result<BlockingConsumer, CliError> {
        let partitions = self.partitions_of(reader);
        Ok(BlockingConsumer::connect(
            self.cluster.clone(),
            self.topic,
            Some(&partitions),
            start,
            ConsumerConfig::default(),
        )?)
    }

    /// Reads everything from offset 0 and checks it.
    pub(super) fn replay_all(
        &self,
    ) -> Result<(Replayed, Faults, BTreeMap<PartitionIndex, Span>), CliError> {
        let progress = Progress::records(Some(self.workload.records()), self.quiet);
        progress.say("replaying");
        let started = Instant::now();
        let readers = in_threads(self.readers(), |reader| {
            let mut verifier = Verifier::new(self.workload, self.cut());
            let mut consumer = self.consumer(reader, Start::Offset(Offset::ZERO))?;
            self.read(&mut consumer, &progress, |partition, record| {
                verifier.take(partition, record);
            })?;
            Ok(verifier)
        })?;
        let mut replayed = Replayed {
            elapsed: started.elapsed(),
            ..Replayed::default()
        };
        let mut spans = BTreeMap::new();
        for reader in &readers {
            let (records, bytes) = reader.totals();
            replayed.records += records;
            replayed.bytes += bytes;
            spans.extend(reader.spans());
        }
        Ok((replayed, conclude(self.workload, readers), spans))
    }

    /// Reads from the time in the middle on, and checks that this is exactly the rest.
    pub(super) fn replay_from_cut(
        &self,
        spans: &BTreeMap<PartitionIndex, Span>,
    ) -> Result<(Replayed, Faults), CliError> {
        let progress = Progress::records(None, self.quiet);
        progress.say("replaying from a time");
        let started = Instant::now();
        let parts = in_threads(self.readers(), |reader| {
            let mut consumer = self.consumer(reader, Start::Timestamp(self.cut()))?;
            let mut part = (Replayed::default(), Faults::default());
            let mut next: BTreeMap<PartitionIndex, Option<Offset>> = self
                .partitions_of(reader)
                .into_iter()
                .map(|partition| (partition, spans.get(&partition).and_then(|span| span.cut)))
                .collect();
            self.read(&mut consumer, &progress, |partition, record| {
                part.0.records += 1;
                part.0.bytes += size(record);
                let due = next.entry(partition).or_default();
                if *due != Some(record.offset) {
                    part.1.wrong_replays += 1;
                }
                *due = Some(record.offset.next());
            })?;
            for (partition, ended) in next {
                let span = spans.get(&partition).copied().unwrap_or_default();
                let whole = ended.is_none_or(|ended| ended == span.end);
                part.1.wrong_replays += u64::from(!whole);
            }
            Ok(part)
        })?;
        let (mut replayed, mut faults) = (Replayed::default(), Faults::default());
        for (part, found) in parts {
            replayed.records += part.records;
            replayed.bytes += part.bytes;
            faults.add(found);
        }
        replayed.elapsed = started.elapsed();
        Ok((replayed, faults))
    }

    fn read(
        &self,
        consumer: &mut BlockingConsumer,
        progress: &Progress,
        mut each: impl FnMut(PartitionIndex, &crate::record::Record<'_>),
    ) -> Result<(), CliError> {
        let limits = DecompressionLimits::default();
        while !consumer.is_done() {
            self.interrupt.check()?;
            let Some(fetched) = consumer.next(TURN)? else {
                continue;
            };
            let mut records = 0;
            fetched.visit(&limits, |record| {
                records += 1;
                each(fetched.partition, record);
                Ok::<(), CliError>(())
            })?;
            progress.advance(records);
        }
        Ok(())
    }
}

impl Produced {
    fn new() -> Self {
        Self {
            records: 0,
            bytes: 0,
            raw_bytes: 0,
            sent_bytes: 0,
            elapsed: Duration::ZERO,
            latencies: Latencies::new(),
        }
    }

    fn take_deliveries(&mut self, producer: &mut BlockingProducer, progress: &Progress) {
        while let Some(delivery) = producer.next_delivery() {
            self.records += u64::from(delivery.records);
            self.raw_bytes += delivery.raw_bytes as u64;
            self.sent_bytes += delivery.sent_bytes as u64;
            self.latencies.record(delivery.latency);
            progress.advance(u64::from(delivery.records));
        }
    }
}

fn size(record: &crate::record::Record<'_>) -> u64 {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    (length(record.key) + length(record.value)) as u64
}
