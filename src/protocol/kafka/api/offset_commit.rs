//! OffsetCommit: a group keeps how far it has read.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, member_of, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{CommitOffsets, CommitPartition, GroupError, GroupReply, GroupRequest};
use crate::protocol::kafka::messages::{
    ErrorCode, OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use crate::types::{LeaderEpoch, Offset, PartitionIndex};
use crate::wire::{EncodeError, Message, Reader};

/// The first version whose clients know that a group may be unknown (KIP-848).
const UNKNOWN_GROUP_FROM: i16 = 9;

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = OffsetCommitRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            Ok(CommitPartition {
                index: PartitionIndex::new(partition.partition_index),
                offset: Offset::new(partition.committed_offset),
                leader_epoch: LeaderEpoch::new(partition.committed_leader_epoch),
                metadata: partition.committed_metadata.unwrap_or_default().to_owned(),
            })
        })?;
        Ok((topic.name.to_owned(), partitions))
    })?;
    let of = member_of(
        request.generation_id_or_member_epoch,
        request.member_id,
        request.group_instance_id,
    );
    let retention_ms = request.retention_time_ms;
    let commit = CommitOffsets {
        of,
        retention_ms: (retention_ms >= 0).then_some(retention_ms),
        topics,
    };
    Ok(of_group(
        request.group_id,
        GroupRequest::CommitOffsets(commit),
    ))
}

/// There is no error of the request as a whole: it is that of each partition.
pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let answer = only(answers);
    let topics = match &answer.result {
        Ok(GroupReply::CommitOffsets(topics)) => {
            let topics = topics.iter().map(|(topic, partitions)| {
                let partitions = partitions
                    .iter()
                    .map(|(index, result)| outcome(call, *index, *result));
                told(topic, partitions)
            });
            topics.collect()
        }
        Ok(other) => mismatched(other),
        Err(error) => {
            let topics = answer.asked.iter().map(|(topic, partitions)| {
                let partitions = partitions.iter();
                told(
                    topic,
                    partitions.map(|index| outcome(call, *index, Err(*error))),
                )
            });
            topics.collect()
        }
    };
    let response = OffsetCommitResponse {
        topics,
        ..OffsetCommitResponse::default()
    };
    frame(call, &response)
}

fn told<'a>(
    name: &'a str,
    partitions: impl Iterator<Item = OffsetCommitResponsePartition>,
) -> OffsetCommitResponseTopic<'a> {
    OffsetCommitResponseTopic {
        name,
        partitions: partitions.collect(),
    }
}

fn outcome(
    call: &Call,
    index: PartitionIndex,
    result: Result<(), GroupError>,
) -> OffsetCommitResponsePartition {
    let code = match result {
        Ok(()) => ErrorCode::None,
        Err(GroupError::StateTooLarge) => ErrorCode::InvalidCommitOffsetSize,
        Err(GroupError::GroupNotFound) if call.version() < UNKNOWN_GROUP_FROM => {
            ErrorCode::IllegalGeneration
        }
        Err(error) => group_error_code(error),
    };
    OffsetCommitResponsePartition {
        partition_index: index.get(),
        error_code: code.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{asked_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::protocol::kafka::messages::{
        OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    };

    fn request(version: i16) -> OffsetCommitRequest<'static> {
        let partition = |partition_index, committed_metadata| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: 50,
            committed_leader_epoch: 4,
            committed_metadata,
        };
        OffsetCommitRequest {
            group_id: "g",
            generation_id_or_member_epoch: 3,
            member_id: "m",
            group_instance_id: (version >= 7).then_some("i"),
            retention_time_ms: 1_000,
            topics: vec![OffsetCommitRequestTopic {
                name: "orders",
                partitions: vec![partition(0, Some("note")), partition(1, None)].into(),
            }]
            .into(),
        }
    }

    #[test]
    fn commits_are_understood_in_every_version() {
        for version in OffsetCommitRequest::VERSIONS {
            let (_, group, asked) = parsed_group(&request(version), version);
            let GroupRequest::CommitOffsets(commit) = asked else {
                panic!("a commit expected");
            };
            assert_eq!(group.as_str(), "g");
            let instance = (version >= 7).then_some("i");
            assert_eq!(commit.of, member_of(3, "m", instance));
            assert_eq!(commit.retention_ms, (version <= 4).then_some(1_000));
            let epoch = LeaderEpoch::new(if version < 6 { -1 } else { 4 });
            let partition = |index, metadata: &str| CommitPartition {
                index: PartitionIndex::new(index),
                offset: Offset::new(50),
                leader_epoch: epoch,
                metadata: metadata.to_owned(),
            };
            let partitions = vec![partition(0, "note"), partition(1, "")];
            assert_eq!(commit.topics, [("orders".to_owned(), partitions)]);
        }
    }

    fn codes(version: i16, result: Result<GroupReply, GroupError>) -> Vec<(i32, i16)> {
        let (call, _) = parsed(&request(version), version);
        let partitions = [0, 1].map(PartitionIndex::new).to_vec();
        let asked = vec![("orders".to_owned(), partitions)];
        let bytes = response_bytes(&call, asked_answer("g", asked, result));
        let response: OffsetCommitResponse<'_> = read(&bytes, version);
        let topic = response.topics.iter().next().expect("one topic");
        assert_eq!(topic.name, "orders");
        let partitions = topic.partitions.iter();
        partitions
            .map(|partition| (partition.partition_index, partition.error_code))
            .collect()
    }

    #[test]
    fn outcomes_are_told_for_each_partition_in_every_version() {
        for version in OffsetCommitRequest::VERSIONS {
            let too_large = Err(GroupError::MetadataTooLarge);
            let outcomes = vec![
                (PartitionIndex::new(0), too_large),
                (PartitionIndex::new(1), Ok(())),
            ];
            let reply = GroupReply::CommitOffsets(vec![("orders".to_owned(), outcomes)]);
            assert_eq!(codes(version, Ok(reply)), [(0, 12), (1, 0)]);
            let unknown = if version < 9 { 22 } else { 69 };
            for (error, code) in [
                (GroupError::NotCoordinator, 16),
                (GroupError::StateTooLarge, 28),
                (GroupError::GroupNotFound, unknown),
            ] {
                assert_eq!(codes(version, Err(error)), [(0, code), (1, code)]);
            }
        }
    }
}
