//! Record batches of format v2 (KIP-98): the bytes that producers send, that lie on disk and that
//! consumers receive. They are the same bytes everywhere, so this layer checks and reads them in
//! place and never re-encodes what it was given.
//!
//! Layout of a batch, big endian; the CRC-32C covers `attributes` to the end:
//!
//! | at | bytes | field | | at | bytes | field |
//! |---|---|---|---|---|---|---|
//! | 0 | 8 | base offset | | 27 | 8 | base timestamp |
//! | 8 | 4 | length of what follows | | 35 | 8 | max timestamp |
//! | 12 | 4 | partition leader epoch | | 43 | 8 | producer id |
//! | 16 | 1 | magic, 2 | | 51 | 2 | producer epoch |
//! | 17 | 4 | CRC-32C | | 53 | 4 | base sequence |
//! | 21 | 2 | attributes | | 57 | 4 | record count |
//! | 23 | 4 | last offset delta | | 61 | | records, compressed as a whole |
//!
//! Invariants:
//! - a [`BatchHeader`] is consistent in itself: its size, last offset and record count never
//!   overflow and never contradict each other;
//! - a [`Batch`] is the proof that its bytes are exactly one batch whose checksum matches;
//! - nothing is allocated on a peer's word: [`DecompressionLimits`] bound what a batch may unfold
//!   to before memory is taken.
//!
//! This layer knows no partition and no topic; limits of a topic are checked above it.

mod batch;
mod batches;
mod builder;
mod compression;
mod error;
mod gzip;
mod header;
mod lz4;
mod partitioner;
mod recompression;
mod record_iter;
mod records;
mod snappy;
mod survivors;
pub mod varint;
mod zstandard;

pub use batch::{Batch, is_damaged, validate_slice, with_log_append_time};
pub use batches::Batches;
pub use builder::{BatchBuilder, BuildError};
pub use compression::{
    Compression, CompressionNameError, DecompressError, DecompressionLimits, compress, decompress,
};
pub use error::{BatchError, RecordError};
pub use header::{BatchHeader, HEADER_BYTES, TimestampType, patch_header};
pub use partitioner::{murmur2, partition_for_key};
pub use recompression::{RecompressError, TargetCompression, recompress};
pub use record_iter::{Record, RecordHeader, RecordHeaders, RecordIter};
pub use records::Records;
pub use survivors::{Survivors, write_emptied, write_gap};
