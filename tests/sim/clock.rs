//! Virtual time: a steady clock that moves only when the scheduler says so, and a wall clock that
//! jumps.

use corelane::types::{Instant, Now, Timestamp};

#[derive(Debug)]
pub(crate) struct Clock {
    monotonic: u64,
    wall_offset_ms: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            monotonic: 1_000_000,
            wall_offset_ms: 1_700_000_000_000,
        }
    }
}

impl Clock {
    pub(crate) fn now(&self) -> Now {
        Now {
            wall: Timestamp::new(self.wall_offset_ms + (self.monotonic / 1_000) as i64),
            monotonic: Instant::new(self.monotonic),
        }
    }

    pub(crate) fn advance(&mut self, micros: u64) {
        self.monotonic += micros;
    }

    pub(crate) fn advance_to(&mut self, instant: Instant) {
        self.monotonic = self.monotonic.max(instant.get());
    }

    pub(crate) fn jump_wall(&mut self, ms: i64) {
        self.wall_offset_ms += ms;
    }
}
