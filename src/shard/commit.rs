//! Group commit: one journal write at a time makes durable what all partitions of the core
//! appended since the one before. Behind it segments are synced, one partition after the other, so
//! that journal files come free again.

use super::disk::Purpose;
use super::owner::Hosted;
use super::{Effect, Shard};
use crate::partition::Partition;
use crate::storage::call::DiskReply;
use crate::storage::journal::{
    BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader, Journal, Progress, Rotation,
};
use crate::storage::log::{Tail, Undurable};
use crate::types::{Instant, Now, Offset, TopicPartition};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// How much of the longest pause segments are left alone after one was synced, in thousandths, by
/// how many journal files are free: a sync makes journal writes beside it wait, but durable appends
/// must not wait for a file.
const SYNC_PAUSE_SHARES: [u32; 5] = [0, 50, 125, 375, 1000];

/// The journal of a core, and who waits for it.
#[derive(Debug)]
pub(super) struct Commit {
    journal: Journal,
    /// Partitions with something to make durable.
    wanting: BTreeSet<TopicPartition>,
    /// Partitions of which the file in use must say up to where they are durable before an older
    /// one is used again.
    unstated: BTreeSet<TopicPartition>,
    /// Partitions that got durable beside the journal, which it should say when there is room.
    bypassed: BTreeSet<TopicPartition>,
    /// What the journal write under way holds.
    writing: Option<Vec<(TopicPartition, Tail)>>,
    /// The partition that is synced for the journal's sake.
    syncing: Option<(TopicPartition, Offset)>,
    next_sync: Option<Instant>,
    /// The last attempt to make a journal file failed, and that was told.
    lacks_file: bool,
    failure: Option<String>,
}

impl Commit {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            journal,
            wanting: BTreeSet::new(),
            unstated: BTreeSet::new(),
            bypassed: BTreeSet::new(),
            writing: None,
            syncing: None,
            next_sync: None,
            lacks_file: false,
            failure: None,
        }
    }

    pub(super) fn wants(&mut self, partition: TopicPartition) {
        self.wanting.insert(partition);
    }

    /// When segments are to be synced next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next_sync
    }

    /// A journal file that could not be made may be tried again.
    pub(super) fn retry(&mut self) {
        self.journal.retry();
    }
}

impl Shard {
    /// Begins the next journal write if none is under way and someone waits for it.
    pub(super) fn commit(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.commit.wanting.is_empty() || self.commit.writing.is_some() || self.is_stopping() {
            return;
        }
        if let Some(reason) = self.commit.failure.clone() {
            // Partitions that were made since.
            let made_since = std::mem::take(&mut self.commit.wanting);
            return self.fail_partitions(made_since, &reason, effects);
        }
        let Some(room) = self.commit.journal.block_room() else {
            return self.rotate(now, effects);
        };
        let for_marks = (self.commit.unstated.len() * ENTRY_HEADER_BYTES).min(room / 4);
        let (chosen, bytes) = self.choose(room - for_marks, effects);
        if chosen.is_empty() {
            return;
        }
        let marks = self.choose_marks(&chosen, room - bytes);
        let mut block = BlockBuilder::with_capacity(bytes + marks.len() * ENTRY_HEADER_BYTES);
        let mut written = Vec::with_capacity(chosen.len());
        for (id, tail) in chosen {
            match tail.put_into(&mut block) {
                Ok(()) => written.push((id, tail)),
                Err(error) => {
                    log::error!("{id}: reading back for the journal failed: {error}");
                    // It may have been counted as said by the entry.
                    self.commit.unstated.insert(id);
                    self.bypass(id, effects);
                }
            }
        }
        for mark in &marks {
            let filled = block.push(mark, 0, |_| Ok(()));
            filled.expect("a mark has no bytes to read");
        }
        if block.is_empty() {
            return;
        }
        let contents = written.iter().map(|(id, tail)| (*id, tail.end()));
        let call = self.commit.journal.write(block, contents);
        self.commit.writing = Some(written);
        self.call(Purpose::Journal, call, effects);
    }

    /// What goes into the next block, and how many bytes of entries that is. Where it is more than
    /// fits, those with the most sync their segments instead.
    fn choose(
        &mut self,
        room: usize,
        effects: &mut Vec<Effect>,
    ) -> (Vec<(TopicPartition, Tail)>, usize) {
        let mut chosen = Vec::new();
        let mut bypassing = Vec::new();
        let mut bytes = 0;
        for id in std::mem::take(&mut self.commit.wanting) {
            let Some(Hosted::Online(partition)) = self.partitions.get(&id) else {
                continue;
            };
            if partition.bypasses() && partition.failure().is_none() {
                // It wants the rest, if there is one, once it is synced.
                continue;
            }
            match partition.undurable() {
                Undurable::Nothing => {}
                Undurable::Spread => bypassing.push(id),
                Undurable::Tail(tail) => {
                    bytes += entry_bytes(tail.length());
                    chosen.push((id, tail));
                }
            }
        }
        if bytes > room {
            chosen.sort_by_key(|(_, tail)| tail.length());
            while bytes > room
                && let Some((id, tail)) = chosen.pop()
            {
                bytes -= entry_bytes(tail.length());
                bypassing.push(id);
            }
        }
        for id in bypassing {
            self.bypass(id, effects);
        }
        (chosen, bytes)
    }

    /// Marks for the room that the chosen leave.
    fn choose_marks(&mut self, chosen: &[(TopicPartition, Tail)], room: usize) -> Vec<EntryHeader> {
        let most = room / ENTRY_HEADER_BYTES;
        let mut due = Vec::new();
        while due.len() < most
            && let Some(id) = self.commit.unstated.pop_first()
        {
            due.push(id);
        }
        let partitions = &self.partitions;
        let bypasses = |id: &TopicPartition| {
            matches!(partitions.get(id),
            Some(Hosted::Online(partition)) if partition.bypasses())
        };
        let bypassed = self.commit.bypassed.iter().copied();
        let done = bypassed.filter(|id| !bypasses(id)).take(most - due.len());
        due.extend(done.collect::<Vec<_>>());
        let entries: BTreeSet<TopicPartition> = chosen.iter().map(|(id, _)| *id).collect();
        let mut marks = Vec::new();
        for id in due {
            self.commit.bypassed.remove(&id);
            // Its entry says it already, if it has one.
            if let Some(Hosted::Online(partition)) = partitions.get(&id)
                && !entries.contains(&id)
            {
                marks.extend(mark(id, partition));
            }
        }
        marks
    }

    fn bypass(&mut self, id: TopicPartition, effects: &mut Vec<Effect>) {
        self.with_partition(id, effects, |partition, outcome| partition.bypass(outcome));
        // A block after that says how far it has come.
        self.commit.bypassed.insert(id);
    }

    /// Puts another journal file to use.
    fn rotate(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.sync_behind(now, effects);
        match self.commit.journal.rotate() {
            Rotation::Begin(call) => {
                self.commit.writing = Some(Vec::new());
                self.call(Purpose::Journal, call, effects);
                // What only the older files say must be said before they are used again.
                let marked = self.partitions.iter().filter(|(_, hosted)| {
                    matches!(hosted, Hosted::Online(partition) if partition.mark().is_some())
                });
                self.commit.unstated.extend(marked.map(|(id, _)| *id));
                self.prepare_ahead(effects);
            }
            Rotation::Prepare(call) => self.call(Purpose::JournalFile, call, effects),
            Rotation::Wait if self.commit.unstated.is_empty() => {
                self.sync_behind(now, effects);
                if self.commit.journal.is_ready() {
                    self.rotate(now, effects);
                }
            }
            // Waiting would be in vain: no file comes free before more is said in the full one.
            Rotation::Wait | Rotation::Unavailable => {
                for id in std::mem::take(&mut self.commit.wanting) {
                    self.bypass(id, effects);
                }
            }
        }
    }

    fn prepare_ahead(&mut self, effects: &mut Vec<Effect>) {
        if let Some(call) = self.commit.journal.prepare_ahead() {
            self.call(Purpose::JournalFile, call, effects);
        }
    }

    /// A journal file was made, or could not be.
    pub(super) fn journal_file_made(&mut self, result: io::Result<DiskReply>) {
        match result {
            Ok(DiskReply::File(file)) => {
                self.commit.journal.prepared(file);
                if std::mem::take(&mut self.commit.lacks_file) {
                    log::info!("core {}: journal files are made again", self.core);
                }
            }
            Ok(other) => unreachable!("a journal file was answered by {other:?}"),
            Err(error) => {
                self.commit.journal.prepare_failed();
                // It is tried again about every second.
                if !std::mem::replace(&mut self.commit.lacks_file, true) {
                    log::warn!(
                        "core {}: making a journal file failed: {error}; it is tried again, and \
                         meanwhile durable appends sync their partitions one by one",
                        self.core
                    );
                }
            }
        }
    }

    /// A journal write ended.
    pub(super) fn journal_written(&mut self, result: io::Result<()>, effects: &mut Vec<Effect>) {
        let written = self.commit.writing.take().expect("one write is under way");
        match result {
            Ok(()) => {
                for (id, tail) in written {
                    self.with_partition(id, effects, |partition, outcome| {
                        partition.journaled(&tail, outcome);
                    });
                }
            }
            Err(error) => self.journal_failed(&error, effects),
        }
    }

    fn journal_failed(&mut self, error: &io::Error, effects: &mut Vec<Effect>) {
        let reason = format!(
            "writing the journal of core {} failed: {error}; its partitions take no more writes \
             until the broker is started anew on a sound disk",
            self.core
        );
        let all = self.partitions.keys().copied().collect();
        self.fail_partitions(all, &reason, effects);
        self.commit.failure = Some(reason);
    }

    fn fail_partitions(
        &mut self,
        ids: BTreeSet<TopicPartition>,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        for id in ids {
            self.with_partition(id, effects, |partition, outcome| {
                partition.journal_failed(reason, outcome);
            });
        }
    }

    /// Syncs the next partition whose segments keep a journal file from being used again.
    pub(super) fn sync_behind(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.is_stopping() {
            self.commit.next_sync = None;
            return;
        }
        let partitions = &self.partitions;
        let progress = |id: TopicPartition| match partitions.get(&id) {
            Some(Hosted::Online(partition)) if partition.failure().is_some() => Progress::Failed,
            Some(Hosted::Online(partition)) => Progress::Synced(partition.synced()),
            Some(Hosted::Offline(_)) | None => Progress::Gone,
        };
        if let Some((id, needed)) = self.commit.syncing {
            if matches!(progress(id), Progress::Synced(upto) if upto < needed) {
                return;
            }
            self.commit.syncing = None;
            self.commit.next_sync = Some(now.monotonic.after(self.sync_pause()));
        }
        let may_free = self.commit.unstated.is_empty();
        let Some((id, needed)) = self.commit.journal.settle(may_free, progress) else {
            self.commit.next_sync = None;
            return;
        };
        let due = *self.commit.next_sync.get_or_insert(now.monotonic);
        let is_waited_for =
            !self.commit.wanting.is_empty() && self.commit.journal.block_room().is_none();
        if due > now.monotonic && !is_waited_for {
            return;
        }
        self.commit.syncing = Some((id, needed));
        self.commit.next_sync = None;
        self.with_partition(id, effects, |partition, outcome| partition.sync(outcome));
    }

    fn sync_pause(&self) -> Duration {
        let free = self.commit.journal.slack();
        let free = free.min(SYNC_PAUSE_SHARES.len() - 1);
        self.config.limits.sync_pause_max * SYNC_PAUSE_SHARES[free] / 1000
    }
}

/// What a journal says of a partition that has no batches in the block.
pub(super) fn mark(id: TopicPartition, partition: &Partition) -> Option<EntryHeader> {
    let (epoch, base) = partition.mark()?;
    Some(EntryHeader {
        partition: id,
        epoch,
        base,
    })
}

fn entry_bytes(batches: usize) -> usize {
    ENTRY_HEADER_BYTES + batches
}
