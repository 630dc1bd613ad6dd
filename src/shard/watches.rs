use crate::types::{CoreId, FetchSessionId, RequestId, TopicPartition};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Who watches: a fetch on a core.
pub(super) type Watcher = (CoreId, RequestId);

/// A fetch session of a core.
pub(super) type SessionWatcher = (CoreId, FetchSessionId);

/// Fetches and fetch sessions that want to know when a partition's high watermark moves.
#[derive(Debug, Default)]
pub(super) struct Watches {
    partitions: FxHashMap<TopicPartition, BTreeSet<Watcher>>,
    watchers: FxHashMap<Watcher, Vec<TopicPartition>>,
    /// Sessions keep account of what they watch themselves, partition by partition.
    sessions: FxHashMap<TopicPartition, BTreeSet<SessionWatcher>>,
}

impl Watches {
    pub(super) fn add(&mut self, watcher: Watcher, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.partitions
                .entry(*partition)
                .or_default()
                .insert(watcher);
        }
        let known = self.watchers.insert(watcher, partitions);
        assert!(known.is_none(), "a fetch watches once at a time");
    }

    pub(super) fn remove(&mut self, watcher: Watcher) {
        for partition in self.watchers.remove(&watcher).into_iter().flatten() {
            if let Some(watchers) = self.partitions.get_mut(&partition) {
                watchers.remove(&watcher);
                if watchers.is_empty() {
                    self.partitions.remove(&partition);
                }
            }
        }
    }

    /// Takes out everyone who watches this partition.
    pub(super) fn take(&mut self, partition: TopicPartition) -> BTreeSet<Watcher> {
        let watchers = self.partitions.remove(&partition).unwrap_or_default();
        for watcher in &watchers {
            self.remove(*watcher);
        }
        watchers
    }

    pub(super) fn add_session(&mut self, watcher: SessionWatcher, partition: TopicPartition) {
        self.sessions.entry(partition).or_default().insert(watcher);
    }

    pub(super) fn remove_session(&mut self, watcher: SessionWatcher, partition: TopicPartition) {
        if let Some(watchers) = self.sessions.get_mut(&partition) {
            watchers.remove(&watcher);
            if watchers.is_empty() {
                self.sessions.remove(&partition);
            }
        }
    }

    /// Takes out every session that watches this partition.
    pub(super) fn take_sessions(&mut self, partition: TopicPartition) -> BTreeSet<SessionWatcher> {
        self.sessions.remove(&partition).unwrap_or_default()
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.watchers.is_empty() && self.sessions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    #[test]
    fn a_watch_is_forgotten_everywhere_once_it_fired_or_ended() {
        let topic = TopicId::from_random_bytes([1; 16]);
        let [a, b] = [0, 1].map(|p| TopicPartition::new(topic, PartitionIndex::new(p)));
        let [one, two] = [1, 2].map(|id| (CoreId::new(0), RequestId::new(id)));
        let mut watches = Watches::default();
        watches.add(one, vec![a, b]);
        watches.add(two, vec![b]);
        assert_eq!(watches.take(b), BTreeSet::from([one, two]));
        assert!(watches.take(a).is_empty());
        watches.add(one, vec![a, b]);
        watches.remove(one);
        assert!(watches.is_empty());
    }

    #[test]
    fn a_session_is_told_of_each_partition_by_itself() {
        let topic = TopicId::from_random_bytes([1; 16]);
        let [a, b] = [0, 1].map(|p| TopicPartition::new(topic, PartitionIndex::new(p)));
        let [one, two] = [1, 2].map(|id| (CoreId::new(0), FetchSessionId::new(id)));
        let mut watches = Watches::default();
        for (session, partition) in [(one, a), (one, b), (two, b)] {
            watches.add_session(session, partition);
        }
        assert_eq!(watches.take_sessions(b), BTreeSet::from([one, two]));
        assert!(watches.take_sessions(b).is_empty());
        watches.remove_session(one, a);
        assert!(watches.is_empty());
    }
}
