//! One core's whole state.

pub mod effect;
pub mod event;
pub mod message;

pub use effect::Effect;
pub use event::Event;

use crate::types::{Instant, Timestamp};

/// The two clocks, read once per step.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Wall clock.
    pub wall: Timestamp,
    /// Monotonic clock.
    pub monotonic: Instant,
}
