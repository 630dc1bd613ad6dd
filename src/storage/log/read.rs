//! Planning a read: which bytes of which segment, in whole batches.
//!
//! Reads indexes and batch headers, never the records. An index entry is used only if the batch at
//! its position says the same; an index that lies is rebuilt on the spot.

use super::Log;
use super::scan::rebuild_index;
use crate::record::BatchHeader;
use crate::storage::batch_walk::{BatchWalk, WINDOW_HEADERS_BYTES, WINDOW_PLAN_BYTES, WalkError};
use crate::storage::disk::FileRef;
use crate::storage::index::{OffsetEntry, SegmentIndex};
use crate::storage::segment::Segment;
use crate::types::{Offset, Position};
use std::io;
use std::sync::Arc;
use thiserror::Error;

/// Whole batches of one segment.
#[derive(Debug, Clone)]
pub struct FileRange {
    /// The segment.
    pub file: FileRef,
    /// The first batch's first byte.
    pub from: Position,
    /// Past the last batch's last byte.
    pub upto: Position,
    /// The offset after the last batch.
    pub next: Offset,
    /// Whether the range is known to be mapped, so that sending it waits for nothing.
    pub populated: bool,
}

impl FileRange {
    /// How many bytes.
    pub fn length(&self) -> u64 {
        self.upto.since(self.from)
    }

    /// Ends the range before the first batch that is refused. Reads headers, which may wait for the
    /// disk unless the range is resident.
    pub fn cut_before(&mut self, is_refused: impl Fn(&BatchHeader) -> bool) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        let mut walk = BatchWalk::new(&*file, self.from, self.upto, WINDOW_HEADERS_BYTES);
        while let Some((position, header)) = walk.next_header()? {
            if is_refused(&header) {
                self.upto = position;
                self.next = header.base_offset();
                break;
            }
        }
        Ok(())
    }
}

/// Why a read cannot be planned.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Already forgotten.
    #[error("offset {asked} lies before the log's start {start}")]
    BelowStart {
        /// The asked offset.
        asked: Offset,
        /// The first that can be read.
        start: Offset,
    },
    /// Not written yet.
    #[error("offset {asked} lies past the log's end {end}")]
    AboveEnd {
        /// The asked offset.
        asked: Offset,
        /// The log's end.
        end: Offset,
    },
    /// Written, but perhaps lost by a failed sync.
    #[error("offset {asked} may be lost: {reason}")]
    Lost {
        /// The asked offset.
        asked: Offset,
        /// What happened.
        reason: String,
    },
    /// The disk failed, or a segment is damaged.
    #[error("segment {segment}: {source}")]
    Storage {
        /// The base offset of the segment.
        segment: Offset,
        /// What the system said.
        source: io::Error,
    },
}

impl Log {
    /// Plans a read from `from` on: whole batches of one segment that end at or below `upto`,
    /// together at most `bytes_max` long; if `at_least_one`, the first even if it is longer. The
    /// first batch may begin before `from`. `None` if there is nothing to read (yet).
    pub fn read(
        &self,
        from: Offset,
        upto: Offset,
        bytes_max: u32,
        at_least_one: bool,
    ) -> Result<Option<FileRange>, ReadError> {
        if from < self.start {
            return Err(ReadError::BelowStart {
                asked: from,
                start: self.start,
            });
        }
        if from > self.end {
            return Err(ReadError::AboveEnd {
                asked: from,
                end: self.end,
            });
        }
        let upto = self.readable_upto(from, upto)?;
        let Some(segment) = self.segment_of(from).filter(|_| from < upto) else {
            return Ok(None);
        };
        let limits = Limits {
            upto,
            bytes_max: u64::from(bytes_max),
            at_least_one,
        };
        let plan = segment.plan(from, &limits, self.config.index_interval_bytes);
        plan.map_err(|source| ReadError::Storage {
            segment: segment.base,
            source,
        })
    }

    /// Where reading ends: a failed sync takes back what was not durable.
    pub(super) fn readable_upto(&self, from: Offset, upto: Offset) -> Result<Offset, ReadError> {
        match &self.failure {
            Some(failure) if failure.lost_writes => {
                if from >= self.synced && upto > self.synced && from < self.end {
                    let reason = failure.reason.clone();
                    return Err(ReadError::Lost {
                        asked: from,
                        reason,
                    });
                }
                Ok(upto.min(self.synced))
            }
            _ => Ok(upto.min(self.end)),
        }
    }

    /// Remembers that a range of a segment is mapped now, so that the next reads of it need no
    /// populate.
    pub fn populated(&mut self, file: &FileRef, from: Position, upto: Position) {
        let segment = self
            .segments
            .iter_mut()
            .find(|segment| Arc::ptr_eq(&segment.file, file));
        if let Some(segment) = segment {
            segment.populated.insert(from.get(), upto.get());
        }
    }

    /// The segment that holds an offset.
    pub(super) fn segment_of(&self, offset: Offset) -> Option<&Segment> {
        let after = self
            .segments
            .partition_point(|segment| segment.base <= offset);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (offset < segment.end).then_some(segment)
    }
}

struct Limits {
    upto: Offset,
    bytes_max: u64,
    at_least_one: bool,
}

impl Segment {
    fn plan(
        &self,
        from: Offset,
        limits: &Limits,
        interval_bytes: u32,
    ) -> io::Result<Option<FileRange>> {
        let (start, first) = self.find(from, interval_bytes)?;
        let too_long = first.size() as u64 > limits.bytes_max && !limits.at_least_one;
        if first.last_offset() >= limits.upto || too_long {
            return Ok(None);
        }
        let first_end = start.advanced(first.size() as u64);
        let longest = start.advanced(limits.bytes_max).max(first_end);
        let (upto, next) = if self.end <= limits.upto && self.size <= longest.get() {
            (Position::new(self.size), self.end)
        } else {
            self.plan_end((first_end, first.next_offset()), longest, limits.upto)?
        };
        let populated = self.populated.contains(start.get(), upto.get());
        Ok(Some(FileRange {
            file: self.file.clone(),
            from: start,
            upto,
            next,
            populated,
        }))
    }

    /// The batch that holds an offset of this segment.
    pub(super) fn find(
        &self,
        offset: Offset,
        interval_bytes: u32,
    ) -> io::Result<(Position, BatchHeader)> {
        self.check_index(interval_bytes)?;
        match self.find_by_index(offset) {
            Err(WalkError::Damaged { .. } | WalkError::IndexMismatch { .. }) => {}
            result => return Ok(result?),
        }
        self.replace_index(interval_bytes)?;
        Ok(self.find_by_index(offset)?)
    }

    /// Makes sure that the index is what was written, or rebuilt.
    pub(super) fn check_index(&self, interval_bytes: u32) -> io::Result<()> {
        if self.index.borrow().is_sound()? {
            return Ok(());
        }
        self.replace_index(interval_bytes)
    }

    fn replace_index(&self, interval_bytes: u32) -> io::Result<()> {
        log::warn!(
            "the index of segment {} does not match it and is rebuilt",
            self.base
        );
        let rebuilt = rebuild_index(self, interval_bytes)?;
        *self.index.borrow_mut() = SegmentIndex::Memory(rebuilt);
        Ok(())
    }

    fn find_by_index(&self, offset: Offset) -> Result<(Position, BatchHeader), WalkError> {
        let relative = u32::try_from(offset.since(self.base)).unwrap_or(u32::MAX);
        let entry = self.index.borrow().floor_offset(relative)?;
        let mut walk = self.walk_from(entry)?;
        while let Some((position, header)) = walk.next_header()? {
            if header.last_offset() >= offset {
                // A header that lies must not look like a batch that is not readable yet.
                let is_behind_gap = header.base_offset() > offset;
                let is_wrong = header.last_offset() >= self.end
                    || (is_behind_gap && !self.is_followed(&mut walk, &header)?);
                if is_wrong {
                    return Err(WalkError::IndexMismatch { position });
                }
                return Ok((position, header));
            }
        }
        Err(WalkError::IndexMismatch {
            position: walk.position(),
        })
    }

    /// Whether a batch that begins behind the offset looked for may do so: in a cleaned segment, and
    /// if the one after it bears it out.
    fn is_followed(
        &self,
        walk: &mut BatchWalk<'_>,
        header: &BatchHeader,
    ) -> Result<bool, WalkError> {
        let next = match walk.next_header()? {
            Some((_, following)) => following.base_offset(),
            None => self.end,
        };
        Ok(self.is_cleaned && header.next_offset() <= next)
    }

    /// A walk from an index entry on, once the batch there is what the entry says.
    pub(super) fn walk_from(&self, entry: Option<OffsetEntry>) -> Result<BatchWalk<'_>, WalkError> {
        let Some(entry) = entry else {
            return Ok(self.walk(Position::ZERO));
        };
        let position = Position::new(u64::from(entry.position));
        let said = self.base.advanced(i64::from(entry.relative));
        match self.walk(position).next_header()? {
            Some((_, header)) if header.last_offset() == said => Ok(self.walk(position)),
            _ => Err(WalkError::IndexMismatch { position }),
        }
    }

    pub(super) fn walk(&self, from: Position) -> BatchWalk<'_> {
        BatchWalk::new(
            &*self.file,
            from,
            Position::new(self.size),
            WINDOW_PLAN_BYTES,
        )
    }

    /// The last end of a batch at or after `known` that lies within both limits.
    fn plan_end(
        &self,
        known: (Position, Offset),
        longest: Position,
        upto: Offset,
    ) -> io::Result<(Position, Offset)> {
        let mut end = known;
        let by_position = self.index.borrow().floor_position(clamp(longest.get()))?;
        let below_upto = upto.since(self.base) - 1;
        let by_offset = self
            .index
            .borrow()
            .floor_offset(clamp(below_upto.max(0) as u64))?;
        let nearest = match (by_position, by_offset) {
            (Some(a), Some(b)) if b.position < a.position => Some(b),
            (Some(a), Some(_)) => Some(a),
            _ => None,
        };
        // The entry's batch begins where others end; it may be the last that fits, or the first
        // that does not.
        let ahead = nearest.filter(|entry| u64::from(entry.position) > end.0.get());
        let mut walk = match self.walk_from(ahead) {
            Ok(walk) if ahead.is_some() => walk,
            Ok(_) => self.walk(end.0),
            // A lying entry is only a longer walk here.
            Err(WalkError::Io(error)) => return Err(error),
            Err(_) => self.walk(end.0),
        };
        while let Some((position, header)) = walk.next_header()? {
            if position > longest || header.base_offset() > upto {
                break;
            }
            end = (position, header.base_offset());
            if header.last_offset() >= upto || walk.position() > longest {
                break;
            }
            end = (walk.position(), header.next_offset());
        }
        Ok(end)
    }
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
