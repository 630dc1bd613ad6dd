//! What may be missing from a compacted partition.

use super::{History, Seen};
use crate::value::ValueId;
use corelane::types::TopicPartition;
use std::collections::BTreeMap;

impl History {
    /// Whatever was promised to be there is, or a later record of its key was written.
    pub(super) fn audit_compacted(&self, partition: TopicPartition, start: i64, log: &[Seen]) {
        let mut newest: BTreeMap<[u8; 4], i64> = BTreeMap::new();
        for seen in log {
            newest.insert(seen.value.key(), seen.offset);
        }
        let is_there = |offset: &i64| log.binary_search_by_key(offset, |seen| seen.offset).is_ok();
        let cells = self.partitions[&partition].cells();
        for (offset, value) in cells.range(start..) {
            let newest = newest.get(&value.key()).copied();
            if is_there(offset) || newest > Some(*offset) {
                continue;
            }
            assert!(
                newest.is_none(),
                "{partition}: {value} at {offset} is gone, and its key has {newest:?}"
            );
            assert!(
                value.is_tombstone() || self.may_have_tombstone(partition, *offset, *value),
                "{partition}: {value} at {offset} was the newest of its key, and is gone"
            );
        }
    }

    /// Whether a tombstone of the key may have come after an offset.
    fn may_have_tombstone(&self, partition: TopicPartition, offset: i64, value: ValueId) -> bool {
        let cells = self.partitions[&partition].cells();
        let overtakes = |other: &ValueId| other.is_tombstone() && other.key() == value.key();
        if cells.range(offset + 1..).any(|(_, other)| overtakes(other)) {
            return true;
        }
        // One that was sent and of which nobody knows where it went.
        let streams = (0..).zip(&self.streams);
        let here = streams.filter(|(_, stream)| stream.partition.is_none_or(|at| at == partition));
        let mut sent = here
            .flat_map(|(stream, of)| (0..of.sent).map(move |number| ValueId { stream, number }));
        let is_known = |other: &ValueId| cells.range(..=offset).any(|(_, known)| known == other);
        sent.any(|other| overtakes(&other) && !is_known(&other))
    }
}
