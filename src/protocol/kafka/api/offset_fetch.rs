//! OffsetFetch: how far groups have read.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, member_of, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{CommittedOffset, FetchOffsets, GroupError, GroupReply, GroupRequest};
use crate::protocol::kafka::messages::{
    ErrorCode, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::types::{GroupId, PartitionIndex};
use crate::wire::{Array, EncodeError, Message, Reader};
use rustc_hash::FxHashSet;

/// The first version with an error of the request as a whole.
const WHOLE_ERROR_FROM: i16 = 2;
/// The first version that asks for several groups (KIP-709).
const MANY_FROM: i16 = 8;

/// A group that is asked for more than once is answered once. Offsets that a transaction may still
/// change (`require_stable`) do not exist here.
pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = OffsetFetchRequest::decode(reader, version)?;
    let mut entries = Entries::new();
    if version >= MANY_FROM {
        let mut groups = entries.list(&request.groups, group)?;
        let mut seen = FxHashSet::default();
        groups.retain(|(group, _)| seen.insert(group.clone()));
        return Ok(groups);
    }
    let topics = match &request.topics {
        None => None,
        Some(topics) => Some(entries.list(topics, |entries, topic| {
            let partitions = entries.list(&topic.partition_indexes, partition)?;
            Ok((topic.name.to_owned(), partitions))
        })?),
    };
    let fetch = FetchOffsets { of: None, topics };
    Ok(of_group(
        request.group_id,
        GroupRequest::FetchOffsets(fetch),
    ))
}

fn group(
    entries: &mut Entries,
    asked: OffsetFetchRequestGroup<'_>,
) -> Result<(GroupId, GroupRequest), Malformed> {
    let topics = match &asked.topics {
        None => None,
        Some(topics) => Some(entries.list(topics, |entries, topic| {
            let partitions = entries.list(&topic.partition_indexes, partition)?;
            Ok((topic.name.to_owned(), partitions))
        })?),
    };
    let member = asked.member_id;
    let of = member.map(|member| member_of(asked.member_epoch, member, None));
    let fetch = GroupRequest::FetchOffsets(FetchOffsets { of, topics });
    Ok((GroupId::new(asked.group_id), fetch))
}

fn partition(_: &mut Entries, index: i32) -> Result<PartitionIndex, Malformed> {
    Ok(PartitionIndex::new(index))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let response = if call.version() >= MANY_FROM {
        OffsetFetchResponse {
            groups: answers.iter().map(group_offsets).collect(),
            ..OffsetFetchResponse::default()
        }
    } else {
        one_groups_offsets(call, only(answers))
    };
    frame(call, &response)
}

type Offsets = [(String, Vec<(PartitionIndex, CommittedOffset)>)];

fn offsets(answer: &GroupAnswer) -> Result<&Offsets, GroupError> {
    match &answer.result {
        Ok(GroupReply::FetchOffsets(topics)) => Ok(topics),
        Ok(other) => mismatched(other),
        Err(error) => Err(*error),
    }
}

fn group_offsets(answer: &GroupAnswer) -> OffsetFetchResponseGroup<'_> {
    let (topics, error) = match offsets(answer) {
        Ok(topics) => (topics, ErrorCode::None),
        Err(error) => (&[][..], group_error_code(error)),
    };
    let topics = topics.iter().map(|(name, partitions)| {
        let partitions = partitions.iter();
        let partitions = partitions.map(|(index, committed)| OffsetFetchResponsePartitions {
            partition_index: index.get(),
            committed_offset: committed.offset.get(),
            committed_leader_epoch: committed.leader_epoch.get(),
            metadata: Some(&committed.metadata),
            error_code: ErrorCode::None.code(),
        });
        OffsetFetchResponseTopics {
            name,
            partitions: partitions.collect(),
        }
    });
    OffsetFetchResponseGroup {
        group_id: answer.group.as_str(),
        topics: topics.collect(),
        error_code: error.code(),
    }
}

/// The first version tells an error of the whole with each partition that was asked for.
fn one_groups_offsets<'a>(call: &Call, answer: &'a GroupAnswer) -> OffsetFetchResponse<'a> {
    let (topics, error_code) = match offsets(answer) {
        Ok(topics) => (told(topics), ErrorCode::None.code()),
        Err(error) if call.version() >= WHOLE_ERROR_FROM => {
            (Array::default(), group_error_code(error).code())
        }
        Err(error) => (failed(answer, group_error_code(error)), 0),
    };
    OffsetFetchResponse {
        topics,
        error_code,
        ..OffsetFetchResponse::default()
    }
}

fn told(topics: &Offsets) -> Array<'_, OffsetFetchResponseTopic<'_>> {
    let topics = topics.iter().map(|(name, partitions)| {
        let partitions = partitions.iter();
        let partitions = partitions.map(|(index, committed)| OffsetFetchResponsePartition {
            partition_index: index.get(),
            committed_offset: committed.offset.get(),
            committed_leader_epoch: committed.leader_epoch.get(),
            metadata: Some(&committed.metadata),
            error_code: ErrorCode::None.code(),
        });
        OffsetFetchResponseTopic {
            name,
            partitions: partitions.collect(),
        }
    });
    topics.collect()
}

fn failed(answer: &GroupAnswer, error: ErrorCode) -> Array<'_, OffsetFetchResponseTopic<'_>> {
    let topics = answer.asked.iter().map(|(name, partitions)| {
        let partitions = partitions.iter();
        let partitions = partitions.map(|index| OffsetFetchResponsePartition {
            partition_index: index.get(),
            committed_offset: CommittedOffset::NONE.offset.get(),
            metadata: Some(""),
            error_code: error.code(),
            ..OffsetFetchResponsePartition::default()
        });
        OffsetFetchResponseTopic {
            name,
            partitions: partitions.collect(),
        }
    });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{asked_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::broker::Request;
    use crate::protocol::kafka::messages::{OffsetFetchRequestTopic, OffsetFetchRequestTopics};
    use crate::types::{LeaderEpoch, Offset};

    fn asked() -> Vec<(String, Vec<PartitionIndex>)> {
        vec![("orders".to_owned(), [0, 5].map(PartitionIndex::new).into())]
    }

    fn request(version: i16, all: bool) -> OffsetFetchRequest<'static> {
        let partition_indexes: Array<'_, i32> = vec![0, 5].into();
        if version < MANY_FROM {
            let topic = OffsetFetchRequestTopic {
                name: "orders",
                partition_indexes,
            };
            return OffsetFetchRequest {
                group_id: "g",
                topics: (!all).then(|| vec![topic].into()),
                ..OffsetFetchRequest::default()
            };
        }
        let topic = OffsetFetchRequestTopics {
            name: "orders",
            partition_indexes,
        };
        let group = OffsetFetchRequestGroup {
            group_id: "g",
            member_id: Some("m"),
            member_epoch: 4,
            topics: (!all).then(|| vec![topic].into()),
        };
        OffsetFetchRequest {
            groups: vec![group].into(),
            ..OffsetFetchRequest::default()
        }
    }

    #[test]
    fn all_and_some_are_told_apart_in_every_version() {
        for version in OffsetFetchRequest::VERSIONS {
            for all in [false, true] {
                if all && version < WHOLE_ERROR_FROM {
                    continue;
                }
                let (_, group, fetch) = parsed_group(&request(version, all), version);
                assert_eq!(group.as_str(), "g");
                let of = (version >= 9).then(|| member_of(4, "m", None));
                let topics = (!all).then(asked);
                let expected = FetchOffsets { of, topics };
                assert_eq!(fetch, GroupRequest::FetchOffsets(expected));
            }
        }
    }

    #[test]
    fn a_group_is_answered_once() {
        let mut request = request(9, true);
        let group = request.groups.iter().next().expect("one group");
        let other = OffsetFetchRequestGroup {
            group_id: "h",
            ..group.clone()
        };
        request.groups = vec![group.clone(), other, group].into();
        let (_, Request::Groups(groups)) = parsed(&request, 9) else {
            panic!("groups expected");
        };
        let names: Vec<_> = groups.iter().map(|(group, _)| group.as_str()).collect();
        assert_eq!(names, ["g", "h"]);
    }

    /// The error of the whole, and per partition its number, offset, epoch, text and error.
    type Told = (i16, Vec<(i32, i64, i32, String, i16)>);

    fn answered(version: i16, result: Result<GroupReply, GroupError>) -> Told {
        let (call, _) = parsed(&request(version, false), version);
        let bytes = response_bytes(&call, asked_answer("g", asked(), result));
        let response: OffsetFetchResponse<'_> = read(&bytes, version);
        let text = |metadata: Option<&str>| metadata.expect("a text").to_owned();
        if version < MANY_FROM {
            let partitions = response.topics.iter().flat_map(|topic| {
                assert_eq!(topic.name, "orders");
                let partitions = topic.partitions.iter();
                partitions
                    .map(|p| {
                        let epoch = p.committed_leader_epoch;
                        let text = text(p.metadata);
                        (
                            p.partition_index,
                            p.committed_offset,
                            epoch,
                            text,
                            p.error_code,
                        )
                    })
                    .collect::<Vec<_>>()
            });
            return (response.error_code, partitions.collect());
        }
        let group = response.groups.iter().next().expect("one group");
        assert_eq!(group.group_id, "g");
        let partitions = group.topics.iter().flat_map(|topic| {
            assert_eq!(topic.name, "orders");
            let partitions = topic.partitions.iter();
            partitions
                .map(|p| {
                    let epoch = p.committed_leader_epoch;
                    let text = text(p.metadata);
                    (
                        p.partition_index,
                        p.committed_offset,
                        epoch,
                        text,
                        p.error_code,
                    )
                })
                .collect::<Vec<_>>()
        });
        (group.error_code, partitions.collect())
    }

    #[test]
    fn offsets_are_told_in_every_version() {
        for version in OffsetFetchRequest::VERSIONS {
            let committed = CommittedOffset {
                offset: Offset::new(50),
                leader_epoch: LeaderEpoch::new(4),
                metadata: "note".to_owned(),
            };
            let offsets = vec![
                (PartitionIndex::new(0), committed),
                (PartitionIndex::new(5), CommittedOffset::NONE),
            ];
            let reply = GroupReply::FetchOffsets(vec![("orders".to_owned(), offsets)]);
            let epoch = if version < 5 { -1 } else { 4 };
            let expected = vec![
                (0, 50, epoch, "note".to_owned(), 0),
                (5, -1, -1, String::new(), 0),
            ];
            assert_eq!(answered(version, Ok(reply)), (0, expected));
        }
    }

    #[test]
    fn an_error_is_told_once_where_the_version_has_a_place_for_it() {
        for version in OffsetFetchRequest::VERSIONS {
            let told = answered(version, Err(GroupError::LoadInProgress));
            if version < WHOLE_ERROR_FROM {
                let failed = |index| (index, -1, -1, String::new(), 14);
                assert_eq!(told, (0, vec![failed(0), failed(5)]));
            } else {
                assert_eq!(told, (14, Vec::new()));
            }
        }
    }
}
