//! The newest offset of every key, in a fixed number of bytes.
//!
//! Keys are known by a keyed hash of 128 bits (SipHash-1-3), so that nobody can send a key that is
//! taken for another one's. Open addressing, nothing is ever removed.

use crate::types::Offset;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::hint::black_box;

/// The table is full at this many used slots of [`SLOTS_PER`].
const USED_PER: usize = 9;
const SLOTS_PER: usize = 10;

/// The newest offset of every key seen.
#[derive(Debug)]
pub struct OffsetMap {
    hasher: SipHasher13,
    slots: Vec<Slot>,
    used: usize,
    used_max: usize,
}

/// What a key is known by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyHash(u64, u64);

/// A key's hash, and the offset after its newest; 0 in an empty slot. An array, as only of those the
/// standard library knows that zeroed memory, which costs nothing until it is used, is a table of them.
type Slot = [u64; 3];

impl OffsetMap {
    /// A map that takes at most `bytes_max` bytes of memory, or what one key takes. Memory that no
    /// key was put to is not taken from the system. `seed` keys the hash.
    pub fn new(bytes_max: usize, seed: u64) -> Self {
        let slots = (bytes_max / size_of::<Slot>()).max(2);
        Self {
            hasher: SipHasher13::new_with_keys(seed, !seed.rotate_left(32)),
            slots: vec![[0; 3]; slots],
            used: 0,
            used_max: (slots * USED_PER / SLOTS_PER).max(1),
        }
    }

    /// Remembers an offset, larger than all before, as the key's newest; false if the key is new and
    /// there is no room.
    #[must_use]
    pub fn put(&mut self, hash: KeyHash, offset: Offset) -> bool {
        let is_full = self.used >= self.used_max;
        let at = self.find(hash);
        let Some(slot) = self.slots.get_mut(at) else {
            return false;
        };
        if is_empty(slot) {
            if is_full {
                return false;
            }
            self.used += 1;
        }
        *slot = [hash.0, hash.1, offset.next().get().cast_unsigned()];
        true
    }

    /// The newest offset of a key.
    pub fn newest(&self, hash: KeyHash) -> Option<Offset> {
        let [.., next] = *self.slots.get(self.find(hash))?;
        (next > 0).then(|| Offset::new(next.cast_signed() - 1))
    }

    /// How many keys are known.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// What the map knows a key by.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = self.hasher;
        hasher.write(key);
        let hash = hasher.finish128();
        KeyHash(hash.h1, hash.h2)
    }

    /// Has the processor fetch the slots of many keys at once: one after the other, each look waits
    /// for memory.
    pub fn fetch(&self, hashes: impl Iterator<Item = KeyHash>) {
        let slots = hashes.filter_map(|hash| self.slots.get(self.place(hash)));
        black_box(slots.fold(0, |all, [.., next]| all ^ next));
    }

    /// Where a key's slot is looked for first. The upper bits choose among any number of slots
    /// without a division.
    fn place(&self, hash: KeyHash) -> usize {
        ((u128::from(hash.0) * self.slots.len() as u128) >> 64) as usize
    }

    /// The key's slot, or the empty one that it would take. There is always an empty one.
    fn find(&self, hash: KeyHash) -> usize {
        let count = self.slots.len();
        let mut at = self.place(hash);
        while let Some(slot) = self.slots.get(at)
            && !is_empty(slot)
            && slot[..2] != [hash.0, hash.1]
        {
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        at
    }
}

const fn is_empty([.., next]: &Slot) -> bool {
    *next == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// It is made by the core, which must not wait for so much memory to be cleared.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "only /proc tells what memory was taken"
    )]
    fn an_empty_map_takes_no_memory() {
        let pages = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            text.split(' ').nth(1).unwrap().parse::<i64>().unwrap()
        };
        let before = pages();
        let map = OffsetMap::new(1 << 30, 3);
        // Other tests take memory meanwhile.
        assert!(pages() - before < (256 << 20) / 4096);
        assert_eq!(map.len(), 0);
    }

    #[test]
    fn a_full_map_takes_known_keys_only() {
        let mut map = OffsetMap::new(20 * size_of::<Slot>(), 3);
        let taken = (0..100).take_while(|i: &i64| {
            let hash = map.hash(&i.to_be_bytes());
            map.put(hash, Offset::new(*i))
        });
        assert_eq!(taken.count(), 18);
        let (known, unknown) = (
            map.hash(&7_i64.to_be_bytes()),
            map.hash(&50_i64.to_be_bytes()),
        );
        assert!(map.put(known, Offset::new(200)));
        assert_eq!(map.newest(known), Some(Offset::new(200)));
        assert_eq!(map.newest(unknown), None);
    }

    #[test]
    fn the_smallest_map_takes_a_key() {
        let mut map = OffsetMap::new(0, 3);
        let (a, b) = (map.hash(b"a"), map.hash(b"b"));
        assert!(map.put(a, Offset::ZERO));
        assert!(!map.put(b, Offset::new(1)));
        assert_eq!(map.newest(a), Some(Offset::ZERO));
    }

    proptest! {
        #[test]
        fn it_says_what_a_tree_says(keys: Vec<u8>, seed: u64) {
            let mut map = OffsetMap::new(1 << 16, seed);
            let mut tree = BTreeMap::new();
            for (offset, key) in (0..).map(Offset::new).zip(&keys) {
                let hash = map.hash(&[*key]);
                prop_assert!(map.put(hash, offset));
                tree.insert(*key, offset);
            }
            for key in 0..=u8::MAX {
                prop_assert_eq!(map.newest(map.hash(&[key])), tree.get(&key).copied());
            }
            prop_assert_eq!(map.len(), tree.len());
        }
    }
}
