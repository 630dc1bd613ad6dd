//! Leaves records out of a stored batch, as log compaction does.
//!
//! What stays keeps its offset: the batch's base offset and last offset are those of before, the
//! offset deltas of its records have gaps. Leader epoch, producer and base sequence stay as well; the
//! largest timestamp is computed anew, and so is the checksum.
//!
//! A batch with tombstones can be given a *delete horizon* (KIP-534): the time from which on they may
//! go. It takes the place of the base timestamp, so the timestamp deltas are written anew.

use super::builder::{BATCH_BYTES_MAX, BuildError};
use super::compression::{Compression, compress};
use super::error::BatchError;
use super::header::{
    ATTRIBUTE_CONTROL, ATTRIBUTE_DELETE_HORIZON, ATTRIBUTE_LOG_APPEND_TIME,
    ATTRIBUTE_TRANSACTIONAL, BatchHeader, HEADER_BYTES, HeaderFields, write_header,
};
use super::record_iter::{Record, RecordIter};
use super::records::Records;
use super::varint;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use std::ops::Range;

/// Which records of a batch stay; reusable, one batch after the other.
#[derive(Debug, Default)]
pub struct Survivors {
    /// Runs of records that stay, as bytes of the uncompressed records. They do not touch.
    runs: Vec<Range<usize>>,
    count: i32,
    has_lost: bool,
    has_tombstone: bool,
    max_timestamp: Option<Timestamp>,
    /// Records, uncompressed, on their way into a compressed batch.
    scratch: Vec<u8>,
}

impl Survivors {
    /// Asks of every record whether it stays.
    ///
    /// # Errors
    ///
    /// The first record that does not decode; nothing is chosen then.
    pub fn choose(
        &mut self,
        records: &Records,
        mut stays: impl FnMut(&Record<'_>) -> bool,
    ) -> Result<(), BatchError> {
        self.clear();
        let total = records.bytes().len();
        let mut iter = records.iter();
        let mut from = 0;
        while let Some(record) = iter.next() {
            let record = record.inspect_err(|_| self.clear())?;
            let upto = total - iter.remaining_bytes();
            if stays(&record) {
                self.keep(from..upto, &record);
            } else {
                self.has_lost = true;
            }
            from = upto;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.runs.clear();
        (self.count, self.has_lost, self.has_tombstone) = (0, false, false);
        self.max_timestamp = None;
    }

    fn keep(&mut self, bytes: Range<usize>, record: &Record<'_>) {
        match self.runs.last_mut() {
            Some(run) if run.end == bytes.start => run.end = bytes.end,
            _ => self.runs.push(bytes),
        }
        self.count += 1;
        self.has_tombstone |= record.value.is_none();
        self.max_timestamp = self.max_timestamp.max(Some(record.timestamp));
    }

    /// Whether no record stays.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether every record stays.
    pub const fn are_all(&self) -> bool {
        !self.has_lost
    }

    /// Whether a record without a value stays.
    pub const fn have_tombstone(&self) -> bool {
        self.has_tombstone
    }

    /// Appends the batch with only these of its records to `output`, in the batch's own compression,
    /// with a delete horizon if there is to be a new one. At least one record stays.
    ///
    /// # Errors
    ///
    /// What makes that no batch; `output` is as before then.
    pub fn write(
        &mut self,
        records: &Records,
        new_horizon: Option<Timestamp>,
        output: &mut Vec<u8>,
    ) -> Result<(), BuildError> {
        let start = output.len();
        let written = self.write_batch(records, new_horizon, output);
        if written.is_err() {
            output.truncate(start);
        }
        written
    }

    fn write_batch(
        &mut self,
        records: &Records,
        new_horizon: Option<Timestamp>,
        output: &mut Vec<u8>,
    ) -> Result<(), BuildError> {
        assert!(self.count > 0, "a record stays");
        let (header, start) = (records.header(), output.len());
        output.resize(start + HEADER_BYTES, 0);
        match header.compression() {
            Compression::None => self.write_records(records, new_horizon, output)?,
            compression => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                self.write_records(records, new_horizon, &mut scratch)?;
                let compressed = compress(compression, None, &scratch, output);
                self.scratch = scratch;
                compressed.map_err(|reason| BuildError::Compress {
                    compression,
                    reason,
                })?;
            }
        }
        let horizon = new_horizon.map_or(0, |_| ATTRIBUTE_DELETE_HORIZON);
        let fields = HeaderFields {
            attributes: header.attributes() | horizon,
            base_timestamp: new_horizon.unwrap_or(header.base_timestamp()),
            max_timestamp: self.max_timestamp.unwrap_or(header.max_timestamp()),
            record_count: self.count,
            ..fields_of(header)
        };
        finish(output, start, &fields)
    }

    fn write_records(
        &self,
        records: &Records,
        new_horizon: Option<Timestamp>,
        output: &mut Vec<u8>,
    ) -> Result<(), BuildError> {
        let bytes = records.bytes();
        let runs = self.runs.iter().map(|run| &bytes[run.clone()]);
        let Some(horizon) = new_horizon else {
            runs.for_each(|run| output.extend_from_slice(run));
            return Ok(());
        };
        let shift = Shift::new(records.header(), horizon);
        for mut run in runs {
            while !run.is_empty() {
                shift.write_record(&mut run, output)?;
            }
        }
        Ok(())
    }
}

/// Appends what stays of a batch without records: who sent it, its offsets and its largest timestamp.
pub fn write_emptied(header: &BatchHeader, output: &mut Vec<u8>) {
    const KEPT: i16 = ATTRIBUTE_LOG_APPEND_TIME | ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL;
    let start = output.len();
    output.resize(start + HEADER_BYTES, 0);
    let fields = HeaderFields {
        attributes: header.attributes() & KEPT,
        base_timestamp: Timestamp::NONE,
        record_count: 0,
        ..fields_of(header)
    };
    finish(output, start, &fields).expect("a bare header is small");
}

/// Appends batches without records that take up the offsets from `from` up to `upto`, of which no
/// record is left.
pub fn write_gap(mut from: Offset, upto: Offset, epoch: LeaderEpoch, output: &mut Vec<u8>) {
    while from < upto {
        let start = output.len();
        output.resize(start + HEADER_BYTES, 0);
        let last_offset_delta = i32::try_from(upto.since(from) - 1).unwrap_or(i32::MAX);
        let fields = HeaderFields {
            base_offset: from,
            last_offset_delta,
            leader_epoch: epoch,
            attributes: 0,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            record_count: 0,
        };
        finish(output, start, &fields).expect("a bare header is small");
        from = from.advanced(i64::from(last_offset_delta) + 1);
    }
}

/// The fields of a header, to be written again.
pub(super) fn fields_of(header: &BatchHeader) -> HeaderFields {
    HeaderFields {
        base_offset: header.base_offset(),
        last_offset_delta: header.last_offset_delta(),
        leader_epoch: header.leader_epoch(),
        attributes: header.attributes(),
        base_timestamp: header.base_timestamp(),
        max_timestamp: header.max_timestamp(),
        producer_id: header.producer_id(),
        producer_epoch: header.producer_epoch(),
        base_sequence: header.base_sequence(),
        record_count: header.record_count(),
    }
}

/// Writes the header of a batch from `start` on, whose records are in place.
pub(super) fn finish(
    output: &mut [u8],
    start: usize,
    fields: &HeaderFields,
) -> Result<(), BuildError> {
    let (_, batch) = output.split_at_mut(start);
    if batch.len() > BATCH_BYTES_MAX {
        return Err(BuildError::TooLarge(batch.len()));
    }
    write_header(batch, fields);
    Ok(())
}

/// Timestamps that count from another base.
struct Shift {
    old_base: i64,
    new_base: i64,
    /// The time of all records, if it is the broker's.
    append_time: Option<Timestamp>,
}

impl Shift {
    fn new(header: &BatchHeader, new_base: Timestamp) -> Self {
        Self {
            old_base: header.base_timestamp().get(),
            new_base: new_base.get(),
            append_time: RecordIter::append_time_of(header),
        }
    }

    /// Takes a record, which decoded before, off the front of `run` and writes it with its new delta.
    fn write_record(&self, run: &mut &[u8], output: &mut Vec<u8>) -> Result<(), BuildError> {
        const DECODED: &str = "the record decoded before";
        let length = varint::read_i32(run).expect(DECODED);
        let length = usize::try_from(length).expect(DECODED);
        let (mut record, rest) = run.split_at_checked(length).expect(DECODED);
        *run = rest;
        let (attributes, fields) = record.split_first().expect(DECODED);
        record = fields;
        let delta = varint::read_i64(&mut record).expect(DECODED);
        let timestamp = match self.append_time {
            Some(time) => time.get(),
            None => self.old_base + delta,
        };
        let delta = timestamp
            .checked_sub(self.new_base)
            .ok_or(BuildError::TimestampRange {
                timestamp,
                base: self.new_base,
            })?;
        let length = 1 + varint::encoded_len(delta) + record.len();
        varint::write_i64(output, length as i64);
        output.push(*attributes);
        varint::write_i64(output, delta);
        output.extend_from_slice(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::validate_slice;

    #[test]
    fn a_gap_of_any_width_is_taken_up_by_whole_batches() {
        let from = Offset::new(7);
        for width in [1, 2, 1 << 31, (1 << 31) + 1, 5 << 31] {
            let (mut bytes, mut next, upto) = (Vec::new(), from, from.advanced(width));
            write_gap(from, upto, LeaderEpoch::new(3), &mut bytes);
            for batch in bytes.chunks(HEADER_BYTES) {
                let header = validate_slice(batch).expect("a whole batch");
                assert_eq!((header.base_offset(), header.record_count()), (next, 0));
                assert_eq!(header.leader_epoch(), LeaderEpoch::new(3));
                assert!(!header.has_producer());
                next = header.next_offset();
            }
            assert_eq!(next, upto);
        }
        let mut bytes = Vec::new();
        write_gap(from, from, LeaderEpoch::FIRST, &mut bytes);
        assert!(bytes.is_empty());
    }
}
