//! What consumers cost that wait: many connections, each with a long poll of a topic that nobody
//! writes to.

use super::super::{CliError, human};
use super::link::Link;
use super::report::rounded;
use super::{Bounds, BrokerArgs, Stopwatch, say};
use crate::client::BrokerCode;
use crate::client::connection::Answered;
use crate::protocol::kafka::messages::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use crate::types::{FetchSessionEpoch, FetchSessionId};
use crate::wire::Array;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::time::Instant;

#[derive(Debug, Clone, Args)]
pub(crate) struct PollsArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// How many consumers wait
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..))]
    consumers: u16,

    /// How long each poll waits before it is answered with nothing
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(i32).range(1..=60_000))]
    wait_ms: i32,

    /// How many partitions each consumer reads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    each: u16,

    /// Whether polls after the first one name only what has changed (KIP-227)
    #[arg(long)]
    sessions: bool,
}

/// A consumer that waits.
#[derive(Debug)]
struct Waiting {
    link: Link,
    partitions: Vec<i32>,
    session: FetchSessionId,
    epoch: FetchSessionEpoch,
}

/// Of `bench polls`.
#[derive(Debug, Serialize)]
pub(super) struct Polls {
    consumers: u16,
    wait_ms: i32,
    each: u16,
    sessions: bool,
    seconds: f64,
    polls_per_s: f64,
    /// Processor time per time that passed: 1 is one whole core. Absent for a broker elsewhere.
    broker_cores: Option<f64>,
    broker_rss_anon_mb: Option<f64>,
}

impl PollsArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Polls, CliError> {
        let mut broker = self.broker.open(bounds, None)?;
        let leaders = broker.leaders()?;
        let topic = broker.topic().to_owned();
        say("connecting");
        let mut waiting = Vec::new();
        for (number, led) in (0..self.consumers).zip(leaders.iter().cycle()) {
            let partitions = led.partitions.iter().cycle().skip(usize::from(number));
            let each = usize::from(self.each).min(led.partitions.len());
            waiting.push(Waiting {
                link: Link::connect(&led.address)?,
                partitions: partitions.take(each).copied().collect(),
                session: FetchSessionId::NONE,
                epoch: FetchSessionEpoch::INITIAL,
            });
        }
        for consumer in &waiting {
            self.poll(consumer, &topic)?;
        }
        say("waiting");
        let before = broker.cpu_s();
        let watch = bounds.start();
        let polls = self.wait(&mut waiting, &topic, &watch)?;
        let seconds = watch.seconds()?;
        let used = broker.cpu_s().zip(before).map(|(now, before)| now - before);
        Ok(Polls {
            consumers: self.consumers,
            wait_ms: self.wait_ms,
            each: self.each,
            sessions: self.sessions,
            seconds: rounded(seconds),
            polls_per_s: rounded(polls as f64 / seconds),
            broker_cores: used.map(|used| (used / seconds * 1e4).round() / 1e4),
            broker_rss_anon_mb: broker.rss_anon_mb().map(rounded),
        })
    }

    /// Polls again whoever was answered, in the order in which the polls were sent.
    fn wait(
        &self,
        waiting: &mut [Waiting],
        topic: &str,
        watch: &Stopwatch,
    ) -> Result<u64, CliError> {
        let mut polls = 0;
        loop {
            for consumer in &mut *waiting {
                if watch.is_over() {
                    return Ok(polls);
                }
                let Some((answer, _)) = consumer.link.receive()? else {
                    return Ok(polls);
                };
                let response: FetchResponse<'_> = answer.decode()?;
                BrokerCode::new(response.error_code)
                    .check()
                    .map_err(|code| answer.refused(code, None))?;
                if self.sessions && response.session_id != 0 {
                    consumer.session = FetchSessionId::new(response.session_id);
                    consumer.epoch = consumer.epoch.next();
                }
                polls += 1;
                self.poll(consumer, topic)?;
            }
        }
    }

    fn poll(&self, consumer: &Waiting, topic: &str) -> Result<(), CliError> {
        let goes_on = consumer.session != FetchSessionId::NONE;
        let named = consumer.partitions.iter().filter(|_| !goes_on);
        let partitions = named.map(|partition| FetchPartition {
            partition: *partition,
            partition_max_bytes: 1 << 20,
            last_fetched_epoch: -1,
            current_leader_epoch: -1,
            ..Default::default()
        });
        let partitions: Vec<_> = partitions.collect();
        let topics = (!partitions.is_empty()).then(|| FetchTopic {
            topic,
            partitions: Array::from(partitions),
            ..Default::default()
        });
        let epoch = if self.sessions {
            consumer.epoch
        } else {
            FetchSessionEpoch::FINAL
        };
        let request = FetchRequest {
            max_wait_ms: self.wait_ms,
            min_bytes: 1,
            session_id: consumer.session.get(),
            session_epoch: epoch.get(),
            topics: topics.into_iter().collect(),
            ..Default::default()
        };
        consumer
            .link
            .send(&request, &[], Answered::Yes, Instant::now())
    }
}

impl fmt::Display for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consumers = human::count(u64::from(self.consumers));
        writeln!(
            f,
            "{consumers} consumers of {} partitions each, polls of {} ms: {:.0} polls/s in {:.1} s",
            self.each, self.wait_ms, self.polls_per_s, self.seconds
        )?;
        if let (Some(cores), Some(rss)) = (self.broker_cores, self.broker_rss_anon_mb) {
            let percent = cores * 100.0;
            writeln!(f, "broker: {percent:.2} % of a core, {rss:.0} MB of memory")?;
        }
        Ok(())
    }
}
