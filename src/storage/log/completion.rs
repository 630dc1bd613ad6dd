//! What is under way, and what becomes true when it ends.

use super::sync::SyncExtent;
use super::{Checkpointed, Log};
use crate::storage::call::{Calls, DiskReply, SealedIndex, Ticket};
use crate::storage::index::SegmentIndex;
use crate::storage::segment::SegmentState;
use crate::types::Offset;
use std::cell::RefCell;
use std::io;

/// What a call that is under way will make true.
#[derive(Debug)]
pub(super) enum Pending {
    Create {
        base: Offset,
        reserve: u64,
        /// What the append that waits for it takes.
        needed: u64,
    },
    Reserve {
        base: Offset,
        upto: u64,
        /// Up to where the append that waits for it reaches.
        needed: u64,
    },
    Cut,
    Sync(SyncExtent),
    WriteBehind {
        base: Offset,
        upto: u64,
    },
    Seal {
        base: Offset,
    },
    Checkpoint(Checkpointed),
    /// The checkpoint of a clean stop, written anew without saying so.
    VoidCleanMark,
    Remove,
    /// A piece of a compaction.
    Compact,
    Close {
        synced: Offset,
    },
}

impl Pending {
    /// Whether appending waits for it.
    pub(super) fn blocks_appends(&self) -> bool {
        matches!(
            self,
            Self::Create { .. } | Self::Reserve { .. } | Self::Cut | Self::VoidCleanMark
        )
    }

    pub(super) fn is_reserve(&self) -> bool {
        matches!(self, Self::Reserve { .. })
    }

    pub(super) fn is_sync(&self) -> bool {
        matches!(self, Self::Sync(_) | Self::Close { .. })
    }

    pub(super) fn is_write_behind(&self) -> bool {
        matches!(self, Self::WriteBehind { .. })
    }

    /// Whether it replaces the checkpoint, which only one at a time may do.
    pub(super) fn is_checkpoint(&self) -> bool {
        matches!(
            self,
            Self::Checkpoint(_) | Self::VoidCleanMark | Self::Close { .. }
        ) || matches!(self, Self::Create { .. })
    }
}

/// What became true by the end of a call.
#[derive(Debug)]
pub enum Completed {
    /// Nothing that anyone waits for.
    Nothing,
    /// [`Log::make_room`] may say something else now.
    RoomMade,
    /// Everything below this offset is on the device.
    Synced(Offset),
    /// A checkpoint is durable.
    Checkpointed,
    /// The log was closed cleanly; the next start scans nothing.
    Closed,
    /// Something failed that someone waits for. Appends that wait for room get an error and may be
    /// tried again, unless it is final.
    Failed {
        /// What failed, and where.
        reason: String,
        /// What the system said.
        error: io::Error,
        /// Whether the log takes nothing more until the next start; see [`Log::failure`].
        is_final: bool,
    },
}

impl Log {
    /// Takes in how a call ended. May push more calls.
    pub fn completed(
        &mut self,
        ticket: Ticket,
        result: io::Result<DiskReply>,
        calls: &mut Calls,
    ) -> Completed {
        let Some(pending) = self.in_flight.remove(&ticket) else {
            return Completed::Nothing;
        };
        let completed = match result {
            Ok(reply) => self.succeeded(pending, reply, calls),
            Err(error) => self.failed(pending, error, calls),
        };
        self.seal_ended(calls);
        self.continue_closing(calls);
        completed
    }

    fn succeeded(&mut self, pending: Pending, reply: DiskReply, calls: &mut Calls) -> Completed {
        match (pending, reply) {
            (Pending::Create { base, reserve, .. }, DiskReply::File(file)) => {
                self.created(base, reserve, file);
                Completed::RoomMade
            }
            (Pending::Reserve { base, upto, .. }, _) => {
                self.reserved(base, upto);
                Completed::RoomMade
            }
            (Pending::Cut, _) => {
                self.room.is_tail_dirty = false;
                if let Some(active) = self.active_mut() {
                    active.is_cut = true;
                }
                Completed::RoomMade
            }
            (Pending::Sync(extent), _) => Completed::Synced(self.sync_done(&extent)),
            (Pending::WriteBehind { base, upto }, _) => {
                self.written_behind(base, upto);
                Completed::Nothing
            }
            (Pending::Seal { base }, DiskReply::Sealed(index)) => {
                self.sealed(base, Some(index));
                Completed::Nothing
            }
            (Pending::Checkpoint(checkpointed), DiskReply::Checkpointed(mark)) => {
                self.checkpointed = checkpointed;
                self.has_written_checkpoint = true;
                if let (Some(mark), Some(segment)) = (mark, self.segment_mut(checkpointed.segment))
                {
                    segment.index_mark = mark;
                }
                self.clean_mark = None;
                self.advance_start();
                self.remove_expired(None, calls);
                Completed::Checkpointed
            }
            (Pending::VoidCleanMark, _) => {
                self.clean_mark = None;
                Completed::RoomMade
            }
            (Pending::Remove, _) => Completed::Nothing,
            (Pending::Compact, DiskReply::Compacted(run)) => self.compacted(*run, calls),
            (Pending::Close { synced }, _) => {
                self.closed(synced);
                Completed::Closed
            }
            (
                pending @ (Pending::Create { .. }
                | Pending::Seal { .. }
                | Pending::Checkpoint(_)
                | Pending::Compact),
                reply,
            ) => {
                unreachable!("{pending:?} was answered by {reply:?}")
            }
        }
    }

    fn failed(&mut self, pending: Pending, error: io::Error, calls: &mut Calls) -> Completed {
        let directory = self.directory.display().to_string();
        let failed = |what: &str, error, is_final| {
            let reason = format!("{what} in {directory}: {error}");
            Completed::Failed {
                reason,
                error,
                is_final,
            }
        };
        match pending {
            Pending::Create {
                reserve, needed, ..
            } => {
                if self.create_failed(reserve, needed, &error, calls) {
                    Completed::Nothing
                } else {
                    failed("creating a segment", error, false)
                }
            }
            Pending::Reserve { base, upto, needed } => {
                if self.reserve_failed(base, upto, needed, calls) {
                    Completed::Nothing
                } else {
                    failed("reserving space", error, false)
                }
            }
            Pending::Cut => failed("cutting a failed append off", error, false),
            Pending::Sync(_) => {
                self.sync_failed(&error);
                failed("syncing", error, true)
            }
            Pending::WriteBehind { base, upto } => {
                // The next sync reports what is wrong.
                self.written_behind(base, upto);
                Completed::Nothing
            }
            Pending::Seal { base } => {
                log::warn!("sealing segment {base} in {directory}: {error}");
                self.sealed(base, None);
                Completed::Nothing
            }
            Pending::Checkpoint(_) => {
                self.has_written_checkpoint = false;
                failed("writing the checkpoint", error, false)
            }
            Pending::VoidCleanMark => failed("voiding the mark of the clean stop", error, false),
            Pending::Remove => {
                log::warn!("removing an expired segment in {directory}: {error}");
                Completed::Nothing
            }
            Pending::Compact => self.compaction_failed(&error),
            Pending::Close { .. } => {
                self.fail(
                    format!("closing the log in {directory} failed: {error}"),
                    true,
                );
                failed("closing the log", error, true)
            }
        }
    }

    fn written_behind(&mut self, base: Offset, upto: u64) {
        if let Some(segment) = self.segment_mut(base) {
            // What compaction has put in its place meanwhile may be shorter, and is synced.
            segment.behind = segment.behind.max(upto.min(segment.size));
            self.gathered_behind = segment.size.saturating_sub(upto);
        }
    }

    /// Without indexes on the disk those in memory go on being used.
    fn sealed(&mut self, base: Offset, index: Option<SealedIndex>) {
        let Some(segment) = self.segment_mut(base) else {
            return;
        };
        segment.state = SegmentState::Sealed;
        if let Some(SealedIndex(index)) = index {
            segment.index = RefCell::new(SegmentIndex::Stored(index));
        }
    }
}
