use super::Partition;
use crate::storage::FileRange;
use crate::storage::log;
use crate::storage::producer_state::ProducerBatch;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use std::io;
use thiserror::Error;

/// What a read gave.
#[derive(Debug)]
pub struct ReadRange {
    /// Whole batches below the high watermark; `None` if there are none at that offset.
    pub range: Option<FileRange>,
    /// The last offset that may be read, plus one.
    pub high_watermark: Offset,
    /// The first offset that is kept.
    pub log_start: Offset,
}

/// What to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTarget {
    /// The first offset.
    Earliest,
    /// The high watermark.
    Latest,
    /// The record with the largest timestamp.
    LargestTimestamp,
    /// The first record at or after this time.
    At(Timestamp),
}

/// Why nothing can be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Before the log's start or past its end.
    #[error("the offset is out of the log's range")]
    OutOfRange,
    /// The client's epoch is older than the partition's.
    #[error("the client's leader epoch is older than the partition's")]
    FencedEpoch,
    /// The client's epoch is newer than the partition's.
    #[error("the client's leader epoch is newer than the partition's")]
    UnknownEpoch,
    /// The disk failed, what was read is damaged, or it may be lost.
    #[error("{0}")]
    Storage(String),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<log::ReadError> for ReadError {
    fn from(error: log::ReadError) -> Self {
        match error {
            log::ReadError::BelowStart { .. } | log::ReadError::AboveEnd { .. } => Self::OutOfRange,
            log::ReadError::Lost { .. } | log::ReadError::Storage { .. } => {
                Self::Storage(error.to_string())
            }
        }
    }
}

impl Partition {
    /// Plans a read of whole batches from `offset` on; the first one may begin before it.
    pub fn read(
        &self,
        offset: Offset,
        epoch: LeaderEpoch,
        bytes_max: u32,
        at_least_one: bool,
    ) -> Result<ReadRange, ReadError> {
        self.check_epoch(epoch)?;
        let range = self
            .log
            .read(offset, self.high_watermark, bytes_max, at_least_one)?;
        Ok(ReadRange {
            range,
            high_watermark: self.high_watermark,
            log_start: self.log.start(),
        })
    }

    /// Finds an offset and its timestamp; `None` if no readable record qualifies.
    pub fn seek(
        &self,
        target: SeekTarget,
        epoch: LeaderEpoch,
    ) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        self.check_epoch(epoch)?;
        match target {
            SeekTarget::Earliest => Ok(Some((self.log.start(), Timestamp::NONE))),
            SeekTarget::Latest => Ok(Some((self.high_watermark, Timestamp::NONE))),
            SeekTarget::LargestTimestamp => Ok(self.log.latest_timestamp(self.high_watermark)?),
            SeekTarget::At(time) => Ok(self.log.offset_for_timestamp(time, self.high_watermark)?),
        }
    }

    /// The greatest leader epoch at or below `epoch`, and the offset where it ended: where the next
    /// one began, or for the partition's own what may be read by now. `None` if `epoch` is newer
    /// than the partition's own, or [`LeaderEpoch::NONE`] (KIP-320).
    pub fn epoch_end(
        &self,
        epoch: LeaderEpoch,
        current: LeaderEpoch,
    ) -> Result<Option<(LeaderEpoch, Offset)>, ReadError> {
        self.check_epoch(current)?;
        if epoch == LeaderEpoch::NONE || epoch > self.epoch {
            return Ok(None);
        }
        if epoch == self.epoch {
            return Ok(Some((epoch, self.high_watermark)));
        }
        Ok(Some(self.log.epoch_end(epoch)))
    }

    /// The bytes of all that is in the log.
    pub fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    /// The producers that are remembered, each with its newest epoch and batch; by when they were
    /// last heard of, longest ago first.
    pub fn producers(&self) -> impl Iterator<Item = (ProducerId, ProducerEpoch, &ProducerBatch)> {
        self.producers.newest()
    }

    /// The epoch that this partition's leader writes under.
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    fn check_epoch(&self, epoch: LeaderEpoch) -> Result<(), ReadError> {
        if epoch == LeaderEpoch::NONE || epoch == self.epoch {
            Ok(())
        } else if epoch < self.epoch {
            Err(ReadError::FencedEpoch)
        } else {
            Err(ReadError::UnknownEpoch)
        }
    }
}
