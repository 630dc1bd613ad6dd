use super::answer::frame;
use super::describe_configs::source_code;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::topic::uuid;
use super::{Call, Malformed};
use crate::broker::{
    AssignmentGap, ConfigEntry, CreateTopicsRequest, CreateTopicsResponse, CreatedTopic, Part,
    TopicWanted,
};
use crate::protocol::kafka::messages::{self, CreatableTopicConfigs, CreatableTopicResult};
use crate::wire::{Array, EncodeError, Message, Reader};

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<CreateTopicsRequest, Malformed> {
    let request = messages::CreateTopicsRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |entries, topic| {
        let settings = entries.list(&topic.configs, |_, setting| {
            Ok((setting.name.to_owned(), setting.value.map(str::to_owned)))
        })?;
        let mut assigned = entries.list(&topic.assignments, |_, assignment| {
            Ok((assignment.partition_index, assignment.broker_ids.len()))
        })?;
        assigned.sort_unstable();
        let fit = (0..)
            .zip(&assigned)
            .all(|(next, (index, brokers))| *index == next && *brokers > 0);
        Ok(TopicWanted {
            name: topic.name.to_owned(),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            assigned_partitions: match i32::try_from(assigned.len()) {
                Ok(0) => None,
                Ok(partitions) if fit => Some(Ok(partitions)),
                _ => Some(Err(AssignmentGap)),
            },
            settings,
        })
    })?;
    Ok(CreateTopicsRequest {
        topics,
        validate_only: request.validate_only,
    })
}

pub(super) fn encode(
    call: &Call,
    response: &CreateTopicsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.topics.iter();
    let error_messages: Vec<_> = topics
        .map(|(_, outcome)| outcome_message(outcome))
        .collect();
    let topics = response.topics.iter().zip(&error_messages);
    let topics = topics.map(|((name, outcome), error_message)| {
        let result = CreatableTopicResult {
            name,
            error_code: outcome_code(outcome),
            error_message: error_message.as_deref(),
            configs: Some(Array::default()),
            ..CreatableTopicResult::default()
        };
        match outcome {
            Ok(created) => with_layout(result, created),
            Err(_) => result,
        }
    });
    let response = messages::CreateTopicsResponse {
        topics: topics.collect(),
        ..messages::CreateTopicsResponse::default()
    };
    frame(call, &response)
}

/// Each partition has one copy, whatever replication factor was asked for.
fn with_layout<'a>(
    result: CreatableTopicResult<'a>,
    created: &'a CreatedTopic,
) -> CreatableTopicResult<'a> {
    let settings = created.settings.iter().map(encode_setting);
    CreatableTopicResult {
        topic_id: uuid(created.id),
        num_partitions: created.partitions,
        replication_factor: 1,
        configs: Some(settings.collect()),
        ..result
    }
}

fn encode_setting(setting: &ConfigEntry) -> CreatableTopicConfigs<'_> {
    CreatableTopicConfigs {
        name: &setting.name,
        value: Some(&setting.value),
        read_only: setting.read_only,
        config_source: source_code(setting.source),
        is_sensitive: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, ConfigSource, Request, Response};
    use crate::types::TopicId;
    use messages::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};

    fn request() -> messages::CreateTopicsRequest<'static> {
        messages::CreateTopicsRequest {
            topics: vec![
                CreatableTopic {
                    name: "orders",
                    num_partitions: 4,
                    replication_factor: 3,
                    configs: vec![CreatableTopicConfig {
                        name: "retention.ms",
                        value: Some("1000"),
                    }]
                    .into(),
                    ..CreatableTopic::default()
                },
                CreatableTopic {
                    name: "placed",
                    num_partitions: -1,
                    replication_factor: -1,
                    assignments: placements(&[(1, 1), (0, 2)]),
                    ..CreatableTopic::default()
                },
            ]
            .into(),
            validate_only: true,
            ..messages::CreateTopicsRequest::default()
        }
    }

    /// Partitions, and on how many brokers each is to be.
    fn placements(placed: &[(i32, usize)]) -> Array<'static, CreatableReplicaAssignment<'static>> {
        let placed = placed
            .iter()
            .map(|(index, brokers)| CreatableReplicaAssignment {
                partition_index: *index,
                broker_ids: vec![0; *brokers].into(),
            });
        placed.collect::<Vec<_>>().into()
    }

    #[test]
    fn placed_partitions_are_those_from_zero_on() {
        for (placed, expected) in [
            (&[(0, 1)][..], Ok(1)),
            (&[(1, 1)], Err(AssignmentGap)),
            (&[(0, 1), (0, 1)], Err(AssignmentGap)),
            (&[(0, 0)], Err(AssignmentGap)),
            (&[(-1, 1), (0, 1)], Err(AssignmentGap)),
        ] {
            let topic = CreatableTopic {
                name: "placed",
                num_partitions: -1,
                replication_factor: -1,
                assignments: placements(placed),
                ..CreatableTopic::default()
            };
            let request = messages::CreateTopicsRequest {
                topics: vec![topic].into(),
                ..messages::CreateTopicsRequest::default()
            };
            let (_, Request::CreateTopics(create)) = parsed(&request, 7) else {
                panic!("a create-topics request expected");
            };
            assert_eq!(create.topics[0].assigned_partitions, Some(expected));
        }
    }

    #[test]
    fn wishes_are_understood_in_every_version() {
        for version in messages::CreateTopicsRequest::VERSIONS {
            let (_, Request::CreateTopics(create)) = parsed(&request(), version) else {
                panic!("a create-topics request expected");
            };
            assert!(create.validate_only);
            let [orders, placed] = create.topics.as_slice() else {
                panic!("two topics expected");
            };
            assert_eq!((orders.name.as_str(), orders.partitions), ("orders", 4));
            assert_eq!(
                (orders.replication_factor, orders.assigned_partitions),
                (3, None)
            );
            let setting = ("retention.ms".to_owned(), Some("1000".to_owned()));
            assert_eq!(orders.settings, [setting]);
            assert_eq!(
                (placed.partitions, placed.assigned_partitions),
                (-1, Some(Ok(2)))
            );
        }
    }

    #[test]
    fn outcomes_are_told_in_every_version() {
        for version in messages::CreateTopicsRequest::VERSIONS {
            let (call, _) = parsed(&request(), version);
            let created = CreatedTopic {
                id: TopicId::from_bytes([1; 16]),
                partitions: 4,
                settings: vec![ConfigEntry {
                    name: "retention.ms".to_owned(),
                    value: "1000".to_owned(),
                    source: ConfigSource::Topic,
                    default: None,
                    read_only: false,
                    kind: 5,
                    documentation: String::new(),
                }],
            };
            let exists = BrokerError::TopicExists("placed".to_owned());
            let response = Response::CreateTopics(CreateTopicsResponse {
                topics: vec![
                    ("orders".to_owned(), Ok(created)),
                    ("placed".to_owned(), Err(exists)),
                ],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::CreateTopicsResponse<'_> = read(&bytes, version);
            let topics: Vec<_> = response.topics.iter().collect();
            assert_eq!((topics[0].name, topics[0].error_code), ("orders", 0));
            assert_eq!(topics[0].error_message, None);
            let layout = (topics[0].num_partitions, topics[0].replication_factor);
            assert_eq!(layout, if version < 5 { (-1, -1) } else { (4, 1) });
            assert_eq!(topics[0].topic_id.is_nil(), version < 7);
            if version >= 5 {
                let configs = topics[0].configs.as_ref().expect("told from 5 on");
                let setting = configs.iter().next().expect("one setting");
                assert_eq!((setting.name, setting.config_source), ("retention.ms", 1));
            }
            assert_eq!((topics[1].name, topics[1].error_code), ("placed", 36));
            assert!(topics[1].error_message.expect("told").contains("placed"));
        }
    }
}
