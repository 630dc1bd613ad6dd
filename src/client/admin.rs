//! Topics and their settings: what to ask, and what an answer means.
//!
//! Each function pair makes a request and reads its answer; who sends it, and where, is not known
//! here.

use super::{BrokerCode, ClientError};
use crate::protocol::kafka::messages as m;
use crate::types::TopicId;
use crate::wire::Array;
use std::time::Duration;

/// A topic to be made.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; none leaves it to the broker.
    pub partitions: Option<i32>,
    /// How many replicas; none leaves it to the broker.
    pub replication_factor: Option<i16>,
    /// Settings, by Kafka's names.
    pub configs: Vec<(String, String)>,
}

/// A topic that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its lasting identity; [`TopicId::NONE`] from old brokers.
    pub id: TopicId,
    /// How many partitions it has, if the broker told.
    pub partitions: Option<i32>,
    /// How many replicas, if the broker told.
    pub replication_factor: Option<i16>,
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// The setting's name.
    pub name: String,
    /// Its new value; none takes it back to its default.
    pub value: Option<String>,
}

/// One setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; none if the broker keeps it secret.
    pub value: Option<String>,
    /// Whether it was set for this topic, and is not just a default.
    pub is_set: bool,
}

const TOPIC: i8 = 2;
const SET: i8 = 0;
const DELETE: i8 = 1;
/// `config_source`: set for this very topic.
const DYNAMIC_TOPIC: i8 = 1;

fn millis(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

/// Asks for a topic to be made.
pub fn create_topic(topic: &NewTopic, timeout: Duration) -> m::CreateTopicsRequest<'_> {
    let configs = topic
        .configs
        .iter()
        .map(|(name, value)| m::CreatableTopicConfig {
            name,
            value: Some(value),
        });
    m::CreateTopicsRequest {
        topics: Array::from(vec![m::CreatableTopic {
            name: &topic.name,
            num_partitions: topic.partitions.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            configs: configs.collect(),
            ..Default::default()
        }]),
        timeout_ms: millis(timeout),
        validate_only: false,
    }
}

/// Reads whether it was.
///
/// # Errors
/// [`ClientError::Topic`].
pub fn created_topic(
    name: &str,
    response: &m::CreateTopicsResponse<'_>,
) -> Result<CreatedTopic, ClientError> {
    let result = response.topics.iter().find(|result| result.name == name);
    let result = result.ok_or_else(|| missing(name))?;
    check(name, result.error_code, result.error_message)?;
    Ok(CreatedTopic {
        id: TopicId::from_bytes(result.topic_id.into_bytes()),
        partitions: (result.num_partitions >= 0).then_some(result.num_partitions),
        replication_factor: (result.replication_factor >= 0).then_some(result.replication_factor),
    })
}

/// Asks for a topic to be deleted.
pub fn delete_topic(name: &str, timeout: Duration) -> m::DeleteTopicsRequest<'_> {
    m::DeleteTopicsRequest {
        topic_names: Array::from(vec![name]),
        timeout_ms: millis(timeout),
        ..Default::default()
    }
}

/// Reads whether it was.
///
/// # Errors
/// [`ClientError::Topic`].
pub fn deleted_topic(
    name: &str,
    response: &m::DeleteTopicsResponse<'_>,
) -> Result<(), ClientError> {
    let result = response
        .responses
        .iter()
        .find(|result| result.name == Some(name))
        .ok_or_else(|| missing(name))?;
    check(name, result.error_code, result.error_message)
}

/// Asks for a topic to have `count` partitions in all.
pub fn create_partitions(
    name: &str,
    count: i32,
    timeout: Duration,
) -> m::CreatePartitionsRequest<'_> {
    m::CreatePartitionsRequest {
        topics: Array::from(vec![m::CreatePartitionsTopic {
            name,
            count,
            assignments: None,
        }]),
        timeout_ms: millis(timeout),
        validate_only: false,
    }
}

/// Reads whether it has.
///
/// # Errors
/// [`ClientError::Topic`].
pub fn created_partitions(
    name: &str,
    response: &m::CreatePartitionsResponse<'_>,
) -> Result<(), ClientError> {
    let result = response.results.iter().find(|result| result.name == name);
    let result = result.ok_or_else(|| missing(name))?;
    check(name, result.error_code, result.error_message)
}

/// Asks for settings of a topic to be changed, and for those not named to stay (KIP-339).
pub fn alter_configs<'a>(
    name: &'a str,
    changes: &'a [ConfigChange],
) -> m::IncrementalAlterConfigsRequest<'a> {
    let configs = changes.iter().map(|change| m::AlterableConfig {
        name: &change.name,
        config_operation: if change.value.is_some() { SET } else { DELETE },
        value: change.value.as_deref(),
    });
    m::IncrementalAlterConfigsRequest {
        resources: Array::from(vec![m::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: name,
            configs: configs.collect(),
        }]),
        validate_only: false,
    }
}

/// Reads whether they were.
///
/// # Errors
/// [`ClientError::Topic`].
pub fn altered_configs(
    name: &str,
    response: &m::IncrementalAlterConfigsResponse<'_>,
) -> Result<(), ClientError> {
    let result = response
        .responses
        .iter()
        .find(|result| result.resource_type == TOPIC && result.resource_name == name)
        .ok_or_else(|| missing(name))?;
    check(name, result.error_code, result.error_message)
}

/// Asks for all settings of a topic.
pub fn describe_configs(name: &str) -> m::DescribeConfigsRequest<'_> {
    m::DescribeConfigsRequest {
        resources: Array::from(vec![m::DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: name,
            configuration_keys: None,
        }]),
        include_synonyms: false,
        include_documentation: false,
    }
}

/// Reads them, in the order of their names.
///
/// # Errors
/// [`ClientError::Topic`].
pub fn described_configs(
    name: &str,
    response: &m::DescribeConfigsResponse<'_>,
) -> Result<Vec<ConfigEntry>, ClientError> {
    let result = response
        .results
        .iter()
        .find(|result| result.resource_type == TOPIC && result.resource_name == name)
        .ok_or_else(|| missing(name))?;
    check(name, result.error_code, result.error_message)?;
    let mut configs: Vec<ConfigEntry> = result
        .configs
        .iter()
        .map(|config| ConfigEntry {
            name: config.name.to_owned(),
            value: config.value.map(str::to_owned),
            is_set: config.config_source == DYNAMIC_TOPIC,
        })
        .collect();
    configs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(configs)
}

fn check(topic: &str, code: i16, message: Option<&str>) -> Result<(), ClientError> {
    BrokerCode::new(code)
        .check()
        .map_err(|code| ClientError::Topic {
            topic: topic.to_owned(),
            code,
            message: message.map(str::to_owned),
        })
}

fn missing(topic: &str) -> ClientError {
    ClientError::Topic {
        topic: topic.to_owned(),
        code: BrokerCode::UNKNOWN_SERVER_ERROR,
        message: Some("the answer does not speak of it".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_the_broker_is_minus_one() {
        let topic = NewTopic {
            name: "t".into(),
            configs: vec![("retention.ms".into(), "1".into())],
            ..NewTopic::default()
        };
        let request = create_topic(&topic, Duration::from_secs(1));
        let asked = request.topics.iter().next().expect("one topic");
        assert_eq!((asked.num_partitions, asked.replication_factor), (-1, -1));
        assert_eq!(asked.configs.len(), 1);
        assert_eq!(request.timeout_ms, 1000);
    }

    #[test]
    fn refusals_carry_the_brokers_words() {
        let response = m::CreateTopicsResponse {
            topics: Array::from(vec![m::CreatableTopicResult {
                name: "t",
                error_code: 36,
                error_message: Some("Topic 't' already exists."),
                ..Default::default()
            }]),
            ..Default::default()
        };
        let error = created_topic("t", &response)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("TOPIC_ALREADY_EXISTS") && error.contains("Topic 't'"),
            "{error}"
        );
        assert!(created_topic("other", &response).is_err());
    }

    #[test]
    fn a_change_without_a_value_resets() {
        let changes = [
            ConfigChange {
                name: "a".into(),
                value: Some("1".into()),
            },
            ConfigChange {
                name: "b".into(),
                value: None,
            },
        ];
        let request = alter_configs("t", &changes);
        let resource = request.resources.iter().next().expect("one topic");
        let operations: Vec<i8> = resource
            .configs
            .iter()
            .map(|c| c.config_operation)
            .collect();
        assert_eq!(operations, [SET, DELETE]);
    }

    #[test]
    fn settings_are_sorted_and_marked() {
        let config = |name, config_source| m::DescribeConfigsResourceResult {
            name,
            config_source,
            ..Default::default()
        };
        let response = m::DescribeConfigsResponse {
            results: Array::from(vec![m::DescribeConfigsResult {
                resource_type: TOPIC,
                resource_name: "t",
                configs: Array::from(vec![config("b", 5), config("a", 1)]),
                ..Default::default()
            }]),
            ..Default::default()
        };
        let configs = described_configs("t", &response).expect("described");
        assert_eq!(
            configs.iter().map(|c| c.name.as_str()).collect::<String>(),
            "ab"
        );
        assert_eq!(
            configs.iter().map(|c| c.is_set).collect::<Vec<_>>(),
            [true, false]
        );
    }
}
