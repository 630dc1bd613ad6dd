//! Making room: the first segment, growth in doubling steps, rolling.

use super::completion::Pending;
use super::{Log, LogConfig};
use crate::storage::call::{Calls, DiskCall, Hints};
use crate::storage::index::{IndexBuilder, SegmentIndex};
use crate::storage::segment::{Segment, SegmentState, segment_files};
use crate::types::{Offset, Position, Timestamp};
use std::io;

/// Reservations end on a page.
const PAGE_BYTES: u64 = 4096;

#[derive(Debug)]
pub(super) struct RoomState {
    /// How much more the next reservation takes.
    step: u64,
    /// Whether the disk is nearly full: only what is needed is reserved then.
    is_scarce: bool,
    /// Whether a failed append left bytes behind the end.
    pub(super) is_tail_dirty: bool,
}

impl RoomState {
    pub(super) fn new(config: &LogConfig) -> Self {
        let step = config.reserve_bytes_min;
        Self {
            step,
            is_scarce: false,
            is_tail_dirty: false,
        }
    }
}

impl Log {
    /// Whether an append of `length` bytes can be a plain write now. If not, calls were pushed or
    /// are under way, and [`Log::completed`] says when to ask again. While space is reserved
    /// nothing is appended, even if it fits: file systems lock a file for both, and the core would
    /// wait for the lock.
    ///
    /// True as well of a log that failed or is closing, whose `append` gives the error.
    pub fn make_room(&mut self, length: usize, now: Timestamp, calls: &mut Calls) -> bool {
        if self.check_writable().is_err() {
            return true;
        }
        if self.is_pending(Pending::blocks_appends) || self.void_clean_mark(calls) {
            return false;
        }
        let length = length as u64;
        let Some(active) = self.active() else {
            self.create_segment(length, calls);
            return false;
        };
        if self.room.is_tail_dirty {
            self.cut_tail(calls);
            return false;
        }
        if self.must_roll(active, length, now) {
            self.seal_active(calls);
            self.create_segment(length, calls);
            return false;
        }
        let needed = active.size + length;
        if needed > active.reserved {
            self.reserve(needed, calls);
            return false;
        }
        true
    }

    /// Reserves for one more append like the last one, `length` bytes long, so that it need not wait
    /// for that if it comes a little later.
    pub fn reserve_ahead(&mut self, length: usize, calls: &mut Calls) {
        let Some(active) = self.active() else { return };
        let needed = active.size + length as u64;
        let is_short = needed > active.reserved && needed <= self.config.segment_bytes();
        if is_short
            && !self.room.is_scarce
            && self.failure.is_none()
            && !self.is_pending(Pending::is_reserve)
        {
            self.reserve(needed, calls);
        }
    }

    fn must_roll(&self, active: &Segment, length: u64, now: Timestamp) -> bool {
        if active.size == 0 {
            return false;
        }
        // Past that, Kafka's index has no entries for what follows.
        let is_out_of_offsets = active.end.since(active.base) > i64::from(i32::MAX);
        let age = active
            .begun
            .map_or(0, |begun| now.get().saturating_sub(begun.get()));
        active.size + length > self.config.segment_bytes()
            || age >= self.config.segment_ms - self.jitter_ms(active)
            || is_out_of_offsets
            || active.is_index_full(self.config.segment_index_bytes)
    }

    /// By how much a segment rolls early: another time for each, and always the same.
    fn jitter_ms(&self, segment: &Segment) -> i64 {
        let most = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if most <= 0 {
            return 0;
        }
        let [topic, ..] = self.topic.to_bytes();
        let place = (i64::from(topic) << 32) ^ i64::from(self.partition.get());
        let seed = segment.base.get() ^ place.rotate_left(20);
        fastrand::Rng::with_seed(seed.cast_unsigned()).i64(0..most)
    }

    fn create_segment(&mut self, length: u64, calls: &mut Calls) {
        let reserve = if self.room.is_scarce {
            length.next_multiple_of(PAGE_BYTES)
        } else {
            let last = self.segments.back();
            // After a full one it goes on with the step which that one had reached.
            if last.is_none_or(|last| last.size + length <= self.config.segment_bytes()) {
                self.room.step = self.config.reserve_bytes_min;
            }
            self.next_reservation(0, length)
        };
        self.push_create(reserve, length, calls);
    }

    fn push_create(&mut self, reserve: u64, needed: u64, calls: &mut Calls) {
        let base = self.end;
        let checkpoint = (!self.is_on_disk).then(|| {
            let checkpoint = self.checkpoint_at(self.synced, |_| 0, false, Vec::new());
            checkpoint.encode()
        });
        let call = DiskCall::CreateSegment {
            directory: self.directory.clone(),
            path: segment_files(&self.directory, base).log,
            reserve: Position::new(reserve),
            checkpoint,
        };
        let pending = Pending::Create {
            base,
            reserve,
            needed,
        };
        self.push(calls, pending, call);
    }

    pub(super) fn created(&mut self, base: Offset, reserved: u64, file: super::super::FileRef) {
        assert_eq!(
            base, self.end,
            "nothing is appended while a segment is made"
        );
        let index = IndexBuilder::new(base, self.config.index_interval_bytes);
        let segment = Segment::empty(base, file, reserved, SegmentIndex::Memory(index));
        self.segments.push_back(segment);
        // The first one comes with a checkpoint.
        self.has_written_checkpoint |= !self.is_on_disk;
        self.is_on_disk = true;
        self.room.is_tail_dirty = false;
    }

    /// Up to where to reserve next: at least `needed`, in doubling steps.
    fn next_reservation(&mut self, reserved: u64, needed: u64) -> u64 {
        let step = self.room.step;
        self.room.step = (step * 2).min(self.config.reserve_bytes_max).max(step);
        let limit = self.config.segment_bytes().max(needed);
        (reserved + step)
            .max(needed)
            .next_multiple_of(PAGE_BYTES)
            .min(limit)
    }

    fn reserve(&mut self, needed: u64, calls: &mut Calls) {
        let Some(active) = self.active() else { return };
        let (base, reserved) = (active.base, active.reserved);
        let upto = if self.room.is_scarce {
            needed
        } else {
            self.next_reservation(reserved, needed)
        };
        self.push_reserve(base, upto, needed, calls);
    }

    fn push_reserve(&mut self, base: Offset, upto: u64, needed: u64, calls: &mut Calls) {
        let Some(segment) = self.segment_mut(base) else {
            return;
        };
        let call = DiskCall::Reserve {
            file: segment.file.clone(),
            upto: Position::new(upto),
        };
        self.push(calls, Pending::Reserve { base, upto, needed }, call);
    }

    pub(super) fn reserved(&mut self, base: Offset, upto: u64) {
        self.room.is_scarce = false;
        if let Some(segment) = self.segment_mut(base) {
            segment.reserved = segment.reserved.max(upto);
        }
    }

    /// A failed reservation: one of more than is needed is tried again with what is. Gives back
    /// whether that answers the failure.
    pub(super) fn reserve_failed(
        &mut self,
        base: Offset,
        upto: u64,
        needed: u64,
        calls: &mut Calls,
    ) -> bool {
        self.becomes_scarce();
        let was_ample = upto > needed;
        if was_ample {
            self.push_reserve(base, needed, needed, calls);
        }
        was_ample
    }

    /// A segment could not be made: without space for the step it is tried again with what is
    /// needed. Gives back whether that answers the failure.
    pub(super) fn create_failed(
        &mut self,
        reserve: u64,
        needed: u64,
        error: &io::Error,
        calls: &mut Calls,
    ) -> bool {
        if error.kind() != io::ErrorKind::StorageFull {
            return false;
        }
        self.becomes_scarce();
        let least = needed.next_multiple_of(PAGE_BYTES);
        let was_ample = reserve > least;
        if was_ample {
            self.push_create(least, needed, calls);
        }
        was_ample
    }

    fn becomes_scarce(&mut self) {
        self.room.is_scarce = true;
        self.room.step = self.config.reserve_bytes_min;
    }

    fn cut_tail(&mut self, calls: &mut Calls) {
        let Some(active) = self.active_mut() else {
            return;
        };
        let length = active.size;
        let file = active.file.clone();
        // Cutting gives the reservation back too.
        active.reserved = length;
        let call = DiskCall::Cut {
            file,
            length: Position::new(length),
        };
        self.push(calls, Pending::Cut, call);
    }

    /// Ends the active segment; the next append makes a new one.
    pub(super) fn seal_active(&mut self, calls: &mut Calls) {
        let Some(active) = self.active_mut() else {
            return;
        };
        active.state = SegmentState::Ended;
        self.seal_ended(calls);
    }

    /// Seals what has ended, unless a checkpoint is being written, which writes to the same index
    /// files.
    pub(super) fn seal_ended(&mut self, calls: &mut Calls) {
        if self.is_pending(|pending| matches!(pending, Pending::Checkpoint(_))) {
            return;
        }
        let ended = |segment: &&mut Segment| segment.state == SegmentState::Ended;
        while let Some(segment) = self.segments.iter_mut().find(ended) {
            segment.state = SegmentState::Sealing;
            let base = segment.base;
            let hints = Box::new(hints_of(&self.directory, segment));
            let (file, length) = (segment.file.clone(), Position::new(segment.size));
            let call = DiskCall::Seal {
                file,
                length,
                hints,
            };
            self.push(calls, Pending::Seal { base }, call);
        }
    }
}

/// What is written beside a sealed segment; its time index ends with the largest timestamp.
pub(super) fn hints_of(directory: &std::path::Path, segment: &mut Segment) -> Hints {
    let (index, time_index) = match segment.index.get_mut() {
        SegmentIndex::Memory(builder) => {
            builder.finish();
            builder.encode()
        }
        SegmentIndex::Stored(_) => unreachable!("only a sealed segment's index is stored"),
    };
    Hints {
        files: segment_files(directory, segment.base),
        base: segment.base,
        index,
        time_index,
        next: segment.end,
        max: segment.max,
        is_cleaned: segment.is_cleaned,
        chunks: segment.known_checksums(),
    }
}
