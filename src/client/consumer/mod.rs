//! A consumer of given partitions of one topic.
//!
//! Sans-IO: [`poll`](Consumer::poll) for calls to make, report each call's answer or loss, take
//! [`Fetched`] batches. Reads only what is committed to by the high watermark, without fetch
//! sessions (KIP-227) and without groups.
//!
//! Invariants: records of a partition come in the order of their offsets, none twice and none left
//! out, through lost connections and moved leaders; where the log itself lost records (retention),
//! a [`Notice`] says which; one call is under way per node; what is fetched ahead is bounded.

mod fetched;
mod position;

pub use fetched::Fetched;

use super::metadata::Metadata;
use super::{BrokerCode, ClientError};
use crate::protocol::kafka::messages::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, PartitionData,
};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp};
use crate::wire::Array;
use bytes::Bytes;
use position::{Position, Wanted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record that is kept.
    Beginning,
    /// After the last record that is there now.
    End,
    /// An offset; one that is not kept any more means the first that is, one past the end the end.
    Offset(Offset),
    /// The first record at or after a time; the end if there is none.
    Timestamp(Timestamp),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The end of each partition as it was when reading began.
    End,
    /// Never.
    Forever,
}

/// How a consumer reads.
#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Where to end.
    pub until: Until,
    /// How long a broker may wait for records to come.
    pub wait: Duration,
    /// The most bytes of one partition in an answer (a single larger batch still comes).
    pub partition_bytes_max: i32,
    /// The most bytes in an answer (a single larger batch still comes).
    pub answer_bytes_max: i32,
    /// Bytes fetched and not yet taken, past which nothing more is asked for.
    pub ahead_bytes_max: usize,
    /// The longest an answer may take, the broker's waiting included.
    pub request_timeout: Duration,
    /// The pause before a failed attempt is made again.
    pub retry_pause: Duration,
    /// How long attempts for a partition may fail before the consumer does.
    pub stall_timeout: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            until: Until::End,
            wait: Duration::from_millis(500),
            partition_bytes_max: 2 * 1024 * 1024,
            answer_bytes_max: 16 * 1024 * 1024,
            ahead_bytes_max: 16 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            retry_pause: Duration::from_millis(100),
            stall_timeout: Duration::from_secs(60),
        }
    }
}

/// A call's number, unique in the life of its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u64);

/// A call to make.
#[derive(Debug)]
pub struct ConsumerCall {
    /// Its number, to report its end with.
    pub id: CallId,
    /// Whom to ask.
    pub node: NodeId,
    topic: Arc<str>,
    wait: Duration,
    answer_bytes_max: i32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Offsets(Vec<ListOffsetsPartition>),
    Fetch(Vec<FetchPartition>),
}

/// The request of a call.
#[derive(Debug)]
pub enum ConsumerRequest<'a> {
    /// Which offsets are there?
    Offsets(ListOffsetsRequest<'a>),
    /// Give me records.
    Fetch(FetchRequest<'a>),
}

impl ConsumerCall {
    /// The request.
    pub fn request(&self) -> ConsumerRequest<'_> {
        match &self.kind {
            Kind::Offsets(partitions) => ConsumerRequest::Offsets(ListOffsetsRequest {
                replica_id: -1,
                topics: Array::from(vec![ListOffsetsTopic {
                    name: &self.topic,
                    partitions: Array::from(partitions.clone()),
                }]),
                ..Default::default()
            }),
            Kind::Fetch(partitions) => ConsumerRequest::Fetch(FetchRequest {
                max_wait_ms: i32::try_from(self.wait.as_millis()).unwrap_or(i32::MAX),
                min_bytes: 1,
                max_bytes: self.answer_bytes_max,
                topics: Array::from(vec![FetchTopic {
                    topic: &self.topic,
                    partitions: Array::from(partitions.clone()),
                    ..Default::default()
                }]),
                ..Default::default()
            }),
        }
    }
}

/// Something the reader of a partition should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The log had no such offset any more, so reading went on elsewhere.
    Jumped {
        /// The partition.
        partition: PartitionIndex,
        /// The offset that was due.
        from: Offset,
        /// The offset that came instead.
        to: Offset,
    },
}

#[derive(Debug)]
struct Call {
    node: NodeId,
    sent_at: Instant,
    /// What it asks for, if for offsets; what it reads from, if for records.
    wanted: Option<Wanted>,
    partitions: BTreeMap<PartitionIndex, Offset>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Consumer {
    topic: Arc<str>,
    config: ConsumerConfig,
    positions: BTreeMap<PartitionIndex, Position>,
    calls: BTreeMap<CallId, Call>,
    next_call: u64,
    fetched: VecDeque<Fetched>,
    ahead_bytes: usize,
    /// The partition that the next fetch begins with, so that each gets its turn.
    turn: PartitionIndex,
    notices: VecDeque<Notice>,
    wants_metadata: bool,
    failure: Option<ClientError>,
    failed: bool,
}

impl Consumer {
    /// A consumer of `partitions` of `topic`.
    pub fn new(
        topic: &str,
        partitions: impl IntoIterator<Item = (PartitionIndex, Start)>,
        config: ConsumerConfig,
    ) -> Self {
        Self {
            topic: topic.into(),
            config,
            positions: partitions
                .into_iter()
                .map(|(partition, start)| (partition, Position::new(start)))
                .collect(),
            calls: BTreeMap::new(),
            next_call: 0,
            fetched: VecDeque::new(),
            ahead_bytes: 0,
            turn: PartitionIndex::new(0),
            notices: VecDeque::new(),
            wants_metadata: false,
            failure: None,
            failed: false,
        }
    }

    /// The next call to make, if one can be made now. Ask until there is none.
    pub fn poll(&mut self, now: Instant, metadata: &Metadata) -> Option<ConsumerCall> {
        if self.failed {
            return None;
        }
        let leaders = self.idle_leaders(now, metadata);
        let mut nodes: Vec<NodeId> = leaders.values().map(|(node, _)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            let mine = |partition: &PartitionIndex| {
                let (leader, epoch) = leaders.get(partition)?;
                (*leader == node).then_some(*epoch)
            };
            let call = self
                .offsets_call(now, node, mine)
                .or_else(|| self.fetch_call(now, node, mine));
            if call.is_some() {
                return call;
            }
        }
        None
    }

    /// The leaders, to whom no call is under way, of the partitions that can be asked for.
    fn idle_leaders(
        &mut self,
        now: Instant,
        metadata: &Metadata,
    ) -> BTreeMap<PartitionIndex, (NodeId, LeaderEpoch)> {
        let mut leaders = BTreeMap::new();
        for (partition, position) in &mut self.positions {
            if position.busy || position.is_done() || now < position.not_before {
                continue;
            }
            match metadata.leader(&self.topic, *partition) {
                None => {
                    self.wants_metadata = true;
                    position.trouble(now, "no broker leads the partition".into(), &self.config);
                }
                Some((node, epoch)) => {
                    if !self.calls.values().any(|call| call.node == node) {
                        leaders.insert(*partition, (node, epoch));
                    }
                }
            }
        }
        leaders
    }

    fn offsets_call(
        &mut self,
        now: Instant,
        node: NodeId,
        mine: impl Fn(&PartitionIndex) -> Option<LeaderEpoch>,
    ) -> Option<ConsumerCall> {
        let wanted = self
            .positions
            .iter()
            .filter(|(partition, _)| mine(partition).is_some())
            .find_map(|(_, position)| position.wanted())?;
        let mut asked = Vec::new();
        let mut partitions = BTreeMap::new();
        for (partition, position) in &mut self.positions {
            let Some(epoch) = mine(partition).filter(|_| position.wanted() == Some(wanted)) else {
                continue;
            };
            position.busy = true;
            partitions.insert(*partition, Offset::ZERO);
            asked.push(ListOffsetsPartition {
                partition_index: partition.get(),
                current_leader_epoch: epoch.get(),
                timestamp: wanted.timestamp(),
            });
        }
        Some(self.call(now, node, Some(wanted), partitions, Kind::Offsets(asked)))
    }

    fn fetch_call(
        &mut self,
        now: Instant,
        node: NodeId,
        mine: impl Fn(&PartitionIndex) -> Option<LeaderEpoch>,
    ) -> Option<ConsumerCall> {
        if self.ahead_bytes >= self.config.ahead_bytes_max {
            return None;
        }
        let mut asked = Vec::new();
        let mut partitions = BTreeMap::new();
        let turn = self.turn;
        let order = self
            .positions
            .range(turn..)
            .chain(self.positions.range(..turn));
        for (partition, position) in order {
            let (Some(epoch), Some(offset)) = (mine(partition), position.readable()) else {
                continue;
            };
            partitions.insert(*partition, offset);
            asked.push(FetchPartition {
                partition: partition.get(),
                current_leader_epoch: epoch.get(),
                fetch_offset: offset.get(),
                partition_max_bytes: self.config.partition_bytes_max,
                ..Default::default()
            });
        }
        let first = asked.first()?;
        self.turn = PartitionIndex::new(first.partition + 1);
        for partition in partitions.keys() {
            if let Some(position) = self.positions.get_mut(partition) {
                position.busy = true;
            }
        }
        Some(self.call(now, node, None, partitions, Kind::Fetch(asked)))
    }

    fn call(
        &mut self,
        sent_at: Instant,
        node: NodeId,
        wanted: Option<Wanted>,
        partitions: BTreeMap<PartitionIndex, Offset>,
        kind: Kind,
    ) -> ConsumerCall {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(
            id,
            Call {
                node,
                sent_at,
                wanted,
                partitions,
            },
        );
        ConsumerCall {
            id,
            node,
            topic: Arc::clone(&self.topic),
            wait: self.config.wait,
            answer_bytes_max: self.config.answer_bytes_max,
            kind,
        }
    }

    /// The broker answered which offsets there are.
    pub fn located(&mut self, now: Instant, id: CallId, response: &ListOffsetsResponse<'_>) {
        let Some((call, wanted)) = self.calls.remove(&id).and_then(|call| {
            let wanted = call.wanted?;
            Some((call, wanted))
        }) else {
            return;
        };
        let topic = response
            .topics
            .iter()
            .find(|topic| topic.name == &*self.topic);
        let mut left = call.partitions;
        for answer in &topic.unwrap_or_default().partitions {
            let partition = PartitionIndex::new(answer.partition_index);
            if left.remove(&partition).is_none() {
                continue;
            }
            let code = BrokerCode::new(answer.error_code);
            if !self.accept(now, partition, code) {
                continue;
            }
            let Some(position) = self.positions.get_mut(&partition) else {
                continue;
            };
            let jump = position.located(wanted, answer.offset, &self.config);
            self.notices.extend(jump.map(|(from, to)| Notice::Jumped {
                partition,
                from,
                to,
            }));
        }
        self.left_out(now, left.into_keys(), "the answer leaves it out");
    }

    /// The broker answered a fetch; record data are a part of `frame`.
    pub fn fetched(
        &mut self,
        now: Instant,
        id: CallId,
        response: &FetchResponse<'_>,
        frame: &Bytes,
    ) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let mut left = call.partitions;
        let code = BrokerCode::new(response.error_code);
        if !code.is_none() {
            self.left_out(now, left.into_keys(), &code.to_string());
            return;
        }
        let topic = response
            .responses
            .iter()
            .find(|topic| topic.topic == &*self.topic);
        for data in &topic.unwrap_or_default().partitions {
            let partition = PartitionIndex::new(data.partition_index);
            if let Some(from) = left.remove(&partition) {
                self.take(now, partition, from, &data, frame);
            }
        }
        // A broker may leave out partitions that have nothing new; that is no trouble.
        for partition in left.into_keys() {
            self.accept(now, partition, BrokerCode::NONE);
        }
    }

    fn take(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        from: Offset,
        data: &PartitionData<'_>,
        frame: &Bytes,
    ) {
        let code = BrokerCode::new(data.error_code);
        if code == BrokerCode::OFFSET_OUT_OF_RANGE {
            if let Some(position) = self.positions.get_mut(&partition) {
                position.busy = false;
                position.out_of_range();
            }
            return;
        }
        if !self.accept(now, partition, code) {
            return;
        }
        let records = data
            .records
            .map(|records| records.share(frame))
            .unwrap_or_default();
        if records.is_empty() {
            return;
        }
        match fetched::whole_batches(&records) {
            Ok(Some((data, next))) if next > from => self.keep(partition, from, next, data),
            Ok(Some(_)) => self.corrupt(
                partition,
                from,
                "the broker sent records before this offset",
            ),
            Ok(None) => self.corrupt(partition, from, "the broker sent only a part of a batch"),
            Err(error) => self.corrupt(partition, from, &error.to_string()),
        }
    }

    fn keep(&mut self, partition: PartitionIndex, from: Offset, next: Offset, data: Bytes) {
        let Some(position) = self.positions.get_mut(&partition) else {
            return;
        };
        position.advance(next);
        self.ahead_bytes += data.len();
        self.fetched.push_back(Fetched {
            topic: Arc::clone(&self.topic),
            partition,
            from,
            until: position.until(),
            next,
            data,
        });
    }

    fn corrupt(&mut self, partition: PartitionIndex, offset: Offset, reason: &str) {
        self.fail(ClientError::Corrupt {
            topic: self.topic.to_string(),
            partition: partition.get(),
            offset: offset.get(),
            reason: reason.to_owned(),
        });
    }

    /// Takes note of a partition's code; whether its data can be used.
    fn accept(&mut self, now: Instant, partition: PartitionIndex, code: BrokerCode) -> bool {
        let Some(position) = self.positions.get_mut(&partition) else {
            return false;
        };
        position.busy = false;
        if code.is_none() {
            position.fine();
            return true;
        }
        if code.is_retriable() {
            self.wants_metadata |= code.wants_metadata();
            position.trouble(now, code.to_string(), &self.config);
        } else {
            self.fail(ClientError::Partition {
                topic: self.topic.to_string(),
                partition: partition.get(),
                code,
                message: None,
            });
        }
        false
    }

    fn left_out(
        &mut self,
        now: Instant,
        partitions: impl Iterator<Item = PartitionIndex>,
        reason: &str,
    ) {
        self.wants_metadata = true;
        for partition in partitions {
            if let Some(position) = self.positions.get_mut(&partition) {
                position.busy = false;
                position.trouble(now, reason.to_owned(), &self.config);
            }
        }
    }

    fn fail(&mut self, error: ClientError) {
        self.failed = true;
        self.failure.get_or_insert(error);
    }

    /// The connection to `node` is gone, and with it the answer to the call under way there.
    pub fn lost(&mut self, now: Instant, node: NodeId, reason: &str) {
        let calls = std::mem::take(&mut self.calls);
        for (id, call) in calls {
            if call.node == node {
                self.left_out(now, call.partitions.into_keys(), reason);
            } else {
                self.calls.insert(id, call);
            }
        }
    }

    /// A node that has owed an answer for too long: its connection is to be closed and
    /// [`lost`](Self::lost) to be told.
    pub fn overdue(&self, now: Instant) -> Option<NodeId> {
        self.calls
            .values()
            .find(|call| now >= call.sent_at.after(self.config.request_timeout))
            .map(|call| call.node)
    }

    /// Fails the consumer if a partition could not be read for longer than may be.
    pub fn expire(&mut self, now: Instant) {
        let stalled = self.positions.iter().find_map(|(partition, position)| {
            let reason = position.stalled(now, &self.config)?;
            Some(ClientError::Stalled {
                topic: self.topic.to_string(),
                partition: partition.get(),
                seconds: self.config.stall_timeout.as_secs(),
                reason: reason.to_owned(),
            })
        });
        if let Some(error) = stalled {
            self.fail(error);
        }
    }

    /// When to poll again if nothing else happens before.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let retries = self
            .positions
            .values()
            .filter(|position| !position.busy && !position.is_done())
            .map(|position| position.not_before);
        let calls = self
            .calls
            .values()
            .map(|call| call.sent_at.after(self.config.request_timeout));
        retries.chain(calls).filter(|at| *at > now).min()
    }

    /// Whether metadata are to be asked for anew; asking resets it.
    pub fn take_metadata_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_metadata)
    }

    /// The next batches that came.
    pub fn next_fetched(&mut self) -> Option<Fetched> {
        let fetched = self.fetched.pop_front()?;
        self.ahead_bytes -= fetched.data.len();
        Some(fetched)
    }

    /// The next thing to tell.
    pub fn next_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Whether every partition was read to its end and everything was taken.
    pub fn is_done(&self) -> bool {
        self.fetched.is_empty() && self.positions.values().all(Position::is_done)
    }

    /// How many records are left to read, as far as ends are known.
    pub fn remaining(&self) -> Option<u64> {
        self.positions
            .values()
            .map(|position| match (position.readable(), position.until()) {
                (Some(next), Some(until)) => Some(until.since(next).max(0) as u64),
                _ if position.is_done() => Some(0),
                _ => None,
            })
            .sum()
    }

    /// Whether the consumer failed for good.
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
