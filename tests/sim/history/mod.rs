//! What clients were promised and what they saw, and whether that can all be true.
//!
//! Which promise holds when:
//! - **Durable:** an ack of acks=all on a topic with `durability=fsync`, and everything below a
//!   high watermark that a client was told of a topic that never had another. Survives everything, power cuts
//!   included: the value stays at its offset until retention passes it, and no other value ever
//!   has that offset.
//! - **Cached:** every other ack (acks=1, and acks=all on a `relaxed` topic), and everything read
//!   from a relaxed topic. Survives crashes of the process, and power cuts after a clean stop. It
//!   does not survive a power cut, nor a disk that failed to sync; a response that the broker sent
//!   before such an event and that is read after it promises nothing.
//! - Whatever was lost, an (offset, leader epoch) pair has one value for ever.
//! - acks=0 promises nothing but that what is read was written.
//! - Values of an idempotent producer lie in the log at most once, in the order they were sent;
//!   those of a plain one (with acks) may repeat, but first come in that order.
//! - In a compacted topic a record may be gone once a later one of its key is in the log, or was: one
//!   without a value goes as well, after what it overtook.
//! - A log begins no later than somebody asked for, if retention is off. A start that was told as
//!   the outcome of a deletion holds for ever.
//! - What is told later is not less than what was told before: high watermark and log start, as
//!   far as the promises above go. "Later" means: asked after the other answer was read.

mod commits;
mod compacted;
mod membership;
mod partition;

use crate::value::ValueId;
pub(crate) use commits::{Commits, Fate, Forgetting, Spot};
use corelane::types::{TopicId, TopicPartition};
pub(crate) use membership::{Held, Holding, Membership, View};
use partition::PartitionHistory;
pub(crate) use partition::{Floor, Seen, When};
use std::collections::{BTreeMap, BTreeSet};

/// How a stream of values is produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// Each value at most once, in order.
    Idempotent,
    /// Retried, so perhaps more than once.
    Plain,
    /// Without acks.
    Unacknowledged,
    /// Sent by someone who breaks rules: it may lie anywhere.
    Hostile,
}

/// A producer's values for a partition.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) partition: Option<TopicPartition>,
    pub(crate) kind: StreamKind,
    /// Numbers below this were sent.
    sent: u32,
}

/// What a topic promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicPromise {
    /// `durability=fsync`.
    pub(crate) durable: bool,
    /// Whether it is changes: then nothing is promised but what holds either way.
    pub(crate) alternates: bool,
    /// Nothing is ever deleted from it but by request.
    pub(crate) keeps_all: bool,
    /// Of each key the newest record stays, and others may go.
    pub(crate) compacted: bool,
    /// Records keep their producers' timestamps.
    pub(crate) create_time: bool,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    topics: BTreeMap<TopicId, TopicPromise>,
    /// Of topics whose durability changes: how often, and whether it is `fsync` everywhere now.
    durability: BTreeMap<TopicId, (u64, bool)>,
    partitions: BTreeMap<TopicPartition, PartitionHistory>,
    streams: Vec<Stream>,
    timestamps: BTreeMap<ValueId, i64>,
    producer_ids: BTreeSet<i64>,
    /// Up to where somebody asked for records to be deleted.
    deleted: BTreeMap<TopicPartition, i64>,
    /// What groups have committed.
    pub(crate) commits: Commits,
    /// What the members of each group were told.
    pub(crate) members: Vec<Membership>,
    pub(crate) now: When,
    /// Disk errors were made at some time, so that plain producers may see their order changed.
    pub(crate) disk_failed: bool,
    /// Records read, for the summary.
    pub(crate) reads: u64,
    /// Offsets that compaction left without a record, for the summary.
    pub(crate) gaps: u64,
    /// Acks read, for the summary.
    pub(crate) acks: u64,
}

impl History {
    pub(crate) fn topic(&mut self, id: TopicId, promise: TopicPromise) {
        self.topics.insert(id, promise);
    }

    /// What is known of a group as a client asks it something.
    pub(crate) fn view(&self, group: usize, client: usize) -> View {
        self.members[group].view(client)
    }

    /// The broker is gone, and what it had not done yet.
    pub(crate) fn process_ended(&mut self) {
        self.commits.process_ended();
        for membership in &mut self.members {
            membership.process_ended();
        }
    }

    pub(crate) fn promise(&self, partition: TopicPartition) -> TopicPromise {
        self.topics[&partition.topic()]
    }

    /// Somebody is about to change a topic's durability.
    pub(crate) fn alters_durability(&mut self, id: TopicId) {
        let (changes, durable) = self.durability.entry(id).or_default();
        *changes += 1;
        *durable = false;
    }

    /// The last change was acknowledged.
    pub(crate) fn altered_durability(&mut self, id: TopicId, is_durable: bool) {
        self.durability.entry(id).or_default().1 = is_durable;
    }

    /// Names the time since which every batch of acks=all is promised to be durable, if it is.
    pub(crate) fn durable_since(&self, partition: TopicPartition) -> Option<u64> {
        if self.promise(partition).durable {
            return Some(0);
        }
        let (changes, durable) = self.durability.get(&partition.topic())?;
        durable.then_some(*changes)
    }

    /// A new stream of values.
    pub(crate) fn stream(&mut self, partition: Option<TopicPartition>, kind: StreamKind) -> u32 {
        self.streams.push(Stream {
            partition,
            kind,
            sent: 0,
        });
        (self.streams.len() - 1) as u32
    }

    /// A value is about to be sent for the first time.
    pub(crate) fn sending(&mut self, value: ValueId, timestamp: i64) {
        let stream = &mut self.streams[value.stream as usize];
        assert_eq!(stream.sent, value.number, "a stream is sent in order");
        stream.sent += 1;
        self.timestamps.insert(value, timestamp);
    }

    /// A producer id was given.
    pub(crate) fn producer_id(&mut self, id: i64) {
        assert!(id >= 0, "producer id {id} was given");
        assert!(
            self.producer_ids.insert(id),
            "producer id {id} was given twice"
        );
    }

    /// Somebody is about to ask for the records below an offset to be deleted, or for all (-1).
    pub(crate) fn deletes(&mut self, partition: TopicPartition, to: i64) {
        let deleted = self.deleted.entry(partition).or_default();
        *deleted = (*deleted).max(if to == -1 { i64::MAX } else { to });
    }

    /// Records from here on are kept, where all are that nobody wants to be deleted.
    fn deleted_upto(&self, partition: TopicPartition) -> i64 {
        self.deleted.get(&partition).copied().unwrap_or(0)
    }

    /// What an answer to a question asked now must respect.
    pub(crate) fn floor(&mut self, partition: TopicPartition) -> Floor {
        let when = self.now;
        self.partition(partition).floor(when)
    }

    /// The end of what must be readable by now.
    pub(crate) fn visible_end(&mut self, partition: TopicPartition) -> i64 {
        self.floor(partition).watermark
    }

    /// The end of what is known to be there, readable yet or not.
    pub(crate) fn known_end(&mut self, partition: TopicPartition) -> i64 {
        let last = self.partition(partition).cells().last_key_value();
        last.map_or(0, |(offset, _)| offset + 1)
    }

    /// A batch was acknowledged at `base`. `all` says that acks=all was asked for, and `since` is
    /// what [`History::durable_since`] gave when it was sent.
    pub(crate) fn acked(
        &mut self,
        partition: TopicPartition,
        base: i64,
        values: impl Iterator<Item = ValueId>,
        all: bool,
        since: Option<u64>,
        when: When,
    ) {
        self.acks += 1;
        let promise = self.promise(partition);
        let durable = all && since.is_some() && since == self.durable_since(partition);
        if !durable && when.era != self.now.era {
            return;
        }
        for (offset, value) in (base..).zip(values) {
            self.place(partition, offset, value);
            let visible = durable || (!promise.durable && (all || !promise.alternates));
            self.partition(partition).acked(offset, durable, visible);
        }
    }

    /// A record was read.
    pub(crate) fn read(&mut self, partition: TopicPartition, seen: &Seen, when: When) {
        self.reads += 1;
        let Seen {
            offset,
            epoch,
            value,
            timestamp,
            is_tombstone,
        } = *seen;
        let stream = self.streams.get(value.stream as usize);
        let stream =
            stream.unwrap_or_else(|| panic!("{partition} {offset}: {value} has no author"));
        let written = value.number < stream.sent;
        assert!(written, "{partition} {offset}: {value} was never written");
        let home = stream.partition.is_none_or(|home| home == partition);
        assert!(
            home,
            "{partition} {offset}: {value} belongs to {:?}",
            stream.partition
        );
        let promise = self.promise(partition);
        // A flipped bit may lead it to a topic of another kind.
        let is_sound = stream.kind != StreamKind::Hostile;
        assert!(
            !is_sound || is_tombstone == (promise.compacted && value.is_tombstone()),
            "{partition} {offset}: {value} has or lacks a value"
        );
        if promise.create_time {
            let sent = self.timestamps[&value];
            assert_eq!(
                timestamp, sent,
                "{partition} {offset}: {value} has another timestamp"
            );
        }
        self.partition(partition).epoch_value(offset, epoch, value);
        if promise.durable || when.era == self.now.era {
            self.place(partition, offset, value);
        }
        if promise.durable {
            self.partition(partition).durable_upto(offset + 1);
        }
    }

    /// The broker told where a partition begins or ends.
    pub(crate) fn told(
        &mut self,
        partition: TopicPartition,
        watermark: Option<i64>,
        start: Option<i64>,
        floor: Floor,
        when: When,
    ) {
        let promise = self.promise(partition);
        let current = when.era == self.now.era && floor.when.era == when.era;
        if let Some(start) = start {
            let deleted = self.deleted_upto(partition);
            assert!(
                !promise.keeps_all || start <= deleted,
                "{partition} begins at {start}, though nobody deleted more than up to {deleted}"
            );
            let before = floor.start;
            let kept = start >= before;
            assert!(
                kept,
                "{partition}: the log start went back from {before} to {start}"
            );
            self.partition(partition).begins_at(start);
        }
        let Some(watermark) = watermark else { return };
        if promise.durable || current {
            let before = floor.watermark;
            let kept = watermark >= before;
            assert!(
                kept,
                "{partition}: the high watermark went back from {before} to {watermark}"
            );
        }
        if promise.durable {
            self.partition(partition).durable_upto(watermark);
        } else if when.era == self.now.era {
            self.partition(partition).visible_upto(watermark);
        }
    }

    fn place(&mut self, partition: TopicPartition, offset: i64, value: ValueId) {
        let kind = self.streams[value.stream as usize].kind;
        let strict = kind == StreamKind::Idempotent;
        let keeps_all = self.promise(partition).keeps_all;
        self.partition(partition)
            .place(partition, offset, value, strict && keeps_all);
    }

    fn partition(&mut self, partition: TopicPartition) -> &mut PartitionHistory {
        self.partitions.entry(partition).or_default()
    }

    /// The power was cut, or a disk lost what it was given: cached promises are void.
    pub(crate) fn lose_cached(&mut self) {
        self.now.era += 1;
        for partition in self.partitions.values_mut() {
            partition.lose_cached();
        }
    }

    /// The broker stopped cleanly: everything is durable.
    pub(crate) fn stopped_cleanly(&mut self) {
        for partition in self.partitions.values_mut() {
            partition.all_durable();
        }
    }

    /// Whether a search by time may have given this answer, judged by what was known to be readable
    /// when it was asked.
    pub(crate) fn check_search(
        &mut self,
        partition: TopicPartition,
        wanted: i64,
        found: i64,
        floor: Floor,
    ) {
        let promise = self.promise(partition);
        if !promise.create_time || !promise.keeps_all || floor.when.era != self.now.era {
            return;
        }
        let kept_from = floor.start.max(self.deleted_upto(partition));
        let cells = self.partitions.entry(partition).or_default().cells();
        let time = |value: &ValueId| self.timestamps[value];
        for (offset, value) in cells.range(kept_from.min(floor.watermark)..floor.watermark) {
            if promise.compacted {
                // It may be gone.
                break;
            }
            let before = found < 0 || *offset < found;
            assert!(
                !before || time(value) < wanted,
                "{partition}: the search for time {wanted} gave offset {found}, but {offset} has {}",
                time(value)
            );
        }
        if let Some(value) = cells.get(&found) {
            let late = time(value) >= wanted;
            assert!(
                late,
                "{partition}: offset {found} is before the time {wanted} asked for"
            );
        }
    }

    /// Judges a partition by its whole content, read from start to end.
    pub(crate) fn audit(
        &mut self,
        partition: TopicPartition,
        (start, end): (i64, i64),
        log: &[Seen],
    ) {
        let promise = self.promise(partition);
        let known = self.known_end(partition);
        assert!(
            known <= end.max(start),
            "{partition}: there were records up to {known}, but the log ends at {end}"
        );
        let mut next: BTreeMap<u32, u32> = BTreeMap::new();
        let mut epoch = -1;
        for seen in log {
            assert!(
                seen.epoch >= epoch,
                "{partition} {}: the epoch goes back",
                seen.offset
            );
            epoch = seen.epoch;
            let ValueId { stream, number } = seen.value;
            let next = next.entry(stream).or_default();
            if self.streams[stream as usize].kind == StreamKind::Idempotent {
                let (at, fresh) = (seen.offset, number >= *next);
                assert!(
                    fresh,
                    "{partition} {at}: {} again, {next} is next",
                    seen.value
                );
                *next = number + 1;
            }
        }
        if promise.compacted {
            self.gaps += (end - start) as u64 - log.len() as u64;
            self.audit_compacted(partition, start, log);
        } else if promise.keeps_all && start == 0 && !self.disk_failed {
            // Of what comes twice the first may not be deleted.
            self.audit_plain(partition, log);
        }
    }

    /// A plain producer's values come in order, first occurrences taken.
    fn audit_plain(&self, partition: TopicPartition, log: &[Seen]) {
        let mut seen = BTreeSet::new();
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        for Seen { offset, value, .. } in log {
            let plain = self.streams[value.stream as usize].kind == StreamKind::Plain;
            if !plain || !seen.insert(*value) {
                continue;
            }
            let before = last.insert(value.stream, value.number);
            assert!(
                before.is_none_or(|before| before < value.number),
                "{partition} {offset}: {value} comes after {before:?}"
            );
        }
    }
}
