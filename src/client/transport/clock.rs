use crate::types::{Instant, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The process's clocks, in the vocabulary of the cores.
#[derive(Debug, Clone, Copy)]
pub struct Clock(std::time::Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Clock {
    /// Time since this clock was made.
    pub fn now(&self) -> Instant {
        Instant::new(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The wall clock.
    pub fn wall(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
