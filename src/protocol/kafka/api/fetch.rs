use super::answer::{current_leader, frame_with_records, node_endpoints};
use super::entries::Entries;
use super::error::error_code;
use super::topic::{topic_fields, topic_ref};
use super::{Call, Malformed};
use crate::broker::{
    BrokerError, FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, Part,
};
use crate::protocol::kafka::messages::{self, ErrorCode, FetchableTopicResponse, PartitionData};
use crate::types::{FetchSessionEpoch, FetchSessionId, LeaderEpoch, Offset, PartitionIndex};
use crate::wire::{EncodeError, Message, Reader, Records};
use std::time::Duration;

/// The first version that names topics by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;
/// The first version that tells who leads a partition instead (KIP-595).
const LEADER_HINTS_FROM: i16 = 12;
/// The first version that tells where leaders are reached (KIP-951).
const ENDPOINTS_FROM: i16 = 16;
/// The first version whose clients may know zstandard (KIP-110).
const ZSTANDARD_FROM: i16 = 10;
/// The first version whose clients know that disks fail.
const STORAGE_ERRORS_FROM: i16 = 6;

/// Sizes and times below zero count as zero.
pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<FetchRequest, Malformed> {
    let request = messages::FetchRequest::decode(reader, version)?;
    let size = |bytes: i32| bytes.max(0).unsigned_abs();
    let mut entries = Entries::new();
    let topics = entries.list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            Ok(FetchPartition {
                index: PartitionIndex::new(partition.partition),
                offset: Offset::new(partition.fetch_offset),
                bytes_max: size(partition.partition_max_bytes),
                leader_epoch: LeaderEpoch::new(partition.current_leader_epoch),
            })
        })?;
        Ok(FetchTopic {
            topic: topic_ref(topic.topic, topic.topic_id, version >= TOPIC_IDS_FROM),
            partitions,
        })
    })?;
    let forgotten = entries.list(&request.forgotten_topics_data, |entries, topic| {
        let partitions =
            entries.list(&topic.partitions, |_, index| Ok(PartitionIndex::new(index)))?;
        let topic = topic_ref(topic.topic, topic.topic_id, version >= TOPIC_IDS_FROM);
        Ok((topic, partitions))
    })?;
    Ok(FetchRequest {
        wait_max: Duration::from_millis(u64::from(size(request.max_wait_ms))),
        bytes_min: size(request.min_bytes),
        bytes_max: size(request.max_bytes),
        session: FetchSessionId::new(request.session_id),
        epoch: FetchSessionEpoch::new(request.session_epoch),
        names_by_id: version >= TOPIC_IDS_FROM,
        knows_zstandard: version >= ZSTANDARD_FROM,
        topics,
        forgotten,
    })
}

/// Record data is put between the pieces of the message.
pub(super) fn encode(call: &Call, mut response: FetchResponse) -> Result<Vec<Part>, EncodeError> {
    let mut records = Vec::new();
    let mut places = Vec::new();
    for partition in response
        .topics
        .iter_mut()
        .flat_map(|topic| &mut topic.partitions)
    {
        places.push(
            partition
                .records
                .take()
                .map(|part| place(&mut records, part)),
        );
    }
    let mut places = places.into_iter();
    let mut partition_data = |partition| {
        let place = places.next().expect("one per partition");
        encode_partition(partition, place, call.version())
    };
    let responses = response.topics.iter().map(|topic| {
        let (name, topic_id) = topic_fields(&topic.topic);
        FetchableTopicResponse {
            topic: name,
            topic_id,
            partitions: topic.partitions.iter().map(&mut partition_data).collect(),
        }
    });
    let error = response.error.as_ref().map_or(ErrorCode::None, error_code);
    let mut message = messages::FetchResponse {
        error_code: error.code(),
        session_id: response.session.get(),
        responses: responses.collect(),
        ..messages::FetchResponse::default()
    };
    if call.version() >= ENDPOINTS_FROM {
        message.node_endpoints = node_endpoints(&response.endpoints);
    }
    frame_with_records(call, &message, records)
}

/// Adds a part to the list and says where it is.
fn place(records: &mut Vec<Part>, part: Part) -> Records<'static> {
    let place = Records::External {
        index: records.len(),
        length: u32::try_from(part.length()).expect("parts are smaller than a frame"),
    };
    records.push(part);
    place
}

fn encode_partition(
    partition: &FetchedPartition,
    records: Option<Records<'static>>,
    version: i16,
) -> PartitionData<'static> {
    let error = match &partition.error {
        None => ErrorCode::None,
        Some(BrokerError::Storage(_)) if version < STORAGE_ERRORS_FROM => {
            ErrorCode::NotLeaderOrFollower
        }
        Some(error) => error_code(error),
    };
    let mut data = PartitionData {
        partition_index: partition.index.get(),
        error_code: error.code(),
        high_watermark: partition.high_watermark.get(),
        // Without transactions every record is decided as soon as it may be read.
        last_stable_offset: partition.high_watermark.get(),
        log_start_offset: partition.log_start.get(),
        // Some clients take no null here.
        records: Some(records.unwrap_or(Records::Borrowed(&[]))),
        ..PartitionData::default()
    };
    if version >= LEADER_HINTS_FROM {
        data.current_leader = current_leader(partition.leader);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::super::respond;
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{FetchedTopic, LeaderHint, NodeEndpoint, Request, Response, TopicRef};
    use crate::types::{NodeId, TopicId};
    use bytes::Bytes;
    use uuid::Uuid;

    const ID: [u8; 16] = [3; 16];

    fn request() -> messages::FetchRequest<'static> {
        messages::FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: -1,
            topics: vec![messages::FetchTopic {
                topic: "orders",
                topic_id: Uuid::from_bytes(ID),
                partitions: vec![messages::FetchPartition {
                    partition: 3,
                    fetch_offset: 77,
                    partition_max_bytes: 1_000,
                    ..messages::FetchPartition::default()
                }]
                .into(),
            }]
            .into(),
            ..messages::FetchRequest::default()
        }
    }

    fn fetched(index: i32, records: Option<&'static [u8]>) -> FetchedPartition {
        FetchedPartition {
            index: PartitionIndex::new(index),
            error: None,
            high_watermark: Offset::new(100),
            log_start: Offset::new(10),
            records: records.map(|bytes| Part::Bytes(Bytes::from_static(bytes))),
            leader: None,
        }
    }

    fn response(session: i32) -> Response {
        let away = FetchedPartition {
            error: Some(BrokerError::NotLeader),
            high_watermark: Offset::new(-1),
            log_start: Offset::new(-1),
            leader: Some(LeaderHint {
                node: NodeId::new(2),
                epoch: LeaderEpoch::new(9),
            }),
            ..fetched(1, None)
        };
        let broken = FetchedPartition {
            error: Some(BrokerError::Storage("gone".to_owned())),
            ..fetched(0, None)
        };
        Response::Fetch(FetchResponse {
            error: None,
            session: FetchSessionId::new(session),
            topics: vec![FetchedTopic {
                topic: TopicRef::Id(TopicId::from_bytes(ID)).into(),
                partitions: vec![
                    fetched(3, Some(b"three")),
                    away,
                    fetched(2, Some(b"two")),
                    broken,
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
    fn a_request_is_understood_in_every_version() {
        for version in messages::FetchRequest::VERSIONS {
            let (_, Request::Fetch(fetch)) = parsed(&request(), version) else {
                panic!("a fetch request expected");
            };
            assert_eq!(fetch.wait_max, Duration::from_millis(500));
            assert_eq!((fetch.bytes_min, fetch.bytes_max), (1, 0));
            let session = (fetch.session, fetch.epoch);
            assert_eq!(session, (FetchSessionId::NONE, FetchSessionEpoch::FINAL));
            assert_eq!(fetch.names_by_id, version >= 13);
            assert_eq!(fetch.knows_zstandard, version >= 10);
            let named = TopicRef::Name("orders".to_owned());
            let by_id = TopicRef::Id(TopicId::from_bytes(ID));
            assert_eq!(
                fetch.topics[0].topic,
                if version < 13 { named } else { by_id }
            );
            let partition = fetch.topics[0].partitions[0];
            assert_eq!(partition.index, PartitionIndex::new(3));
            assert_eq!(partition.offset, Offset::new(77));
            assert_eq!(partition.bytes_max, 1_000);
            assert_eq!(partition.leader_epoch, LeaderEpoch::NONE);
        }
    }

    #[test]
    fn partitions_come_in_order_with_all_offsets_set() {
        for version in messages::FetchRequest::VERSIONS {
            let (call, _) = parsed(&request(), version);
            let session = if version < 7 { 0 } else { 17 };
            let bytes = response_bytes(&call, response(session));
            let response: messages::FetchResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.session_id), (0, session));
            let topic = response.responses.iter().next().expect("one topic");
            let id = if version < 13 { [0; 16] } else { ID };
            assert_eq!(topic.topic_id.into_bytes(), id);
            let partitions: Vec<_> = topic.partitions.iter().collect();
            let read: Vec<_> = partitions
                .iter()
                .map(|p| (p.partition_index, p.records.expect("never null")))
                .collect();
            let empty = Records::Borrowed(b"");
            assert_eq!(read[0], (3, Records::Borrowed(b"three")));
            assert_eq!(read[1], (1, empty));
            assert_eq!(read[2], (2, Records::Borrowed(b"two")));
            assert_eq!(read[3], (0, empty));
            let first = &partitions[0];
            assert_eq!((first.high_watermark, first.last_stable_offset), (100, 100));
            let log_start = if version < 5 { -1 } else { 10 };
            assert_eq!(first.log_start_offset, log_start);

            assert_eq!(partitions[1].error_code, 6);
            let leader = &partitions[1].current_leader;
            let expected = if version < 12 { (-1, -1) } else { (2, 9) };
            assert_eq!((leader.leader_id, leader.leader_epoch), expected);
            assert_eq!(response.node_endpoints.len(), usize::from(version >= 16));
            assert_eq!(partitions[3].error_code, if version < 6 { 6 } else { 56 });
        }
    }

    #[test]
    fn record_data_is_not_copied() {
        let (call, _) = parsed(&request(), 18);
        let data: &'static [u8] = b"three";
        let response = Response::Fetch(FetchResponse {
            error: None,
            session: FetchSessionId::NONE,
            topics: vec![FetchedTopic {
                topic: TopicRef::Id(TopicId::from_bytes(ID)).into(),
                partitions: vec![fetched(3, Some(data))],
            }],
            endpoints: Vec::new(),
        });
        let parts = respond(&call, response);
        let shared = parts.iter().any(|part| match part {
            Part::Bytes(bytes) => bytes.as_ptr() == data.as_ptr(),
            Part::File { .. } => false,
        });
        assert!(shared);
    }

    #[test]
    fn what_leaves_a_session_is_named_as_its_version_does() {
        let mut request = request();
        (request.session_id, request.session_epoch) = (17, 3);
        request.forgotten_topics_data = vec![messages::ForgottenTopic {
            topic: "orders",
            topic_id: Uuid::from_bytes(ID),
            partitions: vec![4, 9].into(),
        }]
        .into();
        for version in 7..=18 {
            let (_, Request::Fetch(fetch)) = parsed(&request, version) else {
                panic!("a fetch request expected");
            };
            assert_eq!((fetch.session.get(), fetch.epoch.get()), (17, 3));
            let partitions = [4, 9].map(PartitionIndex::new).to_vec();
            let topic = fetch.topics[0].topic.clone();
            assert_eq!(fetch.forgotten, [(topic, partitions)]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_session_is_an_error_of_the_whole() {
        let errors = [
            (BrokerError::FetchSessionNotFound, 70),
            (BrokerError::InvalidFetchSessionEpoch, 71),
            (BrokerError::FetchSessionTopicIds, 106),
        ];
        for (error, code) in errors {
            let (call, _) = parsed(&request(), 12);
            let response = Response::Fetch(FetchResponse::failed(error));
            let bytes = response_bytes(&call, response);
            let response: messages::FetchResponse<'_> = read(&bytes, 12);
            assert_eq!((response.error_code, response.session_id), (code, 0));
        }
    }
}
