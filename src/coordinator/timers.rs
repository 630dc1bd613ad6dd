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
///
/// Sessions are put off with every heartbeat, long before they are over: that only notes the new
/// time, and the timer is looked at in vain at the old one.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Instant, Timer)>,
    set: BTreeMap<Timer, Due>,
}

/// When a timer is due, and when it is looked at, which is not later.
#[derive(Debug)]
struct Due {
    at: Instant,
    queued: Instant,
}

impl Timers {
    /// Sets a timer, or sets it anew.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(due) = self.set.get_mut(&timer)
            && due.queued <= at
        {
            due.at = at;
            return;
        }
        self.cancel(&timer);
        self.queue(timer, at);
    }

    fn queue(&mut self, timer: Timer, at: Instant) {
        self.set.insert(timer.clone(), Due { at, queued: at });
        self.queue.insert((at, timer));
        debug_assert_eq!(self.queue.len(), self.set.len());
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, due)) = self.set.remove_entry(timer) {
            self.queue.remove(&(due.queued, timer));
        }
    }

    /// When to look for what is due; nothing is due before.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out a timer whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Timer> {
        while self.next()? <= now {
            let (queued, timer) = self.queue.pop_first()?;
            let due = self.set.remove(&timer)?;
            if due.at == queued {
                return Some(timer);
            }
            self.queue(timer, due.at);
        }
        None
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
        assert_eq!(timers.due(Instant::new(6)), None);
        assert_eq!(timers.next(), Some(Instant::new(7)));
        timers.set(sync("b"), Instant::new(8));
        assert_eq!(timers.due(Instant::new(7)), None);
        assert_eq!(timers.due(Instant::new(9)), Some(sync("b")));
        assert_eq!(timers.due(Instant::new(9)), Some(sync("a")));
        timers.set(sync("a"), Instant::new(10));
        timers.set(sync("a"), Instant::new(12));
        timers.set(sync("a"), Instant::new(1));
        assert_eq!(timers.next(), Some(Instant::new(1)));
        assert_eq!(timers.due(Instant::new(1)), Some(sync("a")));
        timers.set(sync("a"), Instant::new(1));
        timers.set(sync("a"), Instant::new(2));
        timers.cancel(&sync("a"));
        assert_eq!(timers.next(), None);
    }
}
