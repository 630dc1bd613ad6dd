use super::answer::frame;
use super::entries::Entries;
use super::topic::topic_fields;
use super::{Call, Malformed};
use crate::broker::{DescribeLogDirsRequest, DescribeLogDirsResponse, Part};
use crate::protocol::kafka::messages::{
    self, DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic, ErrorCode,
};
use crate::types::PartitionIndex;
use crate::wire::{EncodeError, Message, Reader};
use std::collections::BTreeMap;

/// The longest path that a field can hold, in bytes.
const PATH_BYTES_MAX: usize = i16::MAX as usize;

/// What is asked for more than once is told once.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<DescribeLogDirsRequest, Malformed> {
    let request = messages::DescribeLogDirsRequest::decode(reader, version)?;
    let Some(asked) = request.topics else {
        return Ok(DescribeLogDirsRequest { topics: None });
    };
    let asked = Entries::new().list(&asked, |entries, topic| {
        let partitions = entries.list(&topic.partitions, |_, index| Ok(PartitionIndex::new(index)));
        Ok((topic.topic.to_owned(), partitions?))
    })?;
    let mut topics = BTreeMap::<_, std::collections::BTreeSet<_>>::new();
    for (topic, partitions) in asked {
        topics.entry(topic).or_default().extend(partitions);
    }
    let topics = Some(topics);
    Ok(DescribeLogDirsRequest { topics })
}

pub(super) fn encode(
    call: &Call,
    response: &DescribeLogDirsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let topics = response.sizes.iter().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|(index, bytes)| {
            // The only copy is not behind any other.
            DescribeLogDirsPartition {
                partition_index: index.get(),
                partition_size: number(*bytes),
                offset_lag: 0,
                is_future_key: false,
            }
        });
        DescribeLogDirsTopic {
            name: topic_fields(topic).0,
            partitions: partitions.collect(),
        }
    });
    let volume = response.volume;
    let directory = &response.directory;
    let result = DescribeLogDirsResult {
        error_code: ErrorCode::None.code(),
        log_dir: &directory[..directory.floor_char_boundary(PATH_BYTES_MAX)],
        topics: topics.collect(),
        total_bytes: volume.map_or(-1, |volume| number(volume.total_bytes)),
        usable_bytes: volume.map_or(-1, |volume| number(volume.usable_bytes)),
        is_cordoned: false,
    };
    let response = messages::DescribeLogDirsResponse {
        results: vec![result].into(),
        ..messages::DescribeLogDirsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response, TopicRef};
    use crate::storage::Volume;
    use messages::DescribableLogDirTopic;

    fn asked(version: i16) -> (Call, DescribeLogDirsRequest) {
        let topic = |partitions: Vec<i32>| DescribableLogDirTopic {
            topic: "orders",
            partitions: partitions.into(),
        };
        let topics = vec![topic(vec![3, 1, 3]), topic(vec![2])];
        let request = messages::DescribeLogDirsRequest {
            topics: Some(topics.into()),
        };
        match parsed(&request, version) {
            (call, Request::DescribeLogDirs(request)) => (call, request),
            other => panic!("a describe-log-dirs request expected: {other:?}"),
        }
    }

    #[test]
    fn all_and_some_are_told_apart_and_asked_for_once() {
        for version in messages::DescribeLogDirsRequest::VERSIONS {
            let all = messages::DescribeLogDirsRequest { topics: None };
            let (_, Request::DescribeLogDirs(all)) = parsed(&all, version) else {
                panic!("a describe-log-dirs request expected");
            };
            assert_eq!(all.topics, None);
            let topics = asked(version).1.topics.expect("some");
            let partitions: Vec<_> = topics["orders"].iter().map(|index| index.get()).collect();
            assert_eq!(partitions, [1, 2, 3]);
        }
    }

    #[test]
    fn the_directory_and_its_volume_are_told_in_every_version() {
        for version in messages::DescribeLogDirsRequest::VERSIONS {
            let (call, _) = asked(version);
            let sizes = vec![(
                TopicRef::Name("orders".to_owned()),
                vec![(PartitionIndex::new(3), 500)],
            )];
            let volume = Some(Volume {
                total_bytes: u64::MAX,
                usable_bytes: 9,
            });
            let response = Response::DescribeLogDirs(DescribeLogDirsResponse {
                directory: "/var/lib/corelane".to_owned(),
                volume,
                sizes,
            });
            let bytes = response_bytes(&call, response);
            let response: messages::DescribeLogDirsResponse<'_> = read(&bytes, version);
            assert_eq!(response.results.len(), 1);
            let result = response.results.iter().next().expect("one directory");
            assert_eq!(result.log_dir, "/var/lib/corelane");
            let known = if version < 4 { (-1, -1) } else { (i64::MAX, 9) };
            assert_eq!((result.total_bytes, result.usable_bytes), known);
            let topic = result.topics.iter().next().expect("one topic");
            let partition = topic.partitions.iter().next().expect("one partition");
            assert_eq!((topic.name, partition.partition_index), ("orders", 3));
            assert_eq!((partition.partition_size, partition.offset_lag), (500, 0));
        }
    }
}
