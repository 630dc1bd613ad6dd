//! One partition's records on their way: being gathered, waiting, under way, waiting again.
//!
//! Invariants: batches leave in the order of their first attempt; after a failure nothing leaves
//! until everything under way came back, so that no retry is overtaken; all batches under way are
//! under way to one node; until a node took a first batch, only that one is under way to it, as
//! brokers take any sequence for the first of a producer that they do not know.

use super::config::ProducerConfig;
use crate::record::{BatchBuilder, BuildError};
use crate::types::{Instant, NodeId, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// A producer's identity, given by the broker (KIP-98).
pub type Identity = (ProducerId, ProducerEpoch);

/// What a record takes in a batch beside its key and value, at most.
const RECORD_OVERHEAD_MAX: usize = 36;

/// A closed batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) records: u32,
    /// Size before compression.
    pub(super) raw_bytes: usize,
    /// Its place in the order of the partition.
    pub(super) order: u64,
    /// When its first record came.
    pub(super) since: Instant,
}

/// One partition.
#[derive(Debug)]
pub(super) struct Lane {
    open: BatchBuilder,
    open_since: Instant,
    ready: VecDeque<Batch>,
    in_flight: usize,
    node: Option<NodeId>,
    /// The node that took a batch of this lane, so that it knows the sequences.
    proven: Option<NodeId>,
    identity: Option<Identity>,
    next_sequence: Sequence,
    next_order: u64,
    /// A failure is being sorted out: wait for everything under way.
    draining: bool,
    not_before: Instant,
    reason: String,
}

impl Lane {
    pub(super) fn new(config: &ProducerConfig, identity: Option<Identity>) -> Self {
        Self {
            open: BatchBuilder::new(config.compression, config.level),
            open_since: Instant::default(),
            ready: VecDeque::new(),
            in_flight: 0,
            node: None,
            proven: None,
            identity,
            next_sequence: Sequence::FIRST,
            next_order: 0,
            draining: false,
            not_before: Instant::default(),
            reason: "no broker led the partition".into(),
        }
    }

    /// The most that a record can add to a batch.
    pub(super) fn size_max(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        RECORD_OVERHEAD_MAX + length(key) + length(value)
    }

    /// Whether a record of that size still goes into the open batch.
    pub(super) fn has_room(&self, size: usize, config: &ProducerConfig) -> bool {
        self.open.is_empty() || self.open.encoded_len() + size <= config.batch_bytes_max
    }

    /// Adds a record to the open batch; how many bytes it took.
    pub(super) fn append(
        &mut self,
        now: Instant,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> usize {
        if self.open.is_empty() {
            self.open_since = now;
        }
        let before = self.open.encoded_len();
        self.open.append(timestamp, key, value, &[]);
        self.open.encoded_len() - before
    }

    /// Closes the open batch, if it holds anything.
    pub(super) fn close(&mut self) -> Result<bool, BuildError> {
        if self.open.is_empty() {
            return Ok(false);
        }
        let records = self.open.len() as u32;
        let raw_bytes = self.open.encoded_len() - crate::record::HEADER_BYTES;
        if let Some((id, epoch)) = self.identity {
            self.open.set_producer(id, epoch, self.next_sequence);
            self.next_sequence = self.next_sequence.advanced(records as i32);
        }
        let bytes = self.open.build(Offset::ZERO)?;
        self.ready.push_back(Batch {
            bytes,
            records,
            raw_bytes,
            order: self.next_order,
            since: self.open_since,
        });
        self.next_order += 1;
        Ok(true)
    }

    /// When the open batch has waited long enough, if there is one.
    pub(super) fn open_until(&self, linger: Duration) -> Option<Instant> {
        (!self.open.is_empty()).then(|| self.open_since.after(linger))
    }

    /// Whether a batch could leave for `node` now, if there were one.
    pub(super) fn may_send(&self, now: Instant, node: NodeId, config: &ProducerConfig) -> bool {
        let in_flight_max = if self.proven == Some(node) {
            config.in_flight_per_partition()
        } else {
            1
        };
        now >= self.not_before
            && !self.draining
            && self.in_flight < in_flight_max
            && (self.in_flight == 0 || self.node == Some(node))
    }

    /// The next batch to leave.
    pub(super) fn next(&self) -> Option<&Batch> {
        self.ready.front()
    }

    /// Takes the next batch: it is under way to `node` now.
    pub(super) fn take(&mut self, node: NodeId) -> Option<Batch> {
        let batch = self.ready.pop_front()?;
        self.in_flight += 1;
        self.node = Some(node);
        Some(batch)
    }

    /// A batch was delivered.
    pub(super) fn done(&mut self) {
        self.proven = self.node;
        self.in_flight -= 1;
        self.draining &= self.in_flight > 0;
    }

    /// A batch came back and is to be tried again, in its old place, at `not_before`.
    pub(super) fn again(&mut self, batch: Batch, not_before: Instant, reason: String) {
        let place = self
            .ready
            .partition_point(|other| other.order < batch.order);
        self.ready.insert(place, batch);
        self.in_flight -= 1;
        self.draining = self.in_flight > 0;
        self.proven = None;
        self.not_before = not_before;
        self.reason = reason;
    }

    /// Whether a batch older than `order` waits to be tried again.
    pub(super) fn has_older_waiting(&self, order: u64) -> bool {
        self.ready.front().is_some_and(|front| front.order < order)
    }

    /// Whether any batch is closed and waits.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether anything is held.
    pub(super) fn has_records(&self) -> bool {
        !self.open.is_empty() || !self.ready.is_empty() || self.in_flight > 0
    }

    /// When the next retry is due, if one waits.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        (self.has_ready() && !self.draining).then_some(self.not_before)
    }

    /// Since when the oldest closed batch that is not under way exists.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.ready.front().map(|batch| batch.since)
    }

    /// Why the last attempt failed.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// How many bytes wait in the lane, to choose the emptiest.
    pub(super) fn backlog(&self) -> usize {
        self.ready.len() + self.in_flight
    }
}
