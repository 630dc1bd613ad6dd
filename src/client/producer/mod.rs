//! A producer to one topic: batches per partition, sequences, retries that keep order.
//!
//! Sans-IO: [`append`](Producer::append) records, [`poll`](Producer::poll) for calls to make, report
//! each call's answer or loss, take [`Delivery`]s. Time comes in as [`Instant`]s.
//!
//! Invariants: records of a partition are appended to the log in the order in which they came, each
//! once (idempotent, `acks=all`), whatever is lost or moves on the way; a producer that cannot keep
//! that promise fails for good and says why; at most `buffer_bytes_max` bytes are held.

mod answers;
mod call;
mod config;
mod lane;

pub use call::{CallId, ProduceCall};
pub use config::{Acks, ProducerConfig};
pub use lane::Identity;

use super::ClientError;
use super::metadata::{Metadata, TopicMetadata};
use crate::record::partition_for_key;
use crate::types::{Instant, NodeId, Offset, PartitionIndex, Timestamp};
use lane::{Batch, Lane};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A batch that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it went.
    pub partition: PartitionIndex,
    /// Its first record's offset, if the broker told.
    pub base_offset: Option<Offset>,
    /// How many records it has.
    pub records: u32,
    /// Its size before compression, in bytes.
    pub raw_bytes: usize,
    /// Its size as sent, in bytes.
    pub sent_bytes: usize,
    /// From sending it (the last time) to hearing that it arrived.
    pub latency: Duration,
}

/// Whether a record was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was, into the batch of this partition.
    To(PartitionIndex),
    /// Not now: too much is held already. Poll, wait for answers, then try again.
    Full,
}

#[derive(Debug)]
struct Call {
    node: NodeId,
    sent_at: Instant,
    batches: Vec<(PartitionIndex, Batch)>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Producer {
    topic: String,
    config: ProducerConfig,
    lanes: Vec<Lane>,
    calls: BTreeMap<CallId, Call>,
    next_call: u64,
    /// Bytes of records held, before compression.
    held_bytes: usize,
    held_records: u64,
    /// The partition that records without a key go to now.
    sticky: usize,
    /// The lane that the next call begins with, so that each gets its turn.
    turn: usize,
    flushing: bool,
    /// A batch was closed since the last poll.
    wants_poll: bool,
    wants_metadata: bool,
    deliveries: VecDeque<Delivery>,
    failure: Option<ClientError>,
    failed: bool,
}

impl Producer {
    /// A producer to `topic`, which has `partitions` partitions. `identity` is what the broker gave
    /// with InitProducerId, and is needed exactly if the producer is idempotent.
    ///
    /// # Panics
    /// If `partitions` is not positive, or the identity contradicts the configuration.
    pub fn new(
        topic: impl Into<String>,
        partitions: i32,
        identity: Option<Identity>,
        config: ProducerConfig,
    ) -> Self {
        assert!(partitions > 0, "a topic has at least one partition");
        assert_eq!(identity.is_some(), config.is_idempotent());
        Self {
            topic: topic.into(),
            lanes: (0..partitions)
                .map(|_| Lane::new(&config, identity))
                .collect(),
            config,
            calls: BTreeMap::new(),
            next_call: 0,
            held_bytes: 0,
            held_records: 0,
            sticky: 0,
            turn: 0,
            flushing: false,
            wants_poll: false,
            wants_metadata: false,
            deliveries: VecDeque::new(),
            failure: None,
            failed: false,
        }
    }

    /// Takes a record, copies it into the batch of its partition: by murmur2 of its key, or if it has
    /// none into the partition that is filled at present.
    ///
    /// # Errors
    /// [`ClientError::RecordTooLarge`] (the producer goes on), or what batches cannot be made of.
    pub fn append(
        &mut self,
        now: Instant,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<Appended, ClientError> {
        let size = Lane::size_max(key, value);
        if size + crate::record::HEADER_BYTES > self.config.batch_bytes_max {
            return Err(ClientError::RecordTooLarge {
                bytes: size,
                limit: self.config.batch_bytes_max,
            });
        }
        if self.failed
            || self.held_bytes > 0 && self.held_bytes + size > self.config.buffer_bytes_max
        {
            return Ok(Appended::Full);
        }
        let mut place = match key {
            Some(key) => partition_for_key(key, self.lanes.len() as i32).get() as usize,
            None => self.sticky,
        };
        let has_room = |lane: &Lane| lane.has_room(size, &self.config);
        if !self.lanes.get(place).is_some_and(has_room) {
            self.close(place)?;
            self.wants_poll = true;
            if key.is_none() {
                self.sticky = self.emptiest(place);
                place = self.sticky;
            }
        }
        self.held_bytes += self.lane(place).append(now, timestamp, key, value);
        self.held_records += 1;
        Ok(Appended::To(PartitionIndex::new(place as i32)))
    }

    /// The next partition for records without a key: the one with the least to send, after `place`.
    fn emptiest(&self, place: usize) -> usize {
        let count = self.lanes.len();
        (1..=count)
            .map(|step| (place + step) % count)
            .min_by_key(|place| self.lanes.get(*place).map_or(usize::MAX, Lane::backlog))
            .unwrap_or(0)
    }

    fn lane(&mut self, place: usize) -> &mut Lane {
        self.lanes.get_mut(place).expect("a partition of the topic")
    }

    fn close(&mut self, place: usize) -> Result<bool, ClientError> {
        self.lane(place)
            .close()
            .map_err(|error| ClientError::Build(error.to_string()))
    }

    /// The next call to make, if one can be made now. Ask until there is none.
    ///
    /// # Errors
    /// What batches cannot be made of.
    pub fn poll(
        &mut self,
        now: Instant,
        metadata: &Metadata,
    ) -> Result<Option<ProduceCall>, ClientError> {
        self.wants_poll = false;
        if self.failed {
            return Ok(None);
        }
        let leaders = self.leaders(metadata);
        let mut batches: Vec<(PartitionIndex, Batch)> = Vec::new();
        let (mut node, mut bytes) = (None, 0);
        for step in 0..self.lanes.len() {
            let place = (self.turn + step) % self.lanes.len();
            let Some(Some(leader)) = leaders.get(place).copied() else {
                continue;
            };
            if node.is_some_and(|node| node != leader)
                || self.calls_to(leader) >= self.config.in_flight_max
            {
                continue;
            }
            let Some(size) = self.prepare(now, place, leader)? else {
                continue;
            };
            if node.is_some() && bytes + size > self.config.request_bytes_max {
                self.turn = place;
                break;
            }
            if let Some(batch) = self.lane(place).take(leader) {
                bytes += size;
                node = Some(leader);
                batches.push((PartitionIndex::new(place as i32), batch));
            }
        }
        Ok(node.map(|node| self.call(now, node, batches)))
    }

    /// Who leads each partition. Notes it where records wait and nobody does.
    fn leaders(&mut self, metadata: &Metadata) -> Vec<Option<NodeId>> {
        let known = metadata.topic(&self.topic);
        let leader =
            |partition| known.and_then(|topic: &TopicMetadata| topic.partition(partition)?.leader);
        let leaders: Vec<Option<NodeId>> = (0..self.lanes.len() as i32)
            .map(|index| leader(PartitionIndex::new(index)))
            .collect();
        let waits =
            |(lane, leader): (&Lane, &Option<NodeId>)| leader.is_none() && lane.has_records();
        self.wants_metadata |= self.lanes.iter().zip(&leaders).any(waits);
        leaders
    }

    /// Sees to it that the lane has a closed batch, if one may leave now; its size.
    fn prepare(
        &mut self,
        now: Instant,
        place: usize,
        leader: NodeId,
    ) -> Result<Option<usize>, ClientError> {
        let (flushing, linger) = (self.flushing, self.config.linger);
        let Some(lane) = self.lanes.get(place) else {
            return Ok(None);
        };
        if !lane.may_send(now, leader, &self.config) {
            return Ok(None);
        }
        // A batch that could not leave anyway keeps filling, however long that takes.
        let waited = lane.open_until(linger).is_some_and(|until| now >= until);
        if !lane.has_ready() && (flushing || waited) {
            self.close(place)?;
        }
        Ok(self.lane(place).next().map(|batch| batch.bytes.len()))
    }

    fn calls_to(&self, node: NodeId) -> usize {
        self.calls.values().filter(|call| call.node == node).count()
    }

    fn call(
        &mut self,
        now: Instant,
        node: NodeId,
        batches: Vec<(PartitionIndex, Batch)>,
    ) -> ProduceCall {
        let id = CallId(self.next_call);
        self.next_call += 1;
        let call = ProduceCall {
            id,
            node,
            topic: self.topic.clone(),
            acks: self.config.acks,
            timeout: self.config.request_timeout,
            batches: batches
                .iter()
                .map(|(partition, batch)| (*partition, batch.bytes.clone()))
                .collect(),
        };
        let sent_at = now;
        self.calls.insert(
            id,
            Call {
                node,
                sent_at,
                batches,
            },
        );
        call
    }

    fn fail(&mut self, error: ClientError) {
        self.failed = true;
        self.failure.get_or_insert(error);
    }

    /// A call of [`Acks::None`] went out, which is all that will ever be known of it.
    pub fn sent(&mut self, id: CallId) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        for (partition, batch) in call.batches {
            self.delivered(Duration::ZERO, partition, batch, None);
        }
    }

    /// The connection to `node` is gone, and with it the answers to all calls under way there. They
    /// may have arrived or not: they are made again, and their sequences tell the broker.
    pub fn lost(&mut self, now: Instant, node: NodeId, reason: &str) {
        self.wants_metadata = true;
        let calls = std::mem::take(&mut self.calls);
        let (lost, kept) = calls.into_iter().partition(|(_, call)| call.node == node);
        self.calls = kept;
        let lost: BTreeMap<CallId, Call> = lost;
        for (partition, batch) in lost.into_values().flat_map(|call| call.batches) {
            self.retry(now, partition, batch, reason.to_owned());
        }
    }

    /// A node that has owed an answer for longer than the request timeout: its connection is to be
    /// closed and [`lost`](Self::lost) to be told.
    pub fn overdue(&self, now: Instant) -> Option<NodeId> {
        self.calls
            .values()
            .find(|call| now >= call.sent_at.after(self.config.request_timeout))
            .map(|call| call.node)
    }

    /// Fails the producer if a batch waited for longer than the delivery timeout.
    pub fn expire(&mut self, now: Instant) {
        let timeout = self.config.delivery_timeout;
        let expired = self.lanes.iter().zip(0..).find(|(lane, _)| {
            lane.waits_since()
                .is_some_and(|since| now >= since.after(timeout))
        });
        if let Some((lane, partition)) = expired {
            let error = ClientError::Undelivered {
                topic: self.topic.clone(),
                partition,
                seconds: timeout.as_secs(),
                reason: lane.reason().to_owned(),
            };
            self.fail(error);
        }
    }

    /// When to poll again if nothing else happens before. What was due already and did not leave
    /// waits for an answer or for metadata, not for time.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let linger = if self.flushing {
            Duration::ZERO
        } else {
            self.config.linger
        };
        let lanes = self
            .lanes
            .iter()
            .filter_map(|lane| lane.retry_at().or_else(|| lane.open_until(linger)));
        let calls = self
            .calls
            .values()
            .map(|call| call.sent_at.after(self.config.request_timeout));
        lanes.chain(calls).filter(|at| *at > now).min()
    }

    /// Whether metadata are to be asked for anew; asking resets it.
    pub fn take_metadata_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_metadata)
    }

    /// Whether a batch became full since the last poll.
    pub const fn wants_poll(&self) -> bool {
        self.wants_poll
    }

    /// From now on (or no longer) batches leave at once, however little they hold.
    pub fn set_flushing(&mut self, flushing: bool) {
        self.flushing = flushing;
    }

    /// Whether everything that was appended has been delivered.
    pub const fn is_idle(&self) -> bool {
        self.held_records == 0
    }

    /// How many records are held: appended and not yet delivered.
    pub const fn held_records(&self) -> u64 {
        self.held_records
    }

    /// The next batch that arrived.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// Whether the producer failed for good.
    pub const fn is_failed(&self) -> bool {
        self.failed
    }

    /// Why it failed; told once.
    pub const fn take_failure(&mut self) -> Option<ClientError> {
        self.failure.take()
    }
}

#[cfg(test)]
mod tests;
