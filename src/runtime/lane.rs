use crate::protocol::kafka::messages::ApiKey;
use crate::shard::{Effect, Event, Now, Shard};
use crate::types::Instant;

/// What a core executes: a synchronous state machine. The shard is one; tests stand in others.
pub trait Lane: 'static {
    /// Takes one event and says what is to be done, in order.
    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>);

    /// When the next [`Event::Tick`] is due; `None` while nothing waits for time. Ticks come at
    /// most 2 ms late and never closer together than that.
    fn next_deadline(&self) -> Option<Instant>;

    /// Whether a frame says no more than that its client lives. The one after it may then be heard
    /// some milliseconds late, together with those of others.
    fn is_sign_of_life(_frame: &[u8]) -> bool {
        false
    }
}

impl Lane for Shard {
    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        Self::step(self, now, event, effects);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Self::next_deadline(self)
    }

    fn is_sign_of_life(frame: &[u8]) -> bool {
        ApiKey::of_frame(frame).is_some_and(ApiKey::is_heartbeat)
    }
}
