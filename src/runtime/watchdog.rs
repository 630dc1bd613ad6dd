//! Wakes executors that sleep over tasks that are ready.
//!
//! glommio 0.9 can: when its preemption timer fires before the first task is run (the thread lost
//! its processor just then), it takes that for "nothing to run". Whatever wakes it next repairs it,
//! and mostly that is the core's own heartbeat, see [`alarm`](super::alarm). But that is slept over
//! as well now and then. So each core says when its alarm is to run next, and one thread sends a
//! signal to those that are overdue: it ends a sleep in the kernel, and does nothing to a thread
//! that is held up otherwise. A core that starts or ends has no heartbeat and counts as overdue.

use super::clock::Clock;
use super::error::StartError;
use crate::types::Instant;
use nix::sys::pthread::pthread_kill;
use nix::sys::signal::Signal;
use signal_hook::consts::SIGURG;
use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Cores are looked at when the first of them may be overdue, but no more often than this.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// And no more seldom, which is also how long the end of a core may go unnoticed.
const PERIOD_MAX: Duration = Duration::from_millis(40);

/// How late an alarm may be.
const GRACE: Duration = Duration::from_millis(5);

/// When a core's alarm is to run next.
#[derive(Debug)]
pub(super) struct Pulse {
    due_us: AtomicU64,
}

impl Default for Pulse {
    /// Of a core that is being made: nothing is expected of it.
    fn default() -> Self {
        Self {
            due_us: AtomicU64::new(u64::MAX),
        }
    }
}

impl Pulse {
    /// From `at` on the core is expected to say this again.
    pub(super) fn expect(&self, at: Instant) {
        self.due_us.store(at.get(), Ordering::Relaxed);
    }

    fn due(&self) -> Instant {
        Instant::new(self.due_us.load(Ordering::Relaxed))
    }

    fn is_overdue(&self, now: Instant) -> bool {
        now.since(self.due()) > GRACE
    }
}

/// A core's thread, and its pulse.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) thread: JoinHandle<()>,
    pub(super) pulse: Arc<Pulse>,
}

/// Watches cores until all their threads have ended.
pub(super) fn start(cores: Vec<Watched>, clock: Clock) -> Result<JoinHandle<()>, StartError> {
    prepare().map_err(|source| StartError::Signals { source })?;
    let name = "watchdog".to_owned();
    thread::Builder::new()
        .name(name.clone())
        .spawn(move || watch(cores, clock))
        .map_err(|source| StartError::Thread { name, source })
}

fn watch(mut cores: Vec<Watched>, clock: Clock) {
    while let Some(due) = cores.iter().map(|core| core.pulse.due()).min() {
        let pause = due.since(clock.monotonic()).saturating_add(GRACE);
        thread::sleep(pause.clamp(PERIOD_MIN, PERIOD_MAX));
        for core in cores.extract_if(.., |core| core.thread.is_finished()) {
            if core.thread.join().is_err() {
                log::error!("a core's thread panicked");
            }
        }
        let now = clock.monotonic();
        let overdue = cores.iter().filter(|core| core.pulse.is_overdue(now));
        overdue.for_each(|core| nudge(&core.thread));
    }
}

/// Gives SIGURG a handler that does nothing, once per process: a signal that is ignored, as this
/// one is otherwise, does not end a sleep.
fn prepare() -> io::Result<()> {
    static HANDLED: OnceLock<()> = OnceLock::new();
    if HANDLED.get().is_none() {
        signal_hook::flag::register(SIGURG, Arc::new(AtomicBool::new(false)))?;
        let _ = HANDLED.set(());
    }
    Ok(())
}

/// Ends the sleep of a thread that has not been joined.
fn nudge(thread: &JoinHandle<()>) {
    if let Err(error) = pthread_kill(thread.as_pthread_t(), Signal::SIGURG) {
        log::debug!("nudging {:?}: {error}", thread.thread().name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_overdue_when_it_does_not_say_otherwise_in_time() {
        let (pulse, due) = (Pulse::default(), Instant::new(1_000_000));
        assert!(!pulse.is_overdue(Instant::new(u64::MAX / 2)));
        pulse.expect(due);
        assert!(!pulse.is_overdue(Instant::default()));
        assert!(!pulse.is_overdue(due.after(GRACE)));
        let late = due.after(GRACE * 2);
        assert!(pulse.is_overdue(late));
        pulse.expect(late);
        assert!(!pulse.is_overdue(late));
    }
}
