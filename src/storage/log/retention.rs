//! Forgetting: by age, by size, by request. The start moves at once; files go once the checkpoint
//! that says so is durable and no reader holds them.

use super::Log;
use super::completion::Pending;
use crate::storage::call::{Calls, DiskCall};
use crate::storage::index::SegmentIndex;
use crate::storage::segment::{Segment, segment_files};
use crate::types::{Offset, Timestamp};
use std::sync::Arc;

impl Log {
    /// Plans to forget segments that are too old, or too many bytes ago, all of them below `limit`
    /// (the high watermark) and below the last checkpoint. Gives the start that is to be if it is
    /// another than was planned before: it holds, and the files go, once a [`Log::checkpoint`] has
    /// made it durable.
    pub fn expire(&mut self, now: Timestamp, limit: Offset, calls: &mut Calls) -> Option<Offset> {
        let before = self.next_start;
        self.roll_if_expired(now, limit, calls);
        let mut kept_bytes = self.bytes();
        for oldest in &self.segments {
            kept_bytes -= oldest.size;
            let too_much = self
                .config
                .retention_bytes
                .is_some_and(|retention_bytes| kept_bytes >= retention_bytes);
            let is_done = oldest.end <= self.next_start;
            if !is_done
                && !(self.is_removable(oldest, limit) && (too_much || self.is_too_old(oldest, now)))
            {
                break;
            }
            self.next_start = self.next_start.max(oldest.end);
        }
        self.remove_expired(Some(now), calls);
        (self.next_start > before).then_some(self.next_start)
    }

    /// Plans to move the start to `to`, as DeleteRecords asks (KIP-107). Gives the start that is to
    /// be if it moved; it holds once a [`Log::checkpoint`] has made it durable, and not before may
    /// anyone be told. `to` is at most [`Log::synced`].
    pub fn truncate_start(&mut self, to: Offset) -> Option<Offset> {
        assert!(
            to <= self.synced,
            "only what is durable is deleted by request"
        );
        if to <= self.next_start {
            return None;
        }
        self.next_start = to;
        Some(to)
    }

    /// The bytes from the batch on that holds the start.
    pub fn kept_bytes(&self) -> u64 {
        let kept = self.segments.iter();
        let kept = kept.filter(|segment| segment.end > self.start);
        kept.map(|segment| segment.size).sum::<u64>() - self.start_position()
    }

    /// How far into its segment the start lies. Where that cannot be read, not at all.
    fn start_position(&self) -> u64 {
        if let Some((start, position)) = self.start_position.get()
            && start == self.start
        {
            return position;
        }
        let Some(holder) = self.segment_of(self.start) else {
            return 0;
        };
        let position = if holder.base < self.start {
            let found = holder.find(self.start, self.config.index_interval_bytes);
            found.map_or(0, |(position, _)| position.get())
        } else {
            0
        };
        self.start_position.set(Some((self.start, position)));
        position
    }

    /// Whether a planned start waits for its checkpoint, or a segment below the start for the next
    /// one.
    pub fn is_start_waiting(&self) -> bool {
        let is_held = |oldest: &Segment| {
            oldest.end <= self.start
                && self.is_removable(oldest, self.checkpointed.synced)
                && !self.is_passed(oldest)
        };
        self.next_start > self.checkpointed.start || self.segments.front().is_some_and(is_held)
    }

    /// Whether a checkpoint is being written.
    pub fn is_checkpointing(&self) -> bool {
        self.is_pending(|pending| matches!(pending, Pending::Checkpoint(_)))
    }

    /// The durable start holds now: what lies below it can be read no more.
    pub(super) fn advance_start(&mut self) {
        self.start = self.checkpointed.start;
        let limit = self.checkpointed.synced;
        while let Some(oldest) = self.segments.front()
            && oldest.end <= self.start
            && self.is_removable(oldest, limit)
            && self.is_passed(oldest)
            && !self.is_being_replaced(oldest.base)
        {
            let expired = self.segments.pop_front();
            self.expired.extend(expired.map(|segment| (None, segment)));
        }
        self.epochs.forget_below(self.start);
    }

    /// Whether a start after a crash goes on behind the segment. One that was active when the
    /// checkpoint was begun, and is sealed by now, is where it goes on.
    fn is_passed(&self, segment: &Segment) -> bool {
        segment.base < self.checkpointed.segment
    }

    fn is_removable(&self, segment: &Segment, limit: Offset) -> bool {
        segment.is_settled() && segment.end <= limit && segment.end <= self.checkpointed.synced
    }

    fn is_too_old(&self, segment: &Segment, now: Timestamp) -> bool {
        let Some(retention_ms) = self.config.retention_ms else {
            return false;
        };
        segment
            .max
            .is_some_and(|(newest, _)| newest < now.before(retention_ms))
    }

    /// An active segment whose records are all too old is sealed, so that it can be forgotten too, or
    /// compacted.
    fn roll_if_expired(&mut self, now: Timestamp, limit: Offset, calls: &mut Calls) {
        let Some(active) = self.active() else { return };
        let is_over = self.is_too_old(active, now) || self.is_overdue(active, now);
        let expired = active.size > 0 && active.end <= limit && is_over;
        if expired && self.in_flight.is_empty() && self.check_writable().is_ok() {
            self.seal_active(calls);
        }
    }

    /// Unlinks what is expired, durably so, for long enough, and not lent any more.
    pub(super) fn remove_expired(&mut self, now: Option<Timestamp>, calls: &mut Calls) {
        let start = self.checkpointed.start;
        let delay_ms = self.config.file_delete_delay_ms;
        let is_due = |since: &mut Option<Timestamp>| {
            // The delay counts from the first look with a clock at hand.
            let waits = |now: Timestamp| *since.get_or_insert(now) > now.before(delay_ms);
            delay_ms == 0 || !now.is_none_or(waits)
        };
        let mut removable = Vec::new();
        for (mut since, segment) in std::mem::take(&mut self.expired) {
            let is_free = segment.end <= start && Arc::strong_count(&segment.file) == 1;
            if is_due(&mut since) && is_free {
                removable.push(segment);
            } else {
                self.expired.push((since, segment));
            }
        }
        for segment in removable {
            let names = segment_files(&self.directory, segment.base);
            // The log goes last: hints without one are no harm, one without its neighbour would be
            // taken for a gap.
            let paths = vec![names.index, names.time_index, names.summary, names.log];
            let mut files = vec![segment.file];
            if let SegmentIndex::Stored(index) = segment.index.into_inner() {
                files.extend(index.into_files());
            }
            self.push(calls, Pending::Remove, DiskCall::Remove { files, paths });
        }
        self.close_replaced(calls);
    }
}
