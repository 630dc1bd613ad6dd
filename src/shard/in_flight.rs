use rustc_hash::FxHashMap;
use std::hash::Hash;

/// A table with so many places is small whatever is in it.
const SMALL: usize = 256;
/// A table gives memory back when only one of so many places is taken.
const SPARSE: usize = 16;

/// What waits for something, by an id that was never given before.
///
/// Ids that count up land all over a table. One that keeps the size of its largest rush is hit
/// where no cache has it, at every access ever after: that was a sixth of what answering a
/// heartbeat took outside the kernel. So this one becomes smaller again, and costs what is in it.
#[derive(Debug)]
pub(super) struct InFlight<K, V>(FxHashMap<K, V>);

impl<K, V> Default for InFlight<K, V> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Eq + Hash, V> InFlight<K, V> {
    /// Panics if the id is in use.
    #[track_caller]
    pub(super) fn insert(&mut self, id: K, value: V) {
        let known = self.0.insert(id, value);
        assert!(known.is_none(), "an id is given once");
    }

    pub(super) fn get(&self, id: &K) -> Option<&V> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        self.0.get_mut(id)
    }

    pub(super) fn remove(&mut self, id: &K) -> Option<V> {
        let removed = self.0.remove(id);
        if self.0.capacity() > SMALL && self.0.len() < self.0.capacity() / SPARSE {
            // With room for as many again, so that it does not grow at once.
            self.0.shrink_to(self.0.len() * 2);
        }
        removed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rush_that_is_over_takes_no_memory_and_loses_nothing() {
        let mut table = InFlight::default();
        (0..5_000_u64).for_each(|id| table.insert(id, id));
        let largest = table.0.capacity();
        for id in 0..4_990 {
            assert_eq!(table.remove(&id), Some(id));
        }
        assert!(table.0.capacity() < largest / SPARSE);
        assert_eq!(table.remove(&7), None);
        let mut left: Vec<u64> = table.values().copied().collect();
        left.sort_unstable();
        assert_eq!(left, (4_990..5_000).collect::<Vec<_>>());
    }
}
