//! Segments as memory to send from, and the system calls that no safe wrapper offers.
//!
//! A load from a mapping dies of SIGBUS on a disk error, so no byte of one is ever looked at here:
//! [`MappedRange`] has no `Deref` and its pointer goes only to `madvise`, `mincore` and `send`,
//! which report EFAULT instead.
#![expect(
    unsafe_code,
    reason = "mmap, mincore and sync_file_range have no safe wrapper"
)]

use crate::types::Position;
use memmap2::{Advice, Mmap, MmapOptions};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// The least length of a mapping: a segment is mapped once, at its maximum length, since addresses
/// cost nothing and a second mapping would have to be populated anew.
const MAPPING_BYTES_MIN: u64 = 1 << 30;

const PAGE_BYTES: usize = 4096;

/// One file's read-only mapping, reaching past its end.
#[derive(Debug)]
pub(super) struct Mapping {
    map: Mmap,
}

impl Mapping {
    /// Maps a file from its start to at least `upto`.
    pub(super) fn new(file: &File, upto: Position) -> io::Result<Arc<Self>> {
        let length = upto
            .get()
            .max(MAPPING_BYTES_MIN)
            .checked_next_power_of_two();
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: the mapping is private to this file and its bytes are never read as Rust memory:
        // only their addresses leave, towards system calls.
        let map = unsafe { MmapOptions::new().len(length).map(file)? };
        Ok(Arc::new(Self { map }))
    }

    pub(super) fn covers(&self, upto: Position) -> bool {
        upto.get() <= self.map.len() as u64
    }

    /// Makes a range resident and mapped; waits for the device where it must.
    pub(super) fn populate(&self, from: Position, upto: Position) -> io::Result<()> {
        let (offset, length) = self.pages(from, upto);
        if length == 0 {
            return Ok(());
        }
        self.map.advise_range(Advice::PopulateRead, offset, length)
    }

    /// Whether every page of a range is in the page cache.
    pub(super) fn is_resident(&self, from: Position, upto: Position) -> bool {
        let (offset, length) = self.pages(from, upto);
        let mut pages = vec![0_u8; length.div_ceil(PAGE_BYTES)];
        let start = self.map.as_ptr().wrapping_add(offset).cast_mut();
        // SAFETY: the pages lie within the mapping, which is alive, and `pages` has a byte for each.
        let result = unsafe { libc::mincore(start.cast(), length, pages.as_mut_ptr()) };
        result == 0 && pages.iter().all(|page| page & 1 == 1)
    }

    /// The whole pages around a range, as offset and length within the mapping.
    fn pages(&self, from: Position, upto: Position) -> (usize, usize) {
        let upto = (upto.get() as usize).min(self.map.len());
        let from = (from.get() as usize).min(upto) / PAGE_BYTES * PAGE_BYTES;
        (from, upto - from)
    }
}

/// Bytes of a segment as memory to send from. Keeps the mapping alive, also past the segment's
/// removal. The bytes are addressed, never read: see the module.
#[derive(Debug, Clone)]
pub struct MappedRange {
    mapping: Arc<Mapping>,
    from: usize,
    length: usize,
}

impl MappedRange {
    /// The bytes of a mapping between two positions; `None` where they reach past it.
    pub(super) fn new(mapping: &Arc<Mapping>, from: Position, upto: Position) -> Option<Self> {
        if from > upto || !mapping.covers(upto) {
            return None;
        }
        let (from, length) = (from.get() as usize, upto.since(from) as usize);
        Some(Self {
            mapping: Arc::clone(mapping),
            from,
            length,
        })
    }

    /// The first byte's address, valid for [`MappedRange::length`] bytes while this range lives,
    /// and for system calls only: a load may die of SIGBUS.
    pub fn pointer(&self) -> *const u8 {
        self.mapping.map.as_ptr().wrapping_add(self.from)
    }

    /// How many bytes.
    pub const fn length(&self) -> usize {
        self.length
    }
}

/// Starts writing a range of dirty pages back, without waiting and without any promise.
pub(super) fn start_writeback(file: &File, from: Position, upto: Position) -> io::Result<()> {
    sync_range(file, from, upto, libc::SYNC_FILE_RANGE_WRITE)
}

/// Writes a range of dirty pages back and waits until the device has taken them, without any
/// promise.
pub(super) fn write_back(file: &File, from: Position, upto: Position) -> io::Result<()> {
    let flags = libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    sync_range(file, from, upto, flags)
}

fn sync_range(file: &File, from: Position, upto: Position, flags: libc::c_uint) -> io::Result<()> {
    let (offset, length) = (from.get() as i64, upto.since(from) as i64);
    // SAFETY: the call takes no memory; the descriptor is open while `file` is borrowed.
    let result = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, flags) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
