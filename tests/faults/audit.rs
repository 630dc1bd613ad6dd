//! Reads everything there is, and judges it as a whole.

use crate::broker::{Broker, corelane};
use crate::history::Seen;
use crate::producer::Lane;
use crate::reader::fetch;
use crate::site::{PATIENCE, Site, Topic};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Reads all partitions from start to end, while others may go on.
pub(crate) fn read_all(site: &Site) {
    for topic in &site.topics {
        for partition in 0..topic.partitions {
            read_partition(site, topic, partition, 0);
        }
    }
}

/// Reads from the start to the end of what must be readable, and at least up to `known`.
fn read_partition(site: &Site, topic: &Topic, partition: i32, known: i64) -> Vec<Seen> {
    let mut cluster = site.connect("auditor");
    let when = site.history().now;
    let mut log: Vec<Seen> = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let next = log.len() as i64;
        let visible = site.history().visible_end(topic.partition(partition));
        let end = visible.max(known);
        let wanted = [(partition, next)];
        let told = fetch(&mut cluster, site, topic, &wanted, Duration::ZERO);
        for told in told.unwrap() {
            told.judge(site, topic, when);
            log.extend(told.records);
        }
        if log.len() as i64 == next && next >= end {
            return log;
        }
        let name = topic.name;
        assert!(
            Instant::now() < deadline,
            "{name}-{partition}: nothing comes after {next}"
        );
    }
}

/// Judges all partitions as a whole, once nobody writes. `lanes` is what was sent, all of which
/// arrived.
fn audit(site: &Site, lanes: &[Lane]) {
    for (index, topic) in site.topics.iter().enumerate() {
        for partition in 0..topic.partitions {
            let place = topic.partition(partition);
            // What the leader alone acknowledged is readable a moment later, when it is durable.
            let known = site.history().known_end(place);
            let log = read_partition(site, topic, partition, known);
            site.history().audit(place, (0, log.len() as i64), &log);
            let found: BTreeSet<_> = log.iter().map(|seen| seen.value).collect();
            let here = |lane: &&Lane| lane.topic == index && lane.partition == partition;
            for lane in lanes.iter().filter(here).filter(|lane| lane.kept) {
                let of_lane = found.iter().filter(|value| value.stream == lane.stream);
                let (name, stream, sent) = (topic.name, lane.stream, lane.sent);
                assert_eq!(
                    of_lane.count(),
                    sent as usize,
                    "{name}-{partition}: values of stream {stream}, all of which arrived"
                );
            }
        }
    }
}

/// Ends a round: everything is there, the directory is sound after a clean stop, and everything is
/// there after another start.
pub(crate) fn close(site: &Site, lanes: &[Lane], mut broker: Broker, data: &Path) {
    audit(site, lanes);
    broker.stop();
    site.history().stopped_cleanly();
    let inspected = corelane(&["inspect", "--verify"], data);
    let text = String::from_utf8_lossy(&inspected.stdout);
    let told = String::from_utf8_lossy(&inspected.stderr);
    assert!(inspected.status.success(), "inspect: {text}{told}");
    let mut broker = Broker::start(data, &site.address, 2);
    audit(site, lanes);
    broker.assert_content();
    broker.stop();
}
