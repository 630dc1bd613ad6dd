//! Segments that lie wholly below the durable mark.

use super::error::{RecoveryError, io_error};
use super::{Recovery, max_of, settle};
use crate::storage::call::write_hints;
use crate::storage::disk::{FileRef, OpenMode};
use crate::storage::index::{IndexBuilder, SegmentIndex, StoredIndex};
use crate::storage::log::room::hints_of;
use crate::storage::log::scan::Scan;
use crate::storage::segment::{Segment, SegmentState, segment_files};
use crate::storage::segment_summary::{HEADER_BYTES, SegmentSummary};
use crate::types::{Offset, Position};
use std::cell::RefCell;
use std::path::Path;

impl Recovery<'_> {
    /// A segment that lies wholly below the durable mark. Its summary is believed where it matches
    /// the segment and its neighbour; without one the whole segment is verified.
    pub(super) fn sealed_segment(
        &mut self,
        base: Offset,
        next: Offset,
    ) -> Result<Segment, RecoveryError> {
        let files = segment_files(&self.log.directory, base);
        let file = self.open(&files.log)?;
        let length = file.length().map_err(io_error(&files.log))?;
        let known = self.read_summary(base, &files.summary);
        let known = known.filter(|known| known.length == length.get() && known.next == next);
        let index = known.and_then(|known| self.open_indexes(base, &known));
        if let (Some(known), Some(index)) = (known, index) {
            let mut segment = Segment::empty(base, file, 0, SegmentIndex::Stored(index));
            segment.max = known.max;
            segment.is_cleaned = known.is_cleaned;
            settle(&mut segment, length, next);
            segment.state = SegmentState::Sealed;
            return Ok(segment);
        }
        let segment = self.verify_sealed((base, next), file, length)?;
        match segment.end.cmp(&next) {
            std::cmp::Ordering::Less => Err(self.missing(segment.end)),
            std::cmp::Ordering::Greater => Err(self.overlap(next, segment.end)),
            std::cmp::Ordering::Equal => Ok(segment),
        }
    }

    pub(super) fn overlap(&self, base: Offset, expected: Offset) -> RecoveryError {
        let path = segment_files(&self.log.directory, base).log;
        RecoveryError::Overlap {
            path,
            expected,
            found: base,
        }
    }

    fn verify_sealed(
        &mut self,
        (base, next): (Offset, Offset),
        file: FileRef,
        length: Position,
    ) -> Result<Segment, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let mut index = IndexBuilder::new(base, self.log.config.index_interval_bytes);
        let scan = Scan {
            file: &*file,
            from: Position::ZERO,
            upto: length,
            expected: base,
            validate: true,
            gaps_below: next,
            until: None,
        };
        // Without its summary only gaps tell that it was compacted.
        let (mut is_cleaned, mut expected) = (false, base);
        let end = scan.run(|position, header| {
            index.push_header(position, header);
            is_cleaned |= header.base_offset() != expected || !header.is_dense();
            expected = header.next_offset();
        });
        let end = end.map_err(io_error(&path))?;
        self.report.bytes_scanned += end.position.get();
        let position = end.position;
        if let Some(reason) = end.damage {
            if end.next != next {
                return Err(RecoveryError::Damaged {
                    path,
                    position,
                    reason,
                });
            }
            // All its records are there: what follows is a failed append whose cut failed as well.
            self.cut(&*file, &path, (position, length), &reason)?;
        }
        let mut segment = Segment::empty(base, file, 0, SegmentIndex::Memory(index));
        settle(&mut segment, position, end.next);
        segment.is_cleaned = is_cleaned;
        self.write_sealed_hints(&mut segment);
        Ok(segment)
    }

    pub(super) fn read_summary(&self, base: Offset, path: &Path) -> Option<SegmentSummary> {
        let file = self.disk.open(path, OpenMode::ReadOnly).ok()?;
        let mut header = [0; HEADER_BYTES];
        file.read_at(Position::ZERO, &mut header).ok()?;
        SegmentSummary::decode(base, &header)
    }

    fn open_indexes(&self, base: Offset, known: &SegmentSummary) -> Option<StoredIndex> {
        let files = segment_files(&self.log.directory, base);
        let index = self.disk.open(&files.index, OpenMode::ReadOnly).ok()?;
        let time_index = self.disk.open(&files.time_index, OpenMode::ReadOnly).ok()?;
        let checksums = (known.index_crc, known.time_index_crc);
        StoredIndex::new(index, time_index, Some(checksums)).ok()
    }

    /// Writes the hints of a segment that was read through; where that fails they stay in memory.
    pub(super) fn write_sealed_hints(&mut self, segment: &mut Segment) {
        self.report.indexes_rebuilt += 1;
        segment.state = SegmentState::Sealed;
        segment.max = max_of(segment);
        let hints = hints_of(&self.log.directory, segment);
        let length = Position::new(segment.size);
        match write_hints(self.disk, &hints, length, &segment.file) {
            Ok(index) => segment.index = RefCell::new(SegmentIndex::Stored(index)),
            Err(error) => {
                let directory = self.log.directory.display();
                log::warn!(
                    "writing the indexes of {} in {directory}: {error}",
                    segment.base
                );
            }
        }
    }
}
