use super::append::{AppendError, Appended, Offered};
use super::outcome::Outcome;
use crate::record::TargetCompression;
use crate::storage::FileRange;
use crate::storage::call::{DiskReply, Ticket};
use crate::storage::log::{Completed, Log, LogConfig, Tail, Undurable};
use crate::storage::producer_state::{ProducerState, SequenceError};
use crate::topic::{Capacity, Durability, TimestampSource};
use crate::types::{AppendToken, DeletionToken, Instant, LeaderEpoch, Now, Offset};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

/// A partition: its log, its producers, its high watermark, and who waits for what.
#[derive(Debug)]
pub struct Partition {
    pub(super) log: Log,
    pub(super) epoch: LeaderEpoch,
    pub(super) high_watermark: Offset,
    pub(super) config: PartitionConfig,
    pub(super) producers: ProducerState,
    /// Batches that wait for prepared space or for another compression, in the order they were
    /// offered.
    pub(super) waiting_for_room: VecDeque<Offered>,
    /// The batch that is being recompressed. It waits at the front, unless it was dismissed.
    pub(super) recompressing: Option<AppendToken>,
    /// Acks that wait for durability, by the offset below which everything must be.
    pub(super) waiting_for_disk: BTreeMap<(Offset, AppendToken), Appended>,
    /// Deletions of records that wait for their start to be durable.
    pub(super) deletions: BTreeSet<(Offset, DeletionToken)>,
    pub(super) flush_at: Option<Instant>,
    /// When the first of the batches is due to be answered that wait because the partition is full.
    pub(super) expires_at: Option<Instant>,
    /// The sync under way does not cover what is to be synced: another follows it at once.
    sync_again: bool,
    /// What is not durable is being synced where it lies, being too much for a journal.
    bypasses: bool,
}

/// What a topic's settings mean for each of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionConfig {
    /// For the log.
    pub log: LogConfig,
    /// What a durable ack means.
    pub durability: Durability,
    /// Whose clock stamps the records.
    pub timestamp_source: TimestampSource,
    /// How many records may be less than durable before an append waits for them (`flush.messages`).
    pub flush_messages: Option<i64>,
    /// How long they may be that, where it is shorter than the durability asks (`flush.ms`).
    pub flush_after: Option<Duration>,
    /// How many bytes it takes, if old records do not go for new ones.
    pub capacity: Option<Capacity>,
    /// The compression that batches are kept in; `None` keeps them as they were sent.
    pub compression: Option<TargetCompression>,
    /// The largest batch that is kept, in bytes.
    pub message_bytes_max: usize,
}

impl Partition {
    /// A partition over a new or recovered log. Everything in a recovered log is synced.
    pub fn new(
        log: Log,
        producers: ProducerState,
        epoch: LeaderEpoch,
        config: PartitionConfig,
    ) -> Self {
        let high_watermark = log.end();
        Self {
            log,
            epoch,
            high_watermark,
            config,
            producers,
            waiting_for_room: VecDeque::new(),
            recompressing: None,
            waiting_for_disk: BTreeMap::new(),
            deletions: BTreeSet::new(),
            flush_at: None,
            expires_at: None,
            sync_again: false,
            bypasses: false,
        }
    }

    /// Where its files lie.
    pub fn directory(&self) -> &Path {
        self.log.directory()
    }

    /// The last offset that may be read, plus one.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The first offset that is kept.
    pub fn log_start(&self) -> Offset {
        self.log.start()
    }

    /// Bytes appended and still to be synced. None after a failure: what is lost is not waited for.
    pub fn unsynced_bytes(&self) -> u64 {
        match self.failure() {
            Some(_) => 0,
            None => self.log.unsynced_bytes(),
        }
    }

    /// Bytes on the device that a start would have to scan, as no checkpoint covers them.
    pub fn uncheckpointed_bytes(&self) -> u64 {
        self.log.uncheckpointed_bytes()
    }

    /// Why the partition takes no more appends, if so.
    pub fn failure(&self) -> Option<&str> {
        self.log.failure()
    }

    /// Those who wait share the next journal block with all that is appended by then.
    pub(super) fn commit_for_waiters(&mut self, outcome: &mut Outcome) {
        outcome.wants_commit |= !self.waiting_for_disk.is_empty();
    }

    pub(super) fn begin_sync(&mut self, outcome: &mut Outcome) {
        if self.log.begin_sync(&mut outcome.calls) {
            self.flush_at = None;
        }
    }

    /// Makes durable what nobody waits for: [`Partition::flush_at`] was reached.
    pub fn flush(&mut self, outcome: &mut Outcome) {
        self.flush_at = None;
        match self.config.durability {
            Durability::Fsync => outcome.wants_commit = true,
            Durability::Relaxed => self.sync(outcome),
        }
    }

    /// Syncs the segments, whatever a journal holds: space for un-synced bytes is short, or a
    /// journal file is to be used again.
    pub fn sync(&mut self, outcome: &mut Outcome) {
        self.flush_at = None;
        if self.failure().is_some() || self.log.unsynced_bytes() == 0 {
            return;
        }
        // One that is under way does not cover the latest appends.
        self.sync_again = !self.log.begin_sync(&mut outcome.calls);
    }

    /// Syncs the segments in place of a journal.
    pub fn bypass(&mut self, outcome: &mut Outcome) {
        self.sync(outcome);
        self.bypasses = self.unsynced_bytes() > 0;
    }

    /// Whether a journal block should leave the partition out, as a sync is under way for all that
    /// it would hold.
    pub fn bypasses(&self) -> bool {
        self.bypasses
    }

    /// What a journal block could make durable.
    pub fn undurable(&self) -> Undurable {
        self.log.undurable()
    }

    /// Everything below is durable.
    pub fn durable(&self) -> Offset {
        self.log.durable()
    }

    /// Everything below is durable in the segments.
    pub fn synced(&self) -> Offset {
        self.log.synced()
    }

    /// What a start that has only the segments and the checkpoint may not know to be durable, if
    /// there is something: the epoch and the offset below which everything is.
    pub fn mark(&self) -> Option<(LeaderEpoch, Offset)> {
        let durable = self.log.durable();
        (durable > self.log.checkpointed()).then(|| (self.log.leader_epoch(), durable))
    }

    /// A journal block holds this, durably.
    pub fn journaled(&mut self, tail: &Tail, outcome: &mut Outcome) {
        if self.failure().is_none() {
            self.log.journaled(tail);
            self.made_durable(outcome);
        }
    }

    /// The journal failed, and the disk with it: the partition takes nothing more.
    pub fn journal_failed(&mut self, reason: &str, outcome: &mut Outcome) {
        if self.failure().is_none() {
            self.log.journal_failed(reason);
            self.failed(reason.to_owned(), outcome);
        }
    }

    /// A disk call of the log ended.
    pub fn completed(
        &mut self,
        ticket: Ticket,
        result: io::Result<DiskReply>,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let was_checkpointing = self.log.is_checkpointing();
        match self.log.completed(ticket, result, &mut outcome.calls) {
            Completed::Synced(_) => self.segments_synced(outcome),
            Completed::Failed { reason, .. } => {
                if was_checkpointing && !self.log.is_checkpointing() {
                    self.fail_deletions(&reason, outcome);
                }
                self.failed(reason, outcome);
            }
            Completed::RoomMade
            | Completed::Checkpointed
            | Completed::Closed
            | Completed::Nothing => {}
        }
        self.advance_deletions(outcome);
        self.admit(now, outcome);
    }

    fn segments_synced(&mut self, outcome: &mut Outcome) {
        self.bypasses = false;
        self.checkpoint_if(false, outcome);
        self.made_durable(outcome);
        if std::mem::take(&mut self.sync_again) {
            self.sync(outcome);
        }
        self.commit_for_waiters(outcome);
        // What was to be flushed while segments were synced in place of the journal.
        outcome.wants_commit |= self.flush_at.is_none() && self.high_watermark < self.log.end();
    }

    fn made_durable(&mut self, outcome: &mut Outcome) {
        let durable = self.log.durable();
        if self.config.durability == Durability::Fsync {
            // It may be ahead for a while after a topic was relaxed.
            self.high_watermark = self.high_watermark.max(durable);
            if durable == self.log.end() {
                self.flush_at = None;
            }
        }
        while let Some(entry) = self.waiting_for_disk.first_entry() {
            let (until, token) = *entry.key();
            if until > durable {
                break;
            }
            outcome.answers.push((token, Ok(entry.remove())));
        }
    }

    /// What waits for the failed call gets its error; the next append may succeed, unless the log
    /// has failed for good.
    pub(super) fn failed(&mut self, reason: String, outcome: &mut Outcome) {
        log::error!("{reason}");
        let offered = std::mem::take(&mut self.waiting_for_room).into_iter();
        let mut tokens: Vec<AppendToken> = offered.map(|offered| offered.token).collect();
        if self.failure().is_some() {
            let unsynced = std::mem::take(&mut self.waiting_for_disk);
            tokens.extend(unsynced.into_keys().map(|(_, token)| token));
            self.flush_at = None;
            self.fail_deletions(&reason, outcome);
        }
        let error = |token| (token, Err(AppendError::Storage(reason.clone())));
        outcome.answers.extend(tokens.into_iter().map(error));
    }

    /// A clean stop: sync, cut the reservation, note that nothing need be scanned. Appends are no
    /// longer offered.
    pub fn close(&mut self, outcome: &mut Outcome) {
        self.dismiss(outcome);
        self.flush_at = None;
        self.log
            .close(self.epoch, &self.producers, &mut outcome.calls);
    }

    /// A range that was read is resident now.
    pub fn populated(&mut self, range: &FileRange) {
        self.log.populated(&range.file, range.from, range.upto);
    }

    /// The partition goes away: whoever waits is told so.
    pub fn dismiss(&mut self, outcome: &mut Outcome) {
        self.dismiss_deletions(outcome);
        let synced = std::mem::take(&mut self.waiting_for_disk);
        let offered = std::mem::take(&mut self.waiting_for_room);
        let tokens = synced.into_keys().map(|(_, token)| token);
        let tokens = tokens.chain(offered.into_iter().map(|offered| offered.token));
        outcome
            .answers
            .extend(tokens.map(|token| (token, Err(AppendError::Gone))));
    }

    /// The topic's settings changed.
    pub fn configure(&mut self, config: PartitionConfig, outcome: &mut Outcome) {
        self.log.set_config(config.log.clone());
        self.config = config;
        // There may be room now, or nothing to wait for.
        outcome.is_unfinished = !self.waiting_for_room.is_empty();
        if self.config.durability == Durability::Relaxed {
            let synced = self.log.end();
            self.high_watermark = self.high_watermark.max(synced);
            let waiting = std::mem::take(&mut self.waiting_for_disk);
            let answers = waiting
                .into_iter()
                .map(|((_, token), appended)| (token, Ok(appended)));
            outcome.answers.extend(answers);
        }
    }
}

impl Default for PartitionConfig {
    fn default() -> Self {
        Self {
            log: LogConfig::default(),
            durability: Durability::default(),
            timestamp_source: TimestampSource::default(),
            flush_messages: None,
            flush_after: None,
            capacity: None,
            compression: None,
            message_bytes_max: usize::MAX,
        }
    }
}

impl From<SequenceError> for AppendError {
    fn from(error: SequenceError) -> Self {
        match error {
            SequenceError::OutOfOrder { .. } => Self::OutOfOrderSequence,
            SequenceError::Fenced { .. } => Self::InvalidProducerEpoch,
            SequenceError::Forgotten { .. } => Self::DuplicateSequence,
        }
    }
}
