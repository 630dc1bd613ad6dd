use std::thread;
use std::time::{Duration, Instant};

/// When an open loop sends: at fixed intervals, however slow the answers are. A latency is counted
/// from when sending was due, so what a stall delays is counted too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    started: Instant,
    interval: Duration,
}

impl Pace {
    /// `per_second` sendings, the first at once.
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            started: Instant::now(),
            interval: Duration::from_secs_f64(1.0 / per_second.max(1e-3)),
        }
    }

    /// When sending `number` is due.
    pub(super) fn due(self, number: u64) -> Instant {
        self.started + self.interval.mul_f64(number as f64)
    }

    /// Waits until sending `number` is due, and says when that was.
    pub(super) fn wait(self, number: u64) -> Instant {
        let due = self.due(number);
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            thread::sleep(early);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_sending_does_not_move_the_ones_after_it() {
        let pace = Pace::new(1_000.0);
        let second = pace.due(1_000);
        assert_eq!(second - pace.due(0), Duration::from_secs(1));
        assert_eq!(pace.due(2_000) - second, Duration::from_secs(1));
    }
}
