//! Bringing a log back after any stop. `FORMAT.md` has the rules; in short:
//!
//! - everything below the checkpoint's mark was durable: what is missing or wrong there takes the
//!   partition offline by name, and nothing is cut;
//! - above it the log is read batch by batch and ends where the first one does not hold: later
//!   batches that look valid prove nothing, since writeback is unordered;
//! - what is accepted is synced before anyone is told: after a process crash the page cache looks
//!   valid, after a power cut the same bytes can be zeros;
//! - files that are not ours are left alone.
//!
//! Cut anywhere and run again, recovery comes to the same end.

use super::scan::{Scan, push_header};
use super::{Checkpointed, Log, LogConfig};
use crate::record::BatchHeader;
use crate::storage::call::{Hints, write_hints};
use crate::storage::checkpoint::Checkpoint;
use crate::storage::disk::{Disk, FileRef, OpenMode, read_whole, replace_file};
use crate::storage::envelope::{DecodeError, FILE_BYTES_MAX};
use crate::storage::index::{IndexBuilder, SegmentIndex, StoredIndex};
use crate::storage::producer_state::ProducerState;
use crate::storage::segment::{CHECKPOINT_NAME, Segment, SegmentState, base_of, segment_files};
use crate::storage::segment_summary::{HEADER_BYTES, SegmentSummary};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A log that is ready, and what came to light on the way.
#[derive(Debug)]
pub struct Recovered {
    /// The log; everything in it is durable.
    pub log: Log,
    /// Idempotent producers as of the log's end.
    pub producers: ProducerState,
    /// The newest leader epoch known.
    pub epoch: LeaderEpoch,
    /// Whether a clean stop came before. If not, [`Recovered::raise_epoch`] before appending.
    pub clean: bool,
    /// What was done.
    pub report: RecoveryReport,
}

/// What recovery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// Bytes whose checksums were verified.
    pub bytes_scanned: u64,
    /// Bytes cut off, whole segments included.
    pub bytes_cut: u64,
    /// Segments removed because the log ends before them.
    pub segments_removed: u32,
    /// Segments whose indexes were lost or wrong.
    pub indexes_rebuilt: u32,
}

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

impl Log {
    /// Brings a partition's log back from its directory; one that does not exist is an empty log.
    /// Blocks, and reads what was written since the last checkpoint.
    pub fn recover(
        disk: &dyn Disk,
        directory: PathBuf,
        config: LogConfig,
        topic: TopicId,
        partition: PartitionIndex,
    ) -> Result<Recovered, RecoveryError> {
        let bases = list_segments(disk, &directory)?;
        let checkpoint = read_checkpoint(disk, &directory, topic, partition)?;
        let mut log = Self::new(directory, config, topic, partition);
        let Some(checkpoint) = checkpoint else {
            if bases.is_empty() {
                return Ok(Recovered::never_written(log));
            }
            return Err(RecoveryError::CheckpointMissing {
                path: log.checkpoint_path(),
            });
        };
        log.is_on_disk = true;
        log.start = checkpoint.log_start;
        log.leader_epoch = checkpoint.leader_epoch;
        log.epochs = checkpoint.epochs.clone();
        log.epochs.forget_from(checkpoint.synced);
        let mut producers = ProducerState::default();
        producers.restore(&checkpoint.producers);
        let recovery = Recovery {
            disk,
            log,
            producers,
            checkpoint,
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

    /// Takes the next leader epoch and makes it durable, as every unclean start must before its
    /// first append; a log that was never written needs none and keeps its own. Blocks.
    pub fn raise_epoch(&mut self, disk: &dyn Disk) -> io::Result<LeaderEpoch> {
        let log = &mut self.log;
        if !log.is_on_disk {
            return Ok(self.epoch);
        }
        let epoch = self.epoch.next();
        log.leader_epoch = epoch;
        let bytes = log.checkpoint_bytes(&self.producers);
        replace_file(disk, &log.checkpoint_path(), &bytes)?;
        log.checkpointed = Checkpointed {
            start: log.start,
            synced: log.synced,
            bytes: log.synced_bytes,
        };
        log.clean_mark = None;
        self.epoch = epoch;
        Ok(epoch)
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RecoveryError + '_ {
    move |source| RecoveryError::Io {
        path: path.to_path_buf(),
        source,
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
            self.log.expired.push(leftover);
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
            None if segment == synced => {}
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

    /// A segment that lies wholly below the durable mark. Its summary is believed where it matches
    /// the segment and its neighbour; without one the whole segment is verified.
    fn sealed_segment(&mut self, base: Offset, next: Offset) -> Result<Segment, RecoveryError> {
        let files = segment_files(&self.log.directory, base);
        let file = self.open(&files.log)?;
        let length = file.length().map_err(io_error(&files.log))?;
        let known = self.read_summary(base, &files.summary);
        let known = known.filter(|known| known.length == length.get() && known.next == next);
        let index = known.and_then(|_| self.open_indexes(base));
        if let (Some(known), Some(index)) = (known, index) {
            let mut segment = Segment::empty(base, file, 0, SegmentIndex::Stored(index));
            segment.max = known.max;
            settle(&mut segment, length, next);
            segment.state = SegmentState::Sealed;
            return Ok(segment);
        }
        let segment = self.verify_sealed(base, file, length)?;
        match segment.end.cmp(&next) {
            std::cmp::Ordering::Less => Err(self.missing(segment.end)),
            std::cmp::Ordering::Greater => Err(self.overlap(next, segment.end)),
            std::cmp::Ordering::Equal => Ok(segment),
        }
    }

    fn overlap(&self, base: Offset, expected: Offset) -> RecoveryError {
        let path = segment_files(&self.log.directory, base).log;
        RecoveryError::Overlap {
            path,
            expected,
            found: base,
        }
    }

    fn verify_sealed(
        &mut self,
        base: Offset,
        file: FileRef,
        length: Position,
    ) -> Result<Segment, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let mut index = IndexBuilder::new(base, self.log.config.index_interval_bytes);
        let scan = Scan {
            file: &*file,
            from: Position::ZERO,
            upto: length,
            expected: base,
            validate: true,
        };
        let end = scan.run(|position, header| push_header(&mut index, position, header));
        let end = end.map_err(io_error(&path))?;
        self.report.bytes_scanned += end.position.get();
        if let Some(reason) = end.damage {
            return Err(RecoveryError::Damaged {
                path,
                position: end.position,
                reason,
            });
        }
        let mut segment = Segment::empty(base, file, 0, SegmentIndex::Memory(index));
        settle(&mut segment, length, end.next);
        self.write_sealed_hints(&mut segment);
        Ok(segment)
    }

    fn read_summary(&self, base: Offset, path: &Path) -> Option<SegmentSummary> {
        let file = self.disk.open(path, OpenMode::ReadOnly).ok()?;
        let mut header = [0; HEADER_BYTES];
        file.read_at(Position::ZERO, &mut header).ok()?;
        SegmentSummary::decode(base, &header)
    }

    fn open_indexes(&self, base: Offset) -> Option<StoredIndex> {
        let files = segment_files(&self.log.directory, base);
        let index = self.disk.open(&files.index, OpenMode::ReadOnly).ok()?;
        let time_index = self.disk.open(&files.time_index, OpenMode::ReadOnly).ok()?;
        StoredIndex::new(index, time_index).ok()
    }

    /// Writes the hints of a segment that was read through; where that fails they stay in memory.
    fn write_sealed_hints(&mut self, segment: &mut Segment) {
        self.report.indexes_rebuilt += 1;
        segment.state = SegmentState::Sealed;
        segment.max = max_of(segment);
        let hints: Hints = super::room::hints_of(&self.log.directory, segment, true);
        let length = Position::new(segment.size);
        match write_hints(self.disk, &hints, length, Some(&segment.file)) {
            Ok(index) => segment.index = RefCell::new(SegmentIndex::Stored(index)),
            Err(error) => {
                let directory = self.log.directory.display();
                log::warn!(
                    "writing the indexes of {} in {directory}: {error}",
                    segment.base
                );
            }
        }
    }

    /// The segment that holds the durable mark, and what was written after it. Gives back whether a
    /// clean stop came before.
    fn recover_tail(&mut self, bases: &[Offset]) -> Result<bool, RecoveryError> {
        let (first, later) = bases.split_first().expect("the tail has a segment");
        if later.is_empty()
            && self.checkpoint.clean
            && let Some(segment) = self.clean_tail(*first)?
        {
            self.segments.push_back(segment);
            return Ok(true);
        }
        let mut is_whole = self.scan_marked(*first)?;
        let mut removed = Vec::new();
        for base in later {
            let end = self.segments.back().map_or(*base, |segment| segment.end);
            if *base < end {
                return Err(self.overlap(*base, end));
            }
            if !is_whole || *base > end {
                is_whole = false;
                removed.push(*base);
                continue;
            }
            is_whole = self.scan_later(*base)?;
        }
        self.remove_segments(&removed)?;
        self.seal_all_but_last();
        self.sync_tail(*first)?;
        Ok(false)
    }

    /// The active segment after a clean stop, if it is as that left it.
    fn clean_tail(&mut self, base: Offset) -> Result<Option<Segment>, RecoveryError> {
        let files = segment_files(&self.log.directory, base);
        let file = self.open(&files.log)?;
        let length = file.length().map_err(io_error(&files.log))?;
        if length != self.checkpoint.position {
            return Ok(None);
        }
        let next = self.checkpoint.synced;
        let index = match self.clean_index(base, length, next) {
            Some(index) => index,
            None => {
                self.report.indexes_rebuilt += 1;
                self.walk_marked(base, &*file, length)?
            }
        };
        let mut segment = Segment::empty(base, file, 0, SegmentIndex::Memory(index));
        settle(&mut segment, length, next);
        segment.max = max_of(&mut segment);
        segment.begun = first_timestamp(&segment);
        Ok(Some(segment))
    }

    fn clean_index(&self, base: Offset, length: Position, next: Offset) -> Option<IndexBuilder> {
        let files = segment_files(&self.log.directory, base);
        let known = self.read_summary(base, &files.summary)?;
        if known.length != length.get() || known.next != next {
            return None;
        }
        let offsets = read_whole(self.disk, &files.index, FILE_BYTES_MAX).ok()?;
        let times = read_whole(self.disk, &files.time_index, FILE_BYTES_MAX).ok()?;
        let is_same = crc32c::crc32c(&offsets) == known.index_crc
            && crc32c::crc32c(&times) == known.time_index_crc;
        let interval = self.log.config.index_interval_bytes;
        let bytes = (offsets.as_slice(), times.as_slice());
        is_same.then(|| IndexBuilder::restore(base, interval, bytes, known.max, length.get()))?
    }

    /// Walks what is below the durable mark, header by header.
    fn walk_marked(
        &self,
        base: Offset,
        file: &dyn crate::storage::File,
        upto: Position,
    ) -> Result<IndexBuilder, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let mut index = IndexBuilder::new(base, self.log.config.index_interval_bytes);
        let scan = Scan {
            file,
            from: Position::ZERO,
            upto,
            expected: base,
            validate: false,
        };
        let end = scan.run(|position, header| push_header(&mut index, position, header));
        let end = end.map_err(io_error(&path))?;
        let position = end.position;
        if let Some(reason) = end.damage {
            return Err(RecoveryError::Damaged {
                path,
                position,
                reason,
            });
        }
        if end.next != self.checkpoint.synced {
            let reason = format!(
                "offset {} is next, {} was",
                end.next, self.checkpoint.synced
            );
            return Err(RecoveryError::Damaged {
                path,
                position,
                reason,
            });
        }
        Ok(index)
    }

    /// The segment that holds the durable mark: walked below it, verified above. Gives back whether
    /// it holds to its end.
    fn scan_marked(&mut self, base: Offset) -> Result<bool, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let file = self.open(&path)?;
        let length = file.length().map_err(io_error(&path))?;
        let (position, synced) = (self.checkpoint.position, self.checkpoint.synced);
        if length < position {
            let reason = format!("the file ends here, {position} bytes were durable");
            return Err(RecoveryError::Damaged {
                path,
                position: length,
                reason,
            });
        }
        let index = self.walk_marked(base, &*file, position)?;
        self.scan_unmarked(base, file, index, (position, synced), length)
    }

    fn scan_later(&mut self, base: Offset) -> Result<bool, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let file = self.open(&path)?;
        let length = file.length().map_err(io_error(&path))?;
        let index = IndexBuilder::new(base, self.log.config.index_interval_bytes);
        self.scan_unmarked(base, file, index, (Position::ZERO, base), length)
    }

    /// Verifies what nothing says was durable and cuts the segment where it stops to hold.
    fn scan_unmarked(
        &mut self,
        base: Offset,
        file: FileRef,
        mut index: IndexBuilder,
        (from, expected): (Position, Offset),
        length: Position,
    ) -> Result<bool, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let scan = Scan {
            file: &*file,
            from,
            upto: length,
            expected,
            validate: true,
        };
        let (log, producers) = (&mut self.log, &mut self.producers);
        let end = scan.run(|position, header| {
            push_header(&mut index, position, header);
            replay(log, producers, header);
        });
        let end = end.map_err(io_error(&path))?;
        self.report.bytes_scanned += end.position.since(from);
        let is_whole = end.damage.is_none();
        if let Some(damage) = end.damage {
            let cut = length.since(end.position);
            log::warn!(
                "{}: {cut} bytes cut at byte {}: {damage}",
                path.display(),
                end.position
            );
            self.report.bytes_cut += cut;
            file.truncate(end.position).map_err(io_error(&path))?;
        }
        let mut segment = Segment::empty(base, file, 0, SegmentIndex::Memory(index));
        settle(&mut segment, end.position, end.next);
        segment.max = max_of(&mut segment);
        segment.begun = first_timestamp(&segment);
        self.segments.push_back(segment);
        Ok(is_whole)
    }

    /// Removes segments that the log ends before, the last first.
    fn remove_segments(&mut self, bases: &[Offset]) -> Result<(), RecoveryError> {
        for base in bases.iter().rev() {
            let files = segment_files(&self.log.directory, *base);
            let length = self
                .open(&files.log)?
                .length()
                .map_err(io_error(&files.log))?;
            log::warn!("{}: removed, the log ends before it", files.log.display());
            self.report.bytes_cut += length.get();
            self.report.segments_removed += 1;
            for path in [&files.index, &files.time_index, &files.summary, &files.log] {
                match self.disk.remove_file(path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result.map_err(io_error(path))?,
                }
            }
        }
        Ok(())
    }

    fn seal_all_but_last(&mut self) {
        let mut segments = std::mem::take(&mut self.segments);
        let last = segments.pop_back();
        for segment in segments.iter_mut().filter(|segment| segment.is_active()) {
            self.write_sealed_hints(segment);
        }
        segments.extend(last);
        self.segments = segments;
    }

    /// Makes what was accepted durable.
    fn sync_tail(&self, first: Offset) -> Result<(), RecoveryError> {
        for segment in self.segments.iter().filter(|segment| segment.base >= first) {
            let path = segment_files(&self.log.directory, segment.base).log;
            segment.file.sync().map_err(io_error(&path))?;
        }
        let directory = &self.log.directory;
        self.disk
            .sync_directory(directory)
            .map_err(io_error(directory))
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

fn replay(log: &mut Log, producers: &mut ProducerState, header: &BatchHeader) {
    producers.record(header, header.base_offset(), header.max_timestamp());
    log.epochs
        .record(header.leader_epoch(), header.base_offset());
    log.leader_epoch = log.leader_epoch.max(header.leader_epoch());
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

/// The time of the first batch, as far as its header tells.
fn first_timestamp(segment: &Segment) -> Option<Timestamp> {
    let first = segment.walk(Position::ZERO).next_header().ok()??;
    Some(first.1.max_timestamp()).filter(|timestamp| *timestamp > Timestamp::NONE)
}
