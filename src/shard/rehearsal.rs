//! A start as far as it goes without a change to the disk.

use super::boot::{BootError, read_stored, stored_partitions};
use crate::storage::log::RecoveryReport;
use crate::storage::scratch_disk::ScratchDisk;
use crate::storage::{Disk, RecoveryError};
use crate::types::TopicPartition;
use std::path::{Path, PathBuf};

/// What a start would make of one partition.
#[derive(Debug)]
pub struct Rehearsed {
    /// Which.
    pub partition: TopicPartition,
    /// Its directory.
    pub directory: PathBuf,
    /// What recovery would do, or why the partition would stay offline.
    pub outcome: Result<RecoveryReport, RecoveryError>,
}

/// Goes through what a start does with a data directory up to where it would serve. Nothing is
/// written. An error is one that the start would be refused with.
pub fn rehearse(disk: &dyn Disk, data: &Path) -> Result<Vec<Rehearsed>, BootError> {
    let Some((catalog, replay)) = read_stored(disk, data)? else {
        return Ok(Vec::new());
    };
    let stored = stored_partitions(disk, data, &catalog, &replay, |_| true)?;
    let rehearsed = stored.into_iter().map(|stored| {
        let scratch = ScratchDisk::new(disk);
        let outcome = stored.recover(&scratch).map(|recovered| recovered.report);
        if outcome.is_err() {
            stored.keep(&scratch)?;
        }
        Ok(Rehearsed {
            partition: stored.id,
            directory: stored.directory,
            outcome,
        })
    });
    rehearsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::record::{BatchBuilder, Compression};
    use crate::shard::Boot;
    use crate::storage::checkpoint::Checkpoint;
    use crate::storage::epoch_history::EpochHistory;
    use crate::storage::journal::{BlockBuilder, EntryHeader, FileHeader};
    use crate::storage::{CatalogSnapshot, CatalogTopic, MemoryDisk};
    use crate::types::{
        CoreId, LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId, TopicName,
    };
    use std::sync::Arc;

    const PARTITION: TopicPartition =
        TopicPartition::new(TopicId::from_bytes([7; 16]), PartitionIndex::new(0));
    const LOG: &str = "data/t-0/00000000000000000000.log";

    fn batch(base: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.append(Timestamp::new(1), None, Some(b"value"), &[]);
        builder.build(Offset::new(base)).unwrap().to_vec()
    }

    fn journal(partition: TopicPartition) -> Vec<u8> {
        let header = FileHeader {
            core: CoreId::new(0),
            incarnation: 3,
            salt: 5,
            sequence: 1,
            needed_from: 1,
        };
        let mut bytes = header.encode().as_slice().to_vec();
        for (base, sequence) in [(0, 1), (1, 2)] {
            let mut block = BlockBuilder::with_capacity(1000);
            let entry = EntryHeader {
                partition,
                epoch: LeaderEpoch::FIRST,
                base: Offset::new(base),
            };
            let batch = batch(base);
            let fill = |room: &mut [u8]| {
                room.copy_from_slice(&batch);
                Ok(())
            };
            block.push(&entry, batch.len(), fill).unwrap();
            bytes.extend(block.finish(3, sequence, 5).as_slice());
        }
        bytes
    }

    /// A directory as a broker leaves it whose power went after two batches: they are in its
    /// journal, and of the segment there is `log`.
    fn disk(journal: &[u8], log: Option<&[u8]>) -> MemoryDisk {
        let disk = MemoryDisk::new(1);
        let write = |path: &str, bytes: &[u8]| disk.write_file(Path::new(path), bytes).unwrap();
        let catalog = CatalogSnapshot {
            topics: vec![CatalogTopic {
                name: TopicName::new("t").unwrap(),
                id: PARTITION.topic(),
                partitions: 2,
                settings: Vec::new(),
            }],
            incarnation: 3,
            void_below: 3,
            ..CatalogSnapshot::default()
        };
        let checkpoint = Checkpoint {
            topic: PARTITION.topic(),
            partition: PARTITION.partition(),
            log_start: Offset::ZERO,
            synced: Offset::ZERO,
            segment: Offset::ZERO,
            position: Position::ZERO,
            leader_epoch: LeaderEpoch::FIRST,
            epochs: EpochHistory::default(),
            clean: false,
            producers: Vec::new(),
            clean_below: Offset::ZERO,
            index: None,
        };
        write("data/catalog", &catalog.encode());
        write("data/t-0/checkpoint", &checkpoint.encode());
        write("data/journal/0/00000000000000000003-00000.journal", journal);
        if let Some(log) = log {
            write(LOG, log);
        }
        disk
    }

    fn outcome(disk: &MemoryDisk) -> Result<RecoveryReport, RecoveryError> {
        let operations = disk.operations();
        let mut rehearsed = rehearse(disk, Path::new("data")).unwrap();
        assert_eq!(disk.operations(), operations, "nothing is written");
        let only = rehearsed.pop().unwrap();
        assert!(rehearsed.is_empty() && only.partition == PARTITION);
        only.outcome
    }

    #[test]
    fn what_a_journal_holds_is_not_missed_in_the_segment() {
        let (first, second) = (batch(0), batch(1));
        for torn in [&[][..], &first[..30], &first, &[&*first, &[0; 99]].concat()] {
            let report = outcome(&disk(&journal(PARTITION), Some(torn))).unwrap();
            assert_eq!(
                report.bytes_cut,
                torn.len().saturating_sub(first.len() + second.len()) as u64
            );
            let missing = if torn.len() < first.len() {
                first.len()
            } else {
                0
            } + second.len();
            assert_eq!(report.bytes_replayed, missing as u64);
        }
    }

    #[test]
    fn what_keeps_a_partition_offline_is_found() {
        let error = outcome(&disk(&journal(PARTITION), None)).unwrap_err();
        assert!(matches!(error, RecoveryError::SegmentMissing { .. }));
        let mark_only = {
            let mut bytes = journal(PARTITION);
            bytes.truncate(4096);
            let mut block = BlockBuilder::with_capacity(100);
            let mark = EntryHeader {
                partition: PARTITION,
                epoch: LeaderEpoch::FIRST,
                base: Offset::new(2),
            };
            block.push(&mark, 0, |_| Ok(())).unwrap();
            bytes.extend(block.finish(3, 1, 5).as_slice());
            bytes
        };
        let mut log = [batch(0), batch(1)].concat();
        assert!(outcome(&disk(&mark_only, Some(&log))).is_ok());
        log.pop();
        let error = outcome(&disk(&mark_only, Some(&log))).unwrap_err();
        assert!(matches!(error, RecoveryError::Damaged { .. }), "{error}");
    }

    #[test]
    fn what_refuses_a_start_is_found() {
        let refused = |journal: &[u8]| rehearse(&disk(journal, Some(&[])), Path::new("data"));
        let stranger = TopicPartition::new(TopicId::from_bytes([9; 16]), PartitionIndex::new(0));
        let error = refused(&journal(stranger)).unwrap_err();
        assert!(
            matches!(error, BootError::UnknownPartition { .. }),
            "{error}"
        );
        for place in [0, 4096 + 40] {
            let mut damaged = journal(PARTITION);
            damaged[place] ^= 1;
            let error = refused(&damaged).unwrap_err();
            assert!(matches!(error, BootError::Journal(_)), "{error}");
        }
        assert!(
            rehearse(&MemoryDisk::new(1), Path::new("none"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_was_kept_and_is_damaged_is_not_replaced_by_what_a_journal_holds() {
        let disk = disk(&journal(PARTITION), Some(&[]));
        let kept = Path::new("data/t-0/unrecovered");
        disk.write_file(kept, &[1; 4096]).unwrap();
        let foretold = rehearse(&disk, Path::new("data")).unwrap_err().to_string();
        assert!(
            foretold.starts_with("data/t-0/unrecovered: damaged at byte 0"),
            "{foretold}"
        );
        let settings = Settings {
            data: Some("data".into()),
            ..Settings::default()
        };
        let config = Arc::new(settings.into_config(1).unwrap());
        let boot = Boot::load(&disk, config, 1).unwrap();
        let refused = boot.shard(&disk, CoreId::REGISTRAR).unwrap_err();
        assert_eq!(refused.to_string(), foretold);
        assert_eq!(disk.read_file(kept).unwrap(), [1; 4096]);
    }
}
