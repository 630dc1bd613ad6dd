//! ConsumerGroupHeartbeat: a member of the consumer protocol joins, stays or leaves (KIP-848).

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, mismatched, of_group, only};
use super::topic::uuid;
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{Assignment, ConsumerHeartbeat, GroupReply, GroupRequest};
use crate::protocol::kafka::messages::{
    ConsumerGroupAssignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ConsumerGroupTopicPartitions,
};
use crate::types::{InstanceId, MemberId, PartitionIndex, TopicId};
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(reader: &mut Reader<'_>, call: &Call) -> Result<GroupRequests, Malformed> {
    let request = ConsumerGroupHeartbeatRequest::decode(reader, call.version())?;
    let mut entries = Entries::new();
    let topics = request.subscribed_topic_names.as_ref();
    let topics = topics.map(|topics| entries.list(topics, |_, topic| Ok(topic.to_owned())));
    let owned = match &request.topic_partitions {
        None => None,
        Some(topics) => {
            let mut owned = Assignment::default();
            entries.list(topics, |entries, topic| {
                let id = TopicId::from_bytes(topic.topic_id.into_bytes());
                entries.list(&topic.partitions, |_, partition| {
                    owned.add(id, PartitionIndex::new(partition));
                    Ok(())
                })
            })?;
            Some(owned)
        }
    };
    let beat = ConsumerHeartbeat {
        member: MemberId::new(request.member_id),
        epoch: request.member_epoch,
        instance: request.instance_id.map(InstanceId::new),
        rack: request.rack_id.map(str::to_owned),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        topics: topics.transpose()?,
        regex: request.subscribed_topic_regex.map(str::to_owned),
        assignor: request.server_assignor.map(str::to_owned),
        owned,
        client_id: call.client_id().unwrap_or_default().to_owned(),
        client_host: String::new(),
    };
    let request_of_group = GroupRequest::ConsumerHeartbeat(beat);
    Ok(of_group(request.group_id, request_of_group))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    match &only(answers).result {
        Ok(GroupReply::ConsumerHeartbeat(beat)) => {
            let response = ConsumerGroupHeartbeatResponse {
                member_id: Some(beat.member.as_str()),
                member_epoch: beat.epoch,
                heartbeat_interval_ms: beat.interval_ms,
                assignment: beat.assignment.as_ref().map(assignment),
                ..ConsumerGroupHeartbeatResponse::default()
            };
            frame(call, &response)
        }
        Ok(other) => mismatched(other),
        Err(error) => {
            let message = error.to_string();
            let response = ConsumerGroupHeartbeatResponse {
                error_code: group_error_code(*error).code(),
                error_message: Some(&message),
                ..ConsumerGroupHeartbeatResponse::default()
            };
            frame(call, &response)
        }
    }
}

fn assignment(assignment: &Assignment) -> ConsumerGroupAssignment<'static> {
    let topics = assignment.topics().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|partition| partition.get());
        ConsumerGroupTopicPartitions {
            topic_id: uuid(topic),
            partitions: partitions.collect(),
        }
    });
    ConsumerGroupAssignment {
        topic_partitions: topics.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::{ConsumerBeat, GroupError};
    use uuid::Uuid;

    #[test]
    fn heartbeats_pass_in_every_version() {
        for version in ConsumerGroupHeartbeatRequest::VERSIONS {
            let regex = (version >= 1).then_some("o.*");
            let request = ConsumerGroupHeartbeatRequest {
                group_id: "g",
                member_id: "m",
                member_epoch: 3,
                subscribed_topic_names: Some(vec!["orders"].into()),
                subscribed_topic_regex: regex,
                topic_partitions: Some(
                    vec![ConsumerGroupTopicPartitions {
                        topic_id: Uuid::from_bytes([5; 16]),
                        partitions: vec![1, 2].into(),
                    }]
                    .into(),
                ),
                ..ConsumerGroupHeartbeatRequest::default()
            };
            let (_, group, asked) = parsed_group(&request, version);
            assert_eq!(group.as_str(), "g");
            let GroupRequest::ConsumerHeartbeat(beat) = asked else {
                panic!("{asked:?}");
            };
            assert_eq!((beat.epoch, beat.member.as_str()), (3, "m"));
            assert_eq!(beat.topics, Some(vec!["orders".to_owned()]));
            assert_eq!(beat.regex.as_deref(), regex);
            let owned = beat.owned.expect("said");
            assert!(owned.has(TopicId::from_bytes([5; 16]), PartitionIndex::new(2)));

            let (call, _) = parsed(&request, version);
            let told = ConsumerBeat {
                member: MemberId::new("m"),
                epoch: 4,
                interval_ms: 5_000,
                assignment: Some(owned),
            };
            let answer = group_answer("g", Ok(GroupReply::ConsumerHeartbeat(told)));
            let bytes = response_bytes(&call, answer);
            let response: ConsumerGroupHeartbeatResponse<'_> = read(&bytes, version);
            assert_eq!((response.member_epoch, response.error_code), (4, 0));
            let topics = response.assignment.expect("told").topic_partitions;
            assert_eq!(topics.iter().next().expect("one").partitions.len(), 2);
            let answer = group_answer("g", Err(GroupError::FencedMemberEpoch));
            let bytes = response_bytes(&call, answer);
            let response: ConsumerGroupHeartbeatResponse<'_> = read(&bytes, version);
            assert_eq!(response.error_code, 110);
            assert!(response.member_id.is_none() && response.assignment.is_none());
        }
    }
}
