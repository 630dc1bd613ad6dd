//! What commits of offsets cost: a few connections, each with requests under way for many groups
//! that have no members. Every answer means that the commit is on the device.

use super::super::latency::{Latencies, Percentiles};
use super::super::{CliError, human};
use super::link::Link;
use super::report::rounded;
use super::{Bounds, BrokerArgs, Stopwatch, do_all, joined, say};
use crate::client::BrokerCode;
use crate::client::connection::Answered;
use crate::protocol::kafka::messages::{
    ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use crate::wire::Array;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// How long a coordinator may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Args)]
pub(crate) struct CommitsArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// How many groups commit
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    groups: u32,

    /// How many connections they share
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..))]
    connections: u8,

    /// How many requests a connection has under way
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    in_flight: u16,

    /// How many partitions each request commits
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    each: i32,
}

/// Of `bench commits`.
#[derive(Debug, Serialize)]
pub(super) struct Commits {
    groups: u32,
    each: i32,
    seconds: f64,
    requests_per_s: f64,
    /// Partitions whose offset was committed.
    offsets_per_s: f64,
    ack_us: Percentiles,
    /// Processor time per time that passed: 1 is one whole core. Absent for a broker elsewhere.
    broker_cores: Option<f64>,
    broker_rss_anon_mb: Option<f64>,
}

impl CommitsArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Commits, CliError> {
        let mut broker = self.broker.open(bounds, None)?;
        let leaders = broker.leaders()?;
        let topic = broker.topic().to_owned();
        let address = leaders.first().map_or("", |led| led.address.as_str());
        say("waiting for the coordinators");
        let groups: Vec<String> = (0..self.groups)
            .map(|number| format!("corelane-bench-{number}"))
            .collect();
        find_coordinators(address, &groups)?;
        let connections = usize::from(self.connections).min(groups.len());
        let shares: Vec<Vec<String>> = (0..connections)
            .map(|first| groups.iter().skip(first).step_by(connections).cloned())
            .map(Iterator::collect)
            .collect();
        // Each group's first commit makes it, and a coordinator's first one its log.
        let once = |share| self.commit(address, &topic, share, None);
        do_all(shares.clone(), once)?;
        say("committing");
        let before = broker.cpu_s();
        let watch = bounds.start();
        let (requests, latencies) = do_all(shares, |share| {
            self.commit(address, &topic, share, Some(&watch))
        })?;
        let seconds = watch.seconds()?;
        let used = broker.cpu_s().zip(before).map(|(now, before)| now - before);
        let requests_per_s = requests as f64 / seconds;
        Ok(Commits {
            groups: self.groups,
            each: self.each,
            seconds: rounded(seconds),
            requests_per_s: rounded(requests_per_s),
            offsets_per_s: rounded(requests_per_s * f64::from(self.each)),
            ack_us: latencies.percentiles(),
            broker_cores: used.map(|used| rounded(used / seconds)),
            broker_rss_anon_mb: broker.rss_anon_mb().map(rounded),
        })
    }

    /// Commits for one group after the other until the time is up, or once for each.
    fn commit(
        &self,
        address: &str,
        topic: &str,
        groups: Vec<String>,
        watch: Option<&Stopwatch>,
    ) -> Result<(u64, Latencies), CliError> {
        let link = Link::connect(address)?;
        thread::scope(|scope| {
            let receiving = scope.spawn(|| {
                let received = receive(&link);
                if received.is_err() {
                    link.abort();
                }
                received
            });
            let sent = self.send(&link, topic, &groups, watch);
            match &sent {
                Ok(()) => link.finish(),
                Err(_) => link.abort(),
            }
            // The receiver knows better why a connection ended.
            let received = joined(receiving.join())?;
            sent.map(|()| received)
        })
    }

    fn send(
        &self,
        link: &Link,
        topic: &str,
        groups: &[String],
        watch: Option<&Stopwatch>,
    ) -> Result<(), CliError> {
        for offset in 0.. {
            for group in groups {
                let is_over = watch.is_some_and(Stopwatch::is_over);
                if is_over || !link.wait_for_room(self.in_flight.into()) {
                    return Ok(());
                }
                let request = self.request(topic, group, offset);
                link.send(&request, &[], Answered::Yes, Instant::now())?;
            }
            if watch.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn request<'a>(&self, topic: &'a str, group: &'a str, offset: i64) -> OffsetCommitRequest<'a> {
        let partitions = (0..self.each).map(|partition_index| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: offset,
            ..Default::default()
        });
        OffsetCommitRequest {
            group_id: group,
            topics: Array::from(vec![OffsetCommitRequestTopic {
                name: topic,
                partitions: partitions.collect(),
            }]),
            ..Default::default()
        }
    }
}

fn receive(link: &Link) -> Result<(u64, Latencies), CliError> {
    let mut latencies = Latencies::new();
    let mut requests = 0;
    while let Some((answer, since)) = link.receive()? {
        latencies.record(since.elapsed());
        let response: OffsetCommitResponse<'_> = answer.decode()?;
        for topic in response.topics.iter() {
            for partition in topic.partitions.iter() {
                BrokerCode::new(partition.error_code)
                    .check()
                    .map_err(|code| answer.refused(code, None))?;
            }
        }
        requests += 1;
    }
    Ok((requests, latencies))
}

/// Waits until every group has a coordinator.
pub(super) fn find_coordinators(address: &str, groups: &[String]) -> Result<(), CliError> {
    let link = Link::connect(address)?;
    let deadline = Instant::now() + PATIENCE;
    for group in groups {
        loop {
            let request = FindCoordinatorRequest {
                key: group,
                ..Default::default()
            };
            link.send(&request, &[], Answered::Yes, Instant::now())?;
            let Some((answer, _)) = link.receive()? else {
                break;
            };
            let response: FindCoordinatorResponse<'_> = answer.decode()?;
            let code = response.error_code;
            if code == ErrorCode::CoordinatorNotAvailable.code() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(50));
                continue;
            }
            BrokerCode::new(code)
                .check()
                .map_err(|code| answer.refused(code, response.error_message))?;
            break;
        }
    }
    Ok(())
}

impl fmt::Display for Commits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = human::count(u64::from(self.groups));
        writeln!(
            f,
            "{groups} groups, {} offsets a request: {:.0} requests/s, {:.0} offsets/s in {:.1} s",
            self.each, self.requests_per_s, self.offsets_per_s, self.seconds
        )?;
        writeln!(f, "acks: {}", self.ack_us)?;
        if let (Some(cores), Some(rss)) = (self.broker_cores, self.broker_rss_anon_mb) {
            let percent = cores * 100.0;
            writeln!(f, "broker: {percent:.0} % of a core, {rss:.0} MB of memory")?;
        }
        Ok(())
    }
}
