//! Making bytes durable, and writing them back gently before that.

use super::Log;
use super::completion::Pending;
use crate::storage::call::{Calls, DiskCall};
use crate::types::{Offset, Position};
use std::io;

/// The largest piece that is written back, in smallest ones.
const PIECE_GROWTH_MAX: u64 = 8;

/// How many times what was appended during one piece the next one waits for.
const PIECE_PER_GATHERED: u64 = 4;

/// What a sync makes durable once it is done.
#[derive(Debug)]
pub(super) struct SyncExtent {
    upto: Offset,
    appended_bytes: u64,
    /// Segments by base offset, and how much of each.
    segments: Vec<(Offset, u64)>,
}

impl Log {
    /// Starts making everything appended so far durable, the oldest segment first. False if there
    /// is nothing to do, or one is under way.
    pub fn begin_sync(&mut self, calls: &mut Calls) -> bool {
        if self.failure.is_some() || self.is_pending(Pending::is_sync) {
            return false;
        }
        let dirty: Vec<_> = self
            .segments
            .iter()
            .filter(|segment| segment.is_dirty())
            .collect();
        if dirty.is_empty() {
            return false;
        }
        let files = dirty.iter().map(|segment| segment.file.clone()).collect();
        let segments = dirty
            .iter()
            .map(|segment| (segment.base, segment.size))
            .collect();
        for segment in &mut self.segments {
            segment.is_cut = false;
        }
        let (upto, appended_bytes) = (self.end, self.appended_bytes);
        let extent = SyncExtent {
            upto,
            appended_bytes,
            segments,
        };
        self.push(calls, Pending::Sync(extent), DiskCall::Sync { files });
        true
    }

    pub(super) fn sync_done(&mut self, extent: &SyncExtent) -> Offset {
        for (base, size) in &extent.segments {
            if let Some(segment) = self.segment_mut(*base) {
                segment.synced = segment.synced.max(*size);
            }
        }
        assert!(
            extent.upto >= self.synced && extent.upto <= self.end,
            "syncs are one at a time"
        );
        self.synced = extent.upto;
        self.synced_bytes = extent.appended_bytes;
        self.synced
    }

    pub(super) fn sync_failed(&mut self, error: &io::Error) {
        let directory = self.directory.display();
        let reason = format!(
            "syncing {directory} failed: {error}; what was not durable may be lost, so the \
             partition takes no more writes until the broker is started anew on a sound disk"
        );
        self.fail(reason, true);
    }

    /// Starts writing back the next piece of what was appended, for logs that are not synced by
    /// every append. One is under way at a time, and a rest smaller than a piece waits. Pieces have
    /// [`write_behind_bytes`](super::LogConfig), because durable writes wait behind them, and up to
    /// eight times as much where more than a little is appended during one.
    pub fn write_behind(&mut self, calls: &mut Calls) {
        let least = self.config.write_behind_bytes.max(1);
        let most = least.saturating_mul(PIECE_GROWTH_MAX);
        let wanted = self.gathered_behind.saturating_mul(PIECE_PER_GATHERED);
        let piece = wanted.clamp(least, most);
        if self.failure.is_some() || self.is_pending(Pending::is_write_behind) {
            return;
        }
        let ripe = self.segments.iter().find(|segment| {
            let waiting = segment.size - segment.behind.max(segment.synced);
            waiting >= piece || (waiting > 0 && !segment.is_active())
        });
        let Some(segment) = ripe else { return };
        let from = segment.behind.max(segment.synced);
        let upto = segment.size.min(from.saturating_add(most));
        let (base, file) = (segment.base, segment.file.clone());
        let (from, position) = (Position::new(from), Position::new(upto));
        let call = DiskCall::WriteBehind {
            file,
            from,
            upto: position,
        };
        self.push(calls, Pending::WriteBehind { base, upto }, call);
    }
}
