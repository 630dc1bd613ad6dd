use crate::shard::Now;
use crate::types::{Instant, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clocks. All cores share one zero, so that their instants compare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    zero: std::time::Instant,
}

impl Clock {
    /// Starts a clock whose zero is now.
    pub(super) fn start() -> Self {
        Self {
            zero: std::time::Instant::now(),
        }
    }

    /// Reads both clocks.
    pub(super) fn now(self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            wall: Timestamp::new(wall.as_millis() as i64),
            monotonic: self.monotonic(),
        }
    }

    /// Reads the clock that never goes back.
    pub(super) fn monotonic(self) -> Instant {
        Instant::new(self.zero.elapsed().as_micros() as u64)
    }
}
