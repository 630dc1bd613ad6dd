use super::{Effect, Shard};
use crate::storage::FileRange;
use crate::storage::call::{DiskCall, DiskReply, Ticket};
use crate::storage::log::SealedSegment;
use crate::types::{AppendToken, IoId, Now, RequestId, TopicPartition};
use std::io;

/// Whom a disk call's end concerns.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A partition's log.
    Log(TopicPartition, Ticket),
    /// A read that waits for a range to be resident.
    Populate(u64, TopicPartition, FileRange),
    /// A batch that a partition wants in another compression.
    Recompress(TopicPartition, AppendToken),
    /// The journal.
    Journal,
    /// A new file of the journal.
    JournalFile,
    /// A look at a sealed segment.
    Scrub(SealedSegment),
    /// A request of this core's client that asks how large the disk is.
    Volume(RequestId),
    /// The registrar's catalog.
    Catalog,
    /// A deleted partition's directory is renamed out of the way.
    Bury(std::path::PathBuf),
    /// A deleted partition's directory is removed.
    Remove,
}

impl Shard {
    /// Has a disk call performed off the core.
    pub(super) fn call(&mut self, purpose: Purpose, call: DiskCall, effects: &mut Vec<Effect>) {
        let io = self.next_io.take();
        self.disk_calls.insert(io, purpose);
        effects.push(Effect::Disk { io, call });
    }

    /// A disk call ended.
    pub(super) fn disk_done(
        &mut self,
        io: IoId,
        result: io::Result<DiskReply>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let purpose = self.disk_calls.remove(&io).expect("a disk call ends once");
        match purpose {
            Purpose::Log(partition, ticket) => {
                self.with_partition(partition, effects, |partition, outcome| {
                    partition.completed(ticket, result, now, outcome);
                });
                self.compact_on_with(partition, now, effects);
                self.bury_if_quiet(partition, effects);
                self.append_throttled(now, effects);
                self.sync_behind(now, effects);
            }
            Purpose::Populate(read, partition, range) => {
                self.populated(read, partition, &range, result.map(drop), effects);
            }
            Purpose::Recompress(partition, token) => {
                self.recompressed(partition, token, result, now, effects);
            }
            Purpose::Journal => {
                self.journal_written(result.map(drop), effects);
                // Partitions that fail with it are not waited for any more.
                self.append_throttled(now, effects);
            }
            Purpose::JournalFile => self.journal_file_made(result),
            Purpose::Scrub(segment) => self.scrubbed(&segment, result, now, effects),
            Purpose::Volume(id) => self.volume_told(id, result, effects),
            Purpose::Catalog => self.catalog_written(result.map(drop), effects),
            Purpose::Bury(path) => self.buried(path, result.map(drop), effects),
            Purpose::Remove => self.removed(result.map(drop)),
        }
    }
    /// A batch was recompressed, or cannot be.
    fn recompressed(
        &mut self,
        partition: TopicPartition,
        token: AppendToken,
        result: io::Result<DiskReply>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(DiskReply::Recompressed(result)) = result else {
            unreachable!("a recompression was answered by {result:?}");
        };
        let stops = self.is_stopping();
        self.with_partition(partition, effects, |partition, outcome| {
            if stops {
                // Those behind it would take as long, and nobody waits for them any more.
                partition.dismiss(outcome);
            } else {
                partition.recompressed(token, result, now, outcome);
            }
        });
    }
}
