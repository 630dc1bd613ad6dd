//! One run of compaction over a log's sealed segments, in pieces.
//!
//! First the keys of the dirty segments are learned, as far as the budget goes. Then segments are
//! read again from the log's beginning, and what stays is written beside them: neighbours share a
//! segment as long as it does not grow past the size that segments have. Each such group is swapped in
//! by a piece of its own, once the log says that nothing else happened to its
//! segments meanwhile. Groups come in the order of their offsets: a tombstone goes only after what it
//! deletes has gone durably.

use super::filter::{BatchFilter, Cleaned, CompactionTerms};
use super::offset_map::OffsetMap;
use super::output::Output;
use super::source::{Cursor, Onward, Source};
use super::swap;
use crate::storage::call::{Hints, write_hints};
use crate::storage::disk::{Disk, FileRef, discard_if_there};
use crate::storage::index::SegmentIndex;
use crate::storage::log::LogConfig;
use crate::storage::segment::segment_files;
use crate::types::{Offset, Position, Timestamp};
use std::io;
use std::path::{Path, PathBuf};

/// A cleaned segment is made of so many full ones at most, so that a run gets on by steps.
const SEGMENTS_JOINED_MAX: u64 = 8;

/// A run under way; it travels with the disk calls that perform it.
#[derive(Debug)]
pub struct Compaction {
    directory: PathBuf,
    /// Neighbours from the log's first segment on.
    sources: Vec<Source>,
    /// The first offset whose key may not be known from an earlier run.
    dirty_from: Offset,
    segment_bytes: u64,
    index_interval_bytes: u32,
    filter: BatchFilter,
    phase: Phase,
    replacement: Option<Replacement>,
}

#[derive(Debug)]
enum Phase {
    Learning {
        source: usize,
        cursor: Cursor,
    },
    Writing(Box<Writing>),
    Written(Box<Writing>),
    /// Everything before this source is in its place.
    Between(usize),
    Finished,
}

#[derive(Debug)]
struct Writing {
    /// The first source that it is made of.
    first: usize,
    /// The one that is read.
    source: usize,
    cursor: Cursor,
    /// Bytes of the sources before that one.
    bytes_read: u64,
    /// Whether the source after that one joins.
    goes_on: bool,
    output: Output,
}

/// What the next piece of a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactionStage {
    /// It reads, and writes beside the log.
    Copy,
    /// It puts a cleaned segment in the place of others.
    Swap,
    /// There is nothing left to do.
    Finished,
}

/// A cleaned segment that is part of the log now.
#[derive(Debug)]
pub(in crate::storage) struct CleanedSegment {
    pub(in crate::storage) base: Offset,
    pub(in crate::storage) end: Offset,
    pub(in crate::storage) file: FileRef,
    pub(in crate::storage) size: u64,
    pub(in crate::storage) max: Option<(Timestamp, Offset)>,
    pub(in crate::storage) index: SegmentIndex,
}

/// A cleaned segment, and the bases of those that it replaced.
#[derive(Debug)]
pub(in crate::storage) struct Replacement {
    pub(in crate::storage) segment: CleanedSegment,
    pub(in crate::storage) replaced: Vec<Offset>,
}

impl Compaction {
    /// A run over `sources`, which follow each other from the log's first segment on.
    /// `map_bytes_max` bounds the memory for keys; what does not fit is left for a later run.
    pub(in crate::storage) fn new(
        directory: PathBuf,
        config: &LogConfig,
        sources: Vec<Source>,
        dirty_from: Offset,
        terms: CompactionTerms,
        (map_bytes_max, seed): (usize, u64),
    ) -> Self {
        let first_dirty = sources.partition_point(|source| source.end <= dirty_from);
        let map = OffsetMap::new(map_bytes_max, seed);
        let phase = match sources.get(first_dirty) {
            Some(source) => Phase::Learning {
                source: first_dirty,
                cursor: Cursor::new(source),
            },
            None => Phase::Finished,
        };
        Self {
            directory,
            sources,
            dirty_from,
            segment_bytes: config.segment_bytes(),
            index_interval_bytes: config.index_interval_bytes,
            filter: BatchFilter::new(terms, map),
            phase,
            replacement: None,
        }
    }

    /// Whose log it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the next piece does.
    pub const fn stage(&self) -> CompactionStage {
        match self.phase {
            Phase::Learning { .. } | Phase::Writing(_) | Phase::Between(_) => CompactionStage::Copy,
            Phase::Written(_) => CompactionStage::Swap,
            Phase::Finished => CompactionStage::Finished,
        }
    }

    /// The segments that the next piece replaces; none if it does not.
    pub(in crate::storage) fn to_replace(&self) -> &[Source] {
        match &self.phase {
            Phase::Written(writing) => self.group_of(writing),
            _ => &[],
        }
    }

    /// What the last piece put in place.
    pub(in crate::storage) const fn take_replacement(&mut self) -> Option<Replacement> {
        self.replacement.take()
    }

    /// Once finished: below this offset every key has one record.
    pub(in crate::storage) const fn clean_below(&self) -> Offset {
        self.filter.known_below()
    }

    /// What was written and is in no one's place yet: its handle and its name.
    pub(in crate::storage) fn into_unfinished(self) -> Option<(FileRef, PathBuf)> {
        match self.phase {
            Phase::Writing(writing) | Phase::Written(writing) => {
                let path = swap::cleaned_path(&self.directory, writing.output.base);
                Some((writing.output.file, path))
            }
            _ => None,
        }
    }

    /// The name of what is being written.
    fn unfinished(&self) -> Option<PathBuf> {
        match &self.phase {
            Phase::Writing(writing) => {
                Some(swap::cleaned_path(&self.directory, writing.output.base))
            }
            _ => None,
        }
    }

    /// Performs a piece: reads about `bytes_max` bytes, or swaps a segment in. Blocks. Where that
    /// fails the run is over, and what was being written is removed.
    pub(in crate::storage) fn perform(
        mut self,
        disk: &dyn Disk,
        bytes_max: usize,
    ) -> io::Result<Self> {
        let unfinished = self.unfinished();
        let phase = self.perform_phase(disk, bytes_max);
        if let (Err(_), Some(path)) = (&phase, unfinished)
            && let Err(error) = discard_if_there(disk, &path)
        {
            log::warn!("{} stays until the next start: {error}", path.display());
        }
        self.phase = phase?;
        if matches!(self.phase, Phase::Finished) {
            // Giving so much memory back takes long, and the core should not wait for it.
            self.filter.forget_keys();
        }
        Ok(self)
    }

    fn perform_phase(&mut self, disk: &dyn Disk, bytes_max: usize) -> io::Result<Phase> {
        match std::mem::replace(&mut self.phase, Phase::Finished) {
            Phase::Learning { source, cursor } => self.learn(disk, source, cursor, bytes_max),
            Phase::Writing(writing) => self.write(disk, writing, bytes_max),
            Phase::Written(writing) => self.swap(disk, *writing),
            Phase::Between(source) => self.next_group(disk, source),
            Phase::Finished => Ok(Phase::Finished),
        }
    }

    fn learn(
        &mut self,
        disk: &dyn Disk,
        at: usize,
        mut cursor: Cursor,
        bytes_max: usize,
    ) -> io::Result<Phase> {
        let Some(source) = self.sources.get(at) else {
            return Ok(Phase::Between(0));
        };
        let (filter, dirty_from) = (&mut self.filter, self.dirty_from);
        let mut is_full = false;
        source.visit(&mut cursor, bytes_max, |batch| {
            is_full = !filter.learn(batch, dirty_from, &|| disk.give_way());
            Ok(if is_full {
                Onward::Stop
            } else {
                Onward::Continue
            })
        })?;
        if is_full {
            return Ok(Phase::Between(0));
        }
        if !cursor.is_at_end(source) {
            return Ok(Phase::Learning { source: at, cursor });
        }
        match self.sources.get(at + 1) {
            Some(next) => Ok(Phase::Learning {
                source: at + 1,
                cursor: Cursor::new(next),
            }),
            None => Ok(Phase::Between(0)),
        }
    }

    /// The source at `at`, if there is something to clean in it.
    fn cleanable(&self, at: usize) -> Option<&Source> {
        let known = self.filter.known_below();
        self.sources.get(at).filter(|source| source.base < known)
    }

    fn group_of(&self, writing: &Writing) -> &[Source] {
        let group = self.sources.get(writing.first..=writing.source);
        group.unwrap_or_default()
    }

    fn next_group(&mut self, disk: &dyn Disk, at: usize) -> io::Result<Phase> {
        let Some(source) = self.cleanable(at) else {
            return Ok(Phase::Finished);
        };
        self.check_space(disk, source)?;
        let interval = self.index_interval_bytes;
        let path = swap::cleaned_path(&self.directory, source.base);
        Ok(Phase::Writing(Box::new(Writing {
            first: at,
            source: at,
            cursor: Cursor::new(source),
            bytes_read: 0,
            goes_on: false,
            output: Output::create(disk, &path, source.base, interval)?,
        })))
    }

    /// What the disk has left is for whoever appends.
    fn check_space(&self, disk: &dyn Disk, source: &Source) -> io::Result<()> {
        let usable_bytes = disk.volume(&self.directory)?.usable_bytes;
        if usable_bytes < source.size.saturating_mul(2) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        Ok(())
    }

    fn write(
        &mut self,
        disk: &dyn Disk,
        mut writing: Box<Writing>,
        bytes_max: usize,
    ) -> io::Result<Phase> {
        let mut left = bytes_max;
        while left > 0 {
            left = left.saturating_sub(self.write_from_source(disk, &mut writing, left)?);
            let Some(source) = self.sources.get(writing.source) else {
                break;
            };
            if !writing.cursor.is_at_end(source) {
                continue;
            }
            let next = self.sources.get(writing.source + 1);
            let Some(next) = next.filter(|_| writing.goes_on) else {
                return self.written(disk, writing);
            };
            self.check_space(disk, next)?;
            writing.bytes_read += source.size;
            writing.source += 1;
            writing.cursor = Cursor::new(next);
        }
        writing.output.flush(&|| disk.give_way())?;
        Ok(Phase::Writing(writing))
    }

    /// Cleans a piece of the source at hand. Gives the bytes read.
    fn write_from_source(
        &mut self,
        disk: &dyn Disk,
        writing: &mut Writing,
        bytes_max: usize,
    ) -> io::Result<usize> {
        let known = self.filter.known_below();
        let Some(source) = self.sources.get(writing.source) else {
            return Ok(bytes_max);
        };
        let next = self.sources.get(writing.source + 1);
        let next = next.filter(|next| next.base < known);
        let bytes_joined = writing.bytes_read + source.size + next.map_or(0, |next| next.size);
        let most = self.segment_bytes;
        let (filter, output) = (&mut self.filter, &mut writing.output);
        let goes_on = &mut writing.goes_on;
        source.visit(&mut writing.cursor, bytes_max, |batch| {
            let header = batch.header();
            let is_last = header.next_offset() == source.end;
            if is_last {
                *goes_on = next.is_some_and(|next| {
                    let offsets = next.end.since(output.base) - 1;
                    output.length() + header.size() as u64 + next.size <= most
                        && bytes_joined <= most.saturating_mul(SEGMENTS_JOINED_MAX)
                        && offsets <= i64::from(i32::MAX)
                });
            }
            let must_stay = is_last && !*goes_on;
            let buffer = output.buffer();
            let cleaned = filter.clean(batch, must_stay, buffer, &|| disk.give_way());
            output.is_changed |= cleaned != Cleaned::Kept;
            Ok(Onward::Continue)
        })
    }

    fn written(&mut self, disk: &dyn Disk, mut writing: Box<Writing>) -> io::Result<Phase> {
        if writing.output.is_changed || writing.source > writing.first {
            writing.output.sync(&|| disk.give_way())?;
            return Ok(Phase::Written(writing));
        }
        // The one segment would only be written again.
        let path = swap::cleaned_path(&self.directory, writing.output.base);
        discard_if_there(disk, &path)?;
        Ok(Phase::Between(writing.source + 1))
    }

    fn swap(&mut self, disk: &dyn Disk, writing: Writing) -> io::Result<Phase> {
        let sources = self.group_of(&writing);
        let bases: Vec<Offset> = sources.iter().map(|source| source.base).collect();
        let Writing { source, output, .. } = writing;
        let end = sources.last().map_or(output.base, |source| source.end);
        let others = bases.get(1..).unwrap_or_default();
        swap::decide(disk, &self.directory, output.base)?;
        swap::finish(disk, &self.directory, output.base, others)?;
        let segment = finish_segment(disk, &self.directory, output, end);
        self.replacement = Some(Replacement {
            segment,
            replaced: bases,
        });
        Ok(Phase::Between(source + 1))
    }
}

/// A segment that is in its place: its hints are written, and if that fails stay in memory.
fn finish_segment(
    disk: &dyn Disk,
    directory: &Path,
    mut output: Output,
    end: Offset,
) -> CleanedSegment {
    output.index.finish();
    let (index, time_index) = output.index.encode();
    let max = output.index.max_timestamp();
    let hints = Hints {
        files: segment_files(directory, output.base),
        base: output.base,
        index,
        time_index,
        next: end,
        max,
        chunks: Some(output.checksums.finish()),
        is_cleaned: true,
    };
    let length = Position::new(output.size);
    let index = match write_hints(disk, &hints, length, &output.file) {
        Ok(index) => SegmentIndex::Stored(index),
        Err(error) => {
            let path = hints.files.log.display();
            log::warn!("writing the indexes of {path}: {error}");
            SegmentIndex::Memory(output.index)
        }
    };
    CleanedSegment {
        base: output.base,
        end,
        file: output.file,
        size: output.size,
        max,
        index,
    }
}
