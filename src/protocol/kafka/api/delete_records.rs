use super::answer::frame;
use super::entries::Entries;
use super::error::outcome_code;
use super::topic::topic_fields;
use super::{Call, Malformed};
use crate::broker::{BrokerError, ByTopic, DeleteRecordsRequest, Part, TopicRef};
use crate::protocol::kafka::messages::{
    self, DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use crate::types::{Offset, PartitionIndex};
use crate::wire::{EncodeError, Message, Reader};

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;

/// The low watermark of a partition whose records were not deleted.
const UNKNOWN: i64 = -1;

/// The client's time-out is not needed: the disk answers, or fails.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<DeleteRecordsRequest, Malformed> {
    let request = messages::DeleteRecordsRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, partition| {
            let offset = partition.offset;
            let to = (offset != HIGH_WATERMARK).then(|| Offset::new(offset));
            Ok((PartitionIndex::new(partition.partition_index), to))
        })?;
        Ok((TopicRef::Name(topic.name.to_owned()), partitions))
    })?;
    Ok(DeleteRecordsRequest { topics })
}

pub(super) fn encode(
    call: &Call,
    response: &ByTopic<Result<Offset, BrokerError>>,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.iter().map(|(topic, partitions)| {
        let partitions = partitions
            .iter()
            .map(|(index, start)| DeleteRecordsPartitionResult {
                partition_index: index.get(),
                low_watermark: start.as_ref().map_or(UNKNOWN, |start| start.get()),
                error_code: outcome_code(start),
            });
        DeleteRecordsTopicResult {
            name: topic_fields(topic).0,
            partitions: partitions.collect(),
        }
    });
    let response = messages::DeleteRecordsResponse {
        topics: topics.collect(),
        ..messages::DeleteRecordsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use messages::{DeleteRecordsPartition, DeleteRecordsTopic};

    #[test]
    fn offsets_and_low_watermarks_pass_in_every_version() {
        for version in messages::DeleteRecordsRequest::VERSIONS {
            let partition = |partition_index, offset| DeleteRecordsPartition {
                partition_index,
                offset,
            };
            let request = messages::DeleteRecordsRequest {
                topics: vec![DeleteRecordsTopic {
                    name: "orders",
                    partitions: vec![partition(3, 90), partition(1, -1), partition(0, -2)].into(),
                }]
                .into(),
                timeout_ms: 1_000,
            };
            let (call, Request::DeleteRecords(request)) = parsed(&request, version) else {
                panic!("a delete-records request expected");
            };
            let (topic, partitions) = &request.topics[0];
            let index = PartitionIndex::new;
            assert_eq!(
                *partitions,
                [
                    (index(3), Some(Offset::new(90))),
                    (index(1), None),
                    (index(0), Some(Offset::new(-2))),
                ]
            );

            let answers = vec![
                (index(3), Ok(Offset::new(95))),
                (index(0), Err(BrokerError::OffsetOutOfRange)),
            ];
            let response = Response::DeleteRecords(vec![(topic.clone(), answers)]);
            let bytes = response_bytes(&call, response);
            let response: messages::DeleteRecordsResponse<'_> = read(&bytes, version);
            let topic = response.topics.iter().next().expect("one topic");
            let told: Vec<_> = topic
                .partitions
                .iter()
                .map(|p| (p.partition_index, p.low_watermark, p.error_code))
                .collect();
            assert_eq!((topic.name, told), ("orders", vec![(3, 95, 0), (0, -1, 1)]));
        }
    }
}
