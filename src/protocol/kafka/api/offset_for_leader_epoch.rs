use super::answer::frame;
use super::entries::Entries;
use super::error::outcome_code;
use super::topic::topic_fields;
use super::{Call, Malformed};
use crate::broker::{
    BrokerError, ByTopic, EpochEnd, EpochQuestion, OffsetForLeaderEpochRequest, Part, TopicRef,
};
use crate::protocol::kafka::messages::{self, LeaderEpochEndOffset, OffsetForLeaderTopicResult};
use crate::types::{LeaderEpoch, PartitionIndex};
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<OffsetForLeaderEpochRequest, Malformed> {
    let request = messages::OffsetForLeaderEpochRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            let question = EpochQuestion {
                current: LeaderEpoch::new(partition.current_leader_epoch),
                epoch: LeaderEpoch::new(partition.leader_epoch),
            };
            Ok((PartitionIndex::new(partition.partition), question))
        })?;
        Ok((TopicRef::Name(topic.topic.to_owned()), partitions))
    })?;
    Ok(OffsetForLeaderEpochRequest { topics })
}

/// An epoch that is not known is no error; it has no end.
pub(super) fn encode(
    call: &Call,
    response: &ByTopic<Result<EpochEnd, BrokerError>>,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|(index, found)| {
            let end = found.as_ref().unwrap_or(&EpochEnd::UNKNOWN);
            LeaderEpochEndOffset {
                error_code: outcome_code(found),
                partition: index.get(),
                leader_epoch: end.epoch.get(),
                end_offset: end.end.get(),
            }
        });
        OffsetForLeaderTopicResult {
            topic: topic_fields(topic).0,
            partitions: partitions.collect(),
        }
    });
    let response = messages::OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..messages::OffsetForLeaderEpochResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::types::Offset;
    use messages::{OffsetForLeaderPartition, OffsetForLeaderTopic};

    #[test]
    fn epochs_and_their_ends_pass_in_every_version() {
        for version in messages::OffsetForLeaderEpochRequest::VERSIONS {
            let request = messages::OffsetForLeaderEpochRequest {
                topics: vec![OffsetForLeaderTopic {
                    topic: "orders",
                    partitions: vec![OffsetForLeaderPartition {
                        partition: 3,
                        current_leader_epoch: 7,
                        leader_epoch: 5,
                    }]
                    .into(),
                }]
                .into(),
                ..messages::OffsetForLeaderEpochRequest::default()
            };
            let (call, Request::OffsetForLeaderEpoch(request)) = parsed(&request, version) else {
                panic!("an offset-for-leader-epoch request expected");
            };
            let (topic, partitions) = &request.topics[0];
            let question = EpochQuestion {
                current: LeaderEpoch::new(7),
                epoch: LeaderEpoch::new(5),
            };
            assert_eq!(*partitions, [(PartitionIndex::new(3), question)]);

            let end = EpochEnd {
                epoch: LeaderEpoch::new(4),
                end: Offset::new(90),
            };
            let fenced = Err(BrokerError::FencedLeaderEpoch);
            let answers = vec![
                (PartitionIndex::new(3), Ok(end)),
                (PartitionIndex::new(1), fenced),
                (PartitionIndex::new(2), Ok(EpochEnd::UNKNOWN)),
            ];
            let response = Response::OffsetForLeaderEpoch(vec![(topic.clone(), answers)]);
            let bytes = response_bytes(&call, response);
            let response: messages::OffsetForLeaderEpochResponse<'_> = read(&bytes, version);
            let topic = response.topics.iter().next().expect("one topic");
            assert_eq!(topic.topic, "orders");
            let told: Vec<_> = topic
                .partitions
                .iter()
                .map(|p| (p.partition, p.error_code, p.leader_epoch, p.end_offset))
                .collect();
            assert_eq!(told, [(3, 0, 4, 90), (1, 74, -1, -1), (2, 0, -1, -1)]);
        }
    }
}
