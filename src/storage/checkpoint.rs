//! A partition's checkpoint: up to where its log is durable, and what a scan from there on cannot
//! tell. Not a hint: a log without its checkpoint does not start.

use super::disk::{Disk, read_whole};
use super::envelope::{self, DecodeError, FILE_BYTES_MAX, FileKind};
use super::epoch_history::EpochHistory;
use super::generated::checkpoint as schema;
pub use super::index::{FilePrefix, IndexMark};
use super::producer_state::{BATCHES_KEPT, ProducerBatch, ProducerSnapshot};
use super::segment::CHECKPOINT_NAME;
use crate::types::{
    LeaderEpoch, Offset, PartitionIndex, Position, ProducerEpoch, ProducerId, Sequence, Timestamp,
    TopicId,
};
use flatbuffers::{FlatBufferBuilder, Vector, WIPOffset};
use std::path::Path;

const KIND: FileKind = FileKind {
    magic: *b"corelchk",
    version: 1,
};

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The topic's lasting identity.
    pub topic: TopicId,
    /// Which partition of it.
    pub partition: PartitionIndex,
    /// The first offset that may be read.
    pub log_start: Offset,
    /// Everything below is durable.
    pub synced: Offset,
    /// The base offset of the segment that holds the byte after the last durable one.
    pub segment: Offset,
    /// The place of that byte.
    pub position: Position,
    /// The epoch under which batches are written.
    pub leader_epoch: LeaderEpoch,
    /// Where epochs began.
    pub epochs: EpochHistory,
    /// Whether a clean stop wrote it, and nothing was appended since.
    pub clean: bool,
    /// Below this offset a compaction left one record of each key. A hint: too low a one only makes
    /// the next compaction read more.
    pub clean_below: Offset,
    /// Idempotent producers, as of `synced`.
    pub producers: Vec<ProducerSnapshot>,
    /// What the index files of `segment` hold. A hint: without it the segment's headers are walked.
    pub index: Option<IndexMark>,
}

impl Checkpoint {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let producers = self.encode_producers(&mut builder);
        let epochs = self.epochs.starts().iter();
        let epochs: Vec<_> = epochs
            .map(|(epoch, start)| schema::EpochStart::new(epoch.get(), start.get()))
            .collect();
        let epochs = builder.create_vector(&epochs);
        let topic = schema::TopicUuid::new(&self.topic.to_bytes());
        let index = self.index.map(|mark| {
            let (offsets, times) = (mark.offsets, mark.times);
            schema::IndexMark::new(offsets.entries, offsets.crc, times.entries, times.crc)
        });
        let arguments = schema::CheckpointArgs {
            topic: Some(&topic),
            partition: self.partition.get(),
            log_start: self.log_start.get(),
            synced_offset: self.synced.get(),
            segment: self.segment.get(),
            position: self.position.get(),
            leader_epoch: self.leader_epoch.get(),
            epochs: Some(epochs),
            clean: self.clean,
            producers: Some(producers),
            clean_below: self.clean_below.get(),
            index: index.as_ref(),
        };
        let root = schema::Checkpoint::create(&mut builder, &arguments);
        builder.finish(root, None);
        envelope::seal(KIND, builder.finished_data())
    }

    fn encode_producers<'a>(
        &self,
        builder: &mut FlatBufferBuilder<'a>,
    ) -> WIPOffset<Vector<'a, flatbuffers::ForwardsUOffset<schema::Producer<'a>>>> {
        let mut producers = Vec::with_capacity(self.producers.len());
        for producer in &self.producers {
            let batches: Vec<_> = producer.batches.iter().map(encode_batch).collect();
            let batches = builder.create_vector(&batches);
            let arguments = schema::ProducerArgs {
                id: producer.id.get(),
                epoch: producer.epoch.get(),
                last_used: producer.last_used.get(),
                batches: Some(batches),
            };
            producers.push(schema::Producer::create(builder, &arguments));
        }
        builder.create_vector(&producers)
    }

    /// Whose partition a directory holds, if its checkpoint can be read.
    pub fn topic_of(disk: &dyn Disk, directory: &Path) -> Option<TopicId> {
        let bytes = read_whole(disk, &directory.join(CHECKPOINT_NAME), FILE_BYTES_MAX).ok()?;
        Some(Self::decode(&bytes).ok()?.topic)
    }

    /// Reads the bytes of the file.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let payload = envelope::open(KIND, bytes)?;
        let root = schema::root_as_checkpoint(&payload)
            .map_err(|error| DecodeError::Content(error.to_string()))?;
        let epochs = root.epochs().into_iter().flatten();
        let epochs =
            epochs.map(|start| (LeaderEpoch::new(start.epoch()), Offset::new(start.start())));
        let producers = root
            .producers()
            .into_iter()
            .flatten()
            .map(decode_producer)
            .collect();
        let checkpoint = Self {
            topic: TopicId::from_bytes(root.topic().bytes().into()),
            partition: PartitionIndex::new(root.partition()),
            log_start: Offset::new(root.log_start()),
            synced: Offset::new(root.synced_offset()),
            segment: Offset::new(root.segment()),
            position: Position::new(root.position()),
            leader_epoch: LeaderEpoch::new(root.leader_epoch()),
            epochs: EpochHistory::restore(epochs),
            clean: root.clean(),
            clean_below: Offset::new(root.clean_below().max(0)),
            producers,
            index: root.index().map(|mark| IndexMark {
                offsets: FilePrefix {
                    entries: mark.offset_entries(),
                    crc: mark.offset_crc(),
                },
                times: FilePrefix {
                    entries: mark.time_entries(),
                    crc: mark.time_crc(),
                },
            }),
        };
        checkpoint.checked()
    }

    fn checked(self) -> Result<Self, DecodeError> {
        let refuse = |message: String| Err(DecodeError::Content(message));
        if self.segment > self.synced || self.segment < Offset::ZERO {
            return refuse(format!(
                "segment {} above offset {}",
                self.segment, self.synced
            ));
        }
        if self.log_start < Offset::ZERO || self.log_start > self.synced {
            return refuse(format!(
                "log start {} above offset {}",
                self.log_start, self.synced
            ));
        }
        if self.leader_epoch < LeaderEpoch::FIRST {
            return refuse(format!("leader epoch {}", self.leader_epoch));
        }
        Ok(self)
    }
}

fn encode_batch(batch: &ProducerBatch) -> schema::ProducerBatch {
    schema::ProducerBatch::new(
        batch.base_offset.get(),
        batch.timestamp.get(),
        batch.base_sequence.get(),
        batch.last_sequence.get(),
    )
}

fn decode_producer(producer: schema::Producer<'_>) -> ProducerSnapshot {
    let batches = producer.batches().into_iter().flatten().take(BATCHES_KEPT);
    let batches = batches.map(|batch| ProducerBatch {
        base_sequence: Sequence::new(batch.base_sequence()),
        last_sequence: Sequence::new(batch.last_sequence()),
        base_offset: Offset::new(batch.base_offset()),
        timestamp: Timestamp::new(batch.timestamp()),
    });
    ProducerSnapshot {
        id: ProducerId::new(producer.id()),
        epoch: ProducerEpoch::new(producer.epoch()),
        last_used: Timestamp::new(producer.last_used()),
        batches: batches.collect(),
    }
}
