//! Holds what was read against what was produced: every record once, each entity's in order, every
//! byte as sent.

use super::workload::{Item, Workload};
use crate::record::Record;
use crate::types::{Offset, PartitionIndex, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far around the expected step a record that is not it is searched for.
const SEARCH_STEPS: u32 = 16;

/// What was found wrong. All zero is what is hoped for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Faults {
    /// Records that never came.
    pub(super) lost: u64,
    /// Records that came more often than once.
    pub(super) doubled: u64,
    /// Records that came before or after their turn.
    pub(super) out_of_order: u64,
    /// Records that are not byte for byte what was sent.
    pub(super) altered: u64,
    /// Places where offsets are not dense.
    pub(super) offset_gaps: u64,
    /// Partitions whose replay from a time did not begin or end where it should.
    pub(super) wrong_replays: u64,
    /// The first thing found, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) example: Option<String>,
}

impl Faults {
    /// Whether nothing is wrong.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn note(&mut self, example: impl FnOnce() -> String) {
        self.example.get_or_insert_with(example);
    }

    /// Adds another reader's.
    pub(super) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.altered += other.altered;
        self.offset_gaps += other.offset_gaps;
        self.wrong_replays += other.wrong_replays;
        if let Some(example) = other.example {
            self.note(|| example);
        }
    }
}

/// What a replay of a partition should find after this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// The offset after the last record.
    pub(super) end: Offset,
    /// The first offset whose record is as young as the cut, if there is one.
    pub(super) cut: Option<Offset>,
}

/// One reader's view of the whole log of some partitions.
#[derive(Debug)]
pub(super) struct Verifier<'a, W> {
    workload: &'a W,
    cut: Timestamp,
    /// The step that each entity should come to next.
    next: Vec<u32>,
    /// How many records of each entity came.
    found: Vec<u32>,
    spans: BTreeMap<PartitionIndex, Span>,
    records: u64,
    bytes: u64,
    faults: Faults,
    expected: Vec<u8>,
}

impl<'a, W: Workload> Verifier<'a, W> {
    /// Expects everything; notes where each partition reaches the time `cut`.
    pub(super) fn new(workload: &'a W, cut: Timestamp) -> Self {
        let entities = workload.entities() as usize;
        Self {
            workload,
            cut,
            next: vec![0; entities],
            found: vec![0; entities],
            spans: BTreeMap::new(),
            records: 0,
            bytes: 0,
            faults: Faults::default(),
            expected: Vec::new(),
        }
    }

    /// Takes the next record of a partition.
    pub(super) fn take(&mut self, partition: PartitionIndex, record: &Record<'_>) {
        let (key, value) = (
            record.key.unwrap_or_default(),
            record.value.unwrap_or_default(),
        );
        self.records += 1;
        self.bytes += (key.len() + value.len()) as u64;
        self.take_offset(partition, record);
        let Some(entity) = self.workload.entity_of(key) else {
            self.faults.altered += 1;
            self.faults
                .note(|| format!("{partition}/{}: a key that was not sent", record.offset));
            return;
        };
        let (Some(next), Some(found)) = (
            self.next.get_mut(entity as usize),
            self.found.get_mut(entity as usize),
        ) else {
            return;
        };
        let at_ms = record.timestamp.get();
        let step = *next;
        let item = Item { entity, step };
        self.workload.write_value(item, at_ms, &mut self.expected);
        if step < self.workload.steps(entity) && self.expected == value {
            *next += 1;
            *found += 1;
            return;
        }
        self.take_unexpected(partition, record, item);
    }

    fn take_offset(&mut self, partition: PartitionIndex, record: &Record<'_>) {
        let span = self.spans.entry(partition).or_default();
        if record.offset != span.end {
            self.faults.offset_gaps += 1;
            let due = span.end;
            self.faults
                .note(|| format!("{partition}/{}: offset {due} was due", record.offset));
        }
        if span.cut.is_none() && record.timestamp >= self.cut {
            span.cut = Some(record.offset);
        }
        span.end = record.offset.next();
    }

    /// Finds out which other step of the entity a record is.
    fn take_unexpected(&mut self, partition: PartitionIndex, record: &Record<'_>, due: Item) {
        let value = record.value.unwrap_or_default();
        let last = self
            .workload
            .steps(due.entity)
            .min(due.step.saturating_add(SEARCH_STEPS));
        let steps = due.step.saturating_sub(SEARCH_STEPS)..last;
        let at_ms = record.timestamp.get();
        let actual = steps.into_iter().find(|step| {
            let item = Item { step: *step, ..due };
            self.workload.write_value(item, at_ms, &mut self.expected);
            self.expected == value
        });
        let place = due.entity as usize;
        match actual {
            Some(step) => {
                self.faults.out_of_order += 1;
                if let (Some(next), Some(found)) =
                    (self.next.get_mut(place), self.found.get_mut(place))
                {
                    *next = (*next).max(step + 1);
                    *found += 1;
                }
            }
            None => self.faults.altered += 1,
        }
        let noun = self.workload.noun();
        self.faults.note(|| {
            let came = actual.map_or("other bytes".into(), |step| format!("step {step}"));
            format!(
                "{partition}/{}: {noun} {} was due at step {}, but {came} came",
                record.offset, due.entity, due.step
            )
        });
    }

    /// How many records and how many bytes of keys and values came.
    pub(super) const fn totals(&self) -> (u64, u64) {
        (self.records, self.bytes)
    }

    /// What is known of the partitions read.
    pub(super) const fn spans(&self) -> &BTreeMap<PartitionIndex, Span> {
        &self.spans
    }
}

/// Sums up all readers' findings; only together they know what is lost.
pub(super) fn conclude<W: Workload>(workload: &W, readers: Vec<Verifier<'_, W>>) -> Faults {
    let mut faults = Faults::default();
    let mut found_by_readers = Vec::new();
    for reader in readers {
        faults.add(reader.faults);
        found_by_readers.push(reader.found);
    }
    for entity in 0..workload.entities() {
        let found: u64 = found_by_readers
            .iter()
            .filter_map(|found| found.get(entity as usize))
            .map(|found| u64::from(*found))
            .sum();
        let steps = u64::from(workload.steps(entity));
        faults.lost += steps.saturating_sub(found);
        faults.doubled += found.saturating_sub(steps);
        if found < steps {
            faults.note(|| {
                format!(
                    "{} {entity}: {} of {steps} records came",
                    workload.noun(),
                    found
                )
            });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::orders::Orders;
    use super::super::workload::Schedule;
    use super::*;
    use crate::record::{Batch, BatchBuilder, Compression, DecompressionLimits};

    /// Reads records of these items, one partition, through a real batch.
    fn faults(orders: &Orders, items: &[Item], alter: impl Fn(usize, &mut Vec<u8>)) -> Faults {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            orders.write_key(item.entity, &mut key);
            orders.write_value(*item, 77, &mut value);
            alter(place, &mut value);
            builder.append(Timestamp::new(77), Some(&key), Some(&value), &[]);
        }
        let bytes = builder.build(Offset::ZERO).expect("a batch");
        let batch = Batch::validate_stored(bytes).expect("a batch");
        let records = batch
            .records(&DecompressionLimits::default())
            .expect("records");
        let mut verifier = Verifier::new(orders, Timestamp::new(77));
        for record in records.iter() {
            verifier.take(PartitionIndex::new(0), &record.expect("a record"));
        }
        let span = verifier.spans()[&PartitionIndex::new(0)];
        assert_eq!(span.cut, Some(Offset::ZERO));
        assert_eq!(verifier.totals().0, items.len() as u64);
        conclude(orders, vec![verifier])
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        let orders = Orders::with_orders(50);
        let items: Vec<Item> = Schedule::new(&orders, 0, 1).collect();
        let all = faults(&orders, &items, |_, _| {});
        assert!(all.is_none(), "{all:?}");

        let lost = faults(&orders, &items[..items.len() - 1], |_, _| {});
        assert_eq!((lost.lost, lost.doubled, lost.out_of_order), (1, 0, 0));

        let mut doubled = items.clone();
        doubled.insert(10, items[9]);
        let doubled = faults(&orders, &doubled, |_, _| {});
        assert_eq!((doubled.lost, doubled.doubled), (0, 1));

        let first = items[0].entity;
        let place = items
            .iter()
            .skip(1)
            .position(|item| item.entity == first)
            .expect("more");
        let mut swapped = items.clone();
        swapped.swap(0, place + 1);
        let swapped = faults(&orders, &swapped, |_, _| {});
        assert_eq!((swapped.lost, swapped.doubled), (0, 0));
        assert!(swapped.out_of_order >= 2, "{swapped:?}");

        let altered = faults(&orders, &items, |place, value| {
            if place == 7 {
                value[20] ^= 1;
            }
        });
        assert_eq!(altered.altered, 1);
        assert!(
            altered
                .example
                .is_some_and(|example| example.starts_with("0/7"))
        );
    }
}
