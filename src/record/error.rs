//! What can be wrong with a batch and with a record in it: one variant per condition.

use super::compression::DecompressError;
use super::varint::VarintError;
use thiserror::Error;

/// Why bytes are not a record batch that can be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("the batch needs {needed} bytes, only {available} are there")]
    Truncated {
        /// How many bytes are needed, as far as is known.
        needed: usize,
        /// How many there are.
        available: usize,
    },
    /// Bytes follow where exactly one batch was expected.
    #[error("{excess} bytes follow the batch of {size} bytes; send one batch per partition")]
    TrailingBytes {
        /// The size of the first batch.
        size: usize,
        /// How many bytes follow it.
        excess: usize,
    },
    /// A message set of format 0 or 1, from before Kafka 0.11.
    #[error("message format {0} is too old; send record batches v2 (clients of Kafka 0.11 on)")]
    OldMagic(i8),
    /// A format that does not exist.
    #[error("unknown batch format (magic) {0}")]
    UnknownMagic(i8),
    /// The length field contradicts the 61 bytes every batch has, or the largest batch.
    #[error("the batch length field is {0}, which no batch has")]
    LengthOutOfRange(i32),
    /// The base offset is negative, or the last offset would overflow.
    #[error("base offset {base_offset} with last offset delta {last_offset_delta} is no range")]
    OffsetOutOfRange {
        /// The base offset.
        base_offset: i64,
        /// The last offset's distance from it.
        last_offset_delta: i32,
    },
    /// The number of records is negative, or larger than the batch's range of offsets, or not
    /// equal to it where no record may be missing.
    #[error("{count} records cannot fill the offset deltas 0 to {last_offset_delta}")]
    RecordCount {
        /// The record count.
        count: i32,
        /// The last offset's distance from the base offset.
        last_offset_delta: i32,
    },
    /// A batch without records.
    #[error("the batch has no records")]
    Empty,
    /// A compression type that does not exist.
    #[error("unknown compression type {0} in the batch attributes")]
    UnknownCompression(u8),
    /// The bytes are not those that the sender checksummed.
    #[error("the batch checksum is {computed:#010x}, its header says {stored:#010x}")]
    Checksum {
        /// The CRC-32C in the header.
        stored: u32,
        /// The CRC-32C of the bytes.
        computed: u32,
    },
    /// A producer id without a sequence.
    #[error("producer {producer_id} sent the base sequence {base_sequence}")]
    Sequence {
        /// The producer id.
        producer_id: i64,
        /// The base sequence, negative.
        base_sequence: i32,
    },
    /// A producer id without an epoch.
    #[error("producer {producer_id} sent the epoch {producer_epoch}")]
    ProducerEpoch {
        /// The producer id.
        producer_id: i64,
        /// The producer epoch, negative.
        producer_epoch: i16,
    },
    /// A producer id that is neither -1 nor an id.
    #[error("producer id {0} is negative")]
    ProducerId(i64),
    /// A timestamp before 1970 that is not -1, or a maximum before the base.
    #[error("base timestamp {base} and max timestamp {max} contradict each other or the calendar")]
    Timestamps {
        /// The base timestamp in milliseconds.
        base: i64,
        /// The largest timestamp in milliseconds.
        max: i64,
    },
    /// The records do not decompress, or unfold past the limits.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// A record does not decode.
    #[error("record {index} of the batch: {fault}")]
    Record {
        /// The record's place in the batch, from 0.
        index: i32,
        /// What is wrong with it.
        fault: RecordError,
    },
    /// Bytes follow the last record.
    #[error("{excess} bytes follow the last of the batch's {count} records")]
    TrailingRecordBytes {
        /// The record count of the header.
        count: i32,
        /// How many bytes follow.
        excess: usize,
    },
}

/// Why the bytes of one record do not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes end before the field does.
    #[error("{field} ends past the available bytes")]
    Truncated {
        /// The field's name.
        field: &'static str,
    },
    /// A variable-length number that is none.
    #[error("{field}: {fault}")]
    Varint {
        /// The field's name.
        field: &'static str,
        /// What is wrong with the number.
        fault: VarintError,
    },
    /// A length or count below what the field allows.
    #[error("{field} is {value}")]
    Negative {
        /// The field's name.
        field: &'static str,
        /// The value.
        value: i32,
    },
    /// The record's fields end before its length says.
    #[error("{0} bytes follow the fields within the record's length")]
    TrailingBytes(usize),
    /// Offsets that are not one up, or (in a compacted batch) not rising and within the batch.
    #[error("the offset delta is {found}, expected {expected}")]
    OffsetDelta {
        /// The offset delta found.
        found: i32,
        /// The one expected; in a compacted batch, the least one possible.
        expected: i32,
    },
    /// Base timestamp plus delta overflows.
    #[error("the timestamp delta {0} overflows")]
    TimestampDelta(i64),
}
