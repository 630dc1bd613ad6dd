use super::{BrokerError, ByTopic};
use crate::types::{ProducerEpoch, ProducerId, Sequence, Timestamp};

/// How many producers one core tells of in one answer; a partition remembers up to 10 000.
const PRODUCERS_TOLD_MAX: usize = 1 << 17;

/// Describe the idempotent producers that partitions remember (KIP-664).
#[derive(Debug, Clone)]
pub struct DescribeProducersRequest {
    /// Of which partitions.
    pub topics: ByTopic<()>,
}

/// What a partition remembers of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerDescription {
    /// Who.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of its last record.
    pub last_sequence: Sequence,
    /// The largest timestamp of its last batch.
    pub last_timestamp: Timestamp,
}

/// Takes as many partitions' producers as one answer may hold; the others get an error.
#[derive(Debug)]
pub struct ProducersTold {
    room: usize,
}

impl Default for ProducersTold {
    fn default() -> Self {
        Self {
            room: PRODUCERS_TOLD_MAX,
        }
    }
}

impl ProducersTold {
    /// The producers of the next partition.
    pub fn take(
        &mut self,
        producers: Vec<ProducerDescription>,
    ) -> Result<Vec<ProducerDescription>, BrokerError> {
        match self.room.checked_sub(producers.len()) {
            Some(room) => {
                self.room = room;
                Ok(producers)
            }
            None => Err(BrokerError::InvalidRequest(
                "more producers than one answer holds; ask for fewer partitions".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_the_rest_is_told() {
        let producer = ProducerDescription {
            id: ProducerId::new(1),
            epoch: ProducerEpoch::new(0),
            last_sequence: Sequence::new(0),
            last_timestamp: Timestamp::new(0),
        };
        let mut told = ProducersTold::default();
        assert!(told.take(vec![producer; PRODUCERS_TOLD_MAX - 1]).is_ok());
        assert!(told.take(vec![producer; 2]).is_err());
        assert!(told.take(vec![producer; 1]).is_ok());
    }
}
