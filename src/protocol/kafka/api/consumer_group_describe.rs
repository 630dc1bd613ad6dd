//! ConsumerGroupDescribe: states and members of groups of the consumer protocol (KIP-848).

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, mismatched};
use super::topic::uuid;
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{
    ConsumerGroupDescription, ConsumerMemberDescription, GroupReply, GroupRequest, NamedPartitions,
};
use crate::protocol::kafka::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedAssignment,
    DescribedConsumerGroup, DescribedConsumerGroupMember, DescribedTopicPartitions,
};
use crate::types::{GroupId, InstanceId};
use crate::wire::{EncodeError, Message, Reader};
use rustc_hash::FxHashSet;

/// A member that speaks the consumer protocol, as the response numbers it.
const CONSUMER_MEMBER: i8 = 1;

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = ConsumerGroupDescribeRequest::decode(reader, version)?;
    let mut groups = Entries::new().list(&request.group_ids, |_, group| {
        Ok((GroupId::new(group), GroupRequest::ConsumerDescribe))
    })?;
    let mut seen = FxHashSet::default();
    groups.retain(|(group, _)| seen.insert(group.clone()));
    Ok(groups)
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let messages: Vec<Option<String>> = answers
        .iter()
        .map(|answer| answer.result.as_ref().err().map(ToString::to_string))
        .collect();
    let groups = answers.iter().zip(&messages).map(|(answer, message)| {
        let group_id = answer.group.as_str();
        match &answer.result {
            Ok(GroupReply::ConsumerDescribe(group)) => described(call, group_id, group),
            Ok(other) => mismatched(other),
            Err(error) => DescribedConsumerGroup {
                error_code: group_error_code(*error).code(),
                error_message: message.as_deref(),
                group_id,
                ..DescribedConsumerGroup::default()
            },
        }
    });
    let response = ConsumerGroupDescribeResponse {
        groups: groups.collect(),
        ..ConsumerGroupDescribeResponse::default()
    };
    frame(call, &response)
}

fn described<'a>(
    call: &Call,
    group_id: &'a str,
    group: &'a ConsumerGroupDescription,
) -> DescribedConsumerGroup<'a> {
    let members = group
        .members
        .iter()
        .map(|member| described_member(call, member));
    DescribedConsumerGroup {
        group_id,
        group_state: group.state.name(),
        group_epoch: group.epoch,
        assignment_epoch: group.target_epoch,
        assignor_name: group.assignor.name(),
        members: members.collect(),
        ..DescribedConsumerGroup::default()
    }
}

fn described_member<'a>(
    call: &Call,
    member: &'a ConsumerMemberDescription,
) -> DescribedConsumerGroupMember<'a> {
    let topics = member.topics.iter().map(String::as_str);
    DescribedConsumerGroupMember {
        member_id: member.member.as_str(),
        instance_id: member.instance.as_ref().map(InstanceId::as_str),
        rack_id: member.rack.as_deref(),
        member_epoch: member.epoch,
        client_id: &member.client_id,
        client_host: &member.client_host,
        subscribed_topic_names: topics.collect(),
        subscribed_topic_regex: member.regex.as_deref(),
        assignment: assignment(&member.assigned),
        target_assignment: assignment(&member.target),
        member_type: if call.version() >= 1 {
            CONSUMER_MEMBER
        } else {
            -1
        },
    }
}

fn assignment(topics: &[NamedPartitions]) -> DescribedAssignment<'_> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| partition.get());
        DescribedTopicPartitions {
            topic_id: uuid(topic.id),
            topic_name: topic.name.as_str(),
            partitions: partitions.collect(),
        }
    });
    DescribedAssignment {
        topic_partitions: topics.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, read, response_bytes};
    use super::*;
    use crate::coordinator::{Assignor, GroupError, GroupState};
    use crate::types::{MemberId, PartitionIndex, TopicId, TopicName};

    #[test]
    fn groups_pass_in_every_version() {
        for version in ConsumerGroupDescribeRequest::VERSIONS {
            let request = ConsumerGroupDescribeRequest {
                group_ids: vec!["g", "g"].into(),
                ..ConsumerGroupDescribeRequest::default()
            };
            let (call, _) = parsed(&request, version);
            let assigned = NamedPartitions {
                id: TopicId::from_bytes([7; 16]),
                name: TopicName::new("orders").expect("valid"),
                partitions: vec![PartitionIndex::new(3)],
            };
            let member = ConsumerMemberDescription {
                member: MemberId::new("m"),
                instance: None,
                rack: None,
                epoch: 2,
                client_id: "c".to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                topics: vec!["orders".to_owned()],
                regex: None,
                assigned: vec![assigned],
                target: Vec::new(),
            };
            let group = ConsumerGroupDescription {
                state: GroupState::Reconciling,
                epoch: 3,
                target_epoch: 2,
                assignor: Assignor::Range,
                members: vec![member],
            };
            let answer = group_answer("g", Ok(GroupReply::ConsumerDescribe(group)));
            let bytes = response_bytes(&call, answer);
            let response: ConsumerGroupDescribeResponse<'_> = read(&bytes, version);
            let group = response.groups.iter().next().expect("one group");
            assert_eq!(
                (group.group_state, group.assignor_name),
                ("Reconciling", "range")
            );
            let member = group.members.iter().next().expect("one member");
            let topic = member
                .assignment
                .topic_partitions
                .iter()
                .next()
                .expect("one");
            assert_eq!((topic.topic_name, topic.partitions.len()), ("orders", 1));
            let answer = group_answer("g", Err(GroupError::GroupNotFound));
            let bytes = response_bytes(&call, answer);
            let response: ConsumerGroupDescribeResponse<'_> = read(&bytes, version);
            assert_eq!(response.groups.iter().next().expect("one").error_code, 69);
        }
    }
}
