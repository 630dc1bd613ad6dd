use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a core tells about itself; read by other threads, written by its own.
#[derive(Debug, Default)]
pub struct CoreStats {
    steps: AtomicU64,
    longest_step_us: AtomicU64,
    longest_step_waited_us: AtomicU64,
    longest_held_us: AtomicU64,
    longest_delay_us: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
}

/// A reading of [`CoreStats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreStatsSnapshot {
    /// Events handled.
    pub steps: u64,
    /// The longest that one step with its effects held the core.
    pub longest_step: Duration,
    /// How much of that step the core waited for a processor that other threads had.
    pub longest_step_waited: Duration,
    /// The longest that one step held the core without such waiting.
    pub longest_held: Duration,
    /// The longest that a due timer had to wait for the core: how long some task held it without
    /// giving way, whatever the reason.
    pub longest_delay: Duration,
    /// Bytes read from clients.
    pub bytes_received: u64,
    /// Bytes written to clients.
    pub bytes_sent: u64,
}

impl CoreStats {
    /// Reads the counters; each is right on its own, not all at one moment.
    pub fn snapshot(&self) -> CoreStatsSnapshot {
        CoreStatsSnapshot {
            steps: self.steps.load(Relaxed),
            longest_step: duration(&self.longest_step_us),
            longest_step_waited: duration(&self.longest_step_waited_us),
            longest_held: duration(&self.longest_held_us),
            longest_delay: duration(&self.longest_delay_us),
            bytes_received: self.bytes_received.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    /// A step ended, of which the core waited so long for a processor.
    pub(super) fn stepped(&self, took: Duration, waited: Duration) {
        add(&self.steps, 1);
        if raise(&self.longest_step_us, took) {
            let waited = waited.as_micros() as u64;
            self.longest_step_waited_us.store(waited, Relaxed);
        }
        raise(&self.longest_held_us, took.saturating_sub(waited));
    }

    pub(super) fn delayed(&self, by: Duration) {
        raise(&self.longest_delay_us, by);
    }

    pub(super) fn received(&self, bytes: usize) {
        add(&self.bytes_received, bytes as u64);
    }

    pub(super) fn sent(&self, bytes: usize) {
        add(&self.bytes_sent, bytes as u64);
    }
}

// Only the core itself writes, so a load and a store do; a locked instruction is not needed.
fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

fn raise(longest: &AtomicU64, to: Duration) -> bool {
    let to = to.as_micros() as u64;
    let is_longer = to > longest.load(Relaxed);
    if is_longer {
        longest.store(to, Relaxed);
    }
    is_longer
}

fn duration(us: &AtomicU64) -> Duration {
    Duration::from_micros(us.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_waited_is_told_beside_it_and_is_not_held_against_the_core() {
        let stats = CoreStats::default();
        let ms = Duration::from_millis;
        stats.stepped(ms(3), ms(0));
        stats.stepped(ms(9), ms(8));
        stats.stepped(ms(2), ms(2));
        let told = stats.snapshot();
        assert_eq!(told.steps, 3);
        assert_eq!(
            (told.longest_step, told.longest_step_waited),
            (ms(9), ms(8))
        );
        assert_eq!(told.longest_held, ms(3));
    }
}
