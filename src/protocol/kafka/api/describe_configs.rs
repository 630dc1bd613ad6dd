use super::answer::frame;
use super::call::SettingsDetail;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::{Call, Malformed};
use crate::broker::{
    ConfigEntry, ConfigResource, ConfigSource, DescribeConfigsRequest, DescribeConfigsResponse,
    Part, ResourceKind,
};
use crate::protocol::kafka::messages::{
    self, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::wire::{EncodeError, Message, Reader};
use rustc_hash::FxHashSet;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// The first version that tells what a setting means (KIP-569).
const DOCUMENTATION_FROM: i16 = 3;

/// Also tells in how much detail to answer. A thing that is asked for more than once is described
/// once, so that a short request cannot ask for a long answer.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<(DescribeConfigsRequest, SettingsDetail), Malformed> {
    let request = messages::DescribeConfigsRequest::decode(reader, version)?;
    let mut resources = Entries::new().list(&request.resources, |entries, resource| {
        let keys = match &resource.configuration_keys {
            Some(keys) => Some(entries.list(keys, |_, key| Ok(key.to_owned()))?),
            None => None,
        };
        let thing = config_resource(resource.resource_type, resource.resource_name);
        Ok((thing, keys))
    })?;
    let mut seen = FxHashSet::default();
    resources.retain(|(thing, _)| seen.insert((kind_code(thing.kind), thing.name.clone())));
    let detail = SettingsDetail {
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    };
    Ok((DescribeConfigsRequest { resources }, detail))
}

/// A thing with settings, as messages name it.
pub(super) fn config_resource(kind: i8, name: &str) -> ConfigResource {
    ConfigResource {
        kind: match kind {
            TOPIC => ResourceKind::Topic,
            BROKER => ResourceKind::Broker,
            other => ResourceKind::Other(other),
        },
        name: name.to_owned(),
    }
}

/// What a thing with settings is, in Kafka's numbers.
pub(super) fn kind_code(kind: ResourceKind) -> i8 {
    match kind {
        ResourceKind::Topic => TOPIC,
        ResourceKind::Broker => BROKER,
        ResourceKind::Other(other) => other,
    }
}

/// Where a value comes from, in Kafka's numbers (KIP-226).
pub(super) fn source_code(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::StaticBroker => 4,
        ConfigSource::Default => 5,
    }
}

pub(super) fn encode(
    call: &Call,
    response: &DescribeConfigsResponse,
) -> Result<Vec<Part>, EncodeError> {
    let resources = response.resources.iter();
    let error_messages: Vec<_> = resources
        .map(|(_, outcome)| outcome_message(outcome))
        .collect();
    let resources = response.resources.iter().zip(&error_messages);
    let results = resources.map(|((resource, outcome), error_message)| {
        let settings = outcome.as_deref().unwrap_or_default().iter();
        DescribeConfigsResult {
            error_code: outcome_code(outcome),
            error_message: error_message.as_deref(),
            resource_type: kind_code(resource.kind),
            resource_name: &resource.name,
            configs: settings
                .map(|setting| encode_setting(setting, call))
                .collect(),
        }
    });
    let response = messages::DescribeConfigsResponse {
        results: results.collect(),
        ..messages::DescribeConfigsResponse::default()
    };
    frame(call, &response)
}

fn encode_setting<'a>(setting: &'a ConfigEntry, call: &Call) -> DescribeConfigsResourceResult<'a> {
    let documented = call.detail().documentation && call.version() >= DOCUMENTATION_FROM;
    let synonym = |value, source| DescribeConfigsSynonym {
        name: &setting.name,
        value: Some(value),
        source: source_code(source),
    };
    let mut synonyms = Vec::new();
    if call.detail().synonyms {
        synonyms.push(synonym(setting.value.as_str(), setting.source));
        if let (ConfigSource::Topic, Some(default)) = (setting.source, &setting.default) {
            synonyms.push(synonym(default, ConfigSource::Default));
        }
    }
    DescribeConfigsResourceResult {
        name: &setting.name,
        value: Some(&setting.value),
        read_only: setting.read_only,
        config_source: source_code(setting.source),
        is_sensitive: false,
        synonyms: synonyms.into_iter().collect(),
        config_type: setting.kind,
        documentation: documented.then_some(&setting.documentation),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Request, Response};
    use messages::DescribeConfigsResource;

    fn request(version: i16) -> messages::DescribeConfigsRequest<'static> {
        let topic = DescribeConfigsResource {
            resource_type: 2,
            resource_name: "orders",
            configuration_keys: Some(vec!["retention.ms"].into()),
        };
        let broker = DescribeConfigsResource {
            resource_type: 4,
            resource_name: "1",
            configuration_keys: None,
        };
        messages::DescribeConfigsRequest {
            resources: vec![topic.clone(), broker, topic].into(),
            include_synonyms: true,
            include_documentation: version >= 3,
        }
    }

    #[test]
    fn things_are_asked_for_once() {
        for version in messages::DescribeConfigsRequest::VERSIONS {
            let (_, Request::DescribeConfigs(describe)) = parsed(&request(version), version) else {
                panic!("a describe-configs request expected");
            };
            let [topic, broker] = describe.resources.as_slice() else {
                panic!("two things expected");
            };
            assert_eq!(topic.0, config_resource(2, "orders"));
            assert_eq!(topic.1, Some(vec!["retention.ms".to_owned()]));
            assert_eq!(broker.0.kind, ResourceKind::Broker);
            assert_eq!(broker.1, None);
        }
    }

    #[test]
    fn settings_are_told_in_the_asked_detail() {
        for version in messages::DescribeConfigsRequest::VERSIONS {
            let (call, _) = parsed(&request(version), version);
            let setting = ConfigEntry {
                name: "retention.ms".to_owned(),
                value: "1000".to_owned(),
                source: ConfigSource::Topic,
                default: Some("7".to_owned()),
                read_only: true,
                kind: 5,
                documentation: "how long".to_owned(),
            };
            let unknown = BrokerError::UnknownTopicOrPartition;
            let response = Response::DescribeConfigs(DescribeConfigsResponse {
                resources: vec![
                    (config_resource(2, "orders"), Ok(vec![setting])),
                    (config_resource(2, "nothing"), Err(unknown)),
                ],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::DescribeConfigsResponse<'_> = read(&bytes, version);
            let results: Vec<_> = response.results.iter().collect();
            assert_eq!(
                (results[0].resource_type, results[0].resource_name),
                (2, "orders")
            );
            let setting = results[0].configs.iter().next().expect("one setting");
            assert_eq!(
                (setting.name, setting.value),
                ("retention.ms", Some("1000"))
            );
            assert_eq!((setting.config_source, setting.read_only), (1, true));
            let synonyms: Vec<_> = setting.synonyms.iter().collect();
            let told = synonyms.iter().map(|s| (s.name, s.value, s.source));
            let (set, default) = (Some("1000"), Some("7"));
            let expected = [("retention.ms", set, 1), ("retention.ms", default, 5)];
            assert_eq!(told.collect::<Vec<_>>(), expected);
            assert_eq!(setting.config_type, if version < 3 { 0 } else { 5 });
            assert_eq!(setting.documentation, (version >= 3).then_some("how long"));
            assert_eq!((results[1].error_code, results[1].configs.len()), (3, 0));
        }
    }
}
