//! The newest offset of every key, in a fixed number of bytes.
//!
//! Keys are known by 88 bits of a keyed hash (SipHash-1-3), so that nobody can send a key that is
//! taken for another one's. Open addressing, nothing is ever removed.

use crate::types::Offset;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::hint::black_box;

/// The table is full at this many used slots of [`SLOTS_PER`].
const USED_PER: usize = 9;
const SLOTS_PER: usize = 10;
/// Keys that are looked for together: what they are found in fits into the nearest cache.
const KEYS_AT_ONCE: usize = 128;

/// The bits of a slot that say an offset.
const OFFSET_BITS: u32 = 40;
const OFFSET_MAX: i64 = (1 << OFFSET_BITS) - 1;

/// The newest offset of every key seen.
#[derive(Debug)]
pub struct OffsetMap {
    hasher: SipHasher13,
    slots: Vec<Slot>,
    used: usize,
    used_max: usize,
    /// The one before the first that was put: slots say by how much others are larger.
    origin: Option<Offset>,
}

/// What a key is known by: its hash, the bits that say an offset left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(u128);

/// A key's hash, and in the low bits by how much its newest offset is larger than the origin, at
/// least 1; an empty one is 0. Four fill a cache line.
type Slot = u128;

impl OffsetMap {
    /// A map that takes at most `bytes_max` bytes of memory, or what one key takes. Memory that no
    /// key was put to is not taken from the system. `seed` keys the hash.
    pub fn new(bytes_max: usize, seed: u64) -> Self {
        let slots = (bytes_max / size_of::<Slot>()).max(2);
        Self {
            hasher: SipHasher13::new_with_keys(seed, !seed.rotate_left(32)),
            slots: vec![0; slots],
            used: 0,
            used_max: (slots * USED_PER / SLOTS_PER).max(1),
            origin: None,
        }
    }

    /// Remembers the offsets, each larger than all before, as their keys' newest. Gives the first
    /// one that there is no room for; those after it are not looked at.
    #[must_use]
    pub fn put_all(&mut self, keys: &[(KeyHash, Offset)]) -> Option<Offset> {
        for keys in keys.chunks(KEYS_AT_ONCE) {
            self.fetch(keys.iter().map(|(hash, _)| *hash));
            let refused = keys.iter().find(|(hash, offset)| !self.put(*hash, *offset));
            if let Some((_, offset)) = refused {
                return Some(*offset);
            }
        }
        None
    }

    /// Remembers one; false if there is no room for it.
    #[must_use]
    pub fn put(&mut self, hash: KeyHash, offset: Offset) -> bool {
        let origin = *self.origin.get_or_insert(Offset::new(offset.get() - 1));
        let distance = offset.since(origin);
        let is_full = self.used >= self.used_max;
        let at = self.find(hash);
        let Some(slot) = self.slots.get_mut(at).filter(|_| distance <= OFFSET_MAX) else {
            return false;
        };
        if *slot == 0 {
            if is_full {
                return false;
            }
            self.used += 1;
        }
        *slot = hash.0 | u128::from(distance.cast_unsigned());
        true
    }

    /// Appends the newest offset of each key to `newest`.
    pub fn newest_of_all(&self, hashes: &[KeyHash], newest: &mut Vec<Option<Offset>>) {
        for hashes in hashes.chunks(KEYS_AT_ONCE) {
            self.fetch(hashes.iter().copied());
            newest.extend(hashes.iter().map(|hash| self.newest(*hash)));
        }
    }

    /// The newest offset of a key.
    pub fn newest(&self, hash: KeyHash) -> Option<Offset> {
        let slot = *self.slots.get(self.find(hash))?;
        let distance = slot as i64 & OFFSET_MAX;
        let origin = self.origin.filter(|_| distance > 0)?;
        Some(Offset::new(origin.get() + distance))
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
        let hash = hasher.finish128().as_u128();
        KeyHash(hash >> OFFSET_BITS << OFFSET_BITS)
    }

    /// Has the processor fetch the slots of many keys at once: one after the other, each look waits
    /// for memory.
    fn fetch(&self, hashes: impl Iterator<Item = KeyHash>) {
        let slots = hashes.filter_map(|hash| self.slots.get(self.place(hash)));
        black_box(slots.fold(0, |all, slot| all ^ *slot as u64));
    }

    /// Where a key's slot is looked for first. The upper bits choose among any number of slots
    /// without a division.
    fn place(&self, hash: KeyHash) -> usize {
        (((hash.0 >> 64) * self.slots.len() as u128) >> 64) as usize
    }

    /// The key's slot, or the empty one that it would take. There is always an empty one.
    fn find(&self, hash: KeyHash) -> usize {
        let count = self.slots.len();
        let mut at = self.place(hash);
        while let Some(slot) = self.slots.get(at)
            && *slot != 0
            && slot >> OFFSET_BITS != hash.0 >> OFFSET_BITS
        {
            at = if at + 1 == count { 0 } else { at + 1 };
        }
        at
    }
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

    #[test]
    fn offsets_too_far_from_the_first_find_no_room() {
        let mut map = OffsetMap::new(1 << 10, 3);
        let hash = map.hash(b"a");
        let first = i64::MAX - OFFSET_MAX;
        let last = Offset::new(first + OFFSET_MAX - 1);
        let keys = [Offset::new(first), last, last.next()].map(|offset| (hash, offset));
        assert_eq!(map.put_all(&keys), Some(last.next()));
        assert_eq!(map.newest(hash), Some(last));
    }

    proptest! {
        #[test]
        fn it_says_what_a_tree_says(keys: Vec<u8>, first in 0..i64::MAX / 2, seed: u64) {
            let mut map = OffsetMap::new(1 << 16, seed);
            let offsets = (first..).map(Offset::new);
            let tree: BTreeMap<u8, Offset> = keys.iter().copied().zip(offsets.clone()).collect();
            let hashes = keys.iter().map(|key| map.hash(&[*key]));
            let keys: Vec<(KeyHash, Offset)> = hashes.zip(offsets).collect();
            prop_assert_eq!(map.put_all(&keys), None);
            let hashes: Vec<KeyHash> = (0..=u8::MAX).map(|key| map.hash(&[key])).collect();
            let mut newest = Vec::new();
            map.newest_of_all(&hashes, &mut newest);
            let wanted: Vec<_> = (0..=u8::MAX).map(|key| tree.get(&key).copied()).collect();
            prop_assert_eq!(newest, wanted);
            prop_assert_eq!(map.len(), tree.len());
        }
    }
}
