//! A disk in memory for tests and simulation, which loses what was not synced and fails on demand.
//!
//! The same seed and the same calls give the same outcome. Process crash (the page cache survives)
//! and power cut (it does not) are different events. Handles opened before either are dead after.

mod directory_node;
mod fault;
mod file_node;
mod state;

pub use fault::{FaultKind, Operation};

use super::disk::{DirectoryEntry, Disk, File, FileRef, OpenMode, Volume, check_alignment};
use super::mapping::MappedRange;
use crate::types::Position;
use directory_node::Inode;
use fault::Fault;
use state::State;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// A simulated disk; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

impl MemoryDisk {
    /// An empty disk whose misfortunes follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::of(State::new(seed))
    }

    fn of(state: State) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// An independent disk in the same state, without open handles.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state().clone();
        state.process_crash();
        Self::of(state)
    }

    /// The process dies: the page cache survives, handles do not.
    pub fn process_crash(&self) {
        self.state().process_crash();
    }

    /// The power goes: of what was not synced, any part may be lost.
    pub fn power_cut(&self) {
        self.state().power_cut();
    }

    /// Drops clean pages: reading shows what the device has, which after a failed sync is not what
    /// was written.
    pub fn evict(&self) {
        self.state().evict();
    }

    /// How many operations changed the disk, or tried to.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets `operations` more changes succeed and the process die in the one after, which may be
    /// done in part; ends with [`MemoryDisk::process_crash`] or [`MemoryDisk::power_cut`].
    pub fn crash_after(&self, operations: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.operations + operations);
    }

    /// Whether `crash_after` struck.
    pub fn is_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Lets `after` more operations of a kind succeed and the next one fail.
    pub fn fail_once(&self, operation: Operation, after: u64, kind: FaultKind) {
        self.state().faults.push(Fault {
            operation,
            after,
            kind,
            lasting: false,
        });
    }

    /// Lets `after` more operations of a kind succeed and all later ones fail.
    pub fn fail_always(&self, operation: Operation, after: u64, kind: FaultKind) {
        self.state().faults.push(Fault {
            operation,
            after,
            kind,
            lasting: true,
        });
    }

    /// Takes back all failures to come.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Limits the space for all files together, in bytes.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The space that all files take, reservations included, in bytes.
    pub fn space_used(&self) -> u64 {
        self.state().space_used()
    }

    /// With `true`, ranges count as not resident, so that every send needs a populate first.
    pub fn set_cold(&self, cold: bool) {
        self.state().cold = cold;
    }

    /// Flips the bits of `mask` in one byte of a file, on the device too.
    pub fn corrupt(&self, path: &Path, position: Position, mask: u8) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.resolve(path)?;
        state
            .file_mut(inode)?
            .corrupt(position.get() as usize, mask);
        Ok(())
    }

    /// The whole content of a file.
    pub fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let inode = state.resolve(path)?;
        Ok(state.file_mut(inode)?.bytes().to_vec())
    }

    /// Replaces the whole content of a file durably, making it and its directory where missing.
    pub fn write_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.state().put(path, bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn changed<T>(
        &self,
        operation: Operation,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        state.begin(operation)?;
        change(&mut state)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<FileRef> {
        let mut state = self.state();
        let creates = match mode {
            OpenMode::CreateNew => true,
            OpenMode::Direct => state.resolve(path).is_err(),
            OpenMode::ReadWrite | OpenMode::ReadOnly => false,
        };
        let inode = if creates {
            state.begin(Operation::Open)?;
            state.create(path)?
        } else {
            state.begin_unchanged(Operation::Open)?;
            state.resolve(path)?
        };
        state.file_mut(inode)?;
        let generation = state.generation;
        state.opened(inode);
        drop(state);
        let disk = self.clone();
        Ok(Arc::new(MemoryFile {
            disk,
            inode,
            generation,
            mode,
        }))
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.changed(Operation::CreateDirectory, |state| {
            state.create_directory(path)
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        self.changed(Operation::List, |state| state.list(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.changed(Operation::Rename, |state| state.rename(from, to))
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.changed(Operation::Rename, |state| state.exchange(one, other))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.changed(Operation::RemoveFile, |state| state.remove(path, false))
    }

    fn discard_file(&self, path: &Path) -> io::Result<()> {
        self.changed(Operation::RemoveFile, |state| state.discard(path))
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.changed(Operation::RemoveDirectory, |state| state.remove(path, true))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.changed(Operation::SyncDirectory, |state| {
            let inode = state.resolve(path)?;
            state.directory_mut(inode)?.sync();
            state.loosen();
            Ok(())
        })
    }

    fn volume(&self, _path: &Path) -> io::Result<Volume> {
        let mut state = self.state();
        let used = state.space_used();
        let total_bytes = state.capacity.unwrap_or(u64::MAX);
        Ok(Volume {
            total_bytes,
            usable_bytes: state
                .capacity
                .map_or(u64::MAX, |all| all.saturating_sub(used)),
        })
    }
}

/// An open simulated file.
#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    inode: Inode,
    generation: u64,
    mode: OpenMode,
}

impl MemoryFile {
    /// The disk's state, unless the process that opened this file is dead.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.generation == self.generation {
            Ok(state)
        } else {
            Err(fault::dead())
        }
    }

    fn alive_writable(&self) -> io::Result<MutexGuard<'_, State>> {
        if !self.mode.writes() {
            return Err(rustix::io::Errno::BADF.into());
        }
        self.alive()
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if let Ok(mut state) = self.disk.state.lock()
            && state.generation == self.generation
        {
            state.closed(self.inode);
        }
    }
}

impl File for MemoryFile {
    fn write_at(&self, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let direct = self.mode == OpenMode::Direct;
        if direct {
            check_alignment(position, parts)?;
        }
        self.alive_writable()?
            .write(self.inode, position.get() as usize, &bytes, direct)
    }

    fn read_at(&self, position: Position, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.alive()?;
        state.begin(Operation::Read)?;
        let bytes = state.file_mut(self.inode)?.bytes();
        let rest = usize::try_from(position.get())
            .ok()
            .and_then(|from| bytes.get(from..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn reserve(&self, upto: Position) -> io::Result<()> {
        let mut state = self.alive_writable()?;
        state.begin(Operation::Reserve)?;
        state.check_space(self.inode, upto.get() as usize)?;
        state.file_mut(self.inode)?.reserve(upto.get() as usize);
        Ok(())
    }

    fn truncate(&self, length: Position) -> io::Result<()> {
        let mut state = self.alive_writable()?;
        state.begin(Operation::Truncate)?;
        state.file_mut(self.inode)?.truncate(length.get() as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let begun = state.begin(Operation::Sync);
        let dead = state.crashed;
        let file = state.file_mut(self.inode)?;
        match begun {
            Ok(()) => file.sync(),
            Err(_) if dead => {}
            Err(_) => file.sync_failed(),
        }
        begun
    }

    fn write_behind(&self, _from: Position, _upto: Position) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn write_back(&self, _from: Position, _upto: Position) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn forget_cached(&self) -> io::Result<()> {
        self.alive()?.file_mut(self.inode)?.evict();
        Ok(())
    }

    fn length(&self) -> io::Result<Position> {
        let mut state = self.alive()?;
        let length = state.file_mut(self.inode)?.bytes().len();
        Ok(Position::new(length as u64))
    }

    fn populate(&self, _from: Position, _upto: Position) -> io::Result<()> {
        self.alive()?.begin(Operation::Populate)
    }

    fn is_resident(&self, _from: Position, _upto: Position) -> bool {
        self.alive().is_ok_and(|state| !state.cold)
    }

    fn mapped(&self, _from: Position, _upto: Position) -> Option<MappedRange> {
        None
    }
}

#[cfg(test)]
mod tests;
