use super::offsets_topic::{check_alteration, is_offsets_topic};
use super::{BrokerError, Context, TopicRef};
use crate::topic::{Catalog, Topic, TopicSettings};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Kafka's code of settings that are lists.
const LIST: i8 = 7;

/// What a setting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// A topic (Kafka's code 2).
    Topic,
    /// A node (Kafka's code 4).
    Broker,
    /// Anything else, by Kafka's code.
    Other(i8),
}

/// A thing with settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// The topic's name or the node's id.
    pub name: String,
}

/// Read settings.
#[derive(Debug, Clone)]
pub struct DescribeConfigsRequest {
    /// Of what, and which (all if `None`).
    pub resources: Vec<(ConfigResource, Option<Vec<String>>)>,
}

/// One result per resource, in order.
#[derive(Debug, Clone)]
pub struct DescribeConfigsResponse {
    /// The settings of each.
    pub resources: Vec<(ConfigResource, Result<Vec<ConfigEntry>, BrokerError>)>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on this topic (Kafka's code 1).
    Topic,
    /// The configuration file or command line (Kafka's code 4).
    StaticBroker,
    /// Nobody set it (Kafka's code 5).
    Default,
}

/// One setting and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name, Kafka's where Kafka has one.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// What it would be if it were not set, if that is known.
    pub default: Option<String>,
    /// Whether it cannot be changed while the broker runs.
    pub read_only: bool,
    /// Kafka's code of its type (1 boolean, 2 string, 3 int, 5 long, 7 list).
    pub kind: i8,
    /// What it does.
    pub documentation: String,
}

/// Change settings one by one (KIP-339), or all of a resource at once.
#[derive(Debug, Clone)]
pub struct AlterConfigsRequest {
    /// The changes of each resource; all of one resource or none.
    pub resources: Vec<(ConfigResource, Vec<ConfigChange>)>,
    /// Whether what is not named returns to its default.
    pub replace: bool,
    /// Check only.
    pub validate_only: bool,
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Give it this value.
    Set(String, String),
    /// Give it no value at all, which is refused.
    SetNull(String),
    /// Back to the default.
    Delete(String),
    /// Add these words, separated by commas, to a list.
    Append(String, String),
    /// Take these words out of a list.
    Subtract(String, String),
    /// An operation that does not exist, by its code; it is refused.
    Unknown(String, i8),
}

/// One result per resource, in order.
#[derive(Debug, Clone)]
pub struct AlterConfigsResponse {
    /// What came of each.
    pub resources: Vec<(ConfigResource, Result<(), BrokerError>)>,
}

impl ConfigChange {
    fn name(&self) -> &str {
        match self {
            Self::SetNull(name) | Self::Delete(name) => name,
            Self::Set(name, _)
            | Self::Append(name, _)
            | Self::Subtract(name, _)
            | Self::Unknown(name, _) => name,
        }
    }
}

impl DescribeConfigsRequest {
    /// Reads the settings from the catalog.
    pub fn answer(self, context: &Context<'_>) -> DescribeConfigsResponse {
        let resources = self.resources.into_iter().map(|(resource, wanted)| {
            let entries = match resource.kind {
                ResourceKind::Topic => context
                    .topic(&TopicRef::Name(resource.name.clone()))
                    .map(|topic| entries(&topic.settings, wanted.as_deref())),
                // What holds for all brokers and can be changed while they run: nothing.
                ResourceKind::Broker if resource.name.is_empty() => Ok(Vec::new()),
                ResourceKind::Broker => check_node(context, &resource.name)
                    .map(|()| broker_entries(context, wanted.as_deref())),
                ResourceKind::Other(code) => Err(no_settings(code)),
            };
            (resource, entries)
        });
        DescribeConfigsResponse {
            resources: resources.collect(),
        }
    }
}

impl AlterConfigsRequest {
    /// Changes the settings in a draft of the next catalog.
    pub fn apply(&self, catalog: &mut Catalog) -> AlterConfigsResponse {
        let mentions = self.mentions();
        let resources = self.resources.iter().map(|(resource, changes)| {
            let changed = match resource.kind {
                _ if mentions.get(resource) != Some(&1) => Err(BrokerError::InvalidRequest(
                    "each resource may be changed once per request".into(),
                )),
                ResourceKind::Topic => changed(catalog, &resource.name, changes, self.replace),
                ResourceKind::Broker => Err(BrokerError::InvalidRequest(
                    "a broker's settings are changed in its configuration file".into(),
                )),
                ResourceKind::Other(code) => Err(no_settings(code)),
            };
            let result = changed.map(|topic| {
                if !self.validate_only {
                    catalog.put(topic);
                }
            });
            (resource.clone(), result)
        });
        AlterConfigsResponse {
            resources: resources.collect(),
        }
    }

    /// How often each resource is named.
    fn mentions(&self) -> FxHashMap<&ConfigResource, usize> {
        let mut mentions = FxHashMap::default();
        for (resource, _) in &self.resources {
            *mentions.entry(resource).or_default() += 1;
        }
        mentions
    }
}

fn changed(
    catalog: &Catalog,
    name: &str,
    changes: &[ConfigChange],
    replace: bool,
) -> Result<Topic, BrokerError> {
    let topic = catalog
        .by_name(name)
        .ok_or(BrokerError::UnknownTopicOrPartition)?;
    let mut overrides = topic.settings.overrides().clone();
    if replace {
        overrides.clear();
    }
    let mut named = FxHashSet::default();
    for change in changes {
        if !named.insert(change.name()) {
            let problem = format!("{:?} is changed twice", change.name());
            return Err(BrokerError::InvalidRequest(problem));
        }
        match change {
            ConfigChange::Set(name, value) => {
                overrides.insert(name.clone(), value.clone());
            }
            ConfigChange::SetNull(name) => {
                let problem = format!("{name:?} needs a value");
                return Err(BrokerError::InvalidRequest(problem));
            }
            ConfigChange::Delete(name) => {
                overrides.remove(name);
            }
            ConfigChange::Append(name, words) => {
                let mut list = list(&overrides, name)?;
                for word in words.split(',') {
                    if !list.iter().any(|known| known == word) {
                        list.push(word.to_owned());
                    }
                }
                overrides.insert(name.clone(), list.join(","));
            }
            ConfigChange::Subtract(name, words) => {
                let mut list = list(&overrides, name)?;
                list.retain(|known| !words.split(',').any(|word| word == known));
                overrides.insert(name.clone(), list.join(","));
            }
            ConfigChange::Unknown(name, code) => {
                let problem = format!("there is no operation {code} to change {name:?} with");
                return Err(BrokerError::InvalidRequest(problem));
            }
        }
    }
    if is_offsets_topic(name) {
        check_alteration(&overrides)?;
    }
    let settings = TopicSettings::new(overrides)
        .map_err(|error| BrokerError::InvalidConfig(error.to_string()))?;
    Ok(Topic {
        settings,
        ..topic.as_ref().clone()
    })
}

/// The words of a setting that is a list, by itself or by default.
fn list(overrides: &BTreeMap<String, String>, name: &str) -> Result<Vec<String>, BrokerError> {
    let mut definitions = TopicSettings::definitions().iter();
    let definition = definitions.find(|known| known.name == name && known.kind == LIST);
    let definition = definition.ok_or_else(|| {
        BrokerError::InvalidConfig(format!("{name:?} is not a list that can be edited"))
    })?;
    let value = overrides
        .get(name)
        .map_or(definition.default, String::as_str);
    let words = value.split(',').filter(|word| !word.is_empty());
    Ok(words.map(|word| word.trim().to_owned()).collect())
}

fn no_settings(code: i8) -> BrokerError {
    BrokerError::InvalidRequest(format!("resource type {code} has no settings here"))
}

/// A topic's settings as entries, all of them or those wanted.
pub(super) fn entries(settings: &TopicSettings, wanted: Option<&[String]>) -> Vec<ConfigEntry> {
    let definitions = TopicSettings::definitions().iter();
    let chosen = definitions.filter(|definition| is_wanted(definition.name, wanted));
    let entry = chosen.map(|definition| {
        let set = settings.overrides().get(definition.name);
        let source = if set.is_some() {
            ConfigSource::Topic
        } else {
            ConfigSource::Default
        };
        ConfigEntry {
            name: definition.name.to_owned(),
            value: set.map_or(definition.default, String::as_str).to_owned(),
            source,
            default: Some(definition.default.to_owned()),
            read_only: false,
            kind: definition.kind,
            documentation: definition.documentation.to_owned(),
        }
    });
    entry.collect()
}

fn check_node(context: &Context<'_>, name: &str) -> Result<(), BrokerError> {
    let nodes = context.cluster().nodes.into_iter();
    let mut ids = nodes.map(|endpoint| endpoint.node.to_string());
    if ids.any(|id| id == name) {
        return Ok(());
    }
    let problem = format!("there is no node {name:?}");
    Err(BrokerError::InvalidRequest(problem))
}

fn broker_entries(context: &Context<'_>, wanted: Option<&[String]>) -> Vec<ConfigEntry> {
    let config = context.config;
    let entry = |name: &str, kind, value: String, documentation: &str| ConfigEntry {
        name: name.to_owned(),
        value,
        source: ConfigSource::StaticBroker,
        default: None,
        read_only: true,
        kind,
        documentation: documentation.to_owned(),
    };
    let create = "Whether asking for an unknown topic makes it.";
    let partitions = "How many partitions a topic gets whose creator does not say.";
    let offsets = "How many partitions the topic gets that keeps consumer groups.";
    let frame = "The largest request accepted, in bytes.";
    let all = vec![
        entry(
            "auto.create.topics.enable",
            1,
            config.auto_create_topics.to_string(),
            create,
        ),
        entry(
            "num.partitions",
            3,
            config.default_partitions.to_string(),
            partitions,
        ),
        entry(
            "offsets.topic.num.partitions",
            3,
            config.offsets_topic_partitions.to_string(),
            offsets,
        ),
        entry(
            "socket.request.max.bytes",
            3,
            config.limits.frame_bytes_max.to_string(),
            frame,
        ),
    ];
    all.into_iter()
        .filter(|entry| is_wanted(&entry.name, wanted))
        .collect()
}

fn is_wanted(name: &str, wanted: Option<&[String]>) -> bool {
    wanted.is_none_or(|wanted| wanted.iter().any(|other| other == name))
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;

    fn describe(kind: ResourceKind, name: &str) -> Result<Vec<ConfigEntry>, BrokerError> {
        let fixture = Fixture::new(Nodes::PerCore);
        let name = name.to_owned();
        let resources = vec![(ConfigResource { kind, name }, None)];
        let answered = DescribeConfigsRequest { resources }.answer(&fixture.context(false));
        let first = answered.resources.into_iter().next();
        first.expect("one answer per resource").1
    }

    #[test]
    fn only_what_exists_has_settings() {
        assert!(describe(ResourceKind::Topic, "orders").is_ok());
        assert!(describe(ResourceKind::Broker, "1").is_ok());
        assert_eq!(describe(ResourceKind::Broker, ""), Ok(Vec::new()));
        for (kind, name) in [
            (ResourceKind::Topic, "nothing"),
            (ResourceKind::Broker, "2"),
            (ResourceKind::Other(8), "loggers"),
        ] {
            assert!(describe(kind, name).is_err(), "{kind:?} {name:?}");
        }
    }

    fn alter(
        fixture: &mut Fixture,
        names: &[&str],
        changes: Vec<ConfigChange>,
        replace: bool,
    ) -> Vec<Result<(), BrokerError>> {
        let resources = names.iter().map(|name| {
            let name = (*name).to_owned();
            let kind = ResourceKind::Topic;
            (ConfigResource { kind, name }, changes.clone())
        });
        let request = AlterConfigsRequest {
            resources: resources.collect(),
            replace,
            validate_only: false,
        };
        let response = request.apply(&mut fixture.catalog);
        response.resources.into_iter().map(|(_, r)| r).collect()
    }

    fn set_on_orders(fixture: &Fixture) -> Vec<String> {
        let topic = fixture.catalog.by_name("orders").expect("it is there");
        topic.settings.overrides().keys().cloned().collect()
    }

    #[test]
    fn replacing_returns_what_is_not_named_to_its_default() {
        let mut fixture = Fixture::new(Nodes::Single);
        let set = |name: &str, value: &str| ConfigChange::Set(name.to_owned(), value.to_owned());
        let both = vec![set("retention.ms", "5"), set("segment.bytes", "1048576")];
        assert_eq!(alter(&mut fixture, &["orders"], both, false), [Ok(())]);
        let one = vec![set("retention.ms", "6")];
        assert_eq!(
            alter(&mut fixture, &["orders"], one.clone(), false),
            [Ok(())]
        );
        assert_eq!(set_on_orders(&fixture), ["retention.ms", "segment.bytes"]);
        assert_eq!(alter(&mut fixture, &["orders"], one, true), [Ok(())]);
        assert_eq!(set_on_orders(&fixture), ["retention.ms"]);
        assert_eq!(alter(&mut fixture, &["orders"], Vec::new(), true), [Ok(())]);
        assert!(set_on_orders(&fixture).is_empty());
    }

    #[test]
    fn nothing_changes_without_a_value_or_twice_in_a_request() {
        let mut fixture = Fixture::new(Nodes::Single);
        let is_refused = |results: Vec<Result<(), BrokerError>>| {
            results
                .iter()
                .all(|result| matches!(result, Err(BrokerError::InvalidRequest(_))))
        };
        for replace in [false, true] {
            let null = vec![ConfigChange::SetNull("retention.ms".to_owned())];
            assert!(is_refused(alter(&mut fixture, &["orders"], null, replace)));
            let twice = alter(&mut fixture, &["orders", "orders"], Vec::new(), replace);
            assert!(is_refused(twice));
            let set = |value: &str| ConfigChange::Set("retention.ms".to_owned(), value.to_owned());
            let both = alter(&mut fixture, &["orders"], vec![set("1"), set("2")], replace);
            assert!(is_refused(both));
        }
        assert!(set_on_orders(&fixture).is_empty());
    }

    #[test]
    fn lists_grow_and_shrink_and_nothing_else_does() {
        let mut fixture = Fixture::new(Nodes::Single);
        let policy = |fixture: &Fixture| {
            let topic = fixture.catalog.by_name("orders").expect("it is there");
            topic.settings.overrides().get("cleanup.policy").cloned()
        };
        let append = |name: &str, value: &str| ConfigChange::Append(name.into(), value.into());
        let subtract = |name: &str, value: &str| ConfigChange::Subtract(name.into(), value.into());
        let name = "cleanup.policy";
        for (change, wanted) in [
            (append(name, "compact"), "delete,compact"),
            (append(name, "compact,delete"), "delete,compact"),
            (subtract(name, "delete"), "compact"),
            (subtract(name, "delete"), "compact"),
            (append(name, "delete"), "compact,delete"),
        ] {
            let results = alter(&mut fixture, &["orders"], vec![change.clone()], false);
            assert_eq!(results, [Ok(())], "{change:?}");
            assert_eq!(policy(&fixture).as_deref(), Some(wanted), "{change:?}");
        }
        for change in [
            append(name, "shred"),
            append("retention.ms", "5"),
            subtract("retention.ms", "5"),
            append("no.such.setting", "5"),
        ] {
            let results = alter(&mut fixture, &["orders"], vec![change.clone()], false);
            let refused = matches!(results.as_slice(), [Err(BrokerError::InvalidConfig(_))]);
            assert!(refused, "{change:?}: {results:?}");
        }
        let unknown = vec![ConfigChange::Unknown(name.to_owned(), 9)];
        let results = alter(&mut fixture, &["orders"], unknown, false);
        assert!(matches!(
            results.as_slice(),
            [Err(BrokerError::InvalidRequest(_))]
        ));
        assert_eq!(policy(&fixture).as_deref(), Some("compact,delete"));
    }
}
