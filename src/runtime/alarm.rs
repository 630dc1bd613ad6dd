//! One timer per core: wakes the lane when its next deadline is due.
//!
//! Ticks keep a distance of 2 ms, so a thousand long polls that end one after the other cost a few
//! hundred wake-ups a second and not thousands, and a flush of 5 ms is still on time.

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
    while !alarm.stopped.get() {
        let Some(deadline) = alarm.wanted.get() else {
            let set = || (alarm.wanted.get().is_some() || alarm.stopped.get()).then_some(());
            alarm.wake.until(set).await;
            continue;
        };
        let at = deadline.max(earliest);
        let now = core.clock().monotonic();
        if at > now {
            if alarm.wait_until(now, earliest, at).await {
                let woken = core.clock().monotonic();
                core.stats().delayed(woken.since(at));
            }
            continue;
        }
        earliest = now.after(TICK_DISTANCE);
        core.handle(Event::Tick);
        glommio::yield_if_needed().await;
    }
}
