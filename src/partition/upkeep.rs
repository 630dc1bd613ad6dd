//! What is done for a partition now and then, beside what clients ask: retention, checkpoints,
//! compaction, and what a look at old segments needs.

use super::{Outcome, Partition};
use crate::storage::Disk;
use crate::storage::call::Calls;
use crate::storage::log::{CompactionBudget, Dirtiness, SealedSegment};
use crate::types::{Now, Offset};
use std::io;

impl Partition {
    /// The first segment at or after `from` that can be compared with its checksums.
    pub fn sealed_from(&self, from: Offset) -> Option<SealedSegment> {
        self.log.sealed_from(from)
    }

    /// Whether that segment is still a part of the log.
    pub fn still_holds(&self, segment: &SealedSegment) -> bool {
        self.log.still_holds(segment)
    }

    /// Retention and checkpoints; called now and then.
    pub fn upkeep(&mut self, now: Now, outcome: &mut Outcome) {
        if self.failure().is_some() {
            return;
        }
        self.log
            .expire(now.wall, self.high_watermark, &mut outcome.calls);
        let compaction_waits = self.log.wants_checkpoint(now.wall, self.high_watermark);
        let is_due = self.log.is_start_waiting() || compaction_waits;
        self.checkpoint_if(is_due, outcome);
    }

    /// How much there is to compact, if a compaction is due.
    pub fn dirtiness(&self, now: Now) -> Option<Dirtiness> {
        self.log.dirtiness(now.wall, self.high_watermark)
    }

    /// Begins a compaction that is due; see [`Partition::continue_compaction`].
    pub fn begin_compaction(&mut self, now: Now, budget: CompactionBudget) {
        let (now, limit) = (now.wall, self.high_watermark);
        self.log
            .begin_compaction(now, limit, &self.producers, budget);
    }

    /// Goes on with a compaction by a piece of about so many bytes, unless one is under way. Gives
    /// back whether a piece was begun.
    pub fn continue_compaction(&mut self, bytes_max: usize, outcome: &mut Outcome) -> bool {
        self.log.continue_compaction(bytes_max, &mut outcome.calls)
    }

    /// Whether a compaction was begun and has not ended.
    pub fn is_compacting(&self) -> bool {
        self.log.is_compacting()
    }

    pub(super) fn checkpoint_if(&mut self, due: bool, outcome: &mut Outcome) {
        if due || self.log.uncheckpointed_bytes() >= outcome.scan_bytes_max {
            self.log
                .checkpoint(self.epoch, &self.producers, &mut outcome.calls);
        }
    }

    /// Makes a checkpoint of a partition that was recovered and does not serve yet. Blocks.
    pub fn checkpoint_now(&mut self, disk: &dyn Disk) -> io::Result<()> {
        let mut calls = Calls::new();
        self.log.checkpoint(self.epoch, &self.producers, &mut calls);
        while let Some((ticket, call)) = calls.pop() {
            let reply = call.perform(disk)?;
            self.log.completed(ticket, Ok(reply), &mut calls);
        }
        Ok(())
    }
}
