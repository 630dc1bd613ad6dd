//! Spreads work that nobody waits for evenly over time, a piece after the other.

use crate::types::Instant;
use std::time::Duration;

/// How far pieces that came late are made up for: ticks come late by milliseconds.
const CATCH_UP_MAX: Duration = Duration::from_millis(20);

/// When the next piece may begin.
#[derive(Debug)]
pub(super) struct Pace {
    /// From the beginning of a piece to that of the next; `None` for never.
    interval: Option<Duration>,
    due: Instant,
    is_awaited: bool,
}

impl Pace {
    /// Pieces of `piece_bytes`, of which at most `bytes_per_second_max` are begun in a second; none
    /// where that is 0.
    pub(super) fn new(piece_bytes: u64, bytes_per_second_max: u64) -> Self {
        let nanoseconds = (piece_bytes * 1_000_000_000).checked_div(bytes_per_second_max);
        Self {
            interval: nanoseconds.map(Duration::from_nanos),
            due: Instant::new(0),
            is_awaited: false,
        }
    }

    /// Whether a piece may begin now. If it is too early, there is a deadline.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let is_time = self.due <= now;
        self.is_awaited = !is_time;
        is_time && self.interval.is_some()
    }

    /// When what was too early may begin.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.is_awaited.then_some(self.due)
    }

    /// A piece begins.
    pub(super) fn begun(&mut self, now: Instant) {
        let caught_up = Instant::new(now.get().saturating_sub(CATCH_UP_MAX.as_micros() as u64));
        let interval = self.interval.unwrap_or_default();
        self.due = self.due.max(caught_up).after(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pieces begin in a second of ticks so far apart.
    fn begun_in_a_second(pace: &mut Pace, tick_us: usize) -> u32 {
        let mut begun = 0;
        for now in (1_000_000..2_000_000).step_by(tick_us) {
            let now = Instant::new(now);
            while pace.allows(now) {
                pace.begun(now);
                begun += 1;
            }
        }
        begun
    }

    #[test]
    fn pieces_are_spread_and_late_ones_made_up_for() {
        for (tick_us, most_at_once) in [(100, 1), (2_700, 2)] {
            let mut pace = Pace::new(1 << 20, 320 << 20);
            let begun = begun_in_a_second(&mut pace, tick_us);
            // The first tick makes up for what it can.
            assert!((320..=327).contains(&begun), "{begun}");
            let now = Instant::new(2_000_000);
            let mut at_once = 0;
            while pace.allows(now) {
                pace.begun(now);
                at_once += 1;
            }
            assert!(at_once <= most_at_once, "{at_once}");
        }
    }

    #[test]
    fn what_comes_too_early_has_a_deadline_until_it_may_begin() {
        let mut pace = Pace::new(1 << 20, 1 << 20);
        let at = |seconds: u64| Instant::new(seconds * 1_000_000);
        assert!(pace.allows(at(10)));
        pace.begun(at(10));
        assert_eq!(pace.deadline(), None);
        assert!(!pace.allows(at(10)));
        let due = pace.deadline().unwrap();
        assert!(due > at(10) && due <= at(11), "{due:?}");
        assert!(pace.allows(due));
        assert_eq!(pace.deadline(), None);
    }

    #[test]
    fn an_idle_time_is_not_made_up_for() {
        let mut pace = Pace::new(1 << 20, 100 << 20);
        begun_in_a_second(&mut pace, 1_000);
        let now = Instant::new(60_000_000);
        let mut at_once = 0;
        while pace.allows(now) {
            pace.begun(now);
            at_once += 1;
        }
        assert_eq!(at_once, 3, "20 ms and this one");
    }

    #[test]
    fn no_bytes_a_second_is_never() {
        let mut pace = Pace::new(1 << 20, 0);
        assert!(!pace.allows(Instant::new(u64::MAX)));
        assert_eq!(pace.deadline(), None);
    }
}
