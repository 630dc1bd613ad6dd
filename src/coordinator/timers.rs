use crate::types::{GroupId, Instant, MemberId};
use std::collections::{BTreeMap, BTreeSet};

/// What a coordinator waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A member is silent for as long as it may be.
    Session(GroupId, MemberId),
    /// A member that was given an id has not come back with it.
    Pending(GroupId, MemberId),
    /// Members have joined for as long as they may.
    Rebalance(GroupId),
    /// Members have synced for as long as they may.
    Sync(GroupId),
    /// A member has not given up what it is to give up.
    Revocation(GroupId, MemberId),
    /// Offsets that nobody needs are looked for.
    Expiry,
}

/// What is due when; each timer is set once at most.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    by_timer: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, or sets it anew.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.cancel(&timer);
        self.by_timer.insert(timer.clone(), at);
        self.by_time.insert((at, timer));
        debug_assert_eq!(self.by_time.len(), self.by_timer.len());
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.by_timer.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out a timer whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_anew_counts_once() {
        let sync = |group: &str| Timer::Sync(GroupId::new(group));
        let mut timers = Timers::default();
        timers.set(sync("a"), Instant::new(5));
        timers.set(sync("b"), Instant::new(7));
        timers.set(sync("a"), Instant::new(9));
        assert_eq!(timers.next(), Some(Instant::new(7)));
        assert_eq!(timers.due(Instant::new(6)), None);
        assert_eq!(timers.due(Instant::new(9)), Some(sync("b")));
        assert_eq!(timers.due(Instant::new(9)), Some(sync("a")));
        timers.set(sync("a"), Instant::new(1));
        timers.cancel(&sync("a"));
        assert_eq!(timers.due(Instant::new(9)), None);
    }
}
