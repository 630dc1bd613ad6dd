//! A simulated directory: its names as the process sees them, and as a power cut leaves them.
//!
//! Names that were not synced are lost from the newest on, as a file system with an ordered
//! metadata journal loses them; a rename is never half done.

use std::collections::BTreeMap;

/// Names an inode of a [`MemoryDisk`](super::MemoryDisk).
pub(super) type Inode = u64;

#[derive(Debug, Clone, Default)]
pub(super) struct DirectoryNode {
    volatile: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    /// What turns `durable` into `volatile`, in order.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Link { name: String, inode: Inode },
    Unlink { name: String },
    Rename { from: String, to: String },
    Exchange { one: String, other: String },
}

impl DirectoryNode {
    pub(super) fn names(&self) -> &BTreeMap<String, Inode> {
        &self.volatile
    }

    /// Everything reachable, now or after a power cut.
    pub(super) fn inodes(&self) -> impl Iterator<Item = Inode> + '_ {
        let pending = self.pending.iter().filter_map(|change| match change {
            Change::Link { inode, .. } => Some(*inode),
            _ => None,
        });
        let named = self.volatile.values().chain(self.durable.values());
        named.copied().chain(pending)
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.volatile, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.volatile);
        self.pending.clear();
    }

    pub(super) fn power_cut(&mut self, rng: &mut fastrand::Rng) {
        let kept = rng.usize(0..=self.pending.len());
        for change in self.pending.drain(..).take(kept) {
            apply(&mut self.durable, &change);
        }
        self.volatile.clone_from(&self.durable);
    }
}

fn apply(names: &mut BTreeMap<String, Inode>, change: &Change) {
    match change {
        Change::Link { name, inode } => {
            names.insert(name.clone(), *inode);
        }
        Change::Unlink { name } => {
            names.remove(name);
        }
        Change::Exchange { one, other } => {
            if let (Some(first), Some(second)) = (names.remove(one), names.remove(other)) {
                names.insert(one.clone(), second);
                names.insert(other.clone(), first);
            }
        }
        Change::Rename { from, to } => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}
