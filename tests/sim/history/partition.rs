//! What is known of one partition.

use crate::value::ValueId;
use corelane::types::TopicPartition;
use std::collections::BTreeMap;

/// A record as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) epoch: i32,
    pub(crate) value: ValueId,
    pub(crate) timestamp: i64,
    pub(crate) is_tombstone: bool,
}

/// What was known when a question was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// The high watermark is at least this.
    pub(crate) watermark: i64,
    /// The log start is at least this.
    pub(crate) start: i64,
    pub(crate) when: When,
}

/// When something was said: before or after which losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct When {
    /// Counts the events that cached promises do not survive.
    pub(crate) era: u64,
}

#[derive(Debug, Default)]
pub(crate) struct PartitionHistory {
    /// What lies where, as acknowledged or read, as far as the promise holds.
    cells: BTreeMap<i64, ValueId>,
    /// Where each value lies, as far as it may lie in one place only.
    places: BTreeMap<ValueId, i64>,
    /// What was ever read at an offset under an epoch.
    epochs: BTreeMap<(i64, i32), ValueId>,
    /// Everything below is there for good.
    durable_end: i64,
    /// Everything below can be read until cached promises are void.
    visible_end: i64,
    start: i64,
}

impl PartitionHistory {
    pub(crate) fn floor(&self, when: When) -> Floor {
        let watermark = self.visible_end.max(self.durable_end);
        Floor {
            watermark,
            start: self.start,
            when,
        }
    }

    pub(crate) fn cells(&self) -> &BTreeMap<i64, ValueId> {
        &self.cells
    }

    /// A value lies at an offset. With `once` it lies nowhere else.
    pub(crate) fn place(&mut self, name: TopicPartition, offset: i64, value: ValueId, once: bool) {
        if let Some(known) = self.cells.insert(offset, value) {
            assert_eq!(known, value, "{name} {offset} has two values");
        }
        if once && let Some(known) = self.places.insert(value, offset) {
            assert_eq!(known, offset, "{name}: {value} lies in two places");
        }
    }

    pub(crate) fn epoch_value(&mut self, offset: i64, epoch: i32, value: ValueId) {
        if let Some(known) = self.epochs.insert((offset, epoch), value) {
            assert_eq!(
                known, value,
                "offset {offset} of epoch {epoch} has two values"
            );
        }
    }

    pub(crate) fn acked(&mut self, offset: i64, durable: bool, visible: bool) {
        if durable {
            self.durable_upto(offset + 1);
        }
        if visible {
            self.visible_upto(offset + 1);
        }
    }

    pub(crate) fn durable_upto(&mut self, end: i64) {
        self.durable_end = self.durable_end.max(end);
    }

    pub(crate) fn visible_upto(&mut self, end: i64) {
        self.visible_end = self.visible_end.max(end);
    }

    pub(crate) fn begins_at(&mut self, start: i64) {
        self.start = self.start.max(start);
    }

    pub(crate) fn all_durable(&mut self) {
        let last = self
            .cells
            .last_key_value()
            .map_or(0, |(offset, _)| offset + 1);
        self.durable_end = self.durable_end.max(self.visible_end).max(last);
    }

    pub(crate) fn lose_cached(&mut self) {
        for (_, value) in self.cells.split_off(&self.durable_end) {
            self.places.remove(&value);
        }
        self.visible_end = self.durable_end;
    }
}
