//! The segment that holds the durable mark, and what was written after it.

use super::error::{RecoveryError, io_error};
use super::{Recovery, max_of, settle};
use crate::record::BatchHeader;
use crate::storage::batch_walk::{BatchWalk, WINDOW_PLAN_BYTES};
use crate::storage::disk::{File, FileRef, remove_if_there, write_all};
use crate::storage::index::{IndexBuilder, IndexMark, OffsetEntry, SegmentIndex};
use crate::storage::log::Log;
use crate::storage::log::scan::{Scan, ScanEnd};
use crate::storage::producer_state::ProducerState;
use crate::storage::segment::{Segment, segment_files};
use crate::types::{Offset, Position, Timestamp};
use std::io;
use std::path::Path;

/// The index of a segment that grows, and what the index files have of it.
struct MarkedIndex {
    index: IndexBuilder,
    stored: IndexMark,
}

impl Recovery<'_> {
    /// The segment that holds the durable mark, and what was written after it. Gives back whether a
    /// clean stop came before.
    pub(super) fn recover_tail(&mut self, bases: &[Offset]) -> Result<bool, RecoveryError> {
        let (first, later) = bases.split_first().expect("the tail has a segment");
        if later.is_empty()
            && self.checkpoint.clean
            && let Some(segment) = self.clean_tail(*first)?
        {
            self.segments.push_back(segment);
            return Ok(true);
        }
        self.scan_marked(*first, later.first().copied())?;
        let mut removed = Vec::new();
        let following = later.iter().skip(1).copied().map(Some).chain([None]);
        for (base, following) in later.iter().zip(following) {
            let end = self.segments.back().map_or(*base, |segment| segment.end);
            if *base < end {
                return Err(self.overlap(*base, end));
            }
            if *base > end {
                removed.push(*base);
            } else {
                self.scan_later(*base, following)?;
            }
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
        let index = self.marked_index(base, &*file, length)?;
        Ok(Some(tail_segment(base, file, index, (length, next))))
    }

    /// The index of what is below the durable mark: what the index files have of it, as far as the
    /// checkpoint vouches for them, and from there on by walking the headers.
    fn marked_index(
        &mut self,
        base: Offset,
        file: &dyn File,
        upto: Position,
    ) -> Result<MarkedIndex, RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let stored = self.stored_index(base, file, upto);
        let nothing = || (self.empty_index(base), Position::ZERO, base);
        let (mut marked, from, expected) = stored.unwrap_or_else(nothing);
        self.report.bytes_walked += upto.since(from);
        let scan = Scan {
            file,
            from,
            upto,
            expected,
            validate: false,
            gaps_below: Offset::ZERO,
            until: None,
        };
        let end = scan.run(|position, header| marked.index.push_header(position, header));
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
        Ok(marked)
    }

    /// What the index files have, as far as the checkpoint vouches for them, and the place and the
    /// offset that follow the batch of their last entry.
    fn stored_index(
        &self,
        base: Offset,
        file: &dyn File,
        upto: Position,
    ) -> Option<(MarkedIndex, Position, Offset)> {
        let stored = self.checkpoint.index?;
        let files = segment_files(&self.log.directory, base);
        let (offsets, times) = stored.read(self.disk, &files, upto.get())?;
        let entry = OffsetEntry::last_of(&offsets)?;
        let position = Position::new(u64::from(entry.position));
        let mut walk = BatchWalk::new(file, position, upto, WINDOW_PLAN_BYTES);
        let (_, last) = walk.next_header().ok()??;
        if last.last_offset().since(base) != i64::from(entry.relative) {
            return None;
        }
        let (interval, size) = (self.log.config.index_interval_bytes, last.size() as u64);
        let index = IndexBuilder::restore(base, interval, (&offsets, &times), size)?;
        let marked = MarkedIndex { index, stored };
        Some((marked, walk.position(), last.next_offset()))
    }

    /// The index of a segment of which nothing is known.
    fn empty_index(&self, base: Offset) -> MarkedIndex {
        MarkedIndex {
            index: IndexBuilder::new(base, self.log.config.index_interval_bytes),
            stored: IndexMark::default(),
        }
    }

    /// The segment that holds the durable mark: walked below it, verified above.
    fn scan_marked(
        &mut self,
        base: Offset,
        following: Option<Offset>,
    ) -> Result<(), RecoveryError> {
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
        let index = self.marked_index(base, &*file, position)?;
        let from = (position, synced);
        self.scan_unmarked(base, file, index, from, length, following)
    }

    fn scan_later(&mut self, base: Offset, following: Option<Offset>) -> Result<(), RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        let file = self.open(&path)?;
        let length = file.length().map_err(io_error(&path))?;
        let index = self.empty_index(base);
        let from = (Position::ZERO, base);
        self.scan_unmarked(base, file, index, from, length, following)
    }

    /// Verifies what the checkpoint does not vouch for, lays what journals hold over it, and cuts
    /// the segment where it stops to hold, unless something says that what follows was durable.
    fn scan_unmarked(
        &mut self,
        base: Offset,
        file: FileRef,
        mut marked: MarkedIndex,
        (from, expected): (Position, Offset),
        length: Position,
        following: Option<Offset>,
    ) -> Result<(), RecoveryError> {
        let path = segment_files(&self.log.directory, base).log;
        file.forget_cached().map_err(io_error(&path))?;
        let walked = self.walk_unmarked(
            &*file,
            &mut marked.index,
            (from, expected),
            length,
            following,
        );
        let end = walked.map_err(io_error(&path))?;
        let ScanEnd {
            position,
            next,
            damage,
        } = end;
        let length = length.max(position);
        let is_durable = next < self.journaled.durable_upto();
        if is_durable && following.is_none_or(|following| next < following) {
            let reason = damage.unwrap_or_else(|| format!("the file ends before offset {next}"));
            return Err(RecoveryError::Damaged {
                path,
                position,
                reason,
            });
        }
        self.report.bytes_scanned += position.since(from);
        if let Some(damage) = damage {
            self.cut(&*file, &path, (position, length), &damage)?;
        }
        let segment = tail_segment(base, file, marked, (position, next));
        self.segments.push_back(segment);
        Ok(())
    }

    /// Cuts a segment at `position`, from where on it holds nothing that was durable.
    pub(super) fn cut(
        &mut self,
        file: &dyn File,
        path: &Path,
        (position, length): (Position, Position),
        damage: &str,
    ) -> Result<(), RecoveryError> {
        let cut = length.since(position);
        log::warn!(
            "{}: {cut} bytes cut at byte {position}: {damage}",
            path.display()
        );
        self.report.bytes_cut += cut;
        file.truncate(position).map_err(io_error(path))
    }

    /// Goes from batch to batch, taking those that a journal holds from there.
    fn walk_unmarked(
        &mut self,
        file: &dyn File,
        index: &mut IndexBuilder,
        (mut position, mut next): (Position, Offset),
        mut length: Position,
        following: Option<Offset>,
    ) -> io::Result<ScanEnd> {
        loop {
            // A journal holds what was acknowledged, whatever the segment says.
            let journaled_from = self.journaled.next_from(next);
            if journaled_from == Some(next)
                && following != Some(next)
                && let Some(batches) = self.journaled.batches_from(next)?
            {
                next = self.lay(file, index, position, &batches)?;
                position = position.advanced(batches.len() as u64);
                length = length.max(position);
                continue;
            }
            let until = journaled_from.filter(|from| *from > next);
            let scan = Scan {
                file,
                from: position,
                upto: length,
                expected: next,
                validate: true,
                gaps_below: Offset::ZERO,
                until,
            };
            let (log, producers) = (&mut self.log, &mut self.producers);
            let end = scan.run(|position, header| {
                index.push_header(position, header);
                replay(log, producers, header);
            })?;
            (position, next) = (end.position, end.next);
            if end.damage.is_some() || until != Some(next) {
                return Ok(end);
            }
        }
    }

    /// Sees to it that the segment has a journal's batches at `position`. Gives the offset after.
    fn lay(
        &mut self,
        file: &dyn File,
        index: &mut IndexBuilder,
        position: Position,
        batches: &[u8],
    ) -> io::Result<Offset> {
        let mut there = vec![0; batches.len()];
        let read = file.read_at(position, &mut there)?;
        if read < batches.len() || there != batches {
            write_all(file, position, batches)?;
            self.report.bytes_replayed += batches.len() as u64;
        }
        let mut next = None;
        let mut at = 0;
        while let Some(rest) = batches.get(at..).filter(|rest| !rest.is_empty()) {
            let header = BatchHeader::read(rest).map_err(io::Error::other)?;
            index.push_header(position.advanced(at as u64), &header);
            replay(&mut self.log, &mut self.producers, &header);
            next = Some(header.next_offset());
            at += header.size();
        }
        next.ok_or_else(|| io::ErrorKind::InvalidData.into())
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
                remove_if_there(self.disk, path).map_err(io_error(path))?;
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
}

fn replay(log: &mut Log, producers: &mut ProducerState, header: &BatchHeader) {
    producers.record(header, header.base_offset(), header.max_timestamp());
    log.epochs
        .record(header.leader_epoch(), header.base_offset());
    log.leader_epoch = log.leader_epoch.max(header.leader_epoch());
}

/// A segment that goes on, of so many bytes and up to this offset.
fn tail_segment(
    base: Offset,
    file: FileRef,
    marked: MarkedIndex,
    (length, next): (Position, Offset),
) -> Segment {
    let mut segment = Segment::empty(base, file, 0, SegmentIndex::Memory(marked.index));
    segment.index_mark = marked.stored;
    settle(&mut segment, length, next);
    segment.max = max_of(&mut segment);
    segment.begun = first_timestamp(&segment);
    segment
}

/// The time of the first batch, as far as its header tells.
fn first_timestamp(segment: &Segment) -> Option<Timestamp> {
    let first = segment.walk(Position::ZERO).next_header().ok()??;
    Some(first.1.max_timestamp()).filter(|timestamp| *timestamp > Timestamp::NONE)
}
