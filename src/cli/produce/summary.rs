//! What was shipped, told at the end.

use super::super::human;
use super::super::latency::{Latencies, Percentiles};
use crate::client::producer::Delivery;
use crate::record::Compression;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Counts while shipping.
#[derive(Debug)]
pub(super) struct Summary {
    topic: String,
    compression: Compression,
    /// Lines taken.
    pub(super) lines: u64,
    /// Bytes read, newlines included.
    pub(super) read_bytes: u64,
    /// Lines left out, being too long.
    pub(super) too_long: u64,
    /// Lines that had no key though keys were asked for.
    pub(super) without_key: u64,
    /// Files that could not be read, or not to their end.
    pub(super) unreadable: u64,
    delivered: u64,
    raw_bytes: u64,
    sent_bytes: u64,
    batches: u64,
    undelivered: u64,
    latencies: Latencies,
    elapsed: Duration,
}

/// The summary as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    topic: &'a str,
    lines: u64,
    delivered: u64,
    undelivered: u64,
    too_long: u64,
    without_key: u64,
    unreadable_files: u64,
    read_bytes: u64,
    sent_bytes: u64,
    compression: &'a str,
    compression_ratio: f64,
    batches: u64,
    seconds: f64,
    lines_per_second: f64,
    bytes_per_second: f64,
    ack_us: Percentiles,
}

impl Summary {
    pub(super) fn new(topic: &str, compression: Compression) -> Self {
        Self {
            topic: topic.to_owned(),
            compression,
            lines: 0,
            read_bytes: 0,
            too_long: 0,
            without_key: 0,
            unreadable: 0,
            delivered: 0,
            raw_bytes: 0,
            sent_bytes: 0,
            batches: 0,
            undelivered: 0,
            latencies: Latencies::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// A batch arrived.
    pub(super) fn delivered(&mut self, delivery: &Delivery) {
        self.delivered += u64::from(delivery.records);
        self.raw_bytes += delivery.raw_bytes as u64;
        self.sent_bytes += delivery.sent_bytes as u64;
        self.batches += 1;
        self.latencies.record(delivery.latency);
    }

    /// It is over, and so many lines were taken but not delivered.
    pub(super) const fn finish(&mut self, elapsed: Duration, undelivered: u64) {
        self.elapsed = elapsed;
        self.undelivered = undelivered;
    }

    /// Whether every line of every file arrived.
    pub(super) const fn is_complete(&self) -> bool {
        self.undelivered == 0 && self.too_long == 0 && self.unreadable == 0
    }

    fn ratio(&self) -> f64 {
        if self.sent_bytes == 0 {
            return 1.0;
        }
        self.raw_bytes as f64 / self.sent_bytes as f64
    }

    /// As JSON.
    pub(super) fn report(&self) -> Report<'_> {
        Report {
            topic: &self.topic,
            lines: self.lines,
            delivered: self.delivered,
            undelivered: self.undelivered,
            too_long: self.too_long,
            without_key: self.without_key,
            unreadable_files: self.unreadable,
            read_bytes: self.read_bytes,
            sent_bytes: self.sent_bytes,
            compression: self.compression.name(),
            compression_ratio: self.ratio(),
            batches: self.batches,
            seconds: self.elapsed.as_secs_f64(),
            lines_per_second: human::per_second(self.delivered, self.elapsed),
            bytes_per_second: human::per_second(self.read_bytes, self.elapsed),
            ack_us: self.latencies.percentiles(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lines ({}) shipped to {:?} in {}: {} lines/s, {}",
            human::count(self.delivered),
            human::bytes(self.read_bytes),
            self.topic,
            human::duration(self.elapsed),
            human::count(human::per_second(self.delivered, self.elapsed) as u64),
            human::bytes_rate(self.read_bytes, self.elapsed),
        )?;
        if self.batches > 0 {
            write!(
                f,
                "\n{} batches, {} sent ({} {:.1}:1); ack latency {}",
                human::count(self.batches),
                human::bytes(self.sent_bytes),
                self.compression,
                self.ratio(),
                self.latencies.percentiles(),
            )?;
        }
        for (count, what) in [
            (self.without_key, "without a key"),
            (self.too_long, "too long and left out"),
            (self.undelivered, "NOT delivered"),
        ] {
            if count > 0 {
                write!(f, "\n{what}: {} lines", human::count(count))?;
            }
        }
        if self.unreadable > 0 {
            write!(f, "\nnot read to the end: {} files", self.unreadable)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Offset, PartitionIndex};

    #[test]
    fn a_summary_tells_what_arrived_and_what_did_not() {
        let mut summary = Summary::new("t", Compression::Zstd);
        summary.lines = 1000;
        summary.read_bytes = 50_000;
        summary.delivered(&Delivery {
            partition: PartitionIndex::new(0),
            base_offset: Some(Offset::ZERO),
            records: 990,
            raw_bytes: 50_000,
            sent_bytes: 10_000,
            latency: Duration::from_millis(2),
        });
        summary.finish(Duration::from_secs(1), 10);
        let text = summary.to_string();
        assert!(
            text.starts_with("990 lines (50.0 kB) shipped to \"t\" in 1.00 s"),
            "{text}"
        );
        assert!(
            text.contains("zstd 5.0:1") && text.contains("NOT delivered: 10 lines"),
            "{text}"
        );
        assert!(!summary.is_complete());
        let report = serde_json::to_value(summary.report()).expect("JSON");
        assert_eq!(report["ack_us"]["p50"], 2000);
        assert_eq!(report["compression_ratio"], 5.0);
    }
}
