//! A core's journal on a simulated disk, written as a shard would, each call performed at once.

use crate::partition::*;
use bytes::Bytes;
use corelane::record::{BatchBuilder, Compression};
use corelane::storage::journal::{
    BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader, Journal, JournalConfig, JournalError, Replay,
    Rotation,
};
use corelane::storage::log::Undurable;
use corelane::storage::{DiskCall, DiskReply, Log, MemoryDisk, Recovered, RecoveryError};
use corelane::types::{CoreId, LeaderEpoch, Offset, PartitionIndex, TopicPartition};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One block of the smallest size a file.
pub(crate) const ONE_BLOCK: JournalConfig = JournalConfig {
    file_bytes: 8 << 10,
    files_max: 3,
    block_bytes_max: 4 << 10,
};

/// Room for many blocks in one file.
pub(crate) const ROOMY: JournalConfig = JournalConfig {
    file_bytes: 256 << 10,
    files_max: 3,
    block_bytes_max: 16 << 10,
};

/// A partition of the tests' topic.
pub(crate) fn partition(index: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, PartitionIndex::new(index))
}

/// Batches of one record each, at these offsets.
pub(crate) fn batches(partition: TopicPartition, offsets: Range<i64>) -> Bytes {
    let batch = |offset: i64| {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let value = format!("{}/{offset}", partition.partition());
        builder.append(NOW, None, Some(value.as_bytes()), &[]);
        builder.build(Offset::new(offset)).unwrap()
    };
    offsets.flat_map(batch).collect::<Vec<u8>>().into()
}

pub(crate) struct Core {
    pub(crate) disk: MemoryDisk,
    pub(crate) journal: Journal,
    /// Files that were put to use, in that order, by their place among those that were made.
    pub(crate) begun: Vec<usize>,
    made: Vec<corelane::storage::FileRef>,
}

impl Core {
    pub(crate) fn new(disk: &MemoryDisk, core: u16, start: u64, config: JournalConfig) -> Self {
        let data = Path::new("data");
        let seed = start * 100 + u64::from(core);
        Self {
            disk: disk.clone(),
            journal: Journal::new(data, CoreId::new(core), start, config, seed),
            begun: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Makes sure that a block can be written.
    pub(crate) fn make_room(&mut self) {
        while self.journal.block_room().is_none() {
            let rotation = self.journal.rotate();
            assert!(self.carry_out(rotation), "a file is to be had");
        }
    }

    /// Does what a rotation needs; false if there is nothing to do.
    pub(crate) fn carry_out(&mut self, rotation: Rotation) -> bool {
        match rotation {
            Rotation::Begin(call) => {
                let DiskCall::WriteJournal { file, .. } = &call else {
                    panic!("{call:?}")
                };
                let place = self
                    .made
                    .iter()
                    .position(|made| std::sync::Arc::ptr_eq(made, file));
                self.begun.push(place.expect("it was made"));
                call.perform(&self.disk).unwrap();
                true
            }
            Rotation::Prepare(call) => {
                let DiskReply::File(file) = call.perform(&self.disk).unwrap() else {
                    panic!("a file is made")
                };
                self.made.push(file.clone());
                self.journal.prepared(file);
                true
            }
            Rotation::Wait | Rotation::Unavailable => false,
        }
    }

    /// The write of a block that holds these batches, and says of these partitions up to where they
    /// are durable.
    pub(crate) fn block(
        &mut self,
        entries: &[(TopicPartition, Range<i64>)],
        marks: &[(TopicPartition, i64)],
    ) -> DiskCall {
        self.make_room();
        let batches: Vec<Bytes> = entries
            .iter()
            .map(|(partition, offsets)| batches(*partition, offsets.clone()))
            .collect();
        let bytes: usize = batches.iter().map(Bytes::len).sum();
        let headers = (entries.len() + marks.len()) * ENTRY_HEADER_BYTES;
        let mut block = BlockBuilder::with_capacity(bytes + headers);
        for ((partition, offsets), batches) in entries.iter().zip(&batches) {
            let header = header(*partition, offsets.start);
            let fill = |room: &mut [u8]| {
                room.copy_from_slice(batches);
                Ok(())
            };
            block.push(&header, batches.len(), fill).unwrap();
        }
        for (partition, upto) in marks {
            block
                .push(&header(*partition, *upto), 0, |_| Ok(()))
                .unwrap();
        }
        let ends = entries
            .iter()
            .map(|(p, offsets)| (*p, Offset::new(offsets.end)));
        self.journal.write(block, ends)
    }

    /// Writes one.
    pub(crate) fn write(&mut self, index: i32, offsets: Range<i64>) {
        let call = self.block(&[(partition(index), offsets)], &[]);
        call.perform(&self.disk).unwrap();
    }

    /// Makes durable what a log has not synced.
    pub(crate) fn commit(&mut self, log: &mut Log) {
        self.make_room();
        let tail = match log.undurable() {
            Undurable::Tail(tail) => tail,
            other => panic!("{other:?}"),
        };
        let mut block = BlockBuilder::with_capacity(ENTRY_HEADER_BYTES + tail.length());
        tail.put_into(&mut block).unwrap();
        let ends = [(partition(PARTITION.get()), tail.end())];
        self.journal.write(block, ends).perform(&self.disk).unwrap();
        log.journaled(&tail);
    }
}

pub(crate) fn header(partition: TopicPartition, base: i64) -> EntryHeader {
    EntryHeader {
        partition,
        epoch: LeaderEpoch::FIRST,
        base: Offset::new(base),
    }
}

/// The file of a core's journal that a start made as its `number`th.
pub(crate) fn file(core: u16, start: u64, number: u32) -> PathBuf {
    format!("data/journal/{core}/{start:020}-{number:05}.journal").into()
}

pub(crate) fn replay(disk: &MemoryDisk, void_below: u64) -> Result<Replay, JournalError> {
    Replay::read(disk, Path::new("data"), void_below)
}

/// A new disk with a data directory.
pub(crate) fn disk(seed: u64) -> MemoryDisk {
    Partition::new(tiny(), seed).disk
}

/// Recovers the tests' partition from its directory and all journals.
pub(crate) fn recover_journaled(
    disk: &MemoryDisk,
    void_below: u64,
) -> Result<Recovered, RecoveryError> {
    let replay = replay(disk, void_below).unwrap();
    let journaled = replay.of(partition(PARTITION.get()));
    Log::recover(disk, directory(), tiny(), TOPIC, PARTITION, journaled)
}
