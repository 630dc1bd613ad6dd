use super::config::Acks;
use crate::protocol::kafka::messages::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::types::{NodeId, PartitionIndex};
use crate::wire::{Array, Records};
use bytes::Bytes;
use std::time::Duration;

/// A call's number, unique in the life of its producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

/// A Produce to make.
#[derive(Debug)]
pub struct ProduceCall {
    /// Its number, to report its end with.
    pub id: CallId,
    /// Whom to send it to.
    pub node: NodeId,
    pub(super) topic: String,
    pub(super) acks: Acks,
    pub(super) timeout: Duration,
    pub(super) batches: Vec<(PartitionIndex, Bytes)>,
}

impl ProduceCall {
    /// The request; its record data refer to [`records`](Self::records).
    pub fn request(&self) -> ProduceRequest<'_> {
        let partitions = self
            .batches
            .iter()
            .enumerate()
            .map(|(index, (partition, bytes))| {
                let length = bytes.len() as u32;
                PartitionProduceData {
                    index: partition.get(),
                    records: Some(Records::External { index, length }),
                }
            });
        ProduceRequest {
            transactional_id: None,
            acks: self.acks.code(),
            timeout_ms: i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: Array::from(vec![TopicProduceData {
                name: &self.topic,
                partition_data: partitions.collect(),
                ..Default::default()
            }]),
        }
    }

    /// The batches, one for each partition of the request.
    pub fn records(&self) -> Vec<Bytes> {
        self.batches
            .iter()
            .map(|(_, bytes)| bytes.clone())
            .collect()
    }

    /// Whether the broker will answer.
    pub const fn is_answered(&self) -> bool {
        !matches!(self.acks, Acks::None)
    }
}
