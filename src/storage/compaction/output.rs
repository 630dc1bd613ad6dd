//! A segment while it is written out of others: a cleaned one beside those that it is made of, or a
//! copy.

use crate::record::BatchHeader;
use crate::storage::chunk_checksums::ChunkChecksums;
use crate::storage::disk::{Disk, FileRef, OpenMode, discard_if_there, write_all};
use crate::storage::index::IndexBuilder;
use crate::types::{Offset, Position};
use std::io;
use std::path::Path;

/// How much one call writes: to copy that takes some 0.1 ms.
const BYTES_PER_STEP: usize = 128 * 1024;

/// What is written in place of other segments.
#[derive(Debug)]
pub(in crate::storage) struct Output {
    pub(in crate::storage) base: Offset,
    pub(in crate::storage) file: FileRef,
    pub(in crate::storage) size: u64,
    pub(in crate::storage) index: IndexBuilder,
    pub(in crate::storage) checksums: ChunkChecksums,
    /// Whether anything is another than before.
    pub(in crate::storage) is_changed: bool,
    /// Written bytes of whole batches.
    buffer: Vec<u8>,
}

impl Output {
    pub(in crate::storage) fn create(
        disk: &dyn Disk,
        path: &Path,
        base: Offset,
        interval_bytes: u32,
    ) -> io::Result<Self> {
        // Left by an attempt that failed.
        discard_if_there(disk, path)?;
        let file = disk.open(path, OpenMode::CreateNew)?;
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
    pub(in crate::storage) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes so far.
    pub(in crate::storage) fn length(&self) -> u64 {
        self.size + self.buffer.len() as u64
    }

    /// Writes what the buffer has, and waits until the device has taken it, so that it is never kept
    /// busy for long. Pieces are not synced: a commit of the file system for each of them makes all
    /// who append to other files wait. `give_way` is called between short steps.
    pub(in crate::storage) fn flush(&mut self, give_way: &dyn Fn()) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let from = Position::new(self.size);
        let mut upto = from;
        for step in self.buffer.chunks(BYTES_PER_STEP) {
            give_way();
            write_all(&*self.file, upto, step)?;
            upto = upto.advanced(step.len() as u64);
        }
        self.file.write_back(from, upto)?;
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

    /// Makes all of it durable.
    pub(in crate::storage) fn sync(&mut self, give_way: &dyn Fn()) -> io::Result<()> {
        self.flush(give_way)?;
        self.file.sync()
    }
}
