use super::answer::frame;
use super::describe_configs::{config_resource, kind_code};
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::{Call, Malformed};
use crate::broker::{AlterConfigsRequest, AlterConfigsResponse, ConfigChange, Part};
use crate::protocol::kafka::messages::{self, AlterConfigsResourceResponse, AlterableConfig};
use crate::wire::{Array, EncodeError, Message, Reader};

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<AlterConfigsRequest, Malformed> {
    let request = messages::IncrementalAlterConfigsRequest::decode(reader, version)?;
    let resources = Entries::new().list(&request.resources, |entries, resource| {
        let changes = entries.list(&resource.configs, |_, change| Ok(config_change(&change)))?;
        let thing = config_resource(resource.resource_type, resource.resource_name);
        Ok((thing, changes))
    })?;
    Ok(AlterConfigsRequest {
        resources,
        replace: false,
        validate_only: request.validate_only,
    })
}

/// Operations that do not exist are left to the broker to refuse.
fn config_change(change: &AlterableConfig<'_>) -> ConfigChange {
    let name = change.name.to_owned();
    match (change.config_operation, change.value.map(str::to_owned)) {
        (0, Some(value)) => ConfigChange::Set(name, value),
        (1, _) => ConfigChange::Delete(name),
        (2, Some(value)) => ConfigChange::Append(name, value),
        (3, Some(value)) => ConfigChange::Subtract(name, value),
        (0 | 2 | 3, None) => ConfigChange::SetNull(name),
        (code, _) => ConfigChange::Unknown(name, code),
    }
}

pub(super) fn encode(
    call: &Call,
    response: &AlterConfigsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let error_messages = error_messages(response);
    let response = messages::IncrementalAlterConfigsResponse {
        responses: resource_responses(response, &error_messages),
        ..messages::IncrementalAlterConfigsResponse::default()
    };
    frame(call, &response)
}

/// What went wrong with each resource, in words.
pub(super) fn error_messages(response: &AlterConfigsResponse) -> Vec<Option<String>> {
    let outcomes = response.resources.iter();
    outcomes
        .map(|(_, outcome)| outcome_message(outcome))
        .collect()
}

/// What became of each resource; the same in both requests that alter settings.
pub(super) fn resource_responses<'a>(
    response: &'a AlterConfigsResponse,
    error_messages: &'a [Option<String>],
) -> Array<'a, AlterConfigsResourceResponse<'a>> {
    let resources = response.resources.iter().zip(error_messages);
    let responses =
        resources.map(
            |((resource, outcome), error_message)| AlterConfigsResourceResponse {
                error_code: outcome_code(outcome),
                error_message: error_message.as_deref(),
                resource_type: kind_code(resource.kind),
                resource_name: &resource.name,
            },
        );
    responses.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Request, Response};
    use messages::AlterConfigsResource;

    #[test]
    fn changes_and_outcomes_pass_in_every_version() {
        for version in messages::IncrementalAlterConfigsRequest::VERSIONS {
            let change = |config_operation, value| AlterableConfig {
                name: "retention.ms",
                config_operation,
                value,
            };
            let request = messages::IncrementalAlterConfigsRequest {
                resources: vec![AlterConfigsResource {
                    resource_type: 2,
                    resource_name: "orders",
                    configs: vec![
                        change(0, Some("5")),
                        change(1, None),
                        change(2, Some("x")),
                        change(3, Some("x")),
                        change(3, None),
                        change(4, Some("x")),
                    ]
                    .into(),
                }]
                .into(),
                validate_only: true,
            };
            let (call, Request::AlterConfigs(alter)) = parsed(&request, version) else {
                panic!("an alter-configs request expected");
            };
            assert!(alter.validate_only);
            let (resource, changes) = &alter.resources[0];
            assert_eq!(*resource, config_resource(2, "orders"));
            let name = || "retention.ms".to_owned();
            assert_eq!(
                *changes,
                [
                    ConfigChange::Set(name(), "5".to_owned()),
                    ConfigChange::Delete(name()),
                    ConfigChange::Append(name(), "x".to_owned()),
                    ConfigChange::Subtract(name(), "x".to_owned()),
                    ConfigChange::SetNull(name()),
                    ConfigChange::Unknown(name(), 4),
                ]
            );

            let invalid = BrokerError::InvalidConfig("retention.ms".to_owned());
            let response = Response::AlterConfigs(AlterConfigsResponse {
                resources: vec![(resource.clone(), Err(invalid))],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::IncrementalAlterConfigsResponse<'_> = read(&bytes, version);
            let result = response.responses.iter().next().expect("one thing");
            assert_eq!((result.error_code, result.resource_name), (40, "orders"));
            assert!(result.error_message.expect("told").contains("retention.ms"));
        }
    }
}
