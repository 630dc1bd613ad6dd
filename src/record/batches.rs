//! The batches of a Fetch response or of a piece of a segment.

use super::batch::Batch;
use super::error::BatchError;
use super::header::BatchHeader;
use bytes::Bytes;

/// Iterates over the whole batches at the front of some bytes, without a copy.
///
/// A batch that is cut off at the end is no error: brokers cut responses by size, so it ends the
/// iteration. A corrupt one is returned as an error, once, and ends it as well, as nothing tells
/// where the next batch would begin.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// Iterates over `bytes`, which begin with a batch or are empty.
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    fn split_batch(&mut self) -> Result<Batch, BatchError> {
        let size = BatchHeader::read(&self.rest)?.size();
        if size > self.rest.len() {
            return Err(BatchError::Truncated {
                needed: size,
                available: self.rest.len(),
            });
        }
        Batch::validate_stored(self.rest.split_to(size))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.split_batch();
        if next.is_err() {
            self.rest = Bytes::new();
        }
        match next {
            Err(BatchError::Truncated { .. }) => None,
            batch_or_error => Some(batch_or_error),
        }
    }
}

impl std::iter::FusedIterator for Batches {}
