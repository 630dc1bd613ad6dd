//! Latencies, gathered in a histogram and told as percentiles.

use super::human;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Latencies from 1 µs to an hour, three significant digits, constant memory.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

/// What is told of latencies, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    /// Half were at most this.
    pub(crate) p50: u64,
    /// 99 of 100 were at most this.
    pub(crate) p99: u64,
    /// 999 of 1000 were at most this.
    pub(crate) p999: u64,
    /// The longest.
    pub(crate) max: u64,
}

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("constant bounds are valid"))
    }

    /// Counts one; longer than an hour counts as an hour.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0
            .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts all of another's.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("histograms of the same bounds add up");
    }

    /// The percentiles; all zero if nothing was counted.
    pub(crate) fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50: self.0.value_at_quantile(0.5),
            p99: self.0.value_at_quantile(0.99),
            p999: self.0.value_at_quantile(0.999),
            max: self.0.max(),
        }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |micros| human::duration(Duration::from_micros(micros));
        write!(
            f,
            "p50 {}, p99 {}, p99.9 {}, max {}",
            told(self.p50),
            told(self.p99),
            told(self.p999),
            told(self.max)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut half = Latencies::new();
        let mut all = Latencies::new();
        for micros in 1..=1000 {
            let into = if micros % 2 == 0 { &mut half } else { &mut all };
            into.record(Duration::from_micros(micros));
        }
        all.merge(&half);
        let told = all.percentiles();
        assert!((499..=501).contains(&told.p50), "{told:?}");
        assert!((989..=991).contains(&told.p99), "{told:?}");
        assert_eq!(told.max, 1000);
        assert_eq!(Latencies::new().percentiles().p50, 0);
    }
}
