use super::answer::frame;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::{Call, Malformed};
use crate::broker::{CreatePartitionsRequest, CreatePartitionsResponse, Part, PartitionsWanted};
use crate::protocol::kafka::messages::{self, CreatePartitionsTopicResult};
use crate::wire::{EncodeError, Message, Reader};

/// Where the client would place the partitions is not asked: the core follows from their number.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<CreatePartitionsRequest, Malformed> {
    let request = messages::CreatePartitionsRequest::decode(reader, version)?;
    let topics = Entries::new().list(&request.topics, |_, topic| {
        Ok(PartitionsWanted {
            name: topic.name.to_owned(),
            count: topic.count,
        })
    })?;
    Ok(CreatePartitionsRequest {
        topics,
        validate_only: request.validate_only,
    })
}

pub(super) fn encode(
    call: &Call,
    response: &CreatePartitionsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let topics = response.topics.iter();
    let error_messages: Vec<_> = topics
        .map(|(_, outcome)| outcome_message(outcome))
        .collect();
    let topics = response.topics.iter().zip(&error_messages);
    let results = topics.map(
        |((name, outcome), error_message)| CreatePartitionsTopicResult {
            name,
            error_code: outcome_code(outcome),
            error_message: error_message.as_deref(),
        },
    );
    let response = messages::CreatePartitionsResponse {
        results: results.collect(),
        ..messages::CreatePartitionsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Request, Response};
    use messages::CreatePartitionsTopic;

    #[test]
    fn wishes_and_outcomes_pass_in_every_version() {
        for version in messages::CreatePartitionsRequest::VERSIONS {
            let request = messages::CreatePartitionsRequest {
                topics: vec![CreatePartitionsTopic {
                    name: "orders",
                    count: 12,
                    assignments: None,
                }]
                .into(),
                validate_only: true,
                ..messages::CreatePartitionsRequest::default()
            };
            let (call, Request::CreatePartitions(create)) = parsed(&request, version) else {
                panic!("a create-partitions request expected");
            };
            assert!(create.validate_only);
            let wanted = &create.topics[0];
            assert_eq!((wanted.name.as_str(), wanted.count), ("orders", 12));

            let fewer = BrokerError::InvalidPartitions("12 is not more than 16".to_owned());
            let response = Response::CreatePartitions(CreatePartitionsResponse {
                topics: vec![("a".to_owned(), Ok(())), ("orders".to_owned(), Err(fewer))],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::CreatePartitionsResponse<'_> = read(&bytes, version);
            let results: Vec<_> = response.results.iter().collect();
            assert_eq!((results[0].name, results[0].error_code), ("a", 0));
            assert_eq!((results[1].name, results[1].error_code), ("orders", 37));
            assert!(
                results[1]
                    .error_message
                    .expect("told")
                    .contains("12 is not")
            );
        }
    }
}
