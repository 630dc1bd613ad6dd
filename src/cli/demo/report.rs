//! What the demo found, for people and as JSON.

use super::super::human;
use super::super::latency::Percentiles;
use super::super::time;
use super::phases::{Produced, Replayed};
use super::verify::Faults;
use crate::types::Timestamp;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Everything that is told of a run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) what: String,
    pub(super) noun: &'static str,
    pub(super) expected: u64,
    pub(super) partitions: i32,
    pub(super) producers: u32,
    pub(super) compression: &'static str,
    pub(super) produced: Produced,
    pub(super) replayed: Replayed,
    pub(super) cut: Timestamp,
    pub(super) replayed_from_cut: Replayed,
    pub(super) faults: Faults,
}

#[derive(Debug, Serialize)]
struct Json<'a> {
    ok: bool,
    records: u64,
    partitions: i32,
    producers: u32,
    compression: &'a str,
    compression_ratio: f64,
    produce: Speed,
    ack_us: Percentiles,
    replay: Speed,
    replay_from_time: FromTime,
    faults: &'a Faults,
}

#[derive(Debug, Serialize)]
struct Speed {
    records: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    bytes_per_second: f64,
}

#[derive(Debug, Serialize)]
struct FromTime {
    timestamp: i64,
    #[serde(flatten)]
    speed: Speed,
}

impl Speed {
    fn new(records: u64, bytes: u64, elapsed: Duration) -> Self {
        Self {
            records,
            bytes,
            seconds: elapsed.as_secs_f64(),
            records_per_second: human::per_second(records, elapsed),
            bytes_per_second: human::per_second(bytes, elapsed),
        }
    }

    fn of(replayed: Replayed) -> Self {
        Self::new(replayed.records, replayed.bytes, replayed.elapsed)
    }
}

impl Report {
    /// Whether everything is as it should be.
    pub(super) fn is_ok(&self) -> bool {
        self.faults.is_none()
            && self.produced.records == self.expected
            && self.replayed.records == self.expected
    }

    fn ratio(&self) -> f64 {
        self.produced.raw_bytes as f64 / self.produced.sent_bytes.max(1) as f64
    }

    /// As JSON.
    pub(super) fn json(&self) -> impl Serialize {
        let produced = &self.produced;
        Json {
            ok: self.is_ok(),
            records: self.expected,
            partitions: self.partitions,
            producers: self.producers,
            compression: self.compression,
            compression_ratio: self.ratio(),
            produce: Speed::new(produced.records, produced.bytes, produced.elapsed),
            ack_us: produced.latencies.percentiles(),
            replay: Speed::of(self.replayed),
            replay_from_time: FromTime {
                timestamp: self.cut.get(),
                speed: Speed::of(self.replayed_from_cut),
            },
            faults: &self.faults,
        }
    }

    fn line(
        f: &mut fmt::Formatter<'_>,
        what: &str,
        records: u64,
        bytes: u64,
        elapsed: Duration,
    ) -> fmt::Result {
        writeln!(
            f,
            "  {what:<10} {:>11} records  {:>8}  in {:>7}  {:>13} records/s  {:>10}",
            human::count(records),
            human::bytes(bytes),
            human::duration(elapsed),
            human::count(human::per_second(records, elapsed) as u64),
            human::bytes_rate(bytes, elapsed),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (produced, from_cut) = (&self.produced, self.replayed_from_cut);
        writeln!(
            f,
            "{}: {} partitions, {} producers at once, acks=all\n",
            self.what, self.partitions, self.producers
        )?;
        Self::line(
            f,
            "produced",
            produced.records,
            produced.bytes,
            produced.elapsed,
        )?;
        writeln!(
            f,
            "{:13}ack latency at full speed {}",
            "",
            produced.latencies.percentiles()
        )?;
        writeln!(
            f,
            "{:13}{} of batches became {} ({} {:.1}:1)",
            "",
            human::bytes(produced.raw_bytes),
            human::bytes(produced.sent_bytes),
            self.compression,
            self.ratio()
        )?;
        let all = self.replayed;
        Self::line(f, "replayed", all.records, all.bytes, all.elapsed)?;
        writeln!(f, "{:13}from offset 0, every byte checked", "")?;
        Self::line(
            f,
            "replayed",
            from_cut.records,
            from_cut.bytes,
            from_cut.elapsed,
        )?;
        writeln!(f, "{:13}from {} on", "", time::format(self.cut))?;
        if self.is_ok() {
            return write!(
                f,
                "\n  OK: nothing lost, nothing doubled, each {}'s records in order\n",
                self.noun
            );
        }
        let faults = &self.faults;
        writeln!(f, "\n  FAILED:")?;
        for (count, what) in [
            (faults.lost, "records lost"),
            (faults.doubled, "records doubled"),
            (faults.out_of_order, "records out of order"),
            (faults.altered, "records altered"),
            (faults.offset_gaps, "gaps in offsets"),
            (faults.wrong_replays, "faults in the replay from a time"),
        ] {
            if count > 0 {
                writeln!(f, "    {} {what}", human::count(count))?;
            }
        }
        match &faults.example {
            Some(example) => writeln!(f, "    first: {example}"),
            None => Ok(()),
        }
    }
}
