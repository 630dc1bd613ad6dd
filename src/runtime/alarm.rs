//! One timer per core: wakes the lane when its next deadline is due.
//!
//! Ticks keep a distance of 2 ms, so a thousand long polls that end one after the other cost a few
//! hundred wake-ups a second and not thousands, and a flush of 5 ms is still on time.
//!
//! The same timer is the core's heartbeat, which wakes an executor that fell asleep over tasks that
//! are ready: soon while the core is in use, seldom while it is not. See
//! [`watchdog`](super::watchdog), which sees to it that it goes on.

use super::core::Core;
use super::lane::Lane;
use super::local_wake::LocalWake;
use crate::shard::Event;
use crate::types::Instant;
use glommio::timer::Timer;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Ticks are at least this far apart.
const TICK_DISTANCE: Duration = Duration::from_millis(2);

/// How often connections are looked through for frames that do not arrive.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// The heartbeat of a core in use.
const HEARTBEAT_MIN: Duration = Duration::from_millis(5);

/// The heartbeat of a core that nothing has happened on for long.
const HEARTBEAT_MAX: Duration = Duration::from_millis(160);

/// How much slower each heartbeat is than the one before while nothing happens.
const HEARTBEAT_GROWTH: u32 = 8;

/// When a core is to be woken.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    wanted: Cell<Option<Instant>>,
    /// What the task waits for; `None` while it waits for a deadline to be set.
    armed: Cell<Option<Instant>>,
    stopped: Cell<bool>,
    wake: LocalWake,
}

impl Alarm {
    /// Sets the next deadline. Only one that is earlier than the armed one disturbs the task: an
    /// alarm that comes too early looks again and costs less than arming anew each time.
    pub(super) fn set(&self, deadline: Option<Instant>) {
        self.wanted.set(deadline);
        let Some(deadline) = deadline else { return };
        if self.armed.get().is_none_or(|armed| deadline < armed) {
            self.wake.wake();
        }
    }

    /// Ends the task.
    pub(super) fn stop(&self) {
        self.stopped.set(true);
        self.wake.wake();
    }

    /// Waits until `at`, a deadline before it but not before `earliest`, or the end. Says whether
    /// `at` was reached.
    async fn wait_until(&self, now: Instant, earliest: Instant, at: Instant) -> bool {
        self.armed.set(Some(at));
        let mut timer = pin!(Timer::new(at.since(now)));
        let mut disturbed = pin!(self.wake.until(|| {
            let wanted = self.wanted.get().map(|wanted| wanted.max(earliest));
            let earlier = wanted.is_some_and(|wanted| wanted < at);
            (earlier || self.stopped.get()).then_some(())
        }));
        let reached = poll_fn(|context| {
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            disturbed.as_mut().poll(context).map(|()| false)
        })
        .await;
        self.armed.set(None);
        reached
    }
}

/// Ticks the lane until the alarm is stopped.
pub(super) async fn run<L: Lane>(core: &Core<L>) {
    let alarm = core.alarm();
    let mut earliest = Instant::default();
    let mut heartbeat = Heartbeat::default();
    let mut next_sweep = Instant::default();
    while !alarm.stopped.get() {
        let now = core.clock().monotonic();
        if now >= next_sweep {
            next_sweep = now.after(SWEEP_PAUSE);
            core.end_overdue(now);
        }
        let due = alarm.wanted.get().map(|wanted| wanted.max(earliest));
        if due.is_some_and(|due| due <= now) {
            earliest = now.after(TICK_DISTANCE);
            // Gives no way afterwards: waiting for the next tick, which sets a timer, comes next.
            core.handle(Event::Tick);
            continue;
        }
        let beat = now.after(heartbeat.next(core.stats().steps()));
        let at = due.map_or(beat, |due| due.min(beat));
        core.pulse().expect(at);
        if alarm.wait_until(now, earliest, at).await {
            core.stats().delayed(core.clock().monotonic().since(at));
        }
    }
}

/// How long the core may sleep at most.
#[derive(Debug, Default)]
struct Heartbeat {
    steps: u64,
    pause: Duration,
}

impl Heartbeat {
    /// The next pause, given how many steps the core has made so far.
    fn next(&mut self, steps: u64) -> Duration {
        let in_use = steps != self.steps;
        self.steps = steps;
        self.pause = if in_use {
            HEARTBEAT_MIN
        } else {
            (self.pause * HEARTBEAT_GROWTH).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX)
        };
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heart_beats_slower_the_longer_nothing_happens_and_fast_again_at_once() {
        let mut heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.next(7), HEARTBEAT_MIN);
        assert_eq!(heartbeat.next(7), HEARTBEAT_MIN * HEARTBEAT_GROWTH);
        let slowest = (0..10).map(|_| heartbeat.next(7)).last();
        assert_eq!(slowest, Some(HEARTBEAT_MAX));
        assert_eq!(heartbeat.next(8), HEARTBEAT_MIN);
    }
}
