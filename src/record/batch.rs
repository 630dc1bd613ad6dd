//! A validated batch, and the checks that make one.

use super::compression::DecompressionLimits;
use super::error::BatchError;
use super::header::{self, BatchHeader, CRC_START};
use super::records::Records;
use crate::types::Timestamp;
use bytes::Bytes;

/// Exactly one batch: its header is consistent and its checksum matches its bytes. Cheap to clone.
///
/// There is no other way to make one than to check the bytes. The records inside are checked only
/// as they are read, or by [`validate_records`](Self::validate_records).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Checks that `bytes` are exactly one batch as a producer may send it: structure, checksum,
    /// records without gaps, a whole producer identity or none, timestamps that can be.
    ///
    /// Control batches pass; it is the broker that refuses them from clients.
    ///
    /// # Errors
    ///
    /// The first condition that does not hold; the cheap ones come before the checksum.
    pub fn validate(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::read(&bytes)?;
        header.check_produced()?;
        Self::check_whole(header, bytes)
    }

    /// Checks that `bytes` are exactly one batch as a log may hold it: structure and checksum. In
    /// a compacted log records may be missing.
    ///
    /// # Errors
    ///
    /// The first condition that does not hold.
    pub fn validate_stored(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::read(&bytes)?;
        Self::check_whole(header, bytes)
    }

    /// One that this layer wrote just now.
    pub(super) fn written(bytes: Vec<u8>) -> Self {
        let header = BatchHeader::read(&bytes).expect("it was written as a batch");
        let bytes = bytes.into();
        Self { header, bytes }
    }

    fn check_whole(header: BatchHeader, bytes: Bytes) -> Result<Self, BatchError> {
        let size = header.size();
        if bytes.len() > size {
            return Err(BatchError::TrailingBytes {
                size,
                excess: bytes.len() - size,
            });
        }
        check_crc(&header, &bytes)?;
        Ok(Self { header, bytes })
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The batch's bytes, header included.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the bytes back.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The records, decompressed within `limits`; uncompressed ones are read in place.
    ///
    /// # Errors
    ///
    /// [`BatchError::Decompress`]; what is wrong with a record shows when it is reached.
    pub fn records(&self, limits: &DecompressionLimits) -> Result<Records, BatchError> {
        Records::of(&self.header, &self.bytes, limits)
    }

    /// Decodes every record and forgets it: for topics that ask for deep validation.
    ///
    /// # Errors
    ///
    /// The first record or count that does not hold.
    pub fn validate_records(&self, limits: &DecompressionLimits) -> Result<(), BatchError> {
        self.records(limits)?.iter().try_for_each(|r| r.map(drop))
    }
}

/// Whether the first batch of `bytes` is there as a whole and is not what its sender checksummed,
/// whatever else is wrong with it.
pub fn is_damaged(bytes: &[u8]) -> bool {
    header::claims(bytes).is_some_and(|(size, crc)| {
        let covered = bytes.get(CRC_START..size);
        covered.is_some_and(|covered| crc32c::crc32c(covered) != crc)
    })
}

/// Checks the first batch of `bytes` as a log may hold it: structure and checksum. More bytes may
/// follow; the whole batch must be there. For recovery, which reads a segment batch by batch.
///
/// # Errors
///
/// [`BatchError::Truncated`] if the bytes end before the batch, else what does not hold.
pub fn validate_slice(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::read(bytes)?;
    check_crc(&header, bytes)?;
    Ok(header)
}

fn check_crc(header: &BatchHeader, bytes: &[u8]) -> Result<(), BatchError> {
    let covered = bytes
        .get(CRC_START..header.size())
        .ok_or(BatchError::Truncated {
            needed: header.size(),
            available: bytes.len(),
        })?;
    let computed = crc32c::crc32c(covered);
    if computed != header.crc() {
        return Err(BatchError::Checksum {
            stored: header.crc(),
            computed,
        });
    }
    Ok(())
}

/// A copy of `batch` with the broker's `time` in place of the producer's (KIP-32).
///
/// Both fields it changes are under the checksum, so the bytes cannot stay where they are.
pub fn with_log_append_time(batch: &Batch, time: Timestamp) -> Batch {
    let mut bytes = batch.bytes.to_vec();
    header::write_append_time(&mut bytes, batch.header.attributes(), time);
    Batch::written(bytes)
}
