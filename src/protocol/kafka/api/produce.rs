use super::answer::{current_leader, frame, node_endpoints};
use super::entries::Entries;
use super::error::{error_code, outcome_message};
use super::topic::{topic_fields, topic_ref};
use super::{Call, Malformed};
use crate::broker::{
    Acks, BrokerError, Part, ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic,
    ProducedPartition,
};
use crate::protocol::kafka::messages::{
    self, ErrorCode, PartitionProduceResponse, TopicProduceResponse,
};
use crate::types::PartitionIndex;
use crate::wire::{EncodeError, Message, Reader};
use bytes::Bytes;
use std::time::Duration;

/// The first version that names topics by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;
/// The first version that tells who leads a partition instead (KIP-951).
const LEADER_HINTS_FROM: i16 = 10;
/// The first version whose clients may know zstandard (KIP-110).
const ZSTANDARD_FROM: i16 = 7;
/// The first version whose clients know that disks fail.
const STORAGE_ERRORS_FROM: i16 = 4;

/// Record data becomes a share of the frame.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
    frame: &Bytes,
) -> Result<ProduceRequest, Malformed> {
    let request = messages::ProduceRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topic_data, |entries, topic| {
        let partitions = entries.list(&topic.partition_data, |_, partition| {
            Ok(ProducePartition {
                index: PartitionIndex::new(partition.index),
                records: partition.records.map(|records| records.share(frame)),
            })
        })?;
        Ok(ProduceTopic {
            topic: topic_ref(topic.name, topic.topic_id, version >= TOPIC_IDS_FROM),
            partitions,
        })
    })?;
    Ok(ProduceRequest {
        acks: match request.acks {
            0 => Ok(Acks::None),
            1 => Ok(Acks::Received),
            -1 => Ok(Acks::Durable),
            other => Err(other),
        },
        timeout: Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        transactional: request.transactional_id.is_some(),
        knows_zstandard: version >= ZSTANDARD_FROM,
        topics,
    })
}

/// With acks = 0 the client waits for nothing, so nothing may be sent.
pub(super) fn encode(call: &Call, response: &ProduceResponse) -> Result<Vec<Part>, EncodeError> {
    if response.acks == Ok(Acks::None) {
        return Ok(Vec::new());
    }
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let error_messages: Vec<_> = partitions
        .map(|partition| outcome_message(&partition.result))
        .collect();
    let mut error_messages = error_messages.iter();
    let mut partition_response = |partition| {
        let message = error_messages.next().expect("one per partition");
        encode_partition(partition, message.as_deref(), call.version())
    };
    let responses = response.topics.iter().map(|topic| {
        let (name, topic_id) = topic_fields(&topic.topic);
        TopicProduceResponse {
            name,
            topic_id,
            partition_responses: topic
                .partitions
                .iter()
                .map(&mut partition_response)
                .collect(),
        }
    });
    let mut message = messages::ProduceResponse {
        responses: responses.collect(),
        ..messages::ProduceResponse::default()
    };
    if call.version() >= LEADER_HINTS_FROM {
        message.node_endpoints = node_endpoints(&response.endpoints);
    }
    frame(call, &message)
}

fn encode_partition<'a>(
    partition: &ProducedPartition,
    error_message: Option<&'a str>,
    version: i16,
) -> PartitionProduceResponse<'a> {
    let mut response = PartitionProduceResponse {
        index: partition.index.get(),
        error_message,
        base_offset: -1,
        ..PartitionProduceResponse::default()
    };
    match &partition.result {
        Ok(appended) => {
            response.base_offset = appended.base_offset.get();
            response.log_start_offset = appended.log_start.get();
            response.log_append_time_ms = appended.log_append_time.map_or(-1, |time| time.get());
        }
        Err(BrokerError::Storage(_)) if version < STORAGE_ERRORS_FROM => {
            response.error_code = ErrorCode::NotLeaderOrFollower.code();
        }
        Err(error) => response.error_code = error_code(error).code(),
    }
    if version >= LEADER_HINTS_FROM {
        response.current_leader = current_leader(partition.leader);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, request_frame, response_bytes};
    use super::super::{Parsed, parse};
    use super::*;
    use crate::broker::{
        Appended, LeaderHint, NodeEndpoint, ProducedTopic, Request, Response, TopicRef,
    };
    use crate::protocol::kafka::messages::{PartitionProduceData, TopicProduceData};
    use crate::types::{LeaderEpoch, NodeId, Offset, Timestamp, TopicId};
    use crate::wire::Records;
    use uuid::Uuid;

    const ID: [u8; 16] = [7; 16];

    fn request(acks: i16) -> messages::ProduceRequest<'static> {
        let partition = |index, records: Option<&'static [u8]>| PartitionProduceData {
            index,
            records: records.map(Records::Borrowed),
        };
        messages::ProduceRequest {
            acks,
            timeout_ms: 3_000,
            topic_data: vec![TopicProduceData {
                name: "orders",
                topic_id: Uuid::from_bytes(ID),
                partition_data: vec![partition(5, Some(b"batch")), partition(1, None)].into(),
            }]
            .into(),
            ..messages::ProduceRequest::default()
        }
    }

    fn response(acks: Acks) -> Response {
        Response::Produce(ProduceResponse {
            acks: Ok(acks),
            topics: vec![ProducedTopic {
                topic: TopicRef::Name("orders".to_owned()),
                partitions: vec![
                    ProducedPartition {
                        index: PartitionIndex::new(5),
                        result: Ok(Appended {
                            base_offset: Offset::new(42),
                            log_append_time: Some(Timestamp::new(1_000)),
                            log_start: Offset::new(3),
                        }),
                        leader: None,
                    },
                    ProducedPartition {
                        index: PartitionIndex::new(1),
                        result: Err(BrokerError::NotLeader),
                        leader: Some(LeaderHint {
                            node: NodeId::new(2),
                            epoch: LeaderEpoch::new(9),
                        }),
                    },
                    ProducedPartition {
                        index: PartitionIndex::new(2),
                        result: Err(BrokerError::Storage("full".to_owned())),
                        leader: None,
                    },
                ],
            }],
            endpoints: vec![NodeEndpoint {
                node: NodeId::new(2),
                host: "there".to_owned(),
                port: 9_094,
            }],
        })
    }

    #[test]
    fn batches_are_shares_of_the_frame_under_the_name_of_their_version() {
        for version in messages::ProduceRequest::VERSIONS {
            let frame = request_frame(&request(-1), version);
            let Ok(Parsed::Request(_, Request::Produce(produce))) = parse(&frame) else {
                panic!("a produce request expected");
            };
            assert_eq!(produce.acks, Ok(Acks::Durable));
            assert_eq!(produce.timeout, Duration::from_secs(3));
            assert!(!produce.transactional);
            assert_eq!(produce.knows_zstandard, version >= 7);
            let topic = &produce.topics[0];
            let named = TopicRef::Name("orders".to_owned());
            let by_id = TopicRef::Id(TopicId::from_bytes(ID));
            assert_eq!(topic.topic, if version < 13 { named } else { by_id });
            assert_eq!(topic.partitions[0].index, PartitionIndex::new(5));
            let records = topic.partitions[0].records.clone().expect("some");
            assert_eq!(records, "batch");
            assert!(frame.as_ptr_range().contains(&records.as_ptr()));
            assert_eq!(topic.partitions[1].records, None);
        }
    }

    #[test]
    fn acks_are_told_apart() {
        for (acks, meaning) in [(0, Ok(Acks::None)), (1, Ok(Acks::Received)), (2, Err(2))] {
            let (_, Request::Produce(produce)) = parsed(&request(acks), 9) else {
                panic!("a produce request expected");
            };
            assert_eq!(produce.acks, meaning);
        }
    }

    #[test]
    fn nothing_answers_acks_zero() {
        let (call, _) = parsed(&request(0), 9);
        assert!(response_bytes(&call, response(Acks::None)).is_empty());
    }

    #[test]
    fn results_come_in_order_with_hints_where_the_version_has_them() {
        for version in messages::ProduceRequest::VERSIONS {
            let (call, _) = parsed(&request(1), version);
            let bytes = response_bytes(&call, response(Acks::Received));
            let response: messages::ProduceResponse<'_> = read(&bytes, version);
            let topic = response.responses.iter().next().expect("one topic");
            let partitions: Vec<_> = topic.partition_responses.iter().collect();
            let indexes: Vec<_> = partitions.iter().map(|p| p.index).collect();
            assert_eq!(indexes, [5, 1, 2]);

            assert_eq!(
                (partitions[0].error_code, partitions[0].base_offset),
                (0, 42)
            );
            assert_eq!(partitions[0].log_append_time_ms, 1_000);
            let log_start = if version < 5 { -1 } else { 3 };
            assert_eq!(partitions[0].log_start_offset, log_start);

            assert_eq!(
                (partitions[1].error_code, partitions[1].base_offset),
                (6, -1)
            );
            assert_eq!(partitions[1].error_message.is_some(), version >= 8);
            let hinted = version >= 10;
            let leader = &partitions[1].current_leader;
            let expected = if hinted { (2, 9) } else { (-1, -1) };
            assert_eq!((leader.leader_id, leader.leader_epoch), expected);
            assert_eq!(response.node_endpoints.len(), usize::from(hinted));

            let storage = if version < 4 { 6 } else { 56 };
            assert_eq!(partitions[2].error_code, storage);
        }
    }
}
