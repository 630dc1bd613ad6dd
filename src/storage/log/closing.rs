//! Checkpoints, and the clean stop.

use super::completion::Pending;
use super::{Checkpointed, Log};
use crate::storage::call::{Calls, DiskCall};
use crate::storage::checkpoint::Checkpoint;
use crate::storage::index::{IndexPiece, SegmentIndex};
use crate::storage::producer_state::{ProducerSnapshot, ProducerState};
use crate::storage::segment::segment_files;
use crate::types::{LeaderEpoch, Offset, Position};

/// A clean stop that waits for calls under way.
#[derive(Debug)]
pub(super) struct Closing {
    producers: Vec<ProducerSnapshot>,
    /// Whether the last call was pushed.
    is_pushed: bool,
}

impl Log {
    /// Starts writing a checkpoint: up to where the log is durable, its start, its epochs, and the
    /// producers as of there. False if one is under way, or nothing is on the disk yet.
    pub fn checkpoint(
        &mut self,
        epoch: LeaderEpoch,
        producers: &ProducerState,
        calls: &mut Calls,
    ) -> bool {
        let is_pending = self.is_pending(Pending::is_checkpoint);
        if !self.is_on_disk || is_pending || self.closing.is_some() {
            return false;
        }
        self.leader_epoch = self.leader_epoch.max(epoch);
        let checkpoint = self.running_checkpoint(producers);
        let checkpointed = Checkpointed {
            start: self.next_start,
            synced: self.synced,
            bytes: self.synced_bytes,
            segment: checkpoint.segment,
        };
        let call = DiskCall::WriteCheckpoint {
            path: self.checkpoint_path(),
            index: self.index_piece(&checkpoint),
            checkpoint: Box::new(checkpoint),
            in_turn: self.has_written_checkpoint,
        };
        self.push(calls, Pending::Checkpoint(checkpointed), call);
        true
    }

    fn running_checkpoint(&self, producers: &ProducerState) -> Checkpoint {
        let producers = producers.snapshot(self.synced);
        self.checkpoint_at(self.synced, |segment| segment.synced, false, producers)
    }

    /// What the index files of a checkpoint's segment are to get, if more may come.
    fn index_piece(&self, checkpoint: &Checkpoint) -> Option<IndexPiece> {
        let active = self.active()?;
        let index = active.index.borrow();
        let SegmentIndex::Memory(index) = &*index else {
            return None;
        };
        let files = segment_files(&self.directory, active.base);
        let is_its = active.base == checkpoint.segment;
        is_its.then(|| index.piece(files, active.index_mark, checkpoint.position))
    }

    /// Before the first append after a clean stop: the checkpoint must stop saying that nothing was
    /// appended since. True if that is under way.
    pub(super) fn void_clean_mark(&mut self, calls: &mut Calls) -> bool {
        if self.clean_mark.is_none() {
            return false;
        }
        if self.is_pending(Pending::is_checkpoint) {
            return true;
        }
        let Some(mut checkpoint) = self.clean_mark.clone() else {
            return false;
        };
        checkpoint.clean = false;
        checkpoint.log_start = self.next_start;
        let call = DiskCall::WriteCheckpoint {
            path: self.checkpoint_path(),
            checkpoint,
            index: None,
            in_turn: false,
        };
        self.push(calls, Pending::VoidCleanMark, call);
        true
    }

    /// Ends the log cleanly once all calls under way are done: everything is synced, the active
    /// segment cut to its end, and a checkpoint says so, after which the next start scans nothing.
    /// Nothing can be appended any more. True if there is nothing to wait for, else
    /// [`Completed::Closed`](super::Completed::Closed) or a failure follows.
    pub fn close(
        &mut self,
        epoch: LeaderEpoch,
        producers: &ProducerState,
        calls: &mut Calls,
    ) -> bool {
        let was_never_written = !self.is_on_disk && self.in_flight.is_empty();
        if was_never_written || self.failure.is_some() {
            return true;
        }
        if self.closing.is_none() {
            self.leader_epoch = self.leader_epoch.max(epoch);
            let producers = producers.snapshot(self.end);
            self.closing = Some(Closing {
                producers,
                is_pushed: false,
            });
            self.end_compaction(calls);
            self.continue_closing(calls);
        }
        false
    }

    pub(super) fn continue_closing(&mut self, calls: &mut Calls) {
        if !self.in_flight.is_empty() || self.failure.is_some() {
            return;
        }
        let Some(closing) = self.closing.as_mut().filter(|closing| !closing.is_pushed) else {
            return;
        };
        closing.is_pushed = true;
        let producers = std::mem::take(&mut closing.producers);
        let checkpoint = self.checkpoint_at(self.end, |segment| segment.size, true, producers);
        let dirty = self.segments.iter().filter(|segment| segment.is_dirty());
        let files = dirty.map(|segment| segment.file.clone()).collect();
        let active = self
            .active()
            .map(|active| (active.file.clone(), Position::new(active.size)));
        let call = DiskCall::Close {
            files,
            active,
            path: self.checkpoint_path(),
            index: self.index_piece(&checkpoint),
            checkpoint: Box::new(checkpoint),
        };
        self.push(calls, Pending::Close { synced: self.end }, call);
    }

    pub(super) fn closed(&mut self, synced: Offset) {
        self.synced = synced;
        self.synced_bytes = self.appended_bytes;
        self.checkpointed = Checkpointed {
            start: self.next_start,
            synced,
            bytes: self.synced_bytes,
            segment: self.checkpointed.segment,
        };
        for segment in &mut self.segments {
            segment.synced = segment.size;
        }
        self.advance_start();
    }
}
