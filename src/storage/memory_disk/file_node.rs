//! A simulated file: what the page cache shows, and what the device would give back.
//!
//! Invariant: outside the dirty sectors both agree, up to the durable length, unless a sync failed.

use std::collections::BTreeSet;

/// The unit that a device writes atomically, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct FileNode {
    /// What readers see.
    volatile: Vec<u8>,
    /// What a power cut leaves at least.
    durable: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    /// A sync failed, so that clean sectors may differ.
    diverged: bool,
    /// Space taken up to here, whatever the length.
    reserved: usize,
}

impl FileNode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.volatile
    }

    /// The space that this file takes on the device.
    pub(super) fn space(&self) -> usize {
        self.reserved.max(self.volatile.len())
    }

    pub(super) fn write(&mut self, position: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let upto = position + bytes.len();
        let touched_from = position.min(self.volatile.len());
        if self.volatile.len() < upto {
            self.volatile.resize(upto, 0);
        }
        self.volatile[position..upto].copy_from_slice(bytes);
        self.mark(touched_from, upto);
    }

    /// Writes whole sectors past the page cache: they are on the device.
    pub(super) fn write_direct(&mut self, position: usize, bytes: &[u8]) {
        self.write(position, bytes);
        let upto = position + bytes.len();
        self.durable.resize(self.durable.len().max(upto), 0);
        for sector in position / SECTOR_BYTES..upto / SECTOR_BYTES {
            self.dirty.remove(&sector);
            copy_sector(&mut self.durable, &self.volatile, sector);
        }
    }

    /// The same, cut short: any of the sectors get there, none and all included.
    pub(super) fn write_torn(&mut self, position: usize, bytes: &[u8], rng: &mut fastrand::Rng) {
        let mood = rng.u8(..4);
        for (at, sector) in bytes.chunks_exact(SECTOR_BYTES).enumerate() {
            if mood == 0 || (mood > 1 && rng.bool()) {
                self.write_direct(position + at * SECTOR_BYTES, sector);
            }
        }
    }

    pub(super) fn reserve(&mut self, upto: usize) {
        self.reserved = self.reserved.max(upto);
    }

    pub(super) fn truncate(&mut self, length: usize) {
        let before = self.volatile.len();
        self.volatile.resize(length, 0);
        self.reserved = length;
        self.mark(before.min(length), before.max(length));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.volatile.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            copy_sector(&mut self.durable, &self.volatile, sector);
        }
    }

    /// A failed sync as Linux does it: the pages count as clean from now on, the device never got
    /// them, and a second sync succeeds.
    pub(super) fn sync_failed(&mut self) {
        self.dirty.clear();
        self.diverged = true;
    }

    /// Drops clean pages, so that reading shows what the device has.
    pub(super) fn evict(&mut self) {
        if !std::mem::take(&mut self.diverged) {
            return;
        }
        for sector in 0..self.volatile.len().div_ceil(SECTOR_BYTES) {
            if !self.dirty.contains(&sector) {
                restore_sector(&mut self.volatile, &self.durable, sector);
            }
        }
    }

    /// Flips bits in both states, as a device that rots.
    pub(super) fn corrupt(&mut self, position: usize, mask: u8) {
        for bytes in [&mut self.volatile, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(position) {
                *byte ^= mask;
            }
        }
    }

    /// Settles what the device has after the power went: each sector that was not synced is there,
    /// as it was before, or zero where nothing was before.
    pub(super) fn power_cut(&mut self, rng: &mut fastrand::Rng) {
        let shorter = self.volatile.len().min(self.durable.len());
        let longer = self.volatile.len().max(self.durable.len());
        let length = match rng.u8(..3) {
            0 => self.durable.len(),
            1 => self.volatile.len(),
            _ => rng.usize(shorter..=longer),
        };
        let old = std::mem::take(&mut self.durable);
        let mut settled = old.clone();
        settled.resize(length, 0);
        // Often all or nothing got through in time; the rest of the cuts mix per sector.
        let mood = rng.u8(..6);
        for sector in std::mem::take(&mut self.dirty) {
            let fresh = sector * SECTOR_BYTES >= old.len();
            let fate = if mood < 3 { mood } else { rng.u8(..3) };
            match fate {
                0 => {}
                1 if fresh => restore_sector(&mut settled, &[], sector),
                _ => copy_sector(&mut settled, &self.volatile, sector),
            }
        }
        self.reserved = length;
        self.volatile.clone_from(&settled);
        self.durable = settled;
    }

    fn mark(&mut self, from: usize, upto: usize) {
        if from < upto {
            let last = (upto - 1) / SECTOR_BYTES;
            self.dirty.extend(from / SECTOR_BYTES..=last);
        }
    }
}

/// Copies what both hold of one sector.
fn copy_sector(to: &mut [u8], from: &[u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(to.len()).min(from.len());
    if start < end {
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

/// Sets one sector to what `from` has there, zeros where it has nothing.
fn restore_sector(to: &mut [u8], from: &[u8], sector: usize) {
    let start = sector * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(to.len());
    if start < end {
        to[start..end].fill(0);
        copy_sector(to, from, sector);
    }
}
