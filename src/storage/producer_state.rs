//! What is remembered of idempotent producers, so that a batch sent twice is kept once (KIP-98).
//!
//! Invariants: a producer's batches follow each other in sequence and in offset, oldest first, at
//! least one and at most [`BATCHES_KEPT`]; all are of its newest epoch. The number of producers is
//! bounded; the one not heard of for longest is forgotten first, which narrows deduplication and
//! nothing else.

use crate::record::BatchHeader;
use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// Batches remembered per producer: clients have at most five under way.
pub const BATCHES_KEPT: usize = 5;

/// Producers remembered per partition unless told otherwise.
pub const PRODUCERS_MAX: usize = 10_000;

/// Half of the sequences: what is farther ahead than this lies behind.
const SEQUENCES_HALF: i64 = 1 << 30;

/// A batch that may be appended, or was already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceCheck {
    /// The next one, or not idempotent at all.
    Accept,
    /// Appended before, at these offsets.
    Duplicate {
        /// The offset of its first record.
        base_offset: Offset,
        /// The offset of its last record.
        last_offset: Offset,
        /// Its largest timestamp as appended.
        timestamp: Timestamp,
    },
}

/// A batch that must not be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SequenceError {
    /// A newer incarnation of the producer was seen.
    #[error("producer {producer} sent epoch {sent}, its newest is {newest}")]
    Fenced {
        /// The producer.
        producer: ProducerId,
        /// The batch's epoch.
        sent: ProducerEpoch,
        /// The newest epoch seen.
        newest: ProducerEpoch,
    },
    /// Batches are missing before this one.
    #[error("producer {producer} sent sequence {sent}, {expected} is next")]
    OutOfOrder {
        /// The producer.
        producer: ProducerId,
        /// The batch's first sequence.
        sent: Sequence,
        /// The sequence that must come next.
        expected: Sequence,
    },
    /// The batch is older than all that are remembered, or overlaps one of them.
    #[error("producer {producer} sent sequence {sent} again, which is no longer remembered")]
    Forgotten {
        /// The producer.
        producer: ProducerId,
        /// The batch's first sequence.
        sent: Sequence,
    },
}

/// A batch as remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The sequence of its first record.
    pub base_sequence: Sequence,
    /// The sequence of its last record.
    pub last_sequence: Sequence,
    /// The offset of its first record.
    pub base_offset: Offset,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

impl ProducerBatch {
    /// The offset of its last record.
    pub fn last_offset(&self) -> Offset {
        let count = i64::from(self.last_sequence.get()) - i64::from(self.base_sequence.get());
        let wrapped = if count < 0 { count + (1 << 31) } else { count };
        self.base_offset.advanced(wrapped)
    }
}

/// A producer as a checkpoint keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSnapshot {
    /// Who.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// When it was last heard of.
    pub last_used: Timestamp,
    /// Its last batches, oldest first.
    pub batches: Vec<ProducerBatch>,
}

#[derive(Debug, Clone)]
struct Producer {
    epoch: ProducerEpoch,
    last_used: Timestamp,
    /// Its place in the order of use.
    turn: u64,
    batches: VecDeque<ProducerBatch>,
}

/// The producers of one partition.
#[derive(Debug, Clone)]
pub struct ProducerState {
    limit: usize,
    producers: FxHashMap<ProducerId, Producer>,
    /// Producers by when they were last heard of, longest ago first.
    turns: BTreeMap<u64, ProducerId>,
    next_turn: u64,
}

impl Default for ProducerState {
    fn default() -> Self {
        Self::new(PRODUCERS_MAX)
    }
}

impl ProducerState {
    /// Remembers at most `producers_max` producers, at least one.
    pub fn new(producers_max: usize) -> Self {
        Self {
            limit: producers_max.max(1),
            producers: FxHashMap::default(),
            turns: BTreeMap::new(),
            next_turn: 0,
        }
    }

    /// Whether a batch may be appended now.
    pub fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, SequenceError> {
        let known = self.producers.get(&header.producer_id());
        let (true, Some(known)) = (header.has_producer(), known) else {
            return Ok(SequenceCheck::Accept);
        };
        known.check(header)
    }

    /// Remembers a batch that was appended at `base`.
    pub fn record(&mut self, header: &BatchHeader, base: Offset, now: Timestamp) {
        if !header.has_producer() {
            return;
        }
        let batch = ProducerBatch {
            base_sequence: header.base_sequence(),
            last_sequence: header.last_sequence(),
            base_offset: base,
            timestamp: header.max_timestamp(),
        };
        self.insert(header.producer_id(), header.producer_epoch(), batch, now);
        self.forget_excess();
    }

    fn insert(
        &mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        batch: ProducerBatch,
        now: Timestamp,
    ) {
        let turn = self.next_turn;
        self.next_turn += 1;
        let producer = self.producers.entry(id).or_insert_with(|| Producer {
            epoch,
            last_used: now,
            turn,
            batches: VecDeque::new(),
        });
        self.turns.remove(&producer.turn);
        self.turns.insert(turn, id);
        (producer.turn, producer.last_used) = (turn, now);
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        producer.batches.push_back(batch);
    }

    fn forget_excess(&mut self) {
        while self.producers.len() > self.limit {
            let Some((_, id)) = self.turns.pop_first() else {
                return;
            };
            self.producers.remove(&id);
        }
    }

    /// Forgets producers that were last heard of before `oldest`.
    pub fn expire(&mut self, oldest: Timestamp) {
        while let Some((turn, id)) = self.turns.first_key_value() {
            let (turn, id) = (*turn, *id);
            if self
                .producers
                .get(&id)
                .is_some_and(|producer| producer.last_used >= oldest)
            {
                return;
            }
            self.turns.remove(&turn);
            self.producers.remove(&id);
        }
    }

    /// How many producers are remembered.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Each producer with its newest epoch and batch; by when they were last heard of, longest ago
    /// first.
    pub fn newest(&self) -> impl Iterator<Item = (ProducerId, ProducerEpoch, &ProducerBatch)> {
        self.turns.values().filter_map(|id| {
            let producer = self.producers.get(id)?;
            Some((*id, producer.epoch, producer.batches.back()?))
        })
    }

    /// What holds once everything from `upto` on is lost: only batches that end below it. By when
    /// they were last heard of, longest ago first.
    pub fn snapshot(&self, upto: Offset) -> Vec<ProducerSnapshot> {
        let mut snapshots = Vec::with_capacity(self.turns.len());
        for id in self.turns.values() {
            let Some(producer) = self.producers.get(id) else {
                continue;
            };
            let kept = producer
                .batches
                .iter()
                .filter(|batch| batch.last_offset() < upto);
            let batches: Vec<ProducerBatch> = kept.copied().collect();
            if !batches.is_empty() {
                let (epoch, last_used) = (producer.epoch, producer.last_used);
                snapshots.push(ProducerSnapshot {
                    id: *id,
                    epoch,
                    last_used,
                    batches,
                });
            }
        }
        snapshots
    }

    /// Takes up what [`ProducerState::snapshot`] gave.
    pub fn restore(&mut self, snapshots: &[ProducerSnapshot]) {
        for snapshot in snapshots {
            for batch in &snapshot.batches {
                self.insert(snapshot.id, snapshot.epoch, *batch, snapshot.last_used);
            }
        }
        self.forget_excess();
    }
}

impl Producer {
    fn check(&self, header: &BatchHeader) -> Result<SequenceCheck, SequenceError> {
        let (producer, sent) = (header.producer_id(), header.base_sequence());
        if header.producer_epoch() < self.epoch {
            let (sent, newest) = (header.producer_epoch(), self.epoch);
            return Err(SequenceError::Fenced {
                producer,
                sent,
                newest,
            });
        }
        if header.producer_epoch() > self.epoch {
            let expected = Sequence::FIRST;
            return if sent == expected {
                Ok(SequenceCheck::Accept)
            } else {
                Err(SequenceError::OutOfOrder {
                    producer,
                    sent,
                    expected,
                })
            };
        }
        if let Some(batch) = self.find(header) {
            return Ok(SequenceCheck::Duplicate {
                base_offset: batch.base_offset,
                last_offset: batch.last_offset(),
                timestamp: batch.timestamp,
            });
        }
        let newest = self.batches.back().expect("a producer has a batch");
        let expected = newest.last_sequence.advanced(1);
        if sent == expected {
            return Ok(SequenceCheck::Accept);
        }
        let ahead = i64::from(sent.get()) - i64::from(expected.get());
        if ahead.rem_euclid(2 * SEQUENCES_HALF) < SEQUENCES_HALF {
            Err(SequenceError::OutOfOrder {
                producer,
                sent,
                expected,
            })
        } else {
            Err(SequenceError::Forgotten { producer, sent })
        }
    }

    fn find(&self, header: &BatchHeader) -> Option<&ProducerBatch> {
        let (base, last) = (header.base_sequence(), header.last_sequence());
        let same =
            |batch: &&ProducerBatch| batch.base_sequence == base && batch.last_sequence == last;
        self.batches.iter().rev().find(same)
    }
}

#[cfg(test)]
mod tests;
