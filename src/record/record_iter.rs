//! Records, read one by one out of uncompressed bytes and checked as they are read.
//!
//! A record: length varint, attributes i8 (unused), timestamp delta varlong, offset delta varint,
//! key length varint (-1: null), key, value length varint (-1: null), value, header count varint,
//! then per header: name length varint, name, value length varint (-1: null), value.

use super::error::{BatchError, RecordError};
use super::header::{BatchHeader, TimestampType};
use super::varint;
use crate::types::{Offset, Timestamp};
use std::borrow::Cow;

/// A record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The record's offset in its partition.
    pub offset: Offset,
    /// The producer's time, or the broker's in a batch of [`TimestampType::LogAppendTime`].
    pub timestamp: Timestamp,
    /// The key, if it is not null.
    pub key: Option<&'a [u8]>,
    /// The value; null marks a deletion in a compacted topic.
    pub value: Option<&'a [u8]>,
    headers: RecordHeaders<'a>,
}

impl<'a> Record<'a> {
    /// The headers, in the producer's order; names may repeat.
    pub const fn headers(&self) -> RecordHeaders<'a> {
        self.headers
    }
}

/// A named value beside a record's own (KIP-82).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// The name: UTF-8 by convention, which no broker checks.
    pub name: &'a [u8],
    /// The value, if it is not null.
    pub value: Option<&'a [u8]>,
}

impl<'a> RecordHeader<'a> {
    /// The name as text, with replacement characters for what is no UTF-8.
    pub fn name_lossy(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name)
    }
}

/// The headers of a record, checked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeaders<'a> {
    rest: &'a [u8],
    remaining: usize,
}

impl<'a> Iterator for RecordHeaders<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        // Cannot fail: the record was read to its end before it was handed out.
        read_header(&mut self.rest).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for RecordHeaders<'_> {}

/// Reads records until the count of the batch's header is reached or one does not decode; the
/// error comes once and is the last item.
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    rest: &'a [u8],
    base_offset: Offset,
    base_timestamp: i64,
    /// The time of all records, if it is the broker's.
    append_time: Option<Timestamp>,
    /// In a dense batch the deltas are 0, 1, 2 …; in a compacted one they only rise.
    dense: bool,
    last_offset_delta: i32,
    /// The least offset delta that the next record may have.
    delta_min: i32,
    index: i32,
    count: i32,
    ended: bool,
}

impl<'a> RecordIter<'a> {
    pub(super) fn new(header: &BatchHeader, records: &'a [u8]) -> Self {
        let append_time = Self::append_time_of(header);
        Self {
            rest: records,
            base_offset: header.base_offset(),
            base_timestamp: header.base_timestamp().get(),
            append_time,
            dense: header.is_dense(),
            last_offset_delta: header.last_offset_delta(),
            delta_min: 0,
            index: 0,
            count: header.record_count(),
            ended: false,
        }
    }

    /// The time of all records, if it is the broker's.
    pub(super) fn append_time_of(header: &BatchHeader) -> Option<Timestamp> {
        match header.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp()),
        }
    }

    /// Bytes from the next record on.
    #[inline]
    pub(super) const fn remaining_bytes(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn read_record(&mut self) -> Result<Record<'a>, RecordError> {
        let length = read_length(&mut self.rest, "the record length")?;
        let mut fields = take(&mut self.rest, length, "the record")?;
        take(&mut fields, 1, "the record attributes")?;
        let timestamp_delta = varint::read_i64(&mut fields)
            .map_err(|fault| varint_error("the timestamp delta", fault))?;
        let offset_delta = read_i32(&mut fields, "the offset delta")?;
        self.check_offset_delta(offset_delta)?;
        let key = read_nullable(&mut fields, "the key length", "the key")?;
        let value = read_nullable(&mut fields, "the value length", "the value")?;
        let headers = read_headers(&mut fields)?;
        if !fields.is_empty() {
            return Err(RecordError::TrailingBytes(fields.len()));
        }
        let timestamp = self
            .base_timestamp
            .checked_add(timestamp_delta)
            .ok_or(RecordError::TimestampDelta(timestamp_delta))?;
        Ok(Record {
            offset: self.base_offset.advanced(i64::from(offset_delta)),
            timestamp: self.append_time.unwrap_or(Timestamp::new(timestamp)),
            key,
            value,
            headers,
        })
    }

    #[inline]
    fn check_offset_delta(&mut self, found: i32) -> Result<(), RecordError> {
        let delta_max = if self.dense {
            self.delta_min
        } else {
            self.last_offset_delta
        };
        if !(self.delta_min..=delta_max).contains(&found) {
            return Err(RecordError::OffsetDelta {
                found,
                expected: self.delta_min,
            });
        }
        // Past the largest number nothing follows: then the count is reached, or the next differs.
        self.delta_min = found.saturating_add(1);
        Ok(())
    }

    #[cold]
    fn end(&mut self) -> Option<Result<Record<'a>, BatchError>> {
        self.ended = true;
        if self.rest.is_empty() {
            return None;
        }
        Some(Err(BatchError::TrailingRecordBytes {
            count: self.count,
            excess: self.rest.len(),
        }))
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if self.index == self.count {
            return self.end();
        }
        let index = self.index;
        self.index += 1;
        let record = self.read_record();
        self.ended = record.is_err();
        Some(record.map_err(|fault| BatchError::Record { index, fault }))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

/// Checks all headers, so that their iterator need not fail.
#[inline]
fn read_headers<'a>(fields: &mut &'a [u8]) -> Result<RecordHeaders<'a>, RecordError> {
    let remaining = read_length(fields, "the header count")?;
    let headers = RecordHeaders {
        rest: fields,
        remaining,
    };
    // A false count ends at the first header that is not there; nothing is allocated for it.
    for _ in 0..remaining {
        read_header(fields)?;
    }
    Ok(headers)
}

fn read_header<'a>(fields: &mut &'a [u8]) -> Result<RecordHeader<'a>, RecordError> {
    let length = read_length(fields, "the header name length")?;
    let name = take(fields, length, "the header name")?;
    let value = read_nullable(fields, "the header value length", "the header value")?;
    Ok(RecordHeader { name, value })
}

#[inline]
fn read_nullable<'a>(
    fields: &mut &'a [u8],
    length_field: &'static str,
    field: &'static str,
) -> Result<Option<&'a [u8]>, RecordError> {
    match read_i32(fields, length_field)? {
        -1 => Ok(None),
        length => {
            let length = to_length(length, length_field)?;
            take(fields, length, field).map(Some)
        }
    }
}

#[inline]
fn read_length(fields: &mut &[u8], field: &'static str) -> Result<usize, RecordError> {
    to_length(read_i32(fields, field)?, field)
}

#[inline]
fn to_length(value: i32, field: &'static str) -> Result<usize, RecordError> {
    usize::try_from(value).map_err(|_| RecordError::Negative { field, value })
}

#[inline]
fn read_i32(fields: &mut &[u8], field: &'static str) -> Result<i32, RecordError> {
    varint::read_i32(fields).map_err(|fault| varint_error(field, fault))
}

#[cold]
fn varint_error(field: &'static str, fault: varint::VarintError) -> RecordError {
    RecordError::Varint { field, fault }
}

#[inline]
fn take<'a>(
    input: &mut &'a [u8],
    length: usize,
    field: &'static str,
) -> Result<&'a [u8], RecordError> {
    let (taken, rest) = input
        .split_at_checked(length)
        .ok_or(RecordError::Truncated { field })?;
    *input = rest;
    Ok(taken)
}
