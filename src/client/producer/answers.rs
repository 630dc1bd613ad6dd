//! What brokers' answers do to a producer.

use super::call::CallId;
use super::lane::Batch;
use super::{Delivery, Producer};
use crate::client::{BrokerCode, ClientError};
use crate::protocol::kafka::messages::{PartitionProduceResponse, ProduceResponse};
use crate::types::{Instant, Offset, PartitionIndex};
use std::collections::BTreeMap;
use std::time::Duration;

impl Producer {
    /// The broker answered a call.
    pub fn answered(&mut self, now: Instant, id: CallId, response: &ProduceResponse<'_>) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let latency = now.since(call.sent_at);
        let topic = response
            .responses
            .iter()
            .find(|topic| topic.name == self.topic)
            .unwrap_or_default();
        let answers: BTreeMap<i32, PartitionProduceResponse<'_>> = topic
            .partition_responses
            .iter()
            .map(|answer| (answer.index, answer))
            .collect();
        for (partition, batch) in call.batches {
            match answers.get(&partition.get()) {
                Some(answer) => self.settle(now, latency, partition, batch, answer),
                None => self.retry(now, partition, batch, "the answer leaves it out".into()),
            }
        }
    }

    fn settle(
        &mut self,
        now: Instant,
        latency: Duration,
        partition: PartitionIndex,
        batch: Batch,
        answer: &PartitionProduceResponse<'_>,
    ) {
        let code = BrokerCode::new(answer.error_code);
        match code {
            BrokerCode::NONE => {
                let base_offset =
                    (answer.base_offset >= 0).then(|| Offset::new(answer.base_offset));
                self.delivered(latency, partition, batch, base_offset);
            }
            // A retry of what had arrived already, longer ago than the broker remembers offsets.
            BrokerCode::DUPLICATE_SEQUENCE_NUMBER => {
                self.delivered(latency, partition, batch, None)
            }
            // It overtook an older batch that is being tried again, and will follow it.
            BrokerCode::OUT_OF_ORDER_SEQUENCE_NUMBER if self.follows_a_retry(partition, &batch) => {
                self.retry(now, partition, batch, code.to_string());
            }
            _ if code.is_retriable() => {
                self.wants_metadata |= code.wants_metadata();
                self.retry(now, partition, batch, code.to_string());
            }
            _ => self.fail(ClientError::Partition {
                topic: self.topic.clone(),
                partition: partition.get(),
                code,
                message: answer.error_message.map(str::to_owned),
            }),
        }
    }

    fn follows_a_retry(&self, partition: PartitionIndex, batch: &Batch) -> bool {
        let waiting = self
            .lanes
            .get(partition.get() as usize)
            .is_some_and(|lane| lane.has_older_waiting(batch.order));
        let older = |(other, under_way): &(PartitionIndex, Batch)| {
            *other == partition && under_way.order < batch.order
        };
        waiting
            || self
                .calls
                .values()
                .any(|call| call.batches.iter().any(older))
    }

    pub(super) fn delivered(
        &mut self,
        latency: Duration,
        partition: PartitionIndex,
        batch: Batch,
        base_offset: Option<Offset>,
    ) {
        self.lane(partition.get() as usize).done();
        self.held_bytes -= batch.raw_bytes;
        self.held_records -= u64::from(batch.records);
        self.deliveries.push_back(Delivery {
            partition,
            base_offset,
            records: batch.records,
            raw_bytes: batch.raw_bytes,
            sent_bytes: batch.bytes.len(),
            latency,
        });
    }

    pub(super) fn retry(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        batch: Batch,
        reason: String,
    ) {
        let not_before = now.after(self.config.retry_pause);
        self.lane(partition.get() as usize)
            .again(batch, not_before, reason);
    }
}
