//! One partition's log: segments, oldest first, of which the last may be active.
//!
//! Invariants:
//! - `start <= next_start <= end`; segments follow each other without gap or overlap, and offsets
//!   are dense in those that compaction did not write;
//! - `synced <= end` never goes back; everything below it is in its segment on the device; below
//!   `journaled <= end` it is there or in the journal;
//! - only `append` writes batches, and only into space that was reserved before;
//! - at most one sync is under way, and after the first failed one the log takes nothing more:
//!   the kernel reports a lost write once, so a second sync would lie;
//! - nothing is unlinked before the checkpoint that forgets it is durable.
//!
//! Calls that may block go to an outbox of [`Calls`]; their results come back by
//! [`Log::completed`], in any order. The log knows no clock: time is an argument.

mod closing;
mod compaction;
mod completion;
mod config;
mod journaled;
mod read;
mod recovery;
mod retention;
mod room;
mod scan;
mod scrub;
mod sync;
mod time;

pub use compaction::{CompactionBudget, Dirtiness};
pub use completion::Completed;
pub use config::{CompactionConfig, LogConfig};
pub use journaled::{Tail, Undurable};
pub use read::{FileRange, ReadError};
pub use recovery::{Recovered, RecoveryError, RecoveryReport};
pub use scrub::{Scrubbed, SealedSegment};

use super::call::{Calls, DiskCall, Ticket};
use super::checkpoint::Checkpoint;
use super::epoch_history::EpochHistory;
use super::producer_state::ProducerSnapshot;
use super::segment::{CHECKPOINT_NAME, Segment};
use crate::record::{Batch, HEADER_BYTES, patch_header};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId};
use completion::Pending;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

/// One partition's log.
#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    config: LogConfig,
    topic: TopicId,
    partition: PartitionIndex,
    segments: VecDeque<Segment>,
    start: Offset,
    /// What the next checkpoint makes the start.
    next_start: Offset,
    end: Offset,
    synced: Offset,
    journaled: Offset,
    /// Bytes that were appended while the last piece was written back.
    gathered_behind: u64,
    /// Bytes appended and bytes synced since the log was opened; their difference is un-synced.
    appended_bytes: u64,
    synced_bytes: u64,
    epochs: EpochHistory,
    leader_epoch: LeaderEpoch,
    /// Whether the directory exists with a checkpoint in it.
    is_on_disk: bool,
    /// The checkpoint of a clean stop, which must not say so any more once something is appended.
    clean_mark: Option<Box<Checkpoint>>,
    /// What the last durable checkpoint lets be forgotten.
    checkpointed: Checkpointed,
    /// Whether this process tried to write the checkpoint, and the last try succeeded: it and the
    /// one before may then take turns.
    has_written_checkpoint: bool,
    compaction: compaction::CompactionState,
    /// Below the start, and not unlinked yet.
    expired: Vec<(Option<Timestamp>, Segment)>,
    next_ticket: u64,
    in_flight: BTreeMap<Ticket, Pending>,
    /// How far into its segment a start lies, once that was asked for.
    start_position: Cell<Option<(Offset, u64)>>,
    room: room::RoomState,
    failure: Option<Failure>,
    closing: Option<closing::Closing>,
}

/// What the last durable checkpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checkpointed {
    start: Offset,
    synced: Offset,
    /// Of [`Log::synced_bytes`].
    bytes: u64,
    /// The base of the segment that it goes on in.
    segment: Offset,
}

/// Why a log takes nothing more until the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    reason: String,
    /// Whether what was not synced may be gone although it still reads as written.
    lost_writes: bool,
}

impl Log {
    /// The log of an empty partition. Nothing is on the disk before the first
    /// [`Log::make_room`].
    pub fn new(
        directory: PathBuf,
        config: LogConfig,
        topic: TopicId,
        partition: PartitionIndex,
    ) -> Self {
        let room = room::RoomState::new(&config);
        Self {
            directory,
            config,
            topic,
            partition,
            segments: VecDeque::new(),
            start: Offset::ZERO,
            next_start: Offset::ZERO,
            start_position: Cell::new(None),
            end: Offset::ZERO,
            synced: Offset::ZERO,
            journaled: Offset::ZERO,
            gathered_behind: 0,
            appended_bytes: 0,
            synced_bytes: 0,
            epochs: EpochHistory::default(),
            leader_epoch: LeaderEpoch::FIRST,
            is_on_disk: false,
            clean_mark: None,
            checkpointed: Checkpointed {
                start: Offset::ZERO,
                synced: Offset::ZERO,
                bytes: 0,
                segment: Offset::ZERO,
            },
            has_written_checkpoint: false,
            compaction: compaction::CompactionState::default(),
            expired: Vec::new(),
            next_ticket: 0,
            in_flight: BTreeMap::new(),
            room,
            failure: None,
            closing: None,
        }
    }

    /// The partition's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes new settings; they hold from the next roll, reservation or expiry on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The first offset that may be read. Moves only once a checkpoint has made that durable, so
    /// that it never goes back.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// The bytes of all batches in the log.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Everything below is on the device, in its segment.
    pub fn synced(&self) -> Offset {
        self.synced
    }

    /// Bytes appended that are not known to be on the device.
    pub fn unsynced_bytes(&self) -> u64 {
        self.appended_bytes - self.synced_bytes
    }

    /// Bytes on the device that a start would have to scan, as no checkpoint covers them.
    pub fn uncheckpointed_bytes(&self) -> u64 {
        self.synced_bytes - self.checkpointed.bytes
    }

    /// Why the log takes nothing more until the next start, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.reason.as_str())
    }

    /// Whether calls are under way.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The greatest epoch at or below `epoch` that wrote something, and the offset where it ended
    /// (KIP-101, KIP-320). If all that did are newer: `epoch` itself, and the offset from which on
    /// they did.
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_of(epoch, self.end).unwrap_or_else(|| {
            let first = self.epochs.starts().first();
            let begun = first.map_or(self.end, |(_, begun)| *begun);
            (epoch, begun.max(self.start))
        })
    }

    /// The newest epoch that wrote something.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// Appends a batch of records without gaps and gives the offset of its first record.
    ///
    /// Writes once, into space that [`Log::make_room`] said is there. On an error nothing of the
    /// batch is readable: after ENOSPC the same place is written again, any other error is the last
    /// thing this log does.
    ///
    /// # Panics
    ///
    /// If `make_room` did not return true for this length right before.
    pub fn append(
        &mut self,
        batch: &Batch,
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> io::Result<Offset> {
        self.check_writable()?;
        let base = self.end;
        let header = batch.header();
        let last = base.advanced(header.last_offset().since(header.base_offset()));
        let size = batch.bytes().len() as u64;
        let segment = self
            .segments
            .back_mut()
            .filter(|segment| segment.is_active());
        let segment = segment.expect("make_room made a segment");
        assert!(
            segment.size + size <= segment.reserved,
            "make_room reserved the space"
        );
        let position = Position::new(segment.size);
        let (written, records) = placed(batch, base, epoch);
        let parts = [IoSlice::new(&written), IoSlice::new(records)];
        if let Err(error) = segment.file.write_at(position, &parts) {
            self.append_failed(&error);
            return Err(error);
        }
        segment.checksum([&written, records]);
        let max = header.max_timestamp();
        segment.index.get_mut().push(position, size, last, max);
        segment.size += size;
        segment.end = last.next();
        segment.begun.get_or_insert(now);
        if segment.max.is_none_or(|(largest, _)| max > largest) {
            segment.max = Some((max, last));
        }
        self.end = last.next();
        self.appended_bytes += size;
        self.epochs.record(epoch, base);
        self.leader_epoch = self.leader_epoch.max(epoch);
        Ok(base)
    }

    fn check_writable(&self) -> io::Result<()> {
        match &self.failure {
            Some(failure) => Err(io::Error::other(failure.reason.clone())),
            None if self.closing.is_some() => Err(io::Error::other("the log is closing")),
            None => Ok(()),
        }
    }

    fn append_failed(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::StorageFull {
            self.room.is_tail_dirty = true;
            return;
        }
        let reason = format!("appending to {} failed: {error}", self.directory.display());
        self.fail(reason, false);
    }

    fn fail(&mut self, reason: String, lost_writes: bool) {
        let failure = self.failure.get_or_insert(Failure {
            reason,
            lost_writes,
        });
        failure.lost_writes |= lost_writes;
    }

    fn push(&mut self, calls: &mut Calls, pending: Pending, call: DiskCall) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.in_flight.insert(ticket, pending);
        calls.push((ticket, call));
    }

    fn is_pending(&self, matches: impl Fn(&Pending) -> bool) -> bool {
        self.in_flight.values().any(matches)
    }

    fn segment_mut(&mut self, base: Offset) -> Option<&mut Segment> {
        self.segments
            .iter_mut()
            .find(|segment| segment.base == base)
    }

    fn active_mut(&mut self) -> Option<&mut Segment> {
        self.segments
            .back_mut()
            .filter(|segment| segment.is_active())
    }

    fn active(&self) -> Option<&Segment> {
        self.segments.back().filter(|segment| segment.is_active())
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.directory.join(CHECKPOINT_NAME)
    }

    /// A checkpoint as of `synced`, which is a place up to which a sync made everything durable.
    fn checkpoint_at(
        &self,
        synced: Offset,
        position_of: impl Fn(&Segment) -> u64,
        clean: bool,
        producers: Vec<ProducerSnapshot>,
    ) -> Checkpoint {
        // One that the new start leaves behind may be gone by the next recovery.
        let stays = |segment: &&Segment| segment.end > self.next_start || segment.is_active();
        let holder = self.segments.iter().filter(stays);
        let holder = holder.rev().find(|segment| segment.base <= synced);
        // After a sealed one it goes on in the next, which may not be there yet.
        let holder = holder.filter(|segment| !(segment.is_settled() && segment.end == synced));
        let (segment, position) =
            holder.map_or((synced, 0), |segment| (segment.base, position_of(segment)));
        Checkpoint {
            topic: self.topic,
            partition: self.partition,
            log_start: self.next_start,
            synced,
            segment,
            position: Position::new(position),
            leader_epoch: self.leader_epoch,
            epochs: self.epochs.clone(),
            clean,
            producers,
            clean_below: self.compaction.clean_below,
            index: holder.map(|segment| segment.index_mark),
        }
    }
}

/// A batch as it is written: its header at this place in the log, and the rest as it came.
fn placed(batch: &Batch, base: Offset, epoch: LeaderEpoch) -> ([u8; HEADER_BYTES], &[u8]) {
    let (header, records) = batch
        .bytes()
        .split_first_chunk::<HEADER_BYTES>()
        .expect("a batch has a header");
    let mut header = *header;
    patch_header(&mut header, base, epoch);
    (header, records)
}
