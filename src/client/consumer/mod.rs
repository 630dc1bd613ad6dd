//! A consumer of given partitions of one topic.
//!
//! Sans-IO: [`poll`](Consumer::poll) for calls to make, report each call's answer or loss, take
//! [`Fetched`] batches. Reads only what is committed to by the high watermark, without fetch
//! sessions (KIP-227) and without groups.
//!
//! Invariants: records of a partition come in the order of their offsets, none twice and none left
//! out, through lost connections and moved leaders; where the log itself lost records (retention),
//! a [`Notice`] says which; one call is under way per node; what is fetched ahead is bounded.

mod answers;
mod call;
mod config;
mod fetched;
mod position;

pub use call::{CallId, ConsumerCall, ConsumerRequest};
pub use config::{ConsumerConfig, Start, Until};
pub use fetched::Fetched;

use super::ClientError;
use super::metadata::Metadata;
use crate::protocol::kafka::messages::{FetchPartition, ListOffsetsPartition};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionIndex};
use call::Kind;
use position::{Position, Wanted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

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
