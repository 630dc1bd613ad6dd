//! Reading sealed segments again, a piece at a time, to see whether the device still has what was
//! written: damage is best known while there is another copy of the data.

use super::Log;
use crate::storage::disk::{Disk, FileRef, read_whole};
use crate::storage::envelope::FILE_BYTES_MAX;
use crate::storage::segment::segment_files;
use crate::storage::segment_summary::{CHUNK_BYTES, SegmentSummary, decode_chunks};
use crate::types::{Offset, Position};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A segment that is durable and not written any more.
#[derive(Debug, Clone)]
pub struct SealedSegment {
    /// Its first offset.
    pub base: Offset,
    /// Its file's name.
    pub path: PathBuf,
    file: FileRef,
    summary: PathBuf,
    length: u64,
}

/// What a piece of a segment was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// Ranges of bytes that are not what was written.
    pub damaged: Vec<(Position, Position)>,
    /// Whether there are checksums to compare with.
    pub is_comparable: bool,
    /// Whether the segment goes on behind the piece.
    pub goes_on: bool,
}

impl Log {
    /// The first segment at or after `from` that can be compared with its checksums.
    pub fn sealed_from(&self, from: Offset) -> Option<SealedSegment> {
        let sealed = self
            .segments
            .iter()
            .find(|segment| segment.base >= from && segment.is_settled())?;
        let files = segment_files(&self.directory, sealed.base);
        Some(SealedSegment {
            base: sealed.base,
            path: files.log,
            file: sealed.file.clone(),
            summary: files.summary,
            length: sealed.size,
        })
    }
}

impl Log {
    /// Whether the log still has that segment, and nothing is about to take its place.
    pub fn still_holds(&self, sealed: &SealedSegment) -> bool {
        let held = self.segment_of(sealed.base);
        held.is_some_and(|segment| Arc::ptr_eq(&segment.file, &sealed.file))
            && !self.is_being_replaced(sealed.base)
    }
}

impl SealedSegment {
    /// Compares `count` chunks from `first` on with their checksums. Blocks.
    pub(in crate::storage) fn scrub(
        &self,
        disk: &dyn Disk,
        first: usize,
        count: usize,
    ) -> io::Result<Scrubbed> {
        let mut scrubbed = Scrubbed {
            damaged: Vec::new(),
            is_comparable: true,
            goes_on: false,
        };
        let summary = match read_whole(disk, &self.summary, FILE_BYTES_MAX) {
            // A hint that was lost, or the segment was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(scrubbed),
            summary => summary?,
        };
        let known = SegmentSummary::decode(self.base, &summary);
        let known = known.filter(|known| known.length == self.length);
        let chunks = known.and_then(|_| decode_chunks(&summary));
        let Some(chunks) = chunks else {
            scrubbed.is_comparable = false;
            return Ok(scrubbed);
        };
        let mut buffer = vec![0; CHUNK_BYTES];
        for (number, expected) in chunks.iter().enumerate().skip(first).take(count) {
            let from = (number * CHUNK_BYTES) as u64;
            let bytes = CHUNK_BYTES.min(self.length.saturating_sub(from) as usize);
            let chunk = &mut buffer[..bytes];
            let read = self.file.read_at(Position::new(from), chunk)?;
            if read < bytes || crc32c::crc32c(chunk) != *expected {
                let upto = Position::new(from + bytes as u64);
                scrubbed.damaged.push((Position::new(from), upto));
            }
        }
        scrubbed.goes_on = chunks.len() > first + count;
        Ok(scrubbed)
    }
}
