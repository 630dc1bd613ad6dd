use super::disk::Purpose;
use super::in_flight::InFlight;
use super::watches::Watcher;
use super::{Effect, Message, Shard};
use crate::broker::{
    Appended, BrokerError, CoreReply, CoreRequest, ProducersTold, ReadItem, ReadPart,
};
use crate::partition::{Offered, Outcome, Partition, ReadRange};
use crate::record::Batch;
use crate::storage::FileRange;
use crate::storage::call::DiskCall;
use crate::storage::log::Log;
use crate::storage::producer_state::ProducerState;
use crate::types::{AppendToken, CoreId, Instant, Now, RequestId, TopicPartition};
use std::collections::VecDeque;
use std::sync::Arc;

/// Appends of one request that are not all answered yet.
#[derive(Debug)]
pub(super) struct PendingAppend {
    results: Vec<Result<Appended, BrokerError>>,
    missing: usize,
}

/// A read whose ranges are being made resident.
#[derive(Debug)]
pub(super) struct PendingRead {
    asker: Watcher,
    results: Vec<Result<ReadPart, BrokerError>>,
    outstanding: usize,
}

/// An append that waits for un-synced bytes to become fewer, or for the next step.
#[derive(Debug)]
struct Throttled {
    partition: TopicPartition,
    offered: Offered,
}

/// What this core does for the partitions that it owns.
#[derive(Debug, Default)]
pub(super) struct Owner {
    appends: InFlight<Watcher, PendingAppend>,
    tokens: InFlight<AppendToken, (Watcher, usize)>,
    next_token: AppendToken,
    reads: InFlight<u64, PendingRead>,
    next_read: u64,
    throttled: VecDeque<Throttled>,
    throttles: bool,
    unsynced_bytes: u64,
    uncheckpointed_bytes: u64,
}

impl Owner {
    /// The owner of partitions that a start brought back.
    pub(super) fn new<'a>(partitions: impl Iterator<Item = &'a Hosted>) -> Self {
        Self {
            uncheckpointed_bytes: partitions.map(Hosted::uncheckpointed_bytes).sum(),
            ..Self::default()
        }
    }

    /// Whether appends wait for their turn.
    pub(super) fn throttles_any(&self) -> bool {
        !self.throttled.is_empty()
    }
}

/// A partition of this core.
#[derive(Debug)]
pub(super) enum Hosted {
    /// It serves.
    Online(Box<Partition>),
    /// Its files are damaged; the reason names them.
    Offline(String),
}

impl Hosted {
    fn unsynced_bytes(&self) -> u64 {
        match self {
            Self::Online(partition) => partition.unsynced_bytes(),
            Self::Offline(_) => 0,
        }
    }

    fn uncheckpointed_bytes(&self) -> u64 {
        match self {
            Self::Online(partition) => partition.uncheckpointed_bytes(),
            Self::Offline(_) => 0,
        }
    }
}

impl Shard {
    /// A core asks something of this one.
    pub(super) fn request(
        &mut self,
        from: CoreId,
        id: RequestId,
        request: CoreRequest,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let asker = (from, id);
        match request {
            CoreRequest::Append {
                durable,
                wait_max,
                items,
            } => {
                let deadline = now.monotonic.after(wait_max);
                self.queue_appends(asker, durable, deadline, items);
                self.append_throttled(now, effects);
            }
            CoreRequest::Read { items, bytes_max } => self.read(asker, items, bytes_max, effects),
            CoreRequest::Watch(watched) => self.watch(asker, watched, effects),
            CoreRequest::Unwatch => self.watches.remove(asker),
            CoreRequest::WatchInSession(session, items) => {
                self.watch_in_session((from, session), items, effects);
            }
            CoreRequest::UnwatchInSession(session, partitions) => {
                for partition in partitions {
                    self.watches.remove_session((from, session), partition);
                }
            }
            CoreRequest::Seek(items) => {
                let found = items.into_iter().map(|item| self.seek(item)).collect();
                self.answer(asker, CoreReply::Seek(found), effects);
            }
            CoreRequest::EpochEnds(items) => {
                let items = items.into_iter();
                let ends = items.map(|(id, question)| self.epoch_end(id, question));
                let reply = CoreReply::EpochEnds(ends.collect());
                self.answer(asker, reply, effects);
            }
            CoreRequest::DeleteRecords(items) => self.delete_records(asker, items, effects),
            CoreRequest::Sizes(items) => {
                let sizes = items.into_iter().map(|(id, ())| self.size(id)).collect();
                self.answer(asker, CoreReply::Sizes(sizes), effects);
            }
            CoreRequest::Producers(items) => {
                let mut told = ProducersTold::default();
                let ids = items.into_iter().map(|(id, ())| id);
                let producers = ids.map(|id| told.take(self.producers(id)?));
                let reply = CoreReply::Producers(producers.collect());
                self.answer(asker, reply, effects);
            }
            CoreRequest::Change(change) => self.register(asker, change, effects),
            CoreRequest::ProducerId => self.give_producer_id(asker, effects),
            CoreRequest::Groups(items) => self.ask_groups(asker, items, now, effects),
            CoreRequest::ListGroups(filter) => self.list_groups(asker, &filter, now, effects),
        }
    }

    pub(super) fn answer(&mut self, asker: Watcher, reply: CoreReply, effects: &mut Vec<Effect>) {
        let (core, id) = asker;
        self.send(core, Message::Reply { id, reply }, effects);
    }

    fn queue_appends(
        &mut self,
        asker: Watcher,
        durable: bool,
        deadline: Instant,
        items: Vec<(TopicPartition, Batch)>,
    ) {
        let pending = PendingAppend {
            missing: items.len(),
            results: items.iter().map(|_| Err(BrokerError::TimedOut)).collect(),
        };
        self.owner.appends.insert(asker, pending);
        for (index, (partition, batch)) in items.into_iter().enumerate() {
            let token = self.owner.next_token.take();
            self.owner.tokens.insert(token, (asker, index));
            let offered = Offered {
                token,
                batch,
                durable,
                deadline,
            };
            self.owner
                .throttled
                .push_back(Throttled { partition, offered });
        }
    }

    /// Appends what waits while un-synced bytes and the step are within their budgets, first come
    /// first served.
    pub(super) fn append_throttled(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let most = self.config.limits.unsynced_bytes_per_core_max;
        while self.owner.unsynced_bytes < most
            && !self.turn.is_over()
            && let Some(next) = self.owner.throttled.pop_front()
        {
            self.append(next, now, effects);
        }
        let throttles = self.owner.unsynced_bytes >= most && !self.owner.throttled.is_empty();
        if throttles && !std::mem::replace(&mut self.owner.throttles, throttles) {
            self.sync_all(effects);
        }
        self.owner.throttles = throttles;
    }

    fn sync_all(&mut self, effects: &mut Vec<Effect>) {
        let dirty = self
            .partitions
            .iter()
            .filter(|(_, hosted)| hosted.unsynced_bytes() > 0);
        let dirty: Vec<TopicPartition> = dirty.map(|(partition, _)| *partition).collect();
        for partition in dirty {
            self.with_partition(partition, effects, |partition, outcome| {
                partition.sync(outcome);
            });
        }
    }

    fn append(&mut self, append: Throttled, now: Now, effects: &mut Vec<Effect>) {
        let Throttled { partition, offered } = append;
        match self.host(partition) {
            Ok(()) => self.with_partition(partition, effects, |partition, outcome| {
                partition.append(offered, now, outcome);
            }),
            Err(error) => self.settle(offered.token, Err(error), effects),
        }
    }

    /// One batch is answered; with the last one of its request the asker is.
    fn settle(
        &mut self,
        token: AppendToken,
        result: Result<Appended, BrokerError>,
        effects: &mut Vec<Effect>,
    ) {
        let (asker, index) = self
            .owner
            .tokens
            .remove(&token)
            .expect("a batch is answered once");
        let pending = self
            .owner
            .appends
            .get_mut(&asker)
            .expect("it lives as long as its tokens");
        *pending
            .results
            .get_mut(index)
            .expect("one result per batch") = result;
        pending.missing -= 1;
        if pending.missing == 0 {
            let pending = self
                .owner
                .appends
                .remove(&asker)
                .expect("looked up just now");
            self.answer(asker, CoreReply::Append(pending.results), effects);
        }
    }

    /// Makes sure that a partition of this core is there; an empty one needs no disk.
    pub(super) fn host(&mut self, partition: TopicPartition) -> Result<(), BrokerError> {
        if self.is_stopping() {
            return Err(BrokerError::ShuttingDown);
        }
        match self.partitions.get(&partition) {
            Some(Hosted::Online(_)) => return Ok(()),
            Some(Hosted::Offline(reason)) => return Err(BrokerError::Storage(reason.clone())),
            None => {}
        }
        let topic = self
            .catalog
            .by_id(partition.topic())
            .filter(|topic| topic.has(partition));
        let topic = topic.ok_or(BrokerError::UnknownTopicOrPartition)?;
        assert_eq!(
            self.placement.owner(partition),
            self.core,
            "asked of the owner"
        );
        let directory = super::boot::directory(&self.config.data, topic, partition);
        let config = super::partition_config::partition_config(&topic.settings);
        let log = Log::new(
            directory,
            config.log.clone(),
            partition.topic(),
            partition.partition(),
        );
        let epoch = self.catalog.leader_epoch;
        let fresh = Partition::new(log, ProducerState::default(), epoch, config);
        self.partitions
            .insert(partition, Hosted::Online(Box::new(fresh)));
        Ok(())
    }

    /// Calls a partition and carries out what follows: disk calls, answers, wakes, deadlines.
    pub(super) fn with_partition(
        &mut self,
        id: TopicPartition,
        effects: &mut Vec<Effect>,
        call: impl FnOnce(&mut Partition, &mut Outcome),
    ) {
        let scan_bytes_max = self.scan_bytes_max();
        let Some(Hosted::Online(partition)) = self.partitions.get_mut(&id) else {
            return;
        };
        let (watermark, unsynced, uncheckpointed, due_at, was_sound) = (
            partition.high_watermark(),
            partition.unsynced_bytes(),
            partition.uncheckpointed_bytes(),
            partition.due_at(),
            partition.failure().is_none(),
        );
        let log_start = partition.log_start();
        let mut outcome = Outcome {
            scan_bytes_max,
            ..Outcome::new(self.turn.append_bytes())
        };
        call(partition, &mut outcome);
        let has_appended = outcome.append_bytes < self.turn.append_bytes();
        if self.owner.throttles && has_appended {
            // Nothing else would sync it soon, and others wait for that.
            partition.sync(&mut outcome);
        }
        let fails_now = was_sound && partition.failure().is_some();
        let moved = partition.high_watermark() != watermark
            || partition.log_start() != log_start
            || fails_now;
        self.owner.unsynced_bytes += partition.unsynced_bytes();
        self.owner.unsynced_bytes -= unsynced;
        self.owner.uncheckpointed_bytes += partition.uncheckpointed_bytes();
        self.owner.uncheckpointed_bytes -= uncheckpointed;
        self.turn.take(id, &outcome);
        self.deadlines
            .move_partition(id, due_at, partition.due_at());
        if outcome.wants_commit {
            self.commit.wants(id);
        }
        for (ticket, call) in outcome.calls {
            self.call(Purpose::Log(id, ticket), call, effects);
        }
        if let Some((token, call)) = outcome.recompression {
            self.call(Purpose::Recompress(id, token), call, effects);
        }
        for (token, result) in outcome.answers {
            self.settle(token, result.map_err(BrokerError::from), effects);
        }
        for (token, result) in outcome.deletions {
            self.records_deleted(token, result, effects);
        }
        if moved {
            self.wake_watchers(id, effects);
        }
    }

    /// A partition was taken out: its deadline and its bytes count no more.
    pub(super) fn forget(&mut self, id: TopicPartition, partition: &Partition) {
        self.deadlines.move_partition(id, partition.due_at(), None);
        self.owner.unsynced_bytes -= partition.unsynced_bytes();
        self.owner.uncheckpointed_bytes -= partition.uncheckpointed_bytes();
    }

    /// How many bytes of a partition may be without a checkpoint: any number while the core has used
    /// half of its budget, and an even share of that half from then on, which somebody exceeds.
    fn scan_bytes_max(&self) -> u64 {
        let half = self.config.limits.uncheckpointed_bytes_per_core_max / 2;
        if self.owner.uncheckpointed_bytes < half {
            u64::MAX
        } else {
            (half / self.partitions.len().max(1) as u64).max(1)
        }
    }

    fn read(
        &mut self,
        asker: Watcher,
        items: Vec<ReadItem>,
        bytes_max: u32,
        effects: &mut Vec<Effect>,
    ) {
        let key = self.owner.next_read;
        self.owner.next_read += 1;
        let mut room = bytes_max;
        let mut first = true;
        let mut outstanding = 0;
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let bytes = item.bytes_max.min(room);
            let read = self
                .host(item.partition)
                .and_then(|()| self.plan(item, bytes, first));
            if let Ok(ReadPart {
                range: Some(range), ..
            }) = &read
            {
                first = false;
                room = room.saturating_sub(u32::try_from(range.length()).unwrap_or(u32::MAX));
                if !range.populated {
                    outstanding += 1;
                    let file = range.file.clone();
                    let call = DiskCall::Populate {
                        file,
                        from: range.from,
                        upto: range.upto,
                    };
                    self.call(
                        Purpose::Populate(key, item.partition, range.clone()),
                        call,
                        effects,
                    );
                }
            }
            results.push(read);
        }
        if outstanding == 0 {
            return self.answer(asker, CoreReply::Read(results), effects);
        }
        self.owner.reads.insert(
            key,
            PendingRead {
                asker,
                results,
                outstanding,
            },
        );
    }

    fn plan(
        &mut self,
        item: ReadItem,
        bytes_max: u32,
        at_least_one: bool,
    ) -> Result<ReadPart, BrokerError> {
        let Some(Hosted::Online(partition)) = self.partitions.get(&item.partition) else {
            return Err(BrokerError::UnknownTopicOrPartition);
        };
        let read = partition.read(item.offset, item.leader_epoch, bytes_max, at_least_one);
        let ReadRange {
            range,
            high_watermark,
            log_start,
        } = read?;
        Ok(ReadPart {
            high_watermark,
            log_start,
            range,
        })
    }

    /// A range of a pending read is resident, or could not be made so.
    pub(super) fn populated(
        &mut self,
        key: u64,
        partition: TopicPartition,
        range: &FileRange,
        result: std::io::Result<()>,
        effects: &mut Vec<Effect>,
    ) {
        let pending = self
            .owner
            .reads
            .get_mut(&key)
            .expect("it waits for its ranges");
        match result {
            Ok(()) => {
                if let Some(Hosted::Online(partition)) = self.partitions.get_mut(&partition) {
                    partition.populated(range);
                }
            }
            Err(error) => {
                let reason = format!("{partition}: {error}");
                log::error!("reading a segment failed: {reason}");
                pending.fail(range, &reason);
            }
        }
        pending.outstanding -= 1;
        if pending.outstanding == 0 {
            let PendingRead { asker, results, .. } =
                self.owner.reads.remove(&key).expect("looked up just now");
            self.answer(asker, CoreReply::Read(results), effects);
        }
    }
}

impl PendingRead {
    fn fail(&mut self, failed: &FileRange, reason: &str) {
        for result in &mut self.results {
            let hit = matches!(result, Ok(ReadPart { range: Some(range), .. })
                if Arc::ptr_eq(&range.file, &failed.file) && range.from == failed.from);
            if hit {
                *result = Err(BrokerError::Storage(reason.to_owned()));
            }
        }
    }
}
