use super::answer::frame;
use super::entries::Entries;
use super::error::outcome_code;
use super::topic::uuid;
use super::{Call, Malformed};
use crate::broker::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, Part,
    PartitionMetadata, TopicMetadata,
};
use crate::protocol::kafka::messages::{
    self, DescribedPartition, DescribedTopic, ErrorCode, PartitionCursor,
};
use crate::types::PartitionIndex;
use crate::wire::{Array, EncodeError, Message, Reader};

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<DescribeTopicPartitionsRequest, Malformed> {
    let request = messages::DescribeTopicPartitionsRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |_, topic| Ok(topic.name.to_owned()))?;
    let cursor = request.cursor.map(|cursor| Cursor {
        topic: cursor.topic_name.to_owned(),
        partition: PartitionIndex::new(cursor.partition_index),
    });
    Ok(DescribeTopicPartitionsRequest {
        topics,
        // One at least is told, whatever the limit.
        partitions_max: usize::try_from(request.response_partition_limit).unwrap_or(0),
        cursor,
    })
}

pub(super) fn encode(
    call: &Call,
    response: &DescribeTopicPartitionsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let next_cursor = response.next.as_ref().map(|next| PartitionCursor {
        topic_name: &next.topic,
        partition_index: next.partition.get(),
    });
    let message = messages::DescribeTopicPartitionsResponse {
        topics: response.topics.iter().map(encode_topic).collect(),
        next_cursor,
        ..messages::DescribeTopicPartitionsResponse::default()
    };
    frame(call, &message)
}

fn encode_topic(topic: &TopicMetadata) -> DescribedTopic<'_> {
    let partitions = topic.result.as_deref().unwrap_or_default();
    DescribedTopic {
        error_code: outcome_code(&topic.result),
        name: topic.name.as_deref(),
        topic_id: uuid(topic.id),
        is_internal: topic.is_internal,
        partitions: partitions.iter().map(encode_partition).collect(),
        ..DescribedTopic::default()
    }
}

/// The leader has the only copy, so that nobody else may ever lead.
fn encode_partition(partition: &PartitionMetadata) -> DescribedPartition<'static> {
    let leader = partition.leader.get();
    DescribedPartition {
        error_code: ErrorCode::None.code(),
        partition_index: partition.index.get(),
        leader_id: leader,
        leader_epoch: partition.epoch.get(),
        replica_nodes: vec![leader].into(),
        isr_nodes: vec![leader].into(),
        eligible_leader_replicas: Some(Array::default()),
        last_known_elr: Some(Array::default()),
        ..DescribedPartition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Request, Response};
    use crate::types::{LeaderEpoch, NodeId, TopicId};
    use messages::DescribeTopicPartitionsTopic;

    fn asked(limit: i32) -> (Call, DescribeTopicPartitionsRequest) {
        let request = messages::DescribeTopicPartitionsRequest {
            topics: vec![DescribeTopicPartitionsTopic { name: "orders" }].into(),
            response_partition_limit: limit,
            cursor: Some(PartitionCursor {
                topic_name: "orders",
                partition_index: 7,
            }),
        };
        match parsed(&request, 0) {
            (call, Request::DescribeTopicPartitions(request)) => (call, request),
            other => panic!("a describe-topic-partitions request expected: {other:?}"),
        }
    }

    #[test]
    fn the_cursor_and_the_limit_pass() {
        let (_, request) = asked(9);
        assert_eq!(request.topics, ["orders"]);
        assert_eq!(request.partitions_max, 9);
        let cursor = request.cursor.expect("given");
        assert_eq!(
            (cursor.topic.as_str(), cursor.partition.get()),
            ("orders", 7)
        );
        assert_eq!(asked(-5).1.partitions_max, 0);
    }

    #[test]
    fn partitions_and_the_next_cursor_are_told() {
        let (call, _) = asked(9);
        let described = TopicMetadata {
            name: Some("orders".to_owned()),
            id: TopicId::from_bytes([5; 16]),
            is_internal: true,
            result: Ok(vec![PartitionMetadata {
                index: PartitionIndex::new(7),
                leader: NodeId::new(1),
                epoch: LeaderEpoch::new(8),
            }]),
        };
        let unknown = TopicMetadata {
            name: Some("nothing".to_owned()),
            id: TopicId::NONE,
            is_internal: false,
            result: Err(BrokerError::UnknownTopicOrPartition),
        };
        let next = Some(Cursor {
            topic: "orders".to_owned(),
            partition: PartitionIndex::new(8),
        });
        let topics = vec![described, unknown];
        let response = DescribeTopicPartitionsResponse { topics, next };
        let bytes = response_bytes(&call, Response::DescribeTopicPartitions(response));
        let response: messages::DescribeTopicPartitionsResponse<'_> = read(&bytes, 0);
        let topics: Vec<_> = response.topics.iter().collect();
        assert_eq!((topics[0].error_code, topics[0].name), (0, Some("orders")));
        assert_eq!(topics[0].topic_id.into_bytes(), [5; 16]);
        let partition = topics[0].partitions.iter().next().expect("one partition");
        assert_eq!((partition.partition_index, partition.leader_id), (7, 1));
        assert_eq!(partition.leader_epoch, 8);
        assert!(topics[0].is_internal && !topics[1].is_internal);
        assert_eq!(partition.replica_nodes.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(partition.eligible_leader_replicas, Some(Array::default()));
        assert_eq!((topics[1].error_code, topics[1].partitions.len()), (3, 0));
        let next = response.next_cursor.expect("there is more");
        assert_eq!((next.topic_name, next.partition_index), ("orders", 8));
    }
}
