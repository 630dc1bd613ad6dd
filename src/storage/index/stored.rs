//! The index files of a sealed segment.

use super::{OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES};
use crate::storage::disk::{File, FileRef};
use crate::types::Position;
use std::cell::Cell;
use std::io;

const CHECKSUM_BUFFER_BYTES: usize = 64 * 1024;

/// The indexes of a sealed segment, searched where they lie: nothing of them stays in memory.
#[derive(Debug, Clone)]
pub(in crate::storage) struct StoredIndex {
    pub(super) offsets: FileRef,
    pub(super) offset_count: u64,
    pub(super) times: FileRef,
    pub(super) time_count: u64,
    /// The checksums of both, until the first use has compared them.
    unverified: Cell<Option<(u32, u32)>>,
}

impl StoredIndex {
    /// `checksums` are compared on first use; they are none if this process wrote the files.
    pub(in crate::storage) fn new(
        offsets: FileRef,
        times: FileRef,
        checksums: Option<(u32, u32)>,
    ) -> io::Result<Self> {
        let offset_count = offsets.length()?.get() / OFFSET_ENTRY_BYTES as u64;
        let time_count = times.length()?.get() / TIME_ENTRY_BYTES as u64;
        Ok(Self {
            offsets,
            offset_count,
            times,
            time_count,
            unverified: Cell::new(checksums),
        })
    }

    /// Whether the files are what was written. Hints are not synced, so a power cut may leave
    /// zeros of them.
    pub(super) fn is_sound(&self) -> io::Result<bool> {
        let Some(checksums) = self.unverified.get() else {
            return Ok(true);
        };
        let is_sound = (checksum(&*self.offsets)?, checksum(&*self.times)?) == checksums;
        if is_sound {
            self.unverified.set(None);
        }
        Ok(is_sound)
    }

    /// Gives the open files up, so that they are closed where waiting is allowed.
    pub(in crate::storage) fn into_files(self) -> [FileRef; 2] {
        [self.offsets, self.times]
    }
}

/// The CRC-32C of a whole file.
fn checksum(file: &dyn File) -> io::Result<u32> {
    let mut buffer = vec![0; CHECKSUM_BUFFER_BYTES];
    let (mut crc, mut position) = (0, Position::ZERO);
    loop {
        let read = file.read_at(position, &mut buffer)?;
        if read == 0 {
            return Ok(crc);
        }
        crc = crc32c::crc32c_append(crc, &buffer[..read]);
        position = position.advanced(read as u64);
    }
}
