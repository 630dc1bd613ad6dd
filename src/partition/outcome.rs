use super::append::{AppendError, Appended};
use super::delete_error::DeleteError;
use crate::storage::call::{Calls, DiskCall};
use crate::types::{AppendToken, DeletionToken, Offset};

/// What a call on a partition leads to.
#[derive(Debug)]
pub struct Outcome {
    /// Disk calls to perform.
    pub calls: Calls,
    /// A batch to recompress off the core; [`Partition::recompressed`](super::Partition::recompressed)
    /// takes the result.
    pub recompression: Option<(AppendToken, DiskCall)>,
    /// Appends that can be answered now.
    pub answers: Vec<(AppendToken, Result<Appended, AppendError>)>,
    /// Deletions of records that can be answered now, with the log's new start.
    pub deletions: Vec<(DeletionToken, Result<Offset, DeleteError>)>,
    /// Whether the partition has something that the next journal block should make durable.
    pub wants_commit: bool,
    /// About how many more bytes may be appended.
    pub append_bytes: u64,
    /// A checkpoint is wanted once a start would have to scan so many bytes without it.
    pub scan_bytes_max: u64,
    /// Batches wait for nothing but [`Partition::resume`] with more bytes to append.
    pub is_unfinished: bool,
}

impl Outcome {
    /// One that ends once about this many bytes are appended.
    pub fn new(append_bytes: u64) -> Self {
        Self {
            calls: Calls::new(),
            recompression: None,
            answers: Vec::new(),
            deletions: Vec::new(),
            wants_commit: false,
            append_bytes,
            scan_bytes_max: u64::MAX,
            is_unfinished: false,
        }
    }
}
