//! Walking a segment from batch to batch.
//!
//! Reads by `pread`, never through a mapping. Nothing is read past `upto`, and no buffer grows past
//! what the file has.

use super::disk::File;
use crate::record::{BatchError, BatchHeader, HEADER_BYTES, validate_slice};
use crate::types::Position;
use std::io;
use thiserror::Error;

/// What a plan reads at a time: about one index interval.
pub(super) const WINDOW_PLAN_BYTES: usize = 4096;
/// What a scan of headers reads at a time: it leaps over large batches.
pub(super) const WINDOW_HEADERS_BYTES: usize = 16 * 1024;
/// What a scan of everything reads at a time.
pub(super) const WINDOW_SCAN_BYTES: usize = 1 << 20;

/// Why a walk ended early.
#[derive(Debug, Error)]
pub(super) enum WalkError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no batch at byte {position}: {reason}")]
    Damaged {
        position: Position,
        reason: BatchError,
    },
    #[error("the index is wrong about byte {position}")]
    IndexMismatch { position: Position },
}

impl From<WalkError> for io::Error {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other.to_string()),
        }
    }
}

/// A batch's place, header and bytes.
pub(super) type PlacedBatch<'a> = (Position, BatchHeader, &'a [u8]);

/// A walk over the batches of a file between two positions.
pub(super) struct BatchWalk<'a> {
    file: &'a dyn File,
    at: Position,
    upto: Position,
    window: Vec<u8>,
    window_from: Position,
    window_bytes: usize,
}

impl<'a> BatchWalk<'a> {
    pub(super) fn new(
        file: &'a dyn File,
        from: Position,
        upto: Position,
        window_bytes: usize,
    ) -> Self {
        let window = Vec::new();
        Self {
            file,
            at: from,
            upto,
            window,
            window_from: from,
            window_bytes,
        }
    }

    /// Where the next batch starts.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The next batch's place and header, or `None` at the end.
    pub(super) fn next_header(&mut self) -> Result<Option<(Position, BatchHeader)>, WalkError> {
        self.next(false)
    }

    /// The same, with the batch's checksum verified.
    pub(super) fn next_validated(&mut self) -> Result<Option<(Position, BatchHeader)>, WalkError> {
        self.next(true)
    }

    /// The same, with the batch's bytes.
    pub(super) fn next_batch(&mut self) -> Result<Option<PlacedBatch<'_>>, WalkError> {
        let Some((position, header)) = self.next(true)? else {
            return Ok(None);
        };
        let from = position.since(self.window_from) as usize;
        let bytes = self.window.get(from..from + header.size());
        Ok(Some((position, header, bytes.unwrap_or_default())))
    }

    fn next(&mut self, validate: bool) -> Result<Option<(Position, BatchHeader)>, WalkError> {
        let position = self.at;
        if position >= self.upto {
            return Ok(None);
        }
        let damaged = |reason| WalkError::Damaged { position, reason };
        let remaining = self.upto.since(position);
        self.fill(HEADER_BYTES.min(remaining as usize))?;
        let header = BatchHeader::read(self.ahead()).map_err(damaged)?;
        let size = header.size();
        if size as u64 > remaining {
            let available = remaining as usize;
            return Err(damaged(BatchError::Truncated {
                needed: size,
                available,
            }));
        }
        if validate {
            self.fill(size)?;
            validate_slice(self.ahead()).map_err(damaged)?;
        }
        self.at = position.advanced(size as u64);
        Ok(Some((position, header)))
    }

    /// The bytes of the window from here on.
    fn ahead(&self) -> &[u8] {
        let skipped = self.at.since(self.window_from) as usize;
        self.window.get(skipped..).unwrap_or_default()
    }

    /// Makes sure that `needed` bytes from here on are in the window, as far as the file has them.
    fn fill(&mut self, needed: usize) -> io::Result<()> {
        if self.ahead().len() >= needed {
            return Ok(());
        }
        let remaining = self.upto.since(self.at) as usize;
        let wanted = needed.max(self.window_bytes).min(remaining);
        self.window.resize(wanted, 0);
        self.window_from = self.at;
        let read = self.file.read_at(self.at, &mut self.window)?;
        self.window.truncate(read);
        Ok(())
    }
}
