use super::answer::frame;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::topic::topic_fields;
use super::{Call, Malformed};
use crate::broker::{
    BrokerError, ByTopic, DescribeProducersRequest, Part, ProducerDescription, TopicRef,
};
use crate::protocol::kafka::messages::{
    self, ActiveProducer, DescribeProducersPartitionResponse, DescribeProducersTopicResponse,
};
use crate::types::PartitionIndex;
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<DescribeProducersRequest, Malformed> {
    let request = messages::DescribeProducersRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partition_indexes, |_, index| {
            Ok((PartitionIndex::new(index), ()))
        })?;
        Ok((TopicRef::Name(topic.name.to_owned()), partitions))
    })?;
    Ok(DescribeProducersRequest { topics })
}

pub(super) fn encode(
    call: &Call,
    response: &ByTopic<Result<Vec<ProducerDescription>, BrokerError>>,
) -> Result<Vec<Part>, EncodeError> {
    let partitions = response.iter().flat_map(|(_, partitions)| partitions);
    let error_messages: Vec<_> = partitions
        .map(|(_, producers)| outcome_message(producers))
        .collect();
    let mut error_messages = error_messages.iter();
    let topics = response.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter().zip(&mut error_messages);
        let partitions = partitions.map(|((index, outcome), error_message)| {
            let producers = outcome.as_deref().unwrap_or_default();
            DescribeProducersPartitionResponse {
                partition_index: index.get(),
                error_code: outcome_code(outcome),
                error_message: error_message.as_deref(),
                active_producers: producers.iter().map(encode_producer).collect(),
            }
        });
        DescribeProducersTopicResponse {
            name: topic_fields(topic).0,
            partitions: partitions.collect(),
        }
    });
    let response = messages::DescribeProducersResponse {
        topics: topics.collect(),
        ..messages::DescribeProducersResponse::default()
    };
    frame(call, &response)
}

/// None has a transaction.
fn encode_producer(producer: &ProducerDescription) -> ActiveProducer {
    ActiveProducer {
        producer_id: producer.id.get(),
        producer_epoch: i32::from(producer.epoch.get()),
        last_sequence: producer.last_sequence.get(),
        last_timestamp: producer.last_timestamp.get(),
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::types::{ProducerEpoch, ProducerId, Sequence, Timestamp};
    use messages::DescribeProducersTopic;

    #[test]
    fn producers_and_errors_are_told_in_order() {
        let request = messages::DescribeProducersRequest {
            topics: vec![DescribeProducersTopic {
                name: "orders",
                partition_indexes: vec![3, 9].into(),
            }]
            .into(),
        };
        let (call, Request::DescribeProducers(request)) = parsed(&request, 0) else {
            panic!("a describe-producers request expected");
        };
        let (topic, partitions) = &request.topics[0];
        let indexes = [PartitionIndex::new(3), PartitionIndex::new(9)];
        assert_eq!(*partitions, indexes.map(|index| (index, ())));

        let producer = ProducerDescription {
            id: ProducerId::new(77),
            epoch: ProducerEpoch::new(2),
            last_sequence: Sequence::new(5),
            last_timestamp: Timestamp::new(6),
        };
        let answers = vec![
            (indexes[0], Ok(vec![producer])),
            (indexes[1], Err(BrokerError::UnknownTopicOrPartition)),
        ];
        let response = Response::DescribeProducers(vec![(topic.clone(), answers)]);
        let bytes = response_bytes(&call, response);
        let response: messages::DescribeProducersResponse<'_> = read(&bytes, 0);
        let topic = response.topics.iter().next().expect("one topic");
        let partitions: Vec<_> = topic.partitions.iter().collect();
        let told: Vec<_> = partitions[0].active_producers.iter().collect();
        assert_eq!(
            told,
            [ActiveProducer {
                producer_id: 77,
                producer_epoch: 2,
                last_sequence: 5,
                last_timestamp: 6,
                coordinator_epoch: -1,
                current_txn_start_offset: -1,
            }]
        );
        assert_eq!(partitions[0].error_message, None);
        assert_eq!(
            (partitions[1].partition_index, partitions[1].error_code),
            (9, 3)
        );
        assert!(partitions[1].error_message.is_some());
    }
}
