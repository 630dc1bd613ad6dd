//! A cleaned segment while it is written, beside those that it is made of.

use super::swap;
use crate::record::BatchHeader;
use crate::storage::chunk_checksums::ChunkChecksums;
use crate::storage::disk::{Disk, FileRef, OpenMode, remove_if_there, write_all};
use crate::storage::index::IndexBuilder;
use crate::types::{Offset, Position};
use std::io;
use std::path::Path;

/// What is written in place of a group of segments.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) base: Offset,
    pub(super) file: FileRef,
    pub(super) size: u64,
    pub(super) index: IndexBuilder,
    pub(super) checksums: ChunkChecksums,
    /// Whether anything is another than before.
    pub(super) is_changed: bool,
    /// Written bytes of whole batches.
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn create(
        disk: &dyn Disk,
        directory: &Path,
        base: Offset,
        interval_bytes: u32,
    ) -> io::Result<Self> {
        let path = swap::cleaned_path(directory, base);
        // Left by an attempt that failed.
        remove_if_there(disk, &path)?;
        let file = disk.open(&path, OpenMode::CreateNew)?;
        Ok(Self {
            base,
            file,
            size: 0,
            index: IndexBuilder::new(base, interval_bytes),
            checksums: ChunkChecksums::default(),
            is_changed: false,
            buffer: Vec::new(),
        })
    }

    /// Where batches are appended before they are written.
    pub(super) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.size + self.buffer.len() as u64
    }

    /// Writes what the buffer has, durably: a piece at a time, so that the device is never kept busy
    /// for long.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        write_all(&*self.file, Position::new(self.size), &self.buffer)?;
        self.file.sync()?;
        self.checksums.push(&self.buffer);
        let mut at = 0;
        while let Some(rest) = self.buffer.get(at..).filter(|rest| !rest.is_empty()) {
            let header = BatchHeader::read(rest).expect("whole batches were put there");
            let position = Position::new(self.size + at as u64);
            self.index.push_header(position, &header);
            at += header.size();
        }
        self.size += at as u64;
        self.buffer.clear();
        Ok(())
    }
}
