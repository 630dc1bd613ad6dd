//! What this core tells of the partitions that it owns.

use super::disk::Purpose;
use super::owner::Hosted;
use super::{Effect, Shard};
use crate::broker::{
    BrokerError, EpochEnd, EpochQuestion, FoundOffset, OffsetTarget, ProducerDescription, SeekItem,
};
use crate::partition::{Partition, SeekTarget};
use crate::storage::call::DiskCall;
use crate::types::{RequestId, TopicPartition};

impl Shard {
    /// Has the disk tell of itself to an operation of this core.
    pub(super) fn ask_volume(&mut self, id: RequestId, effects: &mut Vec<Effect>) {
        let path = self.config.data.clone();
        self.call(Purpose::Volume(id), DiskCall::Volume { path }, effects);
    }

    /// A partition of this core that serves.
    fn online(&mut self, id: TopicPartition) -> Result<&Partition, BrokerError> {
        self.host(id)?;
        match self.partitions.get(&id) {
            Some(Hosted::Online(partition)) => Ok(partition),
            _ => Err(BrokerError::UnknownTopicOrPartition),
        }
    }

    /// Where a leader epoch ends.
    pub(super) fn epoch_end(
        &mut self,
        id: TopicPartition,
        question: EpochQuestion,
    ) -> Result<EpochEnd, BrokerError> {
        let partition = self.online(id)?;
        let found = partition.epoch_end(question.epoch, question.current)?;
        Ok(found.map_or(EpochEnd::UNKNOWN, |(epoch, end)| EpochEnd { epoch, end }))
    }

    /// The bytes of a partition's segments.
    pub(super) fn size(&mut self, id: TopicPartition) -> Result<u64, BrokerError> {
        Ok(self.online(id)?.bytes())
    }

    /// The producers that a partition remembers.
    pub(super) fn producers(
        &mut self,
        id: TopicPartition,
    ) -> Result<Vec<ProducerDescription>, BrokerError> {
        let newest = self.online(id)?.producers();
        let producers = newest.map(|(id, epoch, batch)| ProducerDescription {
            id,
            epoch,
            last_sequence: batch.last_sequence,
            last_timestamp: batch.timestamp,
        });
        Ok(producers.collect())
    }

    /// What a search in a partition finds.
    pub(super) fn seek(&mut self, item: SeekItem) -> Result<FoundOffset, BrokerError> {
        let partition = self.online(item.partition)?;
        let target = match item.target {
            OffsetTarget::Earliest => SeekTarget::Earliest,
            OffsetTarget::Latest => SeekTarget::Latest,
            OffsetTarget::LargestTimestamp => SeekTarget::LargestTimestamp,
            OffsetTarget::LatestTiered => return Ok(FoundOffset::NONE),
            OffsetTarget::At(time) => SeekTarget::At(time),
        };
        let found = partition.seek(target, item.leader_epoch)?;
        Ok(
            found.map_or(FoundOffset::NONE, |(offset, timestamp)| FoundOffset {
                offset,
                timestamp,
                leader_epoch: partition.epoch(),
            }),
        )
    }
}
