//! One partition: its batches, and what Kafka kept beside them.

use super::error::ImportError;
use super::plan::PlannedTopic;
use super::producer_snapshot;
use super::run::Watch;
use super::source::{FILE_BYTES_MAX, SourcePartition};
use crate::storage::disk::read_whole;
use crate::storage::epoch_history::EpochHistory;
use crate::storage::log_copy::{CopyEnd, LogCopy, LogCopyError, SegmentSource};
use crate::storage::producer_state::{ProducerSnapshot, ProducerState};
use crate::storage::{Disk, ProducerState as Producers};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, ProducerId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a partition is copied.
pub(super) struct PartitionCopy<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) topic: &'a PlannedTopic,
    pub(super) source: &'a SourcePartition,
    pub(super) directory: PathBuf,
    /// Whether a tail that does not hold is cut.
    pub(super) unclean: bool,
    /// Producers of smaller ids are not taken: this broker may have given the same ids out.
    pub(super) ids_from: ProducerId,
}

/// What became of it.
#[derive(Debug, Clone)]
pub(super) struct CopiedPartition {
    pub(super) log_start: Offset,
    pub(super) end: Offset,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) segments: u32,
    pub(super) producers: usize,
    /// Bytes that did not hold, at the end.
    pub(super) cut_bytes: u64,
    /// The epoch under which it goes on.
    pub(super) leader_epoch: LeaderEpoch,
    /// The first producer id that it does not know of.
    pub(super) next_producer_id: i64,
}

impl PartitionCopy<'_> {
    pub(super) fn run(&self, watch: &mut dyn Watch) -> Result<CopiedPartition, ImportError> {
        let source = self.source;
        if source.segments.is_empty() && source.last_base.is_none_or(|base| base == Offset::ZERO) {
            return Ok(CopiedPartition::empty());
        }
        let epochs = EpochHistory::restore(source.epochs.iter().copied());
        let interval = self.topic.settings.index_interval_bytes();
        let mut log = LogCopy::begin(self.disk, self.directory.clone(), interval, epochs)?;
        let cut = self.copy_segments(&mut log, watch)?;
        let begun = cut.as_ref().map(|cut| cut.from).or(source.last_base);
        let end = log.end().or(begun).unwrap_or(source.log_start);
        self.check_end(end, cut.is_some())?;
        let producers = self.producers(log.producers(), end, watch)?;
        let mut epochs = log.epochs().clone();
        epochs.forget_from(end);
        epochs.forget_below(source.log_start);
        let totals = log.totals();
        let known_ids = producers.newest().map(|(id, _, _)| id);
        let id_max = known_ids.chain(totals.producer_id_max).max();
        let copied = CopiedPartition {
            log_start: source.log_start,
            end,
            records: totals.records,
            bytes: totals.bytes,
            segments: totals.segments,
            producers: producers.len(),
            cut_bytes: cut.map_or(0, |cut| cut.bytes),
            leader_epoch: log.epoch_max().next(),
            next_producer_id: id_max.map_or(0, |id| id.get() + 1),
        };
        let end = CopyEnd {
            log_start: source.log_start,
            end,
            leader_epoch: copied.leader_epoch,
            epochs,
            producers,
        };
        log.finish(self.topic.id, PartitionIndex::new(source.partition), end)?;
        Ok(copied)
    }

    /// Gives back what had to be cut.
    fn copy_segments(
        &self,
        log: &mut LogCopy<'_>,
        watch: &mut dyn Watch,
    ) -> Result<Option<Cut>, ImportError> {
        let source = self.source;
        for (place, segment) in source.segments.iter().enumerate() {
            let upto = source.upto(place);
            if upto.is_some_and(|upto| upto <= source.log_start) {
                // Kafka was about to delete it.
                continue;
            }
            let before = log.totals().bytes;
            let from = SegmentSource {
                path: &segment.path,
                base: segment.base,
                upto,
            };
            match log.segment(from, &mut |bytes| watch.advance(bytes)) {
                Ok(()) => {}
                Err(error @ LogCopyError::Damaged { offset, .. })
                    if self.unclean && offset >= source.recovery_point =>
                {
                    let rest = source.segments.iter().skip(place);
                    let rest: u64 = rest.map(|segment| segment.bytes).sum();
                    let bytes = rest - (log.totals().bytes - before);
                    watch.note(&format!(
                        "{error}; {bytes} bytes from there on are left out, as Kafka would cut them"
                    ));
                    let from = segment.base;
                    return Ok(Some(Cut { from, bytes }));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn check_end(&self, end: Offset, is_cut: bool) -> Result<(), ImportError> {
        let (log_start, high_watermark) = (self.source.log_start, self.source.high_watermark);
        let directory = || self.source.path.clone();
        if end < log_start {
            return Err(ImportError::EndsBelowStart {
                directory: directory(),
                end,
                log_start,
            });
        }
        // What is cut was not durable, whatever consumers could read.
        if end < high_watermark && !is_cut {
            return Err(ImportError::EndsEarly {
                directory: directory(),
                end,
                high_watermark,
            });
        }
        // No checksum covers a batch's offset; that of the last one follows from nothing else.
        let expected = self.source.recovery_point;
        if !self.unclean && expected > Offset::ZERO && end > expected {
            return Err(ImportError::EndsLate {
                directory: directory(),
                end,
                expected,
            });
        }
        Ok(())
    }

    /// What the batches tell, and of producers whose batches are gone what the newest snapshot tells.
    fn producers(
        &self,
        from_log: &Producers,
        end: Offset,
        watch: &mut dyn Watch,
    ) -> Result<Producers, ImportError> {
        let mut known: BTreeMap<ProducerId, ProducerSnapshot> = BTreeMap::new();
        for producer in self.snapshot(end, watch)? {
            known.insert(producer.id, producer);
        }
        for producer in from_log.snapshot(end) {
            let is_older = known
                .get(&producer.id)
                .is_some_and(|other| last_offset(other) > last_offset(&producer));
            if !is_older {
                known.insert(producer.id, producer);
            }
        }
        let mut known: Vec<_> = known.into_values().collect();
        known.retain(|producer| producer.id >= self.ids_from);
        known.sort_by_key(|producer| producer.last_used);
        let mut producers = ProducerState::default();
        producers.restore(&known);
        Ok(producers)
    }

    fn snapshot(
        &self,
        end: Offset,
        watch: &mut dyn Watch,
    ) -> Result<Vec<ProducerSnapshot>, ImportError> {
        let usable = self.source.snapshots.iter().rev();
        for (_, path) in usable.filter(|(offset, _)| *offset <= end) {
            let bytes = read_whole(self.disk, path, FILE_BYTES_MAX);
            let bytes = bytes.map_err(ImportError::io(path))?;
            match producer_snapshot::decode(&bytes) {
                Ok(entries) => {
                    let producers = entries.into_iter().map(|entry| entry.producer);
                    let is_whole = |producer: &ProducerSnapshot| {
                        last_offset(producer).is_some_and(|last| last < end)
                    };
                    return Ok(producers.filter(is_whole).collect());
                }
                Err(error) => watch.note(&format!(
                    "{}: {error}; producers are known by their batches alone, or by an older one",
                    path.display()
                )),
            }
        }
        Ok(Vec::new())
    }
}

/// The end of a log that did not hold.
struct Cut {
    /// Where its segment begins.
    from: Offset,
    bytes: u64,
}

impl CopiedPartition {
    /// Of a partition that nothing was ever written to.
    fn empty() -> Self {
        Self {
            log_start: Offset::ZERO,
            end: Offset::ZERO,
            records: 0,
            bytes: 0,
            segments: 0,
            producers: 0,
            cut_bytes: 0,
            leader_epoch: LeaderEpoch::FIRST,
            next_producer_id: 0,
        }
    }
}

fn last_offset(producer: &ProducerSnapshot) -> Option<Offset> {
    producer.batches.last().map(|batch| batch.last_offset())
}
