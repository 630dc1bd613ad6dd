//! The 61 bytes before a batch's records.

use super::compression::Compression;
use super::error::BatchError;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// The size of a batch's header in bytes; every batch is at least this long.
pub const HEADER_BYTES: usize = 61;

/// What precedes the bytes that the length field counts: base offset and the field itself.
pub(super) const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the bytes that the checksum covers begin.
pub(super) const CRC_START: usize = 21;

const LENGTH: usize = 8;
const LEADER_EPOCH: usize = 12;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;

const MAGIC_V2: i8 = 2;

pub(super) const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
pub(super) const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
pub(super) const ATTRIBUTE_CONTROL: i16 = 0x20;
pub(super) const ATTRIBUTE_DELETE_HORIZON: i16 = 0x40;

/// The size and the checksum that a header claims, even if nothing else in it holds.
pub(super) fn claims(bytes: &[u8]) -> Option<(usize, u32)> {
    let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let size = size_from_length(i32::from_be_bytes(field(header, LENGTH))).ok()?;
    Some((size as usize, u32::from_be_bytes(field(header, CRC))))
}

/// Whose clock the timestamps of a batch are of (KIP-32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// Each record has the time its producer gave it.
    CreateTime,
    /// All records have the time at which the broker appended them, the batch's max timestamp.
    LogAppendTime,
}

/// A batch's header, consistent in itself: the size is at least 61 bytes and at most `i32::MAX`,
/// offsets do not overflow, the record count fits the range of offsets, the compression is known.
///
/// It says nothing about the bytes that follow it; that is [`Batch`](super::Batch)'s part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    base_offset: Offset,
    size: u32,
    leader_epoch: LeaderEpoch,
    crc: u32,
    attributes: i16,
    compression: Compression,
    last_offset_delta: i32,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
    record_count: i32,
}

impl BatchHeader {
    /// Reads a header off the front of `bytes` and checks its structure, not its checksum.
    ///
    /// # Errors
    ///
    /// [`BatchError::Truncated`] if there are fewer than 61 bytes (of an older format, fewer than
    /// the 17 that tell), else the field that contradicts itself or another one.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        // The magic is at the same place in all formats, and a message of an old one may well be
        // shorter than a header of this one: so it comes first.
        if let Some(magic) = bytes.get(MAGIC) {
            check_magic(magic.cast_signed())?;
        }
        let (header, _) =
            bytes
                .split_first_chunk::<HEADER_BYTES>()
                .ok_or(BatchError::Truncated {
                    needed: HEADER_BYTES,
                    available: bytes.len(),
                })?;
        let attributes = i16::from_be_bytes(field(header, ATTRIBUTES));
        let parsed = Self {
            base_offset: Offset::new(i64::from_be_bytes(field(header, 0))),
            size: size_from_length(i32::from_be_bytes(field(header, LENGTH)))?,
            leader_epoch: LeaderEpoch::new(i32::from_be_bytes(field(header, LEADER_EPOCH))),
            crc: u32::from_be_bytes(field(header, CRC)),
            attributes,
            compression: Compression::from_attributes(attributes)?,
            last_offset_delta: i32::from_be_bytes(field(header, LAST_OFFSET_DELTA)),
            base_timestamp: Timestamp::new(i64::from_be_bytes(field(header, BASE_TIMESTAMP))),
            max_timestamp: Timestamp::new(i64::from_be_bytes(field(header, MAX_TIMESTAMP))),
            producer_id: ProducerId::new(i64::from_be_bytes(field(header, PRODUCER_ID))),
            producer_epoch: ProducerEpoch::new(i16::from_be_bytes(field(header, PRODUCER_EPOCH))),
            base_sequence: Sequence::new(i32::from_be_bytes(field(header, BASE_SEQUENCE))),
            record_count: i32::from_be_bytes(field(header, RECORD_COUNT)),
        };
        parsed.check_offsets()?;
        Ok(parsed)
    }

    fn check_offsets(&self) -> Result<(), BatchError> {
        let base = self.base_offset.get();
        let delta = self.last_offset_delta;
        // One more than the last offset must exist too: it is the next batch's base.
        let next = base.checked_add(i64::from(delta) + 1);
        if base < 0 || delta < 0 || next.is_none() {
            return Err(BatchError::OffsetOutOfRange {
                base_offset: base,
                last_offset_delta: delta,
            });
        }
        // Fewer records than offsets is what compaction leaves behind, more cannot be.
        if self.record_count < 0 || i64::from(self.record_count) > i64::from(delta) + 1 {
            return Err(self.record_count_error());
        }
        Ok(())
    }

    /// Checks what a producer must keep to, past what any stored batch does: records without
    /// gaps, a whole producer identity or none, timestamps that can be.
    ///
    /// A max timestamp of -1 passes: old versions of a widely used client never set it.
    pub(super) fn check_produced(&self) -> Result<(), BatchError> {
        if self.record_count == 0 {
            return Err(BatchError::Empty);
        }
        if !self.is_dense() {
            return Err(self.record_count_error());
        }
        let (base, max) = (self.base_timestamp, self.max_timestamp);
        let none = Timestamp::NONE;
        if base < none || max < none || (max != none && max < base && !self.is_append_time()) {
            return Err(BatchError::Timestamps {
                base: base.get(),
                max: max.get(),
            });
        }
        self.check_producer()
    }

    fn check_producer(&self) -> Result<(), BatchError> {
        let producer_id = self.producer_id.get();
        if self.producer_id < ProducerId::NONE {
            return Err(BatchError::ProducerId(producer_id));
        }
        if self.has_producer() && self.producer_epoch.get() < 0 {
            return Err(BatchError::ProducerEpoch {
                producer_id,
                producer_epoch: self.producer_epoch.get(),
            });
        }
        if self.has_producer() && self.base_sequence.get() < 0 {
            return Err(BatchError::Sequence {
                producer_id,
                base_sequence: self.base_sequence.get(),
            });
        }
        Ok(())
    }

    fn record_count_error(&self) -> BatchError {
        BatchError::RecordCount {
            count: self.record_count,
            last_offset_delta: self.last_offset_delta,
        }
    }

    fn is_append_time(&self) -> bool {
        self.timestamp_type() == TimestampType::LogAppendTime
    }

    /// The offset of the first record; 0 in a batch that no broker has taken yet.
    pub const fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// The offset of the last record.
    pub const fn last_offset(&self) -> Offset {
        self.base_offset.advanced(self.last_offset_delta as i64)
    }

    /// The last record's distance from the base offset, at least 0.
    pub const fn last_offset_delta(&self) -> i32 {
        self.last_offset_delta
    }

    /// The offset after the last record.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// The whole batch's size in bytes, this header and its length prefix included.
    pub const fn size(&self) -> usize {
        self.size as usize
    }

    /// The leader epoch in which the broker took the batch.
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The stored CRC-32C, over attributes to end.
    pub const fn crc(&self) -> u32 {
        self.crc
    }

    /// The raw attributes.
    pub const fn attributes(&self) -> i16 {
        self.attributes
    }

    /// How the records are compressed.
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// Whose clock the timestamps are of.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.attributes & ATTRIBUTE_LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    pub const fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    /// Whether the batch holds a broker's marker instead of records; no producer may send one.
    pub const fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }

    /// Whether the base timestamp is the time at which tombstones may go (KIP-534).
    pub const fn has_delete_horizon(&self) -> bool {
        self.attributes & ATTRIBUTE_DELETE_HORIZON != 0
    }

    /// What the records' timestamp deltas count from: the time of the first record that the producer
    /// sent, or the [delete horizon](Self::has_delete_horizon).
    pub const fn base_timestamp(&self) -> Timestamp {
        self.base_timestamp
    }

    /// The time from which on the batch's tombstones may go, once compaction has set it.
    pub const fn delete_horizon(&self) -> Option<Timestamp> {
        if self.has_delete_horizon() {
            Some(self.base_timestamp)
        } else {
            None
        }
    }

    /// The largest timestamp of the records, or the time of append; -1 if not known.
    pub const fn max_timestamp(&self) -> Timestamp {
        self.max_timestamp
    }

    /// The idempotent producer, or [`ProducerId::NONE`].
    pub const fn producer_id(&self) -> ProducerId {
        self.producer_id
    }

    /// The producer's incarnation, or [`ProducerEpoch::NONE`].
    pub const fn producer_epoch(&self) -> ProducerEpoch {
        self.producer_epoch
    }

    /// The first record's sequence, or [`Sequence::NONE`].
    pub const fn base_sequence(&self) -> Sequence {
        self.base_sequence
    }

    /// The last record's sequence, or [`Sequence::NONE`].
    pub const fn last_sequence(&self) -> Sequence {
        if self.base_sequence.get() < 0 {
            Sequence::NONE
        } else {
            self.base_sequence.advanced(self.last_offset_delta)
        }
    }

    /// How many records there are.
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether an idempotent producer sent the batch.
    pub const fn has_producer(&self) -> bool {
        self.producer_id.get() >= 0
    }

    /// Whether every offset of the batch's range has a record; false after compaction.
    pub const fn is_dense(&self) -> bool {
        self.record_count as i64 == self.last_offset_delta as i64 + 1
    }
}

/// Sets the two fields that the checksum does not cover, those a broker decides on.
pub fn patch_header(header: &mut [u8; HEADER_BYTES], base_offset: Offset, epoch: LeaderEpoch) {
    put(header, 0, base_offset.get().to_be_bytes());
    put(header, LEADER_EPOCH, epoch.get().to_be_bytes());
}

/// The fields of a header that is to be written; the rest follows from the bytes.
pub(super) struct HeaderFields {
    pub(super) base_offset: Offset,
    pub(super) last_offset_delta: i32,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) attributes: i16,
    pub(super) base_timestamp: Timestamp,
    pub(super) max_timestamp: Timestamp,
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) base_sequence: Sequence,
    pub(super) record_count: i32,
}

/// Writes the header of a batch whose records are in place already, the checksum included.
/// `batch` is at least 61 and at most `i32::MAX` bytes.
pub(super) fn write_header(batch: &mut [u8], fields: &HeaderFields) {
    let size = batch.len();
    let header = header_mut(batch);
    let length = i32::try_from(size - LENGTH_PREFIX_BYTES).expect("a batch is below 2 GiB");
    patch_header(header, fields.base_offset, fields.leader_epoch);
    put(header, LENGTH, length.to_be_bytes());
    put(header, MAGIC, MAGIC_V2.to_be_bytes());
    put(header, ATTRIBUTES, fields.attributes.to_be_bytes());
    let last_offset_delta = fields.last_offset_delta.to_be_bytes();
    put(header, LAST_OFFSET_DELTA, last_offset_delta);
    let base_timestamp = fields.base_timestamp.get();
    put(header, BASE_TIMESTAMP, base_timestamp.to_be_bytes());
    put(
        header,
        MAX_TIMESTAMP,
        fields.max_timestamp.get().to_be_bytes(),
    );
    put(header, PRODUCER_ID, fields.producer_id.get().to_be_bytes());
    let producer_epoch = fields.producer_epoch.get();
    put(header, PRODUCER_EPOCH, producer_epoch.to_be_bytes());
    put(
        header,
        BASE_SEQUENCE,
        fields.base_sequence.get().to_be_bytes(),
    );
    put(header, RECORD_COUNT, fields.record_count.to_be_bytes());
    write_crc(batch);
}

/// Turns a batch's timestamps into the broker's `time`, the checksum included.
pub(super) fn write_append_time(batch: &mut [u8], attributes: i16, time: Timestamp) {
    let header = header_mut(batch);
    let attributes = attributes | ATTRIBUTE_LOG_APPEND_TIME;
    put(header, ATTRIBUTES, attributes.to_be_bytes());
    put(header, MAX_TIMESTAMP, time.get().to_be_bytes());
    write_crc(batch);
}

fn write_crc(batch: &mut [u8]) {
    let (_, covered) = batch.split_at(CRC_START);
    let crc = crc32c::crc32c(covered);
    put(header_mut(batch), CRC, crc.to_be_bytes());
}

fn header_mut(batch: &mut [u8]) -> &mut [u8; HEADER_BYTES] {
    batch
        .first_chunk_mut()
        .expect("a batch has at least a header")
}

fn check_magic(magic: i8) -> Result<(), BatchError> {
    match magic {
        MAGIC_V2 => Ok(()),
        0 | 1 => Err(BatchError::OldMagic(magic)),
        _ => Err(BatchError::UnknownMagic(magic)),
    }
}

fn size_from_length(length: i32) -> Result<u32, BatchError> {
    const LENGTH_MIN: i32 = (HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32;
    const LENGTH_MAX: i32 = i32::MAX - LENGTH_PREFIX_BYTES as i32;
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return Err(BatchError::LengthOutOfRange(length));
    }
    Ok(length.cast_unsigned() + LENGTH_PREFIX_BYTES as u32)
}

// Both are called with constant places within the header only, so the compiler drops the checks.
#[inline(always)]
fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|place| header[at + place])
}

#[inline(always)]
fn put<const N: usize>(header: &mut [u8; HEADER_BYTES], at: usize, value: [u8; N]) {
    header[at..at + N].copy_from_slice(&value);
}
