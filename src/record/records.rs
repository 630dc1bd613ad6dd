//! A batch's records, decompressed if need be, and ready to be read.

use super::compression::{Compression, DecompressionLimits, decompress};
use super::error::BatchError;
use super::header::{BatchHeader, HEADER_BYTES};
use super::record_iter::RecordIter;
use bytes::Bytes;

/// The bytes of a batch's records, uncompressed, together with what the header says of them.
///
/// Iterate over a reference: records borrow their keys and values from here. What is wrong with a
/// record shows when it is reached.
#[derive(Debug, Clone)]
pub struct Records {
    header: BatchHeader,
    bytes: Bytes,
}

impl Records {
    /// `batch` is the whole batch, header included.
    pub(super) fn of(
        header: &BatchHeader,
        batch: &Bytes,
        limits: &DecompressionLimits,
    ) -> Result<Self, BatchError> {
        let payload = batch.slice(HEADER_BYTES..);
        let bytes = match header.compression() {
            Compression::None => payload,
            compression => decompress(compression, &payload, limits)?.into(),
        };
        Ok(Self {
            header: *header,
            bytes,
        })
    }

    /// Reads the records in order.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter::new(&self.header, &self.bytes)
    }

    /// The header of the batch the records are of.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records' size in bytes, uncompressed.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The uncompressed bytes, for slices that outlive the batch: `bytes().slice_ref(value)`.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<super::Record<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
