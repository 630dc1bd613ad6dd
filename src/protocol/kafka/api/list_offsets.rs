use super::answer::frame;
use super::entries::Entries;
use super::error::error_code;
use super::topic::topic_fields;
use super::{Call, Malformed, Parsed, Refusal};
use crate::broker::{
    BrokerError, FoundOffset, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, OffsetTarget, Part, Request, TopicRef,
};
use crate::protocol::kafka::messages::{
    self, ErrorCode, ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use crate::types::{LeaderEpoch, PartitionIndex, Timestamp};
use crate::wire::{EncodeError, Message, Reader};

/// Reads a request. One that asks for something its version lacks is answered right here.
pub(super) fn parse(call: Call, reader: &mut Reader<'_>) -> Result<Parsed, Refusal> {
    let request = messages::ListOffsetsRequest::decode(reader, call.version())
        .map_err(|error| Refusal::malformed(&call, error))?;
    let understood = request.topics.iter().all(|topic| {
        let mut partitions = topic.partitions.iter();
        partitions.all(|partition| target(partition.timestamp, call.version()).is_some())
    });
    if !understood {
        return Ok(Parsed::Answer(unsupported(&call, &request)));
    }
    match decode(&request, call.version()) {
        Ok(request) => Ok(Parsed::Request(call, Request::ListOffsets(request))),
        Err(error) => Err(Refusal::malformed(&call, error)),
    }
}

fn decode(
    request: &messages::ListOffsetsRequest<'_>,
    version: i16,
) -> Result<ListOffsetsRequest, Malformed> {
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            Ok(ListOffsetsPartition {
                index: PartitionIndex::new(partition.partition_index),
                leader_epoch: LeaderEpoch::new(partition.current_leader_epoch),
                target: target(partition.timestamp, version).expect("checked for all of them"),
            })
        })?;
        Ok(ListOffsetsTopic {
            topic: TopicRef::Name(topic.name.to_owned()),
            partitions,
        })
    })?;
    Ok(ListOffsetsRequest { topics })
}

/// What a timestamp asks for; those below zero have meanings that came with versions.
fn target(timestamp: i64, version: i16) -> Option<OffsetTarget> {
    match timestamp {
        -1 => Some(OffsetTarget::Latest),
        -2 => Some(OffsetTarget::Earliest),
        -3 if version >= 7 => Some(OffsetTarget::LargestTimestamp),
        -4 if version >= 8 => Some(OffsetTarget::Earliest),
        -5 if version >= 9 => Some(OffsetTarget::LatestTiered),
        ..=-1 => None,
        time => Some(OffsetTarget::At(Timestamp::new(time))),
    }
}

fn unsupported(call: &Call, request: &messages::ListOffsetsRequest<'_>) -> Vec<Part> {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = PartitionIndex::new(partition.partition_index);
            failed(index, ErrorCode::UnsupportedVersion)
        });
        ListOffsetsTopicResponse {
            name: topic.name,
            partitions: partitions.collect(),
        }
    });
    let response = messages::ListOffsetsResponse {
        topics: topics.collect(),
        ..messages::ListOffsetsResponse::default()
    };
    frame(call, &response).expect("names fit into the answer as they did into the request")
}

fn failed(index: PartitionIndex, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: index.get(),
        error_code: error.code(),
        ..ListOffsetsPartitionResponse::default()
    }
}

pub(super) fn encode(
    call: &Call,
    response: &ListOffsetsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.topics.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter();
        let partitions = partitions.map(|(index, found)| encode_partition(call, *index, found));
        ListOffsetsTopicResponse {
            name: topic_fields(topic).0,
            partitions: partitions.collect(),
        }
    });
    let response = messages::ListOffsetsResponse {
        topics: topics.collect(),
        ..messages::ListOffsetsResponse::default()
    };
    frame(call, &response)
}

fn encode_partition(
    call: &Call,
    index: PartitionIndex,
    found: &Result<FoundOffset, BrokerError>,
) -> ListOffsetsPartitionResponse {
    /// The first version that tells the found record's epoch (KIP-320).
    const EPOCHS_FROM: i16 = 4;
    let found = match found {
        Ok(found) => found,
        Err(error) => return failed(index, error_code(error)),
    };
    let epoch = if call.version() >= EPOCHS_FROM {
        found.leader_epoch
    } else {
        LeaderEpoch::NONE
    };
    ListOffsetsPartitionResponse {
        partition_index: index.get(),
        error_code: ErrorCode::None.code(),
        timestamp: found.timestamp.get(),
        offset: found.offset.get(),
        leader_epoch: epoch.get(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::testing::{parsed, read, request_frame, response_bytes, whole};
    use super::*;
    use crate::broker::Response;
    use crate::types::Offset;

    fn request(timestamps: &[i64]) -> messages::ListOffsetsRequest<'static> {
        let partitions = (0..).zip(timestamps).map(|(partition_index, &timestamp)| {
            messages::ListOffsetsPartition {
                partition_index,
                timestamp,
                ..messages::ListOffsetsPartition::default()
            }
        });
        messages::ListOffsetsRequest {
            replica_id: -1,
            topics: vec![messages::ListOffsetsTopic {
                name: "orders",
                partitions: partitions.collect(),
            }]
            .into(),
            ..messages::ListOffsetsRequest::default()
        }
    }

    #[test]
    fn timestamps_below_zero_have_meanings() {
        let request = request(&[-1, -2, -3, -4, -5, 0, 9]);
        let (_, Request::ListOffsets(list)) = parsed(&request, 10) else {
            panic!("a list-offsets request expected");
        };
        let targets: Vec<_> = list.topics[0].partitions.iter().map(|p| p.target).collect();
        assert_eq!(
            targets,
            [
                OffsetTarget::Latest,
                OffsetTarget::Earliest,
                OffsetTarget::LargestTimestamp,
                OffsetTarget::Earliest,
                OffsetTarget::LatestTiered,
                OffsetTarget::At(Timestamp::new(0)),
                OffsetTarget::At(Timestamp::new(9)),
            ]
        );
    }

    #[test]
    fn meanings_that_a_version_lacks_are_answered_as_unsupported() {
        for (timestamp, version) in [(-3, 6), (-4, 7), (-5, 8), (-6, 10), (i64::MIN, 1)] {
            let frame = request_frame(&request(&[-1, timestamp]), version);
            let Ok(Parsed::Answer(parts)) = parse(&frame) else {
                panic!("an answer expected");
            };
            let bytes = whole(&parts);
            let response: messages::ListOffsetsResponse<'_> = read(&bytes, version);
            let topic = response.topics.iter().next().expect("one topic");
            let errors: Vec<_> = topic.partitions.iter().map(|p| p.error_code).collect();
            assert_eq!(errors, [35, 35]);
        }
    }

    #[test]
    fn results_come_in_order_in_every_version() {
        for version in messages::ListOffsetsRequest::VERSIONS {
            let (call, _) = parsed(&request(&[-1]), version);
            let found = FoundOffset {
                offset: Offset::new(5),
                timestamp: Timestamp::new(6),
                leader_epoch: LeaderEpoch::new(7),
            };
            let results = vec![
                (PartitionIndex::new(1), Ok(found)),
                (PartitionIndex::new(0), Err(BrokerError::FencedLeaderEpoch)),
            ];
            let response = Response::ListOffsets(ListOffsetsResponse {
                topics: vec![(TopicRef::Name("orders".to_owned()), results)],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::ListOffsetsResponse<'_> = read(&bytes, version);
            let topic = response.topics.iter().next().expect("one topic");
            assert_eq!(topic.name, "orders");
            let partitions: Vec<_> = topic.partitions.iter().collect();
            let first = &partitions[0];
            assert_eq!((first.partition_index, first.offset), (1, 5));
            assert_eq!(first.timestamp, 6);
            assert_eq!(first.leader_epoch, if version < 4 { -1 } else { 7 });
            assert_eq!((partitions[1].error_code, partitions[1].offset), (74, -1));
        }
    }
}
