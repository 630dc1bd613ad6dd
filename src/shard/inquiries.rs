//! What this core tells of the partitions that it owns.

use super::Shard;
use super::owner::Hosted;
use crate::broker::{BrokerError, EpochEnd, EpochQuestion};
use crate::partition::Partition;
use crate::types::TopicPartition;

impl Shard {
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
}
