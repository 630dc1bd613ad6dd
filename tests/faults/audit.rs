//! Reads everything there is, and judges it as a whole.

use crate::broker::{Broker, corelane};
use crate::producer::Lane;
use crate::reader::fetch;
use crate::site::{PATIENCE, Site, Topic};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Reads all partitions from start to end. `lanes` is what was sent, once all of it arrived.
pub(crate) fn audit(site: &Site, lanes: &[Lane]) {
    for (index, topic) in site.topics.iter().enumerate() {
        for partition in 0..topic.partitions {
            let sent = lanes.iter();
            let sent = sent.filter(|lane| lane.topic == index && lane.partition == partition);
            audit_partition(site, topic, partition, &sent.collect::<Vec<_>>());
        }
    }
}

fn audit_partition(site: &Site, topic: &Topic, partition: i32, lanes: &[&Lane]) {
    let mut cluster = site.connect("auditor");
    let place = topic.partition(partition);
    let when = site.history().now;
    let mut log = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let next = log.len() as i64;
        let wanted = [(partition, next)];
        let told = fetch(&mut cluster, site, topic, &wanted, Duration::ZERO);
        for told in told.unwrap() {
            told.judge(site, topic, when);
            log.extend(told.records);
        }
        let name = topic.name;
        assert!(
            Instant::now() < deadline,
            "{name}-{partition}: nothing comes after {next}"
        );
        let at_end = log.len() as i64 == next && next >= site.history().visible_end(place);
        if at_end {
            break;
        }
    }
    site.history().audit(place, 0, &log);
    let found: BTreeSet<_> = log.iter().map(|seen| seen.value).collect();
    for lane in lanes.iter().filter(|lane| lane.kept) {
        let of_lane = found.iter().filter(|value| value.stream == lane.stream);
        let (name, stream, sent) = (topic.name, lane.stream, lane.sent);
        assert_eq!(
            of_lane.count(),
            sent as usize,
            "{name}-{partition}: values of stream {stream}, all of which arrived"
        );
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
    let mut broker = Broker::start(data, &site.address);
    audit(site, lanes);
    broker.assert_content();
    broker.stop();
}
