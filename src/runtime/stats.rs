use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a core tells about itself; read by other threads, written by its own.
#[derive(Debug, Default)]
pub struct CoreStats {
    steps: AtomicU64,
    longest_step_us: AtomicU64,
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
            longest_step: Duration::from_micros(self.longest_step_us.load(Relaxed)),
            longest_delay: Duration::from_micros(self.longest_delay_us.load(Relaxed)),
            bytes_received: self.bytes_received.load(Relaxed),
            bytes_sent: self.bytes_sent.load(Relaxed),
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Relaxed)
    }

    pub(super) fn stepped(&self, took: Duration) {
        add(&self.steps, 1);
        raise(&self.longest_step_us, took);
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

fn raise(longest: &AtomicU64, to: Duration) {
    let to = to.as_micros() as u64;
    if to > longest.load(Relaxed) {
        longest.store(to, Relaxed);
    }
}
