//! Why a partition does not come back: one variant per condition, each with its remedy.

use crate::storage::envelope::DecodeError;
use crate::types::{Offset, PartitionIndex, Position, TopicId};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a partition stays offline. Nothing was changed on the disk below the last durable byte.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Segments without the file that says up to where they are durable.
    #[error(
        "{} is missing although there are segments beside it; restore it from a backup, or move \
         the directory away to start the partition empty",
        path.display()
    )]
    CheckpointMissing {
        /// Where the checkpoint should be.
        path: PathBuf,
    },
    /// A checkpoint that cannot be read.
    #[error(
        "{} cannot be read: {source}; restore it from a backup, or move the directory away to \
         start the partition empty",
        path.display()
    )]
    CheckpointDamaged {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The directory belongs to another partition.
    #[error(
        "{} belongs to partition {found_partition} of topic {found_topic}, not to this one; move \
         it back where it was",
        path.display()
    )]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// Whose it is.
        found_topic: TopicId,
        /// Which partition of that topic.
        found_partition: PartitionIndex,
    },
    /// A segment below the durable mark is gone.
    #[error(
        "no segment in {} holds offset {offset}, which was durable; restore the missing segment \
         from a backup",
        directory.display()
    )]
    SegmentMissing {
        /// The partition's directory.
        directory: PathBuf,
        /// The first offset that is nowhere.
        offset: Offset,
    },
    /// Two segments hold the same offsets.
    #[error(
        "{} begins at offset {found}, but the segment before it ends at {expected}; move the one \
         that does not belong here away",
        path.display()
    )]
    Overlap {
        /// The later segment.
        path: PathBuf,
        /// The offset after the earlier one.
        expected: Offset,
        /// The later one's base offset.
        found: Offset,
    },
    /// Bytes that were durable are not what they were.
    #[error(
        "{} is damaged at byte {position}, which was durable: {reason}; restore it from a backup",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where.
        position: Position,
        /// What is wrong.
        reason: String,
    },
}

/// Names what was touched when the file system failed.
pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecoveryError + '_ {
    move |source| RecoveryError::Io {
        path: path.to_path_buf(),
        source,
    }
}
