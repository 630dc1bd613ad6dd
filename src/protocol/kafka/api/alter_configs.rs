//! AlterConfigs: a resource's settings are replaced as a whole.

use super::answer::frame;
use super::describe_configs::config_resource;
use super::entries::Entries;
use super::incremental_alter_configs::{error_messages, resource_responses};
use super::{Call, Malformed};
use crate::broker::{AlterConfigsRequest, AlterConfigsResponse, ConfigChange, Part};
use crate::protocol::kafka::messages;
use crate::wire::{EncodeError, Message, Reader};

/// What is not named returns to its default.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<AlterConfigsRequest, Malformed> {
    let request = messages::AlterConfigsRequest::decode(reader, version)?;
    let resources = Entries::new().list(&request.resources, |entries, resource| {
        let changes = entries.list(&resource.configs, |_, config| {
            let name = config.name.to_owned();
            Ok(match config.value {
                Some(value) => ConfigChange::Set(name, value.to_owned()),
                None => ConfigChange::SetNull(name),
            })
        })?;
        let thing = config_resource(resource.resource_type, resource.resource_name);
        Ok((thing, changes))
    })?;
    Ok(AlterConfigsRequest {
        resources,
        replace: true,
        validate_only: request.validate_only,
    })
}

pub(super) fn encode(
    call: &Call,
    response: &AlterConfigsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let error_messages = error_messages(response);
    let response = messages::AlterConfigsResponse {
        responses: resource_responses(response, &error_messages),
        ..messages::AlterConfigsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use messages::{ReplaceConfigsResource, ReplaceableConfig};

    #[test]
    fn settings_and_outcomes_pass_in_every_version() {
        for version in messages::AlterConfigsRequest::VERSIONS {
            let config = |name, value| ReplaceableConfig { name, value };
            let request = messages::AlterConfigsRequest {
                resources: vec![ReplaceConfigsResource {
                    resource_type: 2,
                    resource_name: "orders",
                    configs: vec![
                        config("retention.ms", Some("5")),
                        config("segment.bytes", None),
                    ]
                    .into(),
                }]
                .into(),
                validate_only: false,
            };
            let (call, Request::AlterConfigs(alter)) = parsed(&request, version) else {
                panic!("an alter-configs request expected");
            };
            assert!(alter.replace && !alter.validate_only);
            let (resource, changes) = &alter.resources[0];
            assert_eq!(
                *changes,
                [
                    ConfigChange::Set("retention.ms".to_owned(), "5".to_owned()),
                    ConfigChange::SetNull("segment.bytes".to_owned()),
                ]
            );

            let response = Response::AlterConfigs(AlterConfigsResponse {
                resources: vec![(resource.clone(), Ok(()))],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::AlterConfigsResponse<'_> = read(&bytes, version);
            let result = response.responses.iter().next().expect("one thing");
            assert_eq!((result.error_code, result.error_message), (0, None));
            assert_eq!((result.resource_type, result.resource_name), (2, "orders"));
        }
    }
}
