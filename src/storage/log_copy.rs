//! A partition's log written anew out of segments that another broker left, in the same batches.
//!
//! Every batch is verified on its way: what is written is what was read and checked. All segments
//! are sealed, as they may lack offsets anywhere: the next append begins one of its own. Where a
//! segment ends before the next one begins, a batch without records takes up the offsets between.
//! Nothing counts before [`LogCopy::finish`] wrote the checkpoint.

use super::batch_walk::{BatchWalk, WINDOW_SCAN_BYTES, WalkError};
use super::call::{Hints, write_hints};
use super::checkpoint::Checkpoint;
use super::compaction::Output;
use super::disk::{Disk, OpenMode, remove_if_there, replace_file};
use super::epoch_history::EpochHistory;
use super::producer_state::ProducerState;
use super::segment::{CHECKPOINT_NAME, segment_files};
use crate::record::{BatchHeader, write_gap};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Position, ProducerId, TopicId};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Copied bytes between two syncs: the device is never kept busy for long.
const PIECE_BYTES: usize = 8 << 20;
/// An epoch above this would leave too few for the starts to come.
const LEADER_EPOCH_MAX: i32 = 1 << 30;
/// A producer id above this would leave too few for those to come.
const PRODUCER_ID_MAX: i64 = 1 << 62;

/// Why a log cannot be copied.
#[derive(Debug, Error)]
pub enum LogCopyError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A batch does not hold.
    #[error("{} is damaged at byte {position}: {reason}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where.
        position: Position,
        /// The offset that is next there.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// Records of a transaction, or its marker.
    #[error(
        "{} has records of a transaction at byte {position} (offset {offset}), which are not \
         served yet",
        path.display()
    )]
    Transactional {
        /// The segment.
        path: PathBuf,
        /// Where.
        position: Position,
        /// The batch's first offset.
        offset: Offset,
    },
    /// A segment that goes on behind where the next one begins.
    #[error("{} goes up to offset {end}, but the next segment begins at {next}", path.display())]
    Overlap {
        /// The segment.
        path: PathBuf,
        /// Where it ends.
        end: Offset,
        /// Where the next one begins.
        next: Offset,
    },
    /// Whoever watches asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// One segment to copy.
#[derive(Debug, Clone, Copy)]
pub struct SegmentSource<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The offset in its name.
    pub base: Offset,
    /// Where the log goes on after it, if it does.
    pub upto: Option<Offset>,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyTotals {
    /// Records.
    pub records: u64,
    /// Bytes of batches.
    pub bytes: u64,
    /// Segments.
    pub segments: u32,
    /// The largest producer id seen, if any.
    pub producer_id_max: Option<ProducerId>,
}

/// What the log begins with, and what is known beside its batches.
#[derive(Debug, Clone)]
pub struct CopyEnd {
    /// The first offset that may be read.
    pub log_start: Offset,
    /// The offset after the last.
    pub end: Offset,
    /// The epoch under which it goes on.
    pub leader_epoch: LeaderEpoch,
    /// Where epochs began.
    pub epochs: EpochHistory,
    /// Idempotent producers as of the end.
    pub producers: ProducerState,
}

/// A log that is being written.
#[derive(Debug)]
pub struct LogCopy<'a> {
    disk: &'a dyn Disk,
    directory: PathBuf,
    index_interval_bytes: u32,
    /// As of the last copied batch.
    producers: ProducerState,
    epochs: EpochHistory,
    epoch_max: LeaderEpoch,
    end: Option<Offset>,
    totals: CopyTotals,
}

impl<'a> LogCopy<'a> {
    /// Makes the directory. `epochs` is what is known of them beside the batches.
    pub fn begin(
        disk: &'a dyn Disk,
        directory: PathBuf,
        index_interval_bytes: u32,
        epochs: EpochHistory,
    ) -> Result<Self, LogCopyError> {
        disk.create_directory(&directory)
            .map_err(io_error(&directory))?;
        Ok(Self {
            disk,
            directory,
            index_interval_bytes,
            producers: ProducerState::default(),
            epoch_max: epochs.latest().unwrap_or(LeaderEpoch::FIRST),
            epochs,
            end: None,
            totals: CopyTotals::default(),
        })
    }

    /// The offset after the last that was copied.
    pub fn end(&self) -> Option<Offset> {
        self.end
    }

    /// What was copied so far.
    pub fn totals(&self) -> CopyTotals {
        self.totals
    }

    /// Idempotent producers as the copied batches tell of them.
    pub fn producers(&self) -> &ProducerState {
        &self.producers
    }

    /// The epochs that the copied batches, and what was known before, tell of.
    pub fn epochs(&self) -> &EpochHistory {
        &self.epochs
    }

    /// The newest leader epoch seen.
    pub fn epoch_max(&self) -> LeaderEpoch {
        self.epoch_max
    }

    /// Copies a segment; they come in the order of their offsets. What of it is good before damage
    /// stays copied, so that the caller can decide to end the log there. `advance` is told of bytes.
    pub fn segment(
        &mut self,
        source: SegmentSource<'_>,
        advance: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), LogCopyError> {
        let path = segment_files(&self.directory, source.base).log;
        let interval = self.index_interval_bytes;
        let output = Output::create(self.disk, &path, source.base, interval);
        let mut copy = SegmentCopy {
            output: output.map_err(io_error(&path))?,
            path: &path,
            next: source.base,
            epoch: self.epoch_max,
            is_cleaned: false,
        };
        let walked = self.walk(source, &mut copy, advance);
        if let Err(error) = walked {
            let is_damage = matches!(error, LogCopyError::Damaged { .. });
            if is_damage && copy.next > source.base {
                self.seal(copy)?;
            } else {
                remove_if_there(self.disk, &path).map_err(io_error(&path))?;
            }
            return Err(error);
        }
        self.fill(source, &mut copy)?;
        self.seal(copy)
    }

    fn walk(
        &mut self,
        source: SegmentSource<'_>,
        copy: &mut SegmentCopy<'_>,
        advance: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<(), LogCopyError> {
        let read_error = io_error(source.path);
        let file = self.disk.open(source.path, OpenMode::ReadOnly);
        let file = file.map_err(io_error(source.path))?;
        let length = file.length().map_err(read_error)?;
        let mut walk = BatchWalk::new(&*file, Position::ZERO, length, WINDOW_SCAN_BYTES);
        loop {
            let damaged = |position, reason: String| LogCopyError::Damaged {
                path: source.path.to_path_buf(),
                position,
                offset: copy.next,
                reason,
            };
            let (position, header, bytes) = match walk.next_batch() {
                Ok(None) => return Ok(()),
                Ok(Some(batch)) => batch,
                Err(WalkError::Io(error)) => return Err(io_error(source.path)(error)),
                Err(WalkError::Damaged { position, reason }) => {
                    return Err(damaged(position, reason.to_string()));
                }
                Err(other) => return Err(damaged(Position::ZERO, other.to_string())),
            };
            check(&header, copy.next).map_err(|reason| damaged(position, reason))?;
            if header.is_transactional() || header.is_control() {
                return Err(LogCopyError::Transactional {
                    path: source.path.to_path_buf(),
                    position,
                    offset: header.base_offset(),
                });
            }
            copy.take(&header, bytes)?;
            self.note(&header);
            if advance(header.size() as u64).is_break() {
                return Err(LogCopyError::Interrupted);
            }
        }
    }

    fn note(&mut self, header: &BatchHeader) {
        self.totals.records += u64::from(header.record_count().unsigned_abs());
        self.totals.bytes += header.size() as u64;
        if header.has_producer() {
            let id = Some(header.producer_id());
            self.totals.producer_id_max = self.totals.producer_id_max.max(id);
        }
        self.producers
            .record(header, header.base_offset(), header.max_timestamp());
        if header.leader_epoch() >= LeaderEpoch::FIRST {
            self.epochs
                .record(header.leader_epoch(), header.base_offset());
        }
        self.epoch_max = self.epoch_max.max(header.leader_epoch());
    }

    /// Takes up the offsets between the last batch and where the log goes on.
    fn fill(
        &self,
        source: SegmentSource<'_>,
        copy: &mut SegmentCopy<'_>,
    ) -> Result<(), LogCopyError> {
        let Some(upto) = source.upto.filter(|upto| *upto != copy.next) else {
            return Ok(());
        };
        if copy.next > upto {
            return Err(LogCopyError::Overlap {
                path: source.path.to_path_buf(),
                end: copy.next,
                next: upto,
            });
        }
        write_gap(copy.next, upto, copy.epoch, copy.output.buffer());
        (copy.next, copy.is_cleaned) = (upto, true);
        Ok(())
    }

    /// Makes a copied segment durable, with its indexes.
    fn seal(&mut self, mut copy: SegmentCopy<'_>) -> Result<(), LogCopyError> {
        let failed = io_error(copy.path);
        let sealed = copy.output.sync(&|| ()).and_then(|()| {
            let output = &mut copy.output;
            output.index.finish();
            let (index, time_index) = output.index.encode();
            let hints = Hints {
                files: segment_files(&self.directory, output.base),
                base: output.base,
                index,
                time_index,
                next: copy.next,
                max: output.index.max_timestamp(),
                chunks: Some(output.checksums.finish()),
                is_cleaned: copy.is_cleaned,
            };
            let length = Position::new(output.size);
            write_hints(self.disk, &hints, length, &output.file)
        });
        sealed.map_err(failed)?;
        self.totals.segments += 1;
        self.end = Some(copy.next);
        Ok(())
    }

    /// Writes the checkpoint that makes the directory a partition's, durably.
    pub fn finish(
        self,
        topic: TopicId,
        partition: PartitionIndex,
        end: CopyEnd,
    ) -> Result<(), LogCopyError> {
        let checkpoint = Checkpoint {
            topic,
            partition,
            log_start: end.log_start,
            synced: end.end,
            // Not there yet: what is appended next begins it.
            segment: end.end,
            position: Position::ZERO,
            leader_epoch: end.leader_epoch,
            epochs: end.epochs,
            clean: true,
            clean_below: Offset::ZERO,
            producers: end.producers.snapshot(end.end),
            index: None,
        };
        let path = self.directory.join(CHECKPOINT_NAME);
        replace_file(self.disk, &path, &checkpoint.encode()).map_err(io_error(&path))
    }
}

/// A segment that is being copied.
struct SegmentCopy<'a> {
    output: Output,
    path: &'a Path,
    next: Offset,
    epoch: LeaderEpoch,
    /// Whether offsets are missing.
    is_cleaned: bool,
}

impl SegmentCopy<'_> {
    fn take(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<(), LogCopyError> {
        self.output.buffer().extend_from_slice(bytes);
        self.is_cleaned |= header.base_offset() != self.next || !header.is_dense();
        self.next = header.next_offset();
        self.epoch = header.leader_epoch();
        if self.output.buffer().len() >= PIECE_BYTES {
            self.output.flush(&|| ()).map_err(io_error(self.path))?;
        }
        Ok(())
    }
}

/// Whether a batch can follow `next`, and leaves room for what comes after it.
fn check(header: &BatchHeader, next: Offset) -> Result<(), String> {
    if header.base_offset() < next {
        let base = header.base_offset();
        return Err(format!("a batch of offset {base} where {next} is next"));
    }
    if header.leader_epoch().get() > LEADER_EPOCH_MAX {
        return Err(format!("leader epoch {}", header.leader_epoch()));
    }
    if header.producer_id().get() > PRODUCER_ID_MAX {
        return Err(format!("producer id {}", header.producer_id()));
    }
    Ok(())
}

/// Whether an epoch leaves room for those of the starts to come.
pub fn is_usable_epoch(epoch: LeaderEpoch) -> bool {
    (LeaderEpoch::FIRST..=LeaderEpoch::new(LEADER_EPOCH_MAX)).contains(&epoch)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LogCopyError + use<> {
    let path = path.to_path_buf();
    move |source| LogCopyError::Io { path, source }
}
