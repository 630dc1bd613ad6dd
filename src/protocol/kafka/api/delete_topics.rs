use super::answer::frame;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::topic::{topic_ref_either, uuid};
use super::{Call, Malformed};
use crate::broker::{DeleteTopicsRequest, DeleteTopicsResponse, Part, TopicRef};
use crate::protocol::kafka::messages::{self, DeletableTopicResult};
use crate::wire::{EncodeError, Message, Reader};

/// The first version that may name topics by id, and has nameless ones in the answer.
const TOPIC_IDS_FROM: i16 = 6;

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<DeleteTopicsRequest, Malformed> {
    let request = messages::DeleteTopicsRequest::decode(reader, version)?;
    let mut entries = Entries::new();
    let mut ambiguous = Vec::new();
    let topics = if version >= TOPIC_IDS_FROM {
        entries.list(&request.topics, |_, topic| {
            if topic.name.is_none() == topic.topic_id.is_nil() {
                ambiguous.push(topic.name.map(str::to_owned));
                return Ok(None);
            }
            Ok(Some(topic_ref_either(topic.name, topic.topic_id)))
        })
    } else {
        entries.list(&request.topic_names, |_, name| {
            Ok(Some(TopicRef::Name(name.to_owned())))
        })
    };
    Ok(DeleteTopicsRequest {
        topics: topics?.into_iter().flatten().collect(),
        ambiguous,
    })
}

pub(super) fn encode(
    call: &Call,
    response: &DeleteTopicsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.topics.iter();
    let error_messages: Vec<_> = topics.map(|topic| outcome_message(&topic.result)).collect();
    let topics = response.topics.iter().zip(&error_messages);
    let responses = topics.map(|(topic, error_message)| {
        let name = topic.name.as_deref();
        DeletableTopicResult {
            name: if call.version() < TOPIC_IDS_FROM {
                Some(name.unwrap_or_default())
            } else {
                name
            },
            topic_id: uuid(topic.id),
            error_code: outcome_code(&topic.result),
            error_message: error_message.as_deref(),
        }
    });
    let response = messages::DeleteTopicsResponse {
        responses: responses.collect(),
        ..messages::DeleteTopicsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, DeletedTopic, Request, Response};
    use crate::types::TopicId;
    use messages::DeleteTopicState;
    use uuid::Uuid;

    const ID: [u8; 16] = [2; 16];

    fn request(version: i16) -> messages::DeleteTopicsRequest<'static> {
        let named = DeleteTopicState {
            name: Some("orders"),
            topic_id: Uuid::nil(),
        };
        let by_id = DeleteTopicState {
            name: None,
            topic_id: Uuid::from_bytes(ID),
        };
        let states = if version < 6 {
            vec![]
        } else {
            vec![named, by_id]
        };
        messages::DeleteTopicsRequest {
            topics: states.into(),
            topic_names: vec!["orders"].into(),
            timeout_ms: 0,
        }
    }

    #[test]
    fn topics_are_named_as_the_version_does() {
        for version in messages::DeleteTopicsRequest::VERSIONS {
            let (_, Request::DeleteTopics(delete)) = parsed(&request(version), version) else {
                panic!("a delete-topics request expected");
            };
            let mut expected = vec![TopicRef::Name("orders".to_owned())];
            if version >= 6 {
                expected.push(TopicRef::Id(TopicId::from_bytes(ID)));
            }
            assert_eq!(delete.topics, expected);
            assert!(delete.ambiguous.is_empty());
        }
    }

    #[test]
    fn a_name_and_an_id_at_once_are_told_apart() {
        let both = DeleteTopicState {
            name: Some("orders"),
            topic_id: Uuid::from_bytes(ID),
        };
        let neither = DeleteTopicState {
            name: None,
            topic_id: Uuid::nil(),
        };
        let request = messages::DeleteTopicsRequest {
            topics: vec![both, neither].into(),
            topic_names: vec![].into(),
            timeout_ms: 0,
        };
        let (_, Request::DeleteTopics(delete)) = parsed(&request, 6) else {
            panic!("a delete-topics request expected");
        };
        assert!(delete.topics.is_empty());
        assert_eq!(delete.ambiguous, [Some("orders".to_owned()), None]);
    }

    #[test]
    fn outcomes_are_told_in_every_version() {
        for version in messages::DeleteTopicsRequest::VERSIONS {
            let (call, _) = parsed(&request(version), version);
            let response = Response::DeleteTopics(DeleteTopicsResponse {
                topics: vec![
                    DeletedTopic {
                        name: Some("orders".to_owned()),
                        id: TopicId::from_bytes(ID),
                        result: Ok(()),
                    },
                    DeletedTopic {
                        name: None,
                        id: TopicId::from_bytes(ID),
                        result: Err(BrokerError::UnknownTopicId),
                    },
                ],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::DeleteTopicsResponse<'_> = read(&bytes, version);
            let topics: Vec<_> = response.responses.iter().collect();
            assert_eq!((topics[0].name, topics[0].error_code), (Some("orders"), 0));
            assert_eq!(topics[0].topic_id.is_nil(), version < 6);
            assert_eq!(topics[1].error_code, 100);
            assert_eq!(topics[1].name, (version < 6).then_some(""));
            assert_eq!(topics[1].error_message.is_some(), version >= 5);
        }
    }
}
