//! Bringing a log back after any stop. `FORMAT.md` has the rules; in short:
//!
//! - everything below the checkpoint's mark was durable: what is missing or wrong there takes the
//!   partition offline by name, and nothing is cut;
//! - above it the log is read batch by batch and ends where the first one does not hold: later
//!   batches that look valid prove nothing, since writeback is unordered;
//! - what a journal holds above the mark is laid over the log, and what it says was durable is
//!   treated like what lies below the mark;
//! - what is accepted is synced before anyone is told: after a process crash the page cache looks
//!   valid, after a power cut the same bytes can be zeros;
//! - files that are not ours are left alone.
//!
//! Cut anywhere and run again, recovery comes to the same end.

mod error;
mod sealed;
mod swaps;
mod tail;

pub use error::RecoveryError;

use super::{Checkpointed, Log, LogConfig};
use crate::storage::checkpoint::Checkpoint;
use crate::storage::disk::{Disk, FileRef, OpenMode, read_whole};
use crate::storage::envelope::FILE_BYTES_MAX;
use crate::storage::index::{IndexBuilder, SegmentIndex};
use crate::storage::journal::{Journaled, UNRECOVERED_NAME, with_unrecovered};
use crate::storage::producer_state::ProducerState;
use crate::storage::segment::{CHECKPOINT_NAME, Segment, base_of, segment_files};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId};
use error::io_error;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

/// A log that is ready, and what came to light on the way.
#[derive(Debug)]
pub struct Recovered {
    /// The log; everything in it is durable.
    pub log: Log,
    /// Idempotent producers as of the log's end.
    pub producers: ProducerState,
    /// The newest leader epoch known.
    pub epoch: LeaderEpoch,
    /// Whether a clean stop came before. If not, what is appended next needs a later leader epoch,
    /// as its offsets may have been given before.
    pub clean: bool,
    /// What was done.
    pub report: RecoveryReport,
}

/// What recovery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// Bytes whose checksums were verified.
    pub bytes_scanned: u64,
    /// Bytes of which the headers were walked for want of index entries.
    pub bytes_walked: u64,
    /// Bytes that only a journal held.
    pub bytes_replayed: u64,
    /// Bytes cut off, whole segments included.
    pub bytes_cut: u64,
    /// Segments removed because the log ends before them.
    pub segments_removed: u32,
    /// Sealed segments whose indexes were lost or wrong.
    pub indexes_rebuilt: u32,
}

impl Log {
    /// Brings a partition's log back from its directory; one that does not exist is an empty log.
    /// `journaled` is what the core's journals hold of it; what was kept of it beside its segments is
    /// added. Blocks, and reads what was written since the last checkpoint.
    pub fn recover(
        disk: &dyn Disk,
        directory: PathBuf,
        config: LogConfig,
        topic: TopicId,
        partition: PartitionIndex,
        journaled: &Journaled,
    ) -> Result<Recovered, RecoveryError> {
        let unrecovered = directory.join(UNRECOVERED_NAME);
        let journaled = with_unrecovered(disk, &directory, journaled);
        let journaled = journaled.map_err(io_error(&unrecovered))?;
        let bases = list_segments(disk, &directory)?;
        let checkpoint = read_checkpoint(disk, &directory, topic, partition)?;
        let mut log = Self::new(directory, config, topic, partition);
        let Some(checkpoint) = checkpoint else {
            if bases.is_empty() && journaled.is_empty() {
                return Ok(Recovered::never_written(log));
            }
            return Err(RecoveryError::CheckpointMissing {
                path: log.checkpoint_path(),
            });
        };
        // A replacement that failed half-way is read after a crash, and gone after a power cut: what
        // it says must not be told before it stays.
        disk.sync_directory(&log.directory)
            .map_err(io_error(&log.directory))?;
        swaps::settle(disk, &log.directory, &checkpoint)?;
        let bases = list_segments(disk, &log.directory)?;
        log.is_on_disk = true;
        log.start = checkpoint.log_start;
        log.next_start = checkpoint.log_start;
        log.leader_epoch = checkpoint.leader_epoch;
        log.epochs = checkpoint.epochs.clone();
        log.epochs.forget_from(checkpoint.synced);
        log.compaction.clean_below = checkpoint.clean_below;
        let mut producers = ProducerState::default();
        producers.restore(&checkpoint.producers);
        let recovery = Recovery {
            disk,
            log,
            producers,
            checkpoint,
            journaled,
            report: RecoveryReport::default(),
            segments: VecDeque::new(),
        };
        recovery.run(bases)
    }
}

impl Recovered {
    fn never_written(log: Log) -> Self {
        Self {
            log,
            producers: ProducerState::default(),
            epoch: LeaderEpoch::FIRST,
            clean: true,
            report: RecoveryReport::default(),
        }
    }
}

fn list_segments(disk: &dyn Disk, directory: &Path) -> Result<Vec<Offset>, RecoveryError> {
    let entries = match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_error(directory))?,
    };
    let files = entries.iter().filter(|entry| !entry.is_directory);
    let mut bases: Vec<Offset> = files
        .filter_map(|entry| base_of(&entry.name, "log"))
        .collect();
    bases.sort();
    Ok(bases)
}

fn read_checkpoint(
    disk: &dyn Disk,
    directory: &Path,
    topic: TopicId,
    partition: PartitionIndex,
) -> Result<Option<Checkpoint>, RecoveryError> {
    let path = directory.join(CHECKPOINT_NAME);
    let bytes = match read_whole(disk, &path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(io_error(&path))?,
    };
    let checkpoint = match Checkpoint::decode(&bytes) {
        Ok(checkpoint) => checkpoint,
        Err(source) => return Err(RecoveryError::CheckpointDamaged { path, source }),
    };
    let (found_topic, found_partition) = (checkpoint.topic, checkpoint.partition);
    if (found_topic, found_partition) != (topic, partition) {
        return Err(RecoveryError::Foreign {
            path,
            found_topic,
            found_partition,
        });
    }
    Ok(Some(checkpoint))
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    log: Log,
    producers: ProducerState,
    checkpoint: Checkpoint,
    journaled: Cow<'a, Journaled>,
    report: RecoveryReport,
    segments: VecDeque<Segment>,
}

impl Recovery<'_> {
    fn run(mut self, mut bases: Vec<Offset>) -> Result<Recovered, RecoveryError> {
        self.set_leftovers_aside(&mut bases)?;
        let marked = self.checkpoint.segment;
        let tail = bases.split_off(bases.partition_point(|base| *base < marked));
        self.check_nothing_is_missing(&bases, &tail)?;
        for (base, next) in followed(&bases, marked) {
            let segment = self.sealed_segment(base, next)?;
            self.segments.push_back(segment);
        }
        let clean = if tail.is_empty() {
            self.checkpoint.clean
        } else {
            self.recover_tail(&tail)?
        };
        Ok(self.finish(clean))
    }

    /// Segments below the durable log start are leftovers of an expiry that was cut short.
    fn set_leftovers_aside(&mut self, bases: &mut Vec<Offset>) -> Result<(), RecoveryError> {
        let (start, marked) = (self.checkpoint.log_start, self.checkpoint.segment);
        let is_leftover = |(base, next): &(Offset, Offset)| *next <= start && *base < marked;
        let count = followed(bases, marked).take_while(is_leftover).count();
        for base in bases.drain(..count) {
            let path = segment_files(&self.log.directory, base).log;
            let file = self.open(&path)?;
            let index = IndexBuilder::new(base, self.log.config.index_interval_bytes);
            let mut leftover = Segment::empty(base, file, 0, SegmentIndex::Memory(index));
            leftover.end = start;
            self.log.expired.push((None, leftover));
        }
        Ok(())
    }

    /// The segments below the durable mark must begin at or below the log's start, and the one that
    /// holds the mark must be there, unless none of its bytes was durable.
    fn check_nothing_is_missing(
        &self,
        sealed: &[Offset],
        tail: &[Offset],
    ) -> Result<(), RecoveryError> {
        let Checkpoint {
            log_start,
            synced,
            segment,
            ..
        } = self.checkpoint;
        match tail.first() {
            Some(first) if *first == segment => {}
            None if segment == synced && self.journaled.durable_upto() <= synced => {}
            _ => return Err(self.missing(segment)),
        }
        match sealed.first().or(tail.first()) {
            Some(first) if *first > log_start => Err(self.missing(log_start)),
            None if log_start < synced => Err(self.missing(log_start)),
            _ => Ok(()),
        }
    }

    fn missing(&self, offset: Offset) -> RecoveryError {
        RecoveryError::SegmentMissing {
            directory: self.log.directory.clone(),
            offset,
        }
    }

    fn open(&self, path: &Path) -> Result<FileRef, RecoveryError> {
        self.disk
            .open(path, OpenMode::ReadWrite)
            .map_err(io_error(path))
    }

    fn finish(self, clean: bool) -> Recovered {
        let Self {
            mut log,
            producers,
            checkpoint,
            report,
            segments,
            ..
        } = self;
        log.end = segments
            .back()
            .map_or(checkpoint.synced, |segment| segment.end);
        log.segments = segments;
        log.synced = log.end;
        // What had to be scanned once is scanned again unless a checkpoint comes to cover it.
        log.appended_bytes = report.bytes_scanned;
        log.synced_bytes = report.bytes_scanned;
        log.checkpointed = Checkpointed {
            start: checkpoint.log_start,
            synced: checkpoint.synced,
            bytes: 0,
            segment: checkpoint.segment,
        };
        log.clean_mark = clean.then(|| Box::new(checkpoint));
        let epoch = log.leader_epoch;
        Recovered {
            log,
            producers,
            epoch,
            clean,
            report,
        }
    }
}

/// Each base with the one after it, the last with `end`.
fn followed(bases: &[Offset], end: Offset) -> impl Iterator<Item = (Offset, Offset)> + '_ {
    let next = bases.iter().skip(1).copied().chain([end]);
    bases.iter().copied().zip(next)
}

/// What was found on the disk is durable, or will be before anyone is told.
fn settle(segment: &mut Segment, length: Position, end: Offset) {
    segment.size = length.get();
    segment.reserved = length.get();
    segment.synced = length.get();
    segment.behind = length.get();
    segment.end = end;
}

fn max_of(segment: &mut Segment) -> Option<(Timestamp, Offset)> {
    match segment.index.get_mut() {
        SegmentIndex::Memory(index) => index.max_timestamp(),
        SegmentIndex::Stored(_) => segment.max,
    }
}
