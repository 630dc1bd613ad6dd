//! What brokers' answers do to a consumer.

use super::call::CallId;
use super::fetched::{Fetched, whole_batches};
use super::{Consumer, Notice};
use crate::client::{BrokerCode, ClientError};
use crate::protocol::kafka::messages::{FetchResponse, ListOffsetsResponse, PartitionData};
use crate::types::{Instant, Offset, PartitionIndex};
use bytes::Bytes;
use std::sync::Arc;

impl Consumer {
    /// The broker answered which offsets there are.
    pub fn located(&mut self, now: Instant, id: CallId, response: &ListOffsetsResponse<'_>) {
        let Some((call, wanted)) = self.calls.remove(&id).and_then(|call| {
            let wanted = call.wanted?;
            Some((call, wanted))
        }) else {
            return;
        };
        let topic = response
            .topics
            .iter()
            .find(|topic| topic.name == &*self.topic);
        let mut left = call.partitions;
        for answer in &topic.unwrap_or_default().partitions {
            let partition = PartitionIndex::new(answer.partition_index);
            if left.remove(&partition).is_none() {
                continue;
            }
            let code = BrokerCode::new(answer.error_code);
            if !self.accept(now, partition, code) {
                continue;
            }
            let Some(position) = self.positions.get_mut(&partition) else {
                continue;
            };
            let jump = position.located(wanted, answer.offset, &self.config);
            self.notices.extend(jump.map(|(from, to)| Notice::Jumped {
                partition,
                from,
                to,
            }));
        }
        self.left_out(now, left.into_keys(), "the answer leaves it out");
    }

    /// The broker answered a fetch; record data are a part of `frame`.
    pub fn fetched(
        &mut self,
        now: Instant,
        id: CallId,
        response: &FetchResponse<'_>,
        frame: &Bytes,
    ) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let mut left = call.partitions;
        let code = BrokerCode::new(response.error_code);
        if !code.is_none() {
            self.left_out(now, left.into_keys(), &code.to_string());
            return;
        }
        let topic = response
            .responses
            .iter()
            .find(|topic| topic.topic == &*self.topic);
        for data in &topic.unwrap_or_default().partitions {
            let partition = PartitionIndex::new(data.partition_index);
            if let Some(from) = left.remove(&partition) {
                self.take(now, partition, from, &data, frame);
            }
        }
        // A broker may leave out partitions that have nothing new; that is no trouble.
        for partition in left.into_keys() {
            self.accept(now, partition, BrokerCode::NONE);
        }
    }

    fn take(
        &mut self,
        now: Instant,
        partition: PartitionIndex,
        from: Offset,
        data: &PartitionData<'_>,
        frame: &Bytes,
    ) {
        let code = BrokerCode::new(data.error_code);
        if code == BrokerCode::OFFSET_OUT_OF_RANGE {
            if let Some(position) = self.positions.get_mut(&partition) {
                position.busy = false;
                position.out_of_range();
            }
            return;
        }
        if !self.accept(now, partition, code) {
            return;
        }
        let records = data
            .records
            .map(|records| records.share(frame))
            .unwrap_or_default();
        if records.is_empty() {
            return;
        }
        match whole_batches(&records) {
            Ok(Some((data, next))) if next > from => self.keep(partition, from, next, data),
            Ok(Some(_)) => self.corrupt(
                partition,
                from,
                "the broker sent records before this offset",
            ),
            Ok(None) => self.corrupt(partition, from, "the broker sent only a part of a batch"),
            Err(error) => self.corrupt(partition, from, &error.to_string()),
        }
    }

    fn keep(&mut self, partition: PartitionIndex, from: Offset, next: Offset, data: Bytes) {
        let Some(position) = self.positions.get_mut(&partition) else {
            return;
        };
        position.advance(next);
        self.ahead_bytes += data.len();
        self.fetched.push_back(Fetched {
            topic: Arc::clone(&self.topic),
            partition,
            from,
            until: position.until(),
            next,
            data,
        });
    }

    fn corrupt(&mut self, partition: PartitionIndex, offset: Offset, reason: &str) {
        self.fail(ClientError::Corrupt {
            topic: self.topic.to_string(),
            partition: partition.get(),
            offset: offset.get(),
            reason: reason.to_owned(),
        });
    }

    /// Takes note of a partition's code; whether its data can be used.
    fn accept(&mut self, now: Instant, partition: PartitionIndex, code: BrokerCode) -> bool {
        let Some(position) = self.positions.get_mut(&partition) else {
            return false;
        };
        position.busy = false;
        if code.is_none() {
            position.fine();
            return true;
        }
        if code.is_retriable() {
            self.wants_metadata |= code.wants_metadata();
            position.trouble(now, code.to_string(), &self.config);
        } else {
            self.fail(ClientError::Partition {
                topic: self.topic.to_string(),
                partition: partition.get(),
                code,
                message: None,
            });
        }
        false
    }

    pub(super) fn left_out(
        &mut self,
        now: Instant,
        partitions: impl Iterator<Item = PartitionIndex>,
        reason: &str,
    ) {
        self.wants_metadata = true;
        for partition in partitions {
            if let Some(position) = self.positions.get_mut(&partition) {
                position.busy = false;
                position.trouble(now, reason.to_owned(), &self.config);
            }
        }
    }
}
