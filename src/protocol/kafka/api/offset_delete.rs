//! OffsetDelete: a group forgets how far it has read (KIP-496).

use super::answer::frame;
use super::entries::Entries;
use super::error::{group_code, group_error_code};
use super::group::{GroupRequests, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{GroupReply, GroupRequest};
use crate::protocol::kafka::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use crate::types::PartitionIndex;
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = OffsetDeleteRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            Ok(PartitionIndex::new(partition.partition_index))
        })?;
        Ok((topic.name.to_owned(), partitions))
    })?;
    Ok(of_group(
        request.group_id,
        GroupRequest::DeleteOffsets(topics),
    ))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let response = match &only(answers).result {
        Ok(GroupReply::DeleteOffsets(topics)) => {
            let topics = topics.iter().map(|(name, partitions)| {
                let partitions = partitions.iter();
                let partitions = partitions.map(|(index, result)| OffsetDeleteResponsePartition {
                    partition_index: index.get(),
                    error_code: group_code(result),
                });
                OffsetDeleteResponseTopic {
                    name,
                    partitions: partitions.collect(),
                }
            });
            OffsetDeleteResponse {
                topics: topics.collect(),
                ..OffsetDeleteResponse::default()
            }
        }
        Ok(other) => mismatched(other),
        Err(error) => OffsetDeleteResponse {
            error_code: group_error_code(*error).code(),
            ..OffsetDeleteResponse::default()
        },
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::GroupError;
    use crate::protocol::kafka::messages::{
        OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    };

    #[test]
    fn offsets_are_deleted_by_partition() {
        let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
        let request = OffsetDeleteRequest {
            group_id: "g",
            topics: vec![OffsetDeleteRequestTopic {
                name: "orders",
                partitions: vec![partition(0), partition(5)].into(),
            }]
            .into(),
        };
        let (call, group, asked) = parsed_group(&request, 0);
        assert_eq!(group.as_str(), "g");
        let partitions = [0, 5].map(PartitionIndex::new).to_vec();
        let topics = vec![("orders".to_owned(), partitions)];
        assert_eq!(asked, GroupRequest::DeleteOffsets(topics));

        let subscribed = Err(GroupError::SubscribedToTopic);
        let outcomes = vec![
            (PartitionIndex::new(0), Ok(())),
            (PartitionIndex::new(5), subscribed),
        ];
        let reply = GroupReply::DeleteOffsets(vec![("orders".to_owned(), outcomes)]);
        let bytes = response_bytes(&call, group_answer("g", Ok(reply)));
        let response: OffsetDeleteResponse<'_> = read(&bytes, 0);
        let topic = response.topics.iter().next().expect("one topic");
        let partitions = topic.partitions.iter();
        let told: Vec<_> = partitions
            .map(|partition| (partition.partition_index, partition.error_code))
            .collect();
        assert_eq!((topic.name, told), ("orders", vec![(0, 0), (5, 86)]));

        let unknown = Err(GroupError::GroupNotFound);
        let bytes = response_bytes(&call, group_answer("g", unknown));
        let response: OffsetDeleteResponse<'_> = read(&bytes, 0);
        assert_eq!((response.error_code, response.topics.len()), (69, 0));
    }
}
