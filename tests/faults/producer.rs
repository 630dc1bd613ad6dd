//! A producer that never gives up: what it sends is delivered in the end, however often the broker
//! falls.

use crate::history::{StreamKind, When};
use crate::site::{PATIENCE, Site, Survives, Topic, cluster_config, persist};
use crate::value::ValueId;
use corelane::client::producer::{Acks, ProducerConfig};
use corelane::client::transport::BlockingProducer;
use corelane::record::{Compression, partition_for_key};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Records that are taken ahead of their acks.
const HELD_MAX: u64 = 100;

/// What one producer sent to one partition.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) topic: usize,
    pub(crate) partition: i32,
    pub(crate) stream: u32,
    /// Numbers below this were sent.
    pub(crate) sent: u32,
    /// All of it must be in the log in the end.
    pub(crate) kept: bool,
    key: Vec<u8>,
    unacked: VecDeque<ValueId>,
}

#[derive(Debug)]
pub(crate) struct Producer<'a> {
    site: &'a Site,
    topic: &'a Topic,
    acks: Acks,
    producer: BlockingProducer,
    lanes: Vec<Lane>,
    rng: fastrand::Rng,
}

impl<'a> Producer<'a> {
    pub(crate) fn new(site: &'a Site, topic: usize, acks: Acks, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let compressions = [Compression::None, Compression::Lz4, Compression::Zstd];
        let config = ProducerConfig {
            acks,
            compression: compressions[rng.usize(..3)],
            batch_bytes_max: 1 << rng.u32(10..16),
            linger: Duration::from_micros(rng.u64(..3000)),
            request_timeout: Duration::from_secs(10),
            delivery_timeout: Duration::from_secs(600),
            retry_pause: Duration::from_millis(10),
            ..ProducerConfig::default()
        };
        let index = topic;
        let topic = &site.topics[index];
        let name = format!("producer-{seed}");
        let producer = persist(|| {
            let cluster = cluster_config(&site.address, &name);
            BlockingProducer::connect(cluster, topic.name, config.clone())
        });
        let (kind, kept) = match acks {
            Acks::All => (StreamKind::Idempotent, true),
            Acks::Leader => (StreamKind::Plain, true),
            Acks::None => (StreamKind::Unacknowledged, false),
        };
        let safe = topic.durable && acks == Acks::All || site.survives == Survives::PageCache;
        let lane = |partition| Lane {
            topic: index,
            partition,
            stream: site
                .history()
                .stream(Some(topic.partition(partition)), kind),
            sent: 0,
            kept: kept && safe,
            key: key_of(partition, topic.partitions),
            unacked: VecDeque::new(),
        };
        Self {
            site,
            topic,
            acks,
            producer,
            lanes: (0..topic.partitions).map(lane).collect(),
            rng,
        }
    }

    /// Sends until told to stop, then waits until everything arrived.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> Vec<Lane> {
        while !stop.load(Ordering::Relaxed) {
            let when = self.site.history().now;
            if self.producer.held_records() < HELD_MAX {
                self.send_some();
            }
            let pause = self.rng.u64(1..4);
            self.poll(Duration::from_millis(pause));
            self.take_acks(when);
        }
        let deadline = Instant::now() + PATIENCE;
        self.producer.set_flushing(true);
        while !self.producer.is_idle() {
            let when = self.site.history().now;
            self.poll(Duration::from_millis(20));
            self.take_acks(when);
            let (held, topic) = (self.producer.held_records(), self.topic.name);
            assert!(
                Instant::now() < deadline,
                "{topic}: {held} records are not delivered"
            );
        }
        self.lanes
    }

    fn poll(&mut self, wait: Duration) {
        if let Err(error) = self.producer.poll(wait) {
            panic!("a producer with {:?} fails: {error}", self.acks);
        }
    }

    fn send_some(&mut self) {
        for _ in 0..self.rng.u32(1..20) {
            let lane = self.rng.choice(&mut self.lanes).unwrap();
            let value = ValueId {
                stream: lane.stream,
                number: lane.sent,
            };
            let bytes = value.encode(self.rng.usize(..200));
            let time = self.producer.wall();
            self.site.history().sending(value, time.get());
            lane.sent += 1;
            lane.unacked.push_back(value);
            let sent = self.producer.send(time, Some(&lane.key), Some(&bytes));
            if let Err(error) = sent {
                panic!("a producer with {:?} fails: {error}", self.acks);
            }
        }
    }

    /// Notes what was acknowledged. `when` is when it was asked for at the earliest, so an ack that
    /// only the page cache keeps may be older than the last power cut: then it promises nothing.
    fn take_acks(&mut self, when: When) {
        while let Some(delivery) = self.producer.next_delivery() {
            let partition = delivery.partition.get();
            let lane = &mut self.lanes[partition as usize];
            let values = lane.unacked.drain(..delivery.records as usize);
            let all = self.acks == Acks::All;
            let promises = self.site.survives == Survives::PageCache || all && self.topic.durable;
            if let Some(base) = delivery.base_offset.filter(|_| promises) {
                let place = self.topic.partition(partition);
                let mut history = self.site.history();
                let since = history.durable_since(place);
                history.acked(place, base.get(), values, all, since, when);
            }
        }
    }
}

/// A key that leads to a partition.
fn key_of(partition: i32, partitions: i32) -> Vec<u8> {
    let mut keys = (0u32..).map(|number| number.to_string().into_bytes());
    let leads = |key: &Vec<u8>| partition_for_key(key, partitions).get() == partition;
    keys.find(leads).unwrap()
}
