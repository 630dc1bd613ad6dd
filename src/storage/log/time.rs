//! Finding records by time (ListOffsets, KIP-79): the time index leads to a batch, the batch has the
//! record.

use super::Log;
use crate::record::{Batch, BatchHeader, DecompressionLimits};
use crate::storage::batch_walk::{BatchWalk, WINDOW_PLAN_BYTES, WalkError};
use crate::storage::segment::Segment;
use crate::types::{Offset, Position, Timestamp};
use bytes::Bytes;
use std::cell::Cell;
use std::io;

/// A record's offset and timestamp.
type Found = (Offset, Timestamp);

/// A compressed batch unfolds at most this many times while it is searched.
const DECOMPRESSION_RATIO_MAX: usize = 1000;

impl Log {
    /// The first record below `upto` whose timestamp is `timestamp` or later.
    pub fn offset_for_timestamp(
        &self,
        timestamp: Timestamp,
        upto: Offset,
    ) -> io::Result<Option<(Offset, Timestamp)>> {
        let wanted = upto;
        let upto = self.readable_upto(self.start, upto).unwrap_or(self.synced);
        for segment in &self.segments {
            if segment.base >= upto {
                break;
            }
            if segment.max.is_none_or(|(largest, _)| largest < timestamp) {
                continue;
            }
            let is_match =
                |found: Found| found.1 >= timestamp && found.0 >= self.start && found.0 < upto;
            segment.check_index(self.config.index_interval_bytes)?;
            let mut walk = segment.walk_from_time(timestamp)?;
            while let Some((position, header)) = walk.next_header().map_err(io::Error::from)? {
                if header.max_timestamp() < timestamp || header.last_offset() < self.start {
                    continue;
                }
                if header.base_offset() >= upto {
                    break;
                }
                if let Some(found) = self.first_record(segment, position, &header, is_match)? {
                    return Ok(Some(found));
                }
            }
        }
        match &self.failure {
            // It may be among what is lost.
            Some(failure) if upto < wanted => Err(io::Error::other(failure.reason.clone())),
            _ => Ok(None),
        }
    }

    /// The record with the largest timestamp below `upto`, the first if there are several
    /// (KIP-734).
    pub fn latest_timestamp(&self, upto: Offset) -> io::Result<Option<(Offset, Timestamp)>> {
        let upto = self.readable_upto(self.start, upto).unwrap_or(self.synced);
        let mut latest = None;
        let readable = self.segments.iter();
        let readable = readable.filter(|segment| segment.end > self.start && segment.base < upto);
        for segment in readable {
            let is_whole = segment.base >= self.start && segment.end <= upto;
            latest = latest.max(if is_whole {
                segment.max.map(|(timestamp, _)| timestamp)
            } else {
                self.latest_within(segment, upto)?
            });
        }
        match latest {
            Some(latest) => self.offset_for_timestamp(latest, upto),
            None => Ok(None),
        }
    }

    /// The largest timestamp of a segment that is readable in part only.
    fn latest_within(&self, segment: &Segment, upto: Offset) -> io::Result<Option<Timestamp>> {
        let latest = Cell::new(None);
        let mut walk = segment.walk(Position::ZERO);
        while let Some((position, header)) = walk.next_header().map_err(io::Error::from)? {
            if header.last_offset() >= upto {
                break;
            }
            if header.base_offset() >= self.start {
                latest.set(latest.get().max(Some(header.max_timestamp())));
            } else if header.last_offset() >= self.start {
                // The batch's own maximum may be one of the records that were deleted.
                self.first_record(segment, position, &header, |(offset, timestamp)| {
                    if offset >= self.start {
                        latest.set(latest.get().max(Some(timestamp)));
                    }
                    false
                })?;
            }
        }
        Ok(latest.get())
    }

    fn first_record(
        &self,
        segment: &Segment,
        position: Position,
        header: &BatchHeader,
        is_match: impl Fn(Found) -> bool,
    ) -> io::Result<Option<Found>> {
        let invalid = |error: crate::record::BatchError| {
            let message = format!("segment {}, byte {position}: {error}", segment.base);
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let mut bytes = vec![0; header.size()];
        let read = segment.file.read_at(position, &mut bytes)?;
        bytes.truncate(read);
        let batch = Batch::validate_stored(Bytes::from(bytes)).map_err(invalid)?;
        let bytes_max = self.config.decompressed_bytes_max;
        let limits = DecompressionLimits::new(bytes_max, DECOMPRESSION_RATIO_MAX);
        let records = batch.records(&limits).map_err(invalid)?;
        for record in records.iter() {
            let record = record.map_err(invalid)?;
            if is_match((record.offset, record.timestamp)) {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
        Ok(None)
    }
}

impl Segment {
    /// A walk that begins at or before the first batch with a timestamp of `timestamp` or later.
    fn walk_from_time(&self, timestamp: Timestamp) -> io::Result<BatchWalk<'_>> {
        match self.walk_past_earlier(timestamp) {
            Ok(walk) => Ok(walk),
            Err(WalkError::Io(error)) => Err(error),
            // An index that is wrong costs a longer walk.
            Err(_) => Ok(self.walk(Position::ZERO)),
        }
    }

    fn walk_past_earlier(&self, timestamp: Timestamp) -> Result<BatchWalk<'_>, WalkError> {
        let Some(earlier) = self.index.borrow().before_time(timestamp)? else {
            return Ok(self.walk(Position::ZERO));
        };
        let entry = self.index.borrow().floor_offset(earlier.relative)?;
        let mut walk = self.walk_from(entry)?;
        let last = self.base.advanced(i64::from(earlier.relative));
        while let Some((position, header)) = walk.next_header()? {
            if header.last_offset() < last {
                continue;
            }
            let is_said = header.last_offset() == last;
            if !is_said || header.max_timestamp() != earlier.timestamp {
                return Err(WalkError::IndexMismatch { position });
            }
            let upto = Position::new(self.size);
            return Ok(BatchWalk::new(
                &*self.file,
                walk.position(),
                upto,
                WINDOW_PLAN_BYTES,
            ));
        }
        Err(WalkError::IndexMismatch {
            position: walk.position(),
        })
    }
}
