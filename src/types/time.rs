use super::integer;
use std::time::Duration;

integer! {
    /// Wall-clock milliseconds since 1970 (UTC), as records carry them.
    Timestamp(i64)
}

integer! {
    /// Microseconds on a clock that never goes back; its zero means nothing.
    Instant(u64)
}

/// The time at which something happens, on both clocks. Handed in from outside: nothing below the
/// runtime reads a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// What the wall clock says; may jump.
    pub wall: Timestamp,
    /// What the steady clock says.
    pub monotonic: Instant,
}

impl Timestamp {
    /// What the protocol says for "no timestamp".
    pub const NONE: Self = Self::new(-1);

    /// This time moved back by `duration_ms`.
    #[must_use]
    pub const fn before(self, duration_ms: i64) -> Self {
        Self::new(self.get().saturating_sub(duration_ms))
    }

    /// This time moved on by `duration_ms`.
    #[must_use]
    pub const fn after(self, duration_ms: i64) -> Self {
        Self::new(self.get().saturating_add(duration_ms))
    }
}

impl Instant {
    /// This instant moved on by `duration`.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self::new(self.get().saturating_add(duration.as_micros() as u64))
    }

    /// The time that passed since `earlier`, zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.get().saturating_sub(earlier.get()))
    }
}
