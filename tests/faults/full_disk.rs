//! The disk is full: producers are told so, nothing acknowledged is lost, reading goes on, and
//! writing goes on, too, once there is space again.

use crate::audit::{close, read_all};
use crate::broker::{Broker, free_port};
use crate::cycles::{Cycles, say};
use crate::file_system::Mount;
use crate::history::StreamKind;
use crate::load::Load;
use crate::site::{PATIENCE, Site, Survives, Topic};
use crate::value::ValueId;
use corelane::client::BrokerCode;
use corelane::client::transport::Cluster;
use corelane::protocol::kafka::messages::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use corelane::record::{BatchBuilder, Compression};
use corelane::types::{NodeId, Offset};
use corelane::wire::{Array, Records};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Refusals that are waited for while the disk is full.
const REFUSALS: u32 = 20;

#[test]
fn a_full_disk_refuses_and_forgets_nothing() {
    let directory = TempDir::with_prefix("corelane-full-").unwrap();
    let arguments = ["-t", "tmpfs", "-o", "size=64m", "corelane-faults"];
    let _mount = match Mount::make(&arguments, directory.path()) {
        Ok(mount) => mount,
        Err(why) => return say(&format!("skipped: no disk to fill: {why}")),
    };
    let mut cycles = Cycles::new("full disk", 2);
    let mut rng = fastrand::Rng::with_seed(cycles.seed);
    let (data, filler) = (
        directory.path().join("data"),
        directory.path().join("filler"),
    );
    let (mut acks, mut refusals) = (0, 0);
    while cycles.next() {
        let address = format!("127.0.0.1:{}", free_port());
        let mut broker = Broker::start(&data, &address, 2);
        let site = Arc::new(Site::make(&address, Survives::PageCache, &mut rng));
        let mut load = Load::start(&site, &mut rng);
        let mut probe = Probe::new(&site, &site.topics[0]);
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(rng.u64(..200)));
            fill(&filler);
            probe.until(BrokerCode::KAFKA_STORAGE_ERROR, REFUSALS);
            read_all(&site);
            fs::remove_file(&filler).unwrap();
            probe.until(BrokerCode::NONE, 1);
            load.check();
        }
        // There is never enough space for a journal file, which each core says once.
        let told = broker.log().matches("making a journal file failed").count();
        assert!(told <= 2, "it is told {told} times:\n{}", broker.log());
        // Killed while it has no space to write, and started once it has.
        fill(&filler);
        probe.until(BrokerCode::KAFKA_STORAGE_ERROR, 1);
        broker.kill();
        // A start needs space, too. Without any it may end, but harms nothing.
        let mut broker = Broker::spawn(&data, &address, 2);
        std::thread::sleep(Duration::from_millis(100));
        broker.kill();
        fs::remove_file(&filler).unwrap();
        let broker = Broker::start(&data, &address, 2);
        let lanes = load.finish();
        broker.assert_content();
        close(&site, &lanes, broker, &data);
        acks += site.history().acks;
        refusals += probe.refusals;
        fs::remove_dir_all(&data).unwrap();
    }
    cycles.told(&format!("{acks} acks, {refusals} refusals"));
}

/// Takes all space that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for piece in [64 << 10, 1] {
        while file.write_all(&vec![1; piece]).is_ok() {}
    }
}

/// A producer that tells what the broker says to each batch.
#[derive(Debug)]
struct Probe<'a> {
    site: &'a Site,
    topic: &'a Topic,
    cluster: Cluster,
    stream: u32,
    next: u32,
    refusals: u32,
}

impl<'a> Probe<'a> {
    fn new(site: &'a Site, topic: &'a Topic) -> Self {
        let mut cluster = site.connect("probe");
        cluster.topic(topic.name, false).unwrap();
        let stream = Some(topic.partition(0));
        Self {
            site,
            topic,
            cluster,
            stream: site.history().stream(stream, StreamKind::Plain),
            next: 0,
            refusals: 0,
        }
    }

    /// Produces until it was answered with `code` that often. Nothing but success and
    /// KAFKA_STORAGE_ERROR may come.
    fn until(&mut self, code: BrokerCode, times: u32) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        while seen < times {
            let got = self.produce();
            let known = got.is_none() || got == BrokerCode::KAFKA_STORAGE_ERROR;
            assert!(known, "the broker says {got}");
            seen += u32::from(got == code);
            self.refusals += u32::from(!got.is_none());
            assert!(
                Instant::now() < deadline,
                "{code:?} {times} times: {seen} so far"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn produce(&mut self) -> BrokerCode {
        let value = ValueId {
            stream: self.stream,
            number: self.next,
        };
        self.next += 1;
        let time = self.cluster.clock().wall();
        self.site.history().sending(value, time.get());
        let mut batch = BatchBuilder::new(Compression::None, None);
        batch.append(time, None, Some(&value.encode(2000)), &[]);
        let bytes = batch.build(Offset::ZERO).unwrap();
        let request = ProduceRequest {
            transactional_id: None,
            acks: -1,
            timeout_ms: 10_000,
            topic_data: Array::from(vec![TopicProduceData {
                name: self.topic.name,
                partition_data: Array::from(vec![PartitionProduceData {
                    index: 0,
                    records: Some(Records::Borrowed(&bytes)),
                }]),
                ..Default::default()
            }]),
        };
        let node: NodeId = self.cluster.metadata().nodes().next().unwrap().0;
        let when = self.site.history().now;
        let answer = self.cluster.call(node, &request).unwrap();
        let response: ProduceResponse<'_> = answer.decode().unwrap();
        let topic = response.responses.iter().next().unwrap();
        let told = topic.partition_responses.iter().next().unwrap();
        let code = BrokerCode::new(told.error_code);
        if code.is_none() {
            let place = self.topic.partition(0);
            let mut history = self.site.history();
            let since = history.durable_since(place);
            history.acked(
                place,
                told.base_offset,
                [value].into_iter(),
                true,
                since,
                when,
            );
        }
        code
    }
}
