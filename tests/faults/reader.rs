//! A reader that follows a topic and holds everything it is told against what was told before.

use crate::history::{Floor, Seen, When};
use crate::site::{PATIENCE, Site, Survives, Topic};
use crate::value::ValueId;
use bytes::Bytes;
use corelane::client::transport::Cluster;
use corelane::client::{BrokerCode, ClientError};
use corelane::protocol::kafka::messages::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use corelane::record::{Batches, DecompressionLimits};
use corelane::types::{NodeId, PartitionIndex};
use corelane::wire::Array;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_millis(20);

/// What a partition answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) partition: i32,
    code: BrokerCode,
    pub(crate) watermark: i64,
    start: i64,
    pub(crate) records: Vec<Seen>,
    floor: Floor,
}

#[derive(Debug)]
pub(crate) struct Reader<'a> {
    site: &'a Site,
    topic: &'a Topic,
    cluster: Cluster,
    positions: Vec<i64>,
    /// The last loss of power that the positions are from.
    when: When,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(site: &'a Site, topic: &'a Topic) -> Self {
        Self {
            site,
            topic,
            cluster: site.connect("reader"),
            positions: vec![0; topic.partitions as usize],
            when: site.history().now,
        }
    }

    /// Reads until told to stop, then to the end of what must be readable.
    pub(crate) fn run(mut self, stop: &AtomicBool) {
        let mut deadline = None;
        loop {
            let now = self.site.history().now;
            if now != self.when && !self.topic.durable {
                // What was read may be gone, and other records in its place.
                self.positions.fill(0);
            }
            self.when = now;
            let told = self.fetch();
            let trouble = told.as_ref().err().map(ToString::to_string);
            for told in told.unwrap_or_default() {
                self.take(told);
            }
            if stop.load(Ordering::Relaxed) && trouble.is_none() && self.is_up_to_date() {
                return;
            }
            if stop.load(Ordering::Relaxed) {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                let (topic, positions) = (self.topic.name, &self.positions);
                assert!(
                    Instant::now() < deadline,
                    "{topic}: reading ends at {positions:?}; {trouble:?}"
                );
            }
            if trouble.is_some() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn is_up_to_date(&self) -> bool {
        let mut places = self.positions.iter().zip(0..);
        let end = |partition| {
            self.site
                .history()
                .visible_end(self.topic.partition(partition))
        };
        places.all(|(position, partition)| *position >= end(partition))
    }

    /// Asks for what comes next in all partitions.
    fn fetch(&mut self) -> Result<Vec<Told>, ClientError> {
        let wanted: Vec<(i32, i64)> = (0..).zip(self.positions.iter().copied()).collect();
        fetch(&mut self.cluster, self.site, self.topic, &wanted, WAIT)
    }

    fn take(&mut self, told: Told) {
        let partition = told.partition;
        let position = &mut self.positions[partition as usize];
        if told.code == BrokerCode::OFFSET_OUT_OF_RANGE {
            let lost = self.site.survives == Survives::DeviceOnly && !self.topic.durable;
            assert!(
                lost,
                "{}-{partition}: {position} was read up to, and is out of range",
                self.topic.name
            );
            *position = 0;
            return;
        }
        if let Some(last) = told.records.last() {
            *position = last.offset + 1;
        }
        told.judge(self.site, self.topic, self.when);
    }
}

impl Told {
    /// Holds it against what is known. `when` is when it was asked.
    pub(crate) fn judge(&self, site: &Site, topic: &Topic, when: When) {
        if !self.code.is_none() {
            let code = self.code;
            assert!(
                code.is_retriable(),
                "{}-{}: {code}",
                topic.name,
                self.partition
            );
            return;
        }
        let partition = topic.partition(self.partition);
        let mut history = site.history();
        let (watermark, start) = (Some(self.watermark), Some(self.start));
        history.told(partition, watermark, start, self.floor, when);
        for seen in &self.records {
            history.read(partition, seen, when);
        }
    }
}

/// Asks partitions for what they have from an offset on.
pub(crate) fn fetch(
    cluster: &mut Cluster,
    site: &Site,
    topic: &Topic,
    wanted: &[(i32, i64)],
    wait: Duration,
) -> Result<Vec<Told>, ClientError> {
    // A connection that was lost is told before it is made again.
    while cluster.next_event(Default::default()).is_some() {}
    let Some(node) = leader(cluster, topic)? else {
        return Ok(Vec::new());
    };
    let asked = wanted.iter().map(|(partition, offset)| FetchPartition {
        partition: *partition,
        fetch_offset: *offset,
        partition_max_bytes: 256 * 1024,
        ..Default::default()
    });
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: wait.as_millis() as i32,
        min_bytes: 1,
        max_bytes: 4 * 1024 * 1024,
        topics: Array::from(vec![FetchTopic {
            topic: topic.name,
            partitions: asked.collect(),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let floors: Vec<Floor> = (0..topic.partitions)
        .map(|index| site.history().floor(topic.partition(index)))
        .collect();
    let answer = cluster.call(node, &request)?;
    let response: FetchResponse<'_> = answer.decode()?;
    assert_eq!(response.error_code, 0);
    let answered = response.responses.iter().next().unwrap_or_default();
    let told = answered.partitions.iter().map(|data| {
        let partition = data.partition_index;
        let (_, from) = wanted
            .iter()
            .find(|(asked, _)| *asked == partition)
            .unwrap();
        Told {
            partition,
            code: BrokerCode::new(data.error_code),
            watermark: data.high_watermark,
            start: data.log_start_offset,
            records: records(topic, &data, answer.frame(), *from),
            floor: floors[partition as usize],
        }
    });
    Ok(told.collect())
}

fn leader(cluster: &mut Cluster, topic: &Topic) -> Result<Option<NodeId>, ClientError> {
    let zero = PartitionIndex::new(0);
    if cluster.metadata().leader(topic.name, zero).is_none() {
        cluster.refresh(&[topic.name])?;
    }
    let found = cluster.metadata().leader(topic.name, zero);
    Ok(found.map(|(node, _)| node))
}

/// The records, which must follow each other from `from` on without a gap, below the watermark.
fn records(topic: &Topic, data: &PartitionData<'_>, frame: &Bytes, from: i64) -> Vec<Seen> {
    let name = format!("{}-{}", topic.name, data.partition_index);
    let bytes = data.records.map(|records| records.share(frame));
    let mut seen = Vec::new();
    let mut next = from;
    for batch in Batches::new(bytes.unwrap_or_default()) {
        let batch = batch.unwrap_or_else(|error| panic!("{name}: after {next}: {error}"));
        let records = batch.records(&DecompressionLimits::default());
        let records = records.unwrap_or_else(|error| panic!("{name}: at {next}: {error}"));
        for record in records.iter() {
            let record = record.unwrap_or_else(|error| panic!("{name}: at {next}: {error}"));
            let offset = record.offset.get();
            assert_eq!(offset, next, "{name}: reading skips or goes back");
            next += 1;
            let value = ValueId::decode(record.value.unwrap_or_default());
            seen.push(Seen {
                offset,
                epoch: batch.header().leader_epoch().get(),
                value: value.unwrap_or_else(|| panic!("{name}: a torn value at {offset}")),
                timestamp: record.timestamp.get(),
                is_tombstone: record.value.is_none(),
            });
        }
    }
    let end = data.high_watermark;
    assert!(
        next <= end || seen.is_empty(),
        "{name}: {next} is beyond the watermark {end}"
    );
    seen
}
