//! A segment that is compacted: read in pieces of whole batches, checked against what is known of it.

use crate::record::{Batch, BatchHeader, Batches, HEADER_BYTES};
use crate::storage::disk::{File, FileRef};
use crate::types::{Offset, Position};
use bytes::Bytes;
use std::io;
use std::path::PathBuf;

/// A sealed segment as the log knows it.
#[derive(Debug, Clone)]
pub(in crate::storage) struct Source {
    /// For messages.
    pub(in crate::storage) path: PathBuf,
    pub(in crate::storage) base: Offset,
    /// The offset after the last.
    pub(in crate::storage) end: Offset,
    pub(in crate::storage) file: FileRef,
    /// Valid bytes.
    pub(in crate::storage) size: u64,
    /// Whether batches may be missing from it.
    pub(in crate::storage) is_cleaned: bool,
}

/// A place in a source, at the beginning of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    position: u64,
    /// The next offset, at least.
    next: Offset,
}

impl Cursor {
    pub(super) fn new(source: &Source) -> Self {
        Self {
            position: 0,
            next: source.base,
        }
    }

    pub(super) const fn is_at_end(&self, source: &Source) -> bool {
        self.position >= source.size
    }
}

impl Source {
    /// Hands the batches of the next piece to `each`, in order, their checksums verified: about
    /// `bytes_max` bytes, but one batch at least. Gives the bytes read.
    ///
    /// # Errors
    ///
    /// What the disk says; of kind [`io::ErrorKind::InvalidData`] if the segment is not what was
    /// written. Those of `each`.
    pub(super) fn visit(
        &self,
        cursor: &mut Cursor,
        bytes_max: usize,
        mut each: impl FnMut(&Batch) -> io::Result<Onward>,
    ) -> io::Result<usize> {
        let piece = self.piece(cursor.position, bytes_max)?;
        let length = piece.len();
        for batch in Batches::new(piece) {
            let batch = batch.map_err(|error| self.damaged(cursor.position, &error))?;
            let header = batch.header();
            self.check(cursor, header)?;
            let onward = each(&batch)?;
            cursor.position += header.size() as u64;
            cursor.next = header.next_offset();
            if onward == Onward::Stop {
                return Ok(length);
            }
        }
        if cursor.position == self.size && cursor.next != self.end {
            let problem = format!("it ends before offset {}, not {}", cursor.next, self.end);
            return Err(self.damaged(cursor.position, &problem));
        }
        Ok(length)
    }

    fn check(&self, cursor: &Cursor, header: &BatchHeader) -> io::Result<()> {
        let (base, next) = (header.base_offset(), cursor.next);
        let follows = base == next || (self.is_cleaned && base > next);
        if follows && header.next_offset() <= self.end {
            return Ok(());
        }
        let problem = format!("a batch of offset {base} where {next} is next");
        Err(self.damaged(cursor.position, &problem))
    }

    /// Whole batches from `position` on.
    fn piece(&self, position: u64, bytes_max: usize) -> io::Result<Bytes> {
        let rest = self.size - position;
        let wanted = (bytes_max.max(HEADER_BYTES) as u64).min(rest);
        let mut bytes = read_exactly(&*self.file, position, wanted as usize)?;
        let whole = whole_batches(&bytes);
        if whole > 0 {
            bytes.truncate(whole);
            return Ok(bytes.into());
        }
        let header = BatchHeader::read(&bytes).map_err(|error| self.damaged(position, &error))?;
        if header.size() as u64 > rest {
            let problem = format!("a batch of {} bytes, {rest} are there", header.size());
            return Err(self.damaged(position, &problem));
        }
        Ok(read_exactly(&*self.file, position, header.size())?.into())
    }

    fn damaged(&self, position: u64, reason: &dyn std::fmt::Display) -> io::Error {
        let message = format!("{}, byte {position}: {reason}", self.path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

/// Whether a visit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onward {
    Continue,
    Stop,
}

fn read_exactly(file: &dyn File, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    if file.read_at(Position::new(position), &mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Bytes of the whole batches at the front.
fn whole_batches(bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(rest) = bytes.get(whole..)
        && let Ok(header) = BatchHeader::read(rest)
        && header.size() <= rest.len()
    {
        whole += header.size();
    }
    whole
}
