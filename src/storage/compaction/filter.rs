//! What stays of one batch: the rules of compaction, as Kafka's log cleaner has them.

use super::offset_map::{KeyHash, OffsetMap};
use crate::record::{
    Batch, BatchError, BatchHeader, DecompressionLimits, Record, Records, Survivors, write_emptied,
};
use crate::types::{Offset, ProducerId, Timestamp};
use rustc_hash::FxHashMap;

/// Keys of one batch that are looked up together; a forged batch may have any number.
const KEYS_AT_ONCE: usize = 1 << 16;

/// Records between two calls of `give_way`, counted again in each pass over a batch: some 0.1 ms.
const RECORDS_PER_STEP: usize = 1024;

/// What holds for a whole compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionTerms {
    /// When it began.
    pub now: Timestamp,
    /// How long tombstones stay after they were first cleaned (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    /// What a batch may unfold to.
    pub limits: DecompressionLimits,
    /// The last offset of each idempotent producer that is remembered.
    pub producers: FxHashMap<ProducerId, Offset>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleaned {
    /// It stays as it is.
    Kept,
    /// It was written with fewer records, or with a delete horizon.
    Rewritten,
    /// It was written without records, for what its header says.
    Emptied,
    /// Nothing of it stays.
    Removed,
}

/// How much was done since others were let have the processor.
struct Steps<'a> {
    give_way: &'a dyn Fn(),
    records: usize,
}

impl<'a> Steps<'a> {
    fn new(give_way: &'a dyn Fn()) -> Self {
        give_way();
        Self {
            give_way,
            records: 0,
        }
    }

    fn looked_at(&mut self, records: usize) {
        self.records += records;
        if self.records >= RECORDS_PER_STEP {
            self.records = 0;
            (self.give_way)();
        }
    }
}

/// Turns batches into what stays of them.
#[derive(Debug)]
pub struct BatchFilter {
    terms: CompactionTerms,
    map: OffsetMap,
    /// The map has every key of the records below, from the first dirty one on.
    known_below: Offset,
    survivors: Survivors,
    /// Of one batch's first keys, those of dirty records.
    dirty_keys: Vec<(KeyHash, Offset)>,
    /// One batch's first keys, and the newest offset of each that is known.
    keys: Vec<KeyHash>,
    newest: Vec<Option<Offset>>,
}

impl BatchFilter {
    /// A filter that knows no key as yet.
    pub fn new(terms: CompactionTerms, map: OffsetMap) -> Self {
        Self {
            terms,
            map,
            known_below: Offset::ZERO,
            survivors: Survivors::default(),
            dirty_keys: Vec::new(),
            keys: Vec::new(),
            newest: Vec::new(),
        }
    }

    /// Takes in a batch's keys, those of records from `dirty_from` on. Batches come in their order.
    /// False if there is no room for another key: then the map ends within this batch. `give_way` is
    /// called between short steps.
    #[must_use]
    pub fn learn(&mut self, batch: &Batch, dirty_from: Offset, give_way: &dyn Fn()) -> bool {
        let header = batch.header();
        if header.is_control() || header.record_count() == 0 {
            self.known_below = header.next_offset();
            return true;
        }
        match self.learn_records(batch, dirty_from, give_way) {
            Ok(Some(full_at)) => {
                self.known_below = full_at;
                false
            }
            // One that does not decode has no keys and stays as it is.
            Ok(None) | Err(_) => {
                self.known_below = header.next_offset();
                true
            }
        }
    }

    /// Gives the offset for whose key there is no room.
    fn learn_records(
        &mut self,
        batch: &Batch,
        dirty_from: Offset,
        give_way: &dyn Fn(),
    ) -> Result<Option<Offset>, BatchError> {
        let records = batch.records(&self.terms.limits)?;
        let mut steps = Steps::new(give_way);
        self.dirty_keys.clear();
        // A batch is taken in whole or not at all: a part of one that does not decode would let
        // records go whose successors nobody can read.
        let mut rest_from = None;
        for record in records.iter() {
            steps.looked_at(1);
            let record = record?;
            let Some(key) = record.key.filter(|_| record.offset >= dirty_from) else {
                continue;
            };
            if self.dirty_keys.len() < KEYS_AT_ONCE {
                self.dirty_keys.push((self.map.hash(key), record.offset));
            } else {
                rest_from.get_or_insert(record.offset);
            }
        }
        let mut keys = self.dirty_keys.chunks(RECORDS_PER_STEP);
        let full_at = keys.find_map(|keys| {
            steps.looked_at(keys.len());
            self.map.put_all(keys)
        });
        let Some(rest_from) = rest_from.filter(|_| full_at.is_none()) else {
            return Ok(full_at);
        };
        for record in records.iter() {
            steps.looked_at(1);
            let record = record?;
            if let Some(key) = record.key.filter(|_| record.offset >= rest_from) {
                let hash = self.map.hash(key);
                if !self.map.put(hash, record.offset) {
                    return Ok(Some(record.offset));
                }
            }
        }
        Ok(None)
    }

    /// Looks for a batch's keys.
    fn look_up(&mut self, records: &Records, steps: &mut Steps<'_>) -> Result<(), BatchError> {
        self.keys.clear();
        self.newest.clear();
        for record in records.iter() {
            steps.looked_at(1);
            if let Some(key) = record?.key {
                self.keys.push(self.map.hash(key));
            }
            if self.keys.len() == KEYS_AT_ONCE {
                break;
            }
        }
        for keys in self.keys.chunks(RECORDS_PER_STEP) {
            steps.looked_at(keys.len());
            self.map.newest_of_all(keys, &mut self.newest);
        }
        Ok(())
    }

    /// Below this offset every dirty record's key is known.
    pub const fn known_below(&self) -> Offset {
        self.known_below
    }

    /// How many keys are known.
    pub const fn keys(&self) -> usize {
        self.map.len()
    }

    /// Gives the memory for keys back; what was learned is of no more use.
    pub fn forget_keys(&mut self) {
        self.map = OffsetMap::new(0, 0);
    }

    /// Appends to `output` what stays of a batch. One that `must_stay` leaves at least its header.
    /// A batch whose records do not decode stays as it is. `give_way` is called between short steps.
    pub fn clean(
        &mut self,
        batch: &Batch,
        must_stay: bool,
        output: &mut Vec<u8>,
        give_way: &dyn Fn(),
    ) -> Cleaned {
        let header = batch.header();
        let is_beyond = header.base_offset() >= self.known_below;
        if header.is_control() || is_beyond {
            return keep(batch, output);
        }
        let must_stay = must_stay || self.is_last_of_producer(header);
        if header.record_count() == 0 {
            return if must_stay {
                keep(batch, output)
            } else {
                Cleaned::Removed
            };
        }
        let Ok(records) = batch.records(&self.terms.limits) else {
            return keep(batch, output);
        };
        let horizon = header.delete_horizon();
        let tombstones_go = horizon.is_some_and(|horizon| self.terms.now >= horizon);
        let mut steps = Steps::new(give_way);
        if self.look_up(&records, &mut steps).is_err() {
            return keep(batch, output);
        }
        let (map, known_below) = (&self.map, self.known_below);
        let mut newest = self.newest.iter();
        let stays = |record: &Record<'_>| {
            steps.looked_at(1);
            // Compacted topics take none without; it was sent before the topic became one.
            let Some(key) = record.key else {
                return record.offset >= known_below;
            };
            let looked_up = newest.next().copied();
            let newest = looked_up.unwrap_or_else(|| map.newest(map.hash(key)));
            if record.offset >= known_below {
                return true;
            }
            let is_newest = newest.is_none_or(|newest| record.offset >= newest);
            is_newest && (record.value.is_some() || !tombstones_go)
        };
        if self.survivors.choose(&records, stays).is_err() {
            return keep(batch, output);
        }
        if self.survivors.is_empty() {
            if !must_stay {
                return Cleaned::Removed;
            }
            write_emptied(header, output);
            return Cleaned::Emptied;
        }
        // Tombstones count as cleaned once everything older of their keys is gone.
        let is_known = header.last_offset() < self.known_below;
        let new_horizon = (self.survivors.have_tombstone() && horizon.is_none() && is_known)
            .then(|| self.new_horizon());
        if self.survivors.are_all() && new_horizon.is_none() {
            return keep(batch, output);
        }
        match self.survivors.write(&records, new_horizon, output) {
            Ok(()) => Cleaned::Rewritten,
            // It would be larger than a batch can be, or its times cannot be said.
            Err(_) => keep(batch, output),
        }
    }

    fn new_horizon(&self) -> Timestamp {
        let (now, later) = (self.terms.now.get(), self.terms.delete_retention_ms);
        Timestamp::new(now.saturating_add(later))
    }

    /// The last batch of a producer tells its sequence to whoever reads the log for that.
    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let last = self.terms.producers.get(&header.producer_id());
        header.has_producer() && last == Some(&header.last_offset())
    }
}

fn keep(batch: &Batch, output: &mut Vec<u8>) -> Cleaned {
    output.extend_from_slice(batch.bytes());
    Cleaned::Kept
}
