//! Makes batches: for clients, for the broker's own topics, for tests.

use super::compression::{Compression, compress};
use super::header::{HEADER_BYTES, HeaderFields, write_header};
use super::varint;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use bytes::Bytes;
use thiserror::Error;

/// A batch's size in bytes must fit an `i32`, as must every length in it.
pub(super) const BATCH_BYTES_MAX: usize = i32::MAX as usize;

/// Why a batch cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// No record was appended.
    #[error("a batch needs at least one record")]
    Empty,
    /// More bytes than a batch can have.
    #[error("the batch would have {0} bytes; a batch has less than 2 GiB")]
    TooLarge(usize),
    /// Timestamps too far apart for a 64-bit difference.
    #[error("timestamp {timestamp} is too far from the batch's first, {base}")]
    TimestampRange {
        /// The record's timestamp.
        timestamp: i64,
        /// The first record's timestamp.
        base: i64,
    },
    /// A level that the compression does not have.
    #[error("{compression} has no compression level {level}")]
    Level {
        /// The compression.
        compression: Compression,
        /// The level asked for.
        level: i32,
    },
    /// The codec failed.
    #[error("{compression} failed: {reason}")]
    Compress {
        /// The compression.
        compression: Compression,
        /// What the codec says.
        reason: String,
    },
}

/// Collects records and turns them into one batch; reusable, one batch after the other.
///
/// [`append`](Self::append) never fails: what cannot be in a batch is reported by
/// [`build`](Self::build).
#[derive(Debug)]
pub struct BatchBuilder {
    compression: Compression,
    level: Option<i32>,
    producer: Option<(ProducerId, ProducerEpoch, Sequence)>,
    /// Room for the header, then the records, uncompressed.
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    fault: Option<BuildError>,
}

impl BatchBuilder {
    /// An empty builder. A `level` of none is the codec's default; one out of
    /// [`Compression::levels`] makes each build fail.
    pub fn new(compression: Compression, level: Option<i32>) -> Self {
        let mut builder = Self {
            compression,
            level,
            producer: None,
            buffer: Vec::new(),
            count: 0,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            fault: None,
        };
        builder.clear();
        builder
    }

    /// Forgets the records and the producer, and keeps the memory and the compression.
    pub fn clear(&mut self) {
        self.producer = None;
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES, 0);
        self.count = 0;
        self.fault = None;
    }

    /// Adds a record. Its offset is one more than that of the record before.
    pub fn append(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        let base = self.base_timestamp.get();
        let Some(timestamp_delta) = timestamp.get().checked_sub(base) else {
            self.fault.get_or_insert(BuildError::TimestampRange {
                timestamp: timestamp.get(),
                base,
            });
            return;
        };
        let length = fields_len(timestamp_delta, self.count, key, value, headers);
        // A record takes at least 7 bytes, so the count overflows long after the size.
        let size = self.buffer.len().saturating_add(length).saturating_add(5);
        if size > BATCH_BYTES_MAX {
            self.fault.get_or_insert(BuildError::TooLarge(size));
            return;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.write_record(length, timestamp_delta, key, value, headers);
        self.count += 1;
    }

    fn write_record(
        &mut self,
        length: usize,
        timestamp_delta: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let buffer = &mut self.buffer;
        buffer.reserve(varint::I32_BYTES_MAX + length);
        varint::write_i64(buffer, length as i64);
        buffer.push(0); // attributes: none are defined
        varint::write_i64(buffer, timestamp_delta);
        varint::write_i32(buffer, self.count);
        write_nullable(buffer, key);
        write_nullable(buffer, value);
        varint::write_i64(buffer, headers.len() as i64);
        for (name, value) in headers {
            write_nullable(buffer, Some(name.as_bytes()));
            write_nullable(buffer, *value);
        }
    }

    /// Marks the batch as an idempotent producer's; `sequence` is that of its first record.
    pub fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, sequence: Sequence) {
        self.producer = Some((id, epoch, sequence));
    }

    /// The batch's size in bytes if it were built now without compression.
    pub fn encoded_len(&self) -> usize {
        self.buffer.len()
    }

    /// How many records there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Makes the batch and leaves the builder empty, as [`clear`](Self::clear) does. Producers
    /// send a base offset of 0; the broker sets the real one.
    ///
    /// # Errors
    ///
    /// What makes the records no batch; they are dropped then, too.
    pub fn build(&mut self, base_offset: Offset) -> Result<Bytes, BuildError> {
        let batch = self.build_bytes(base_offset);
        self.clear();
        batch.map(Bytes::from)
    }

    fn build_bytes(&mut self, base_offset: Offset) -> Result<Vec<u8>, BuildError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        self.check_level()?;
        let mut batch = match self.compression {
            Compression::None => {
                // Handed out as it is; the next batch is likely as large.
                let next = Vec::with_capacity(self.buffer.len());
                std::mem::replace(&mut self.buffer, next)
            }
            _ => self.compress()?,
        };
        if batch.len() > BATCH_BYTES_MAX {
            return Err(BuildError::TooLarge(batch.len()));
        }
        write_header(&mut batch, &self.header_fields(base_offset));
        Ok(batch)
    }

    fn check_level(&self) -> Result<(), BuildError> {
        let (compression, levels) = (self.compression, self.compression.levels());
        match (self.level, levels) {
            (Some(level), Some(levels)) if !levels.contains(&level) => {
                Err(BuildError::Level { compression, level })
            }
            (Some(level), None) => Err(BuildError::Level { compression, level }),
            _ => Ok(()),
        }
    }

    fn compress(&self) -> Result<Vec<u8>, BuildError> {
        let (header, records) = self.buffer.split_at(HEADER_BYTES);
        let mut batch = Vec::with_capacity(HEADER_BYTES + records.len() / 2);
        batch.extend_from_slice(header);
        compress(self.compression, self.level, records, &mut batch).map_err(|reason| {
            BuildError::Compress {
                compression: self.compression,
                reason,
            }
        })?;
        Ok(batch)
    }

    fn header_fields(&self, base_offset: Offset) -> HeaderFields {
        let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        let (producer_id, producer_epoch, base_sequence) = self.producer.unwrap_or(none);
        HeaderFields {
            base_offset,
            last_offset_delta: self.count - 1,
            leader_epoch: LeaderEpoch::NONE,
            attributes: self.compression.to_attributes(),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            record_count: self.count,
        }
    }
}

/// The size of a record's fields in bytes, what its length field says.
fn fields_len(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, Option<&[u8]>)],
) -> usize {
    let headers_len: usize = headers
        .iter()
        .map(|(name, value)| nullable_len(Some(name.as_bytes())) + nullable_len(*value))
        .sum();
    1 + varint::encoded_len(timestamp_delta)
        + varint::encoded_len(i64::from(offset_delta))
        + nullable_len(key)
        + nullable_len(value)
        + varint::encoded_len(headers.len() as i64)
        + headers_len
}

fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| {
        varint::encoded_len(bytes.len() as i64) + bytes.len()
    })
}

fn write_nullable(output: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            varint::write_i64(output, bytes.len() as i64);
            output.extend_from_slice(bytes);
        }
        None => varint::write_i32(output, -1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_exact_without_compression() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.append(Timestamp::new(5), None, Some(b"value"), &[]);
        builder.append(
            Timestamp::new(-900),
            Some(b"key"),
            None,
            &[("a", None), ("b", Some(&[0; 200]))],
        );
        let estimate = builder.encoded_len();
        assert_eq!(builder.build(Offset::ZERO).unwrap().len(), estimate);
        assert!(builder.is_empty());
        assert_eq!(builder.encoded_len(), HEADER_BYTES);
    }

    #[test]
    fn what_is_no_batch_is_refused_at_build_and_forgotten() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        assert_eq!(builder.build(Offset::ZERO), Err(BuildError::Empty));
        builder.append(Timestamp::new(i64::MAX), None, None, &[]);
        builder.append(Timestamp::new(-2), None, None, &[]);
        assert!(matches!(
            builder.build(Offset::ZERO),
            Err(BuildError::TimestampRange { .. })
        ));
        builder.append(Timestamp::new(1), None, None, &[]);
        assert!(builder.build(Offset::ZERO).is_ok());
    }

    #[test]
    fn levels_are_checked() {
        for (compression, level, allowed) in [
            (Compression::Gzip, 9, true),
            (Compression::Gzip, 10, false),
            (Compression::Zstd, 22, true),
            (Compression::Zstd, 23, false),
            (Compression::Snappy, 1, false),
        ] {
            let mut builder = BatchBuilder::new(compression, Some(level));
            builder.append(Timestamp::new(1), None, Some(b"v"), &[]);
            let built = builder.build(Offset::ZERO);
            assert_eq!(built.is_ok(), allowed, "{compression} {level}");
        }
    }
}
