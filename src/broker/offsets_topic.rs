//! The topic that keeps consumer groups: how the broker makes it, and what clients may not do to it.
//!
//! A group's place is its name's hash over the number of partitions, and its offsets are kept for
//! as long as it uses them. So clients neither delete the topic nor change how many partitions it
//! has or how long it keeps records; nor do they write to it.

use super::{BrokerError, CreateTopicsRequest, TopicWanted};
use crate::config::Config;
use crate::coordinator::OFFSETS_TOPIC;
use crate::topic::TopicSettings;
use std::collections::BTreeMap;

/// What decides how long a record is kept: as the broker made it, or not set at all.
const KEEPING: [&str; 3] = ["cleanup.policy", "retention.bytes", "retention.ms"];

/// The settings of the topic that the broker makes. Small segments, as Kafka has them.
const SETTINGS: [(&str, &str); 2] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "104857600"),
];

/// The settings of the topic that the broker makes.
pub fn offsets_topic_settings() -> TopicSettings {
    let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    TopicSettings::new(settings.into()).expect("its settings are valid")
}

/// The topic as the broker makes it.
pub(super) fn offsets_topic(config: &Config) -> TopicWanted {
    let settings = SETTINGS.map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
    TopicWanted {
        partitions: config.offsets_topic_partitions,
        settings: settings.into(),
        ..TopicWanted::with_defaults(OFFSETS_TOPIC.to_owned())
    }
}

/// The request that makes the topic, sent when a coordinator is asked for and there is none.
pub(super) fn creation(config: &Config) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: vec![offsets_topic(config)],
        validate_only: false,
    }
}

/// Whether that is the topic's name.
pub(super) fn is_offsets_topic(name: &str) -> bool {
    name == OFFSETS_TOPIC
}

impl TopicWanted {
    /// The topic as it is made: the broker's own gets the settings that it needs, whoever asks
    /// for it, and refuses others. How many partitions it has may be chosen.
    pub(super) fn as_made(&self, config: &Config) -> Result<Self, BrokerError> {
        if !is_offsets_topic(&self.name) {
            return Ok(self.clone());
        }
        let own = offsets_topic(config);
        if !self.settings.is_empty() && self.settings != own.settings {
            return Err(BrokerError::InternalTopic("settle how it is kept"));
        }
        let counted = self.partitions != -1 || self.assigned_partitions.is_some();
        Ok(Self {
            partitions: if counted {
                self.partitions
            } else {
                own.partitions
            },
            settings: own.settings,
            ..self.clone()
        })
    }
}

/// Whether the topic may have these settings instead of those that it has.
pub(super) fn check_alteration(overrides: &BTreeMap<String, String>) -> Result<(), BrokerError> {
    let own: BTreeMap<&str, &str> = SETTINGS.into();
    let kept = KEEPING
        .iter()
        .all(|name| overrides.get(*name).map(String::as_str) == own.get(name).copied());
    if kept {
        return Ok(());
    }
    let what = "change its cleanup.policy, retention.ms or retention.bytes";
    Err(BrokerError::InternalTopic(what))
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::super::{
        AlterConfigsRequest, ConfigChange, ConfigResource, CreatePartitionsRequest,
        DeleteTopicsRequest, PartitionsWanted, ResourceKind, TopicRef,
    };
    use super::*;
    use crate::config::Nodes;
    use crate::types::TopicId;

    fn make(fixture: &mut Fixture, wanted: TopicWanted) -> Result<i32, BrokerError> {
        let request = CreateTopicsRequest {
            topics: vec![wanted],
            validate_only: false,
        };
        let id = || TopicId::from_random_bytes([1; 16]);
        let made = request.apply(&mut fixture.catalog, &fixture.config, id);
        let (_, result) = made.topics.into_iter().next().expect("one");
        result.map(|made| made.partitions)
    }

    fn wanted(partitions: i32, settings: &[(&str, &str)]) -> TopicWanted {
        let settings = settings.iter();
        let settings =
            settings.map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        TopicWanted {
            partitions,
            settings: settings.collect(),
            ..TopicWanted::with_defaults(OFFSETS_TOPIC.to_owned())
        }
    }

    #[test]
    fn whoever_asks_for_it_gets_it_as_the_broker_makes_it() {
        for (asked, partitions) in [
            (wanted(-1, &[]), 50),
            (wanted(7, &[]), 7),
            (wanted(-1, &SETTINGS), 50),
        ] {
            let mut fixture = Fixture::new(Nodes::Single);
            assert_eq!(make(&mut fixture, asked), Ok(partitions));
            let topic = fixture.catalog.by_name(OFFSETS_TOPIC).expect("made");
            assert!(topic.settings.cleanup().compacts && !topic.settings.cleanup().deletes);
            assert_eq!(topic.settings.segment_bytes(), 104_857_600);
        }
        let mut fixture = Fixture::new(Nodes::Single);
        let refused = make(&mut fixture, wanted(-1, &[("retention.ms", "5")]));
        assert!(matches!(refused, Err(BrokerError::InternalTopic(_))));
    }

    #[test]
    fn clients_neither_delete_it_nor_change_its_partitions() {
        let mut fixture = Fixture::new(Nodes::Single);
        make(&mut fixture, wanted(-1, &[])).expect("made");
        let id = fixture.catalog.by_name(OFFSETS_TOPIC).expect("made").id;
        for topic in [TopicRef::Name(OFFSETS_TOPIC.to_owned()), TopicRef::Id(id)] {
            let request = DeleteTopicsRequest {
                topics: vec![topic],
                ambiguous: Vec::new(),
            };
            let deleted = request.apply(&mut fixture.catalog);
            let result = &deleted.topics[0].result;
            assert!(matches!(result, Err(BrokerError::InternalTopic(_))));
        }
        let name = OFFSETS_TOPIC.to_owned();
        let grow = CreatePartitionsRequest {
            topics: vec![PartitionsWanted { name, count: 60 }],
            validate_only: false,
        };
        let grown = grow.apply(&mut fixture.catalog, &fixture.config);
        assert!(matches!(
            grown.topics[..],
            [(_, Err(BrokerError::InternalTopic(_)))]
        ));
        assert!(fixture.catalog.by_id(id).is_some());
    }

    #[test]
    fn what_keeps_offsets_is_not_altered_away() {
        let mut fixture = Fixture::new(Nodes::Single);
        make(&mut fixture, wanted(-1, &[])).expect("made");
        let mut alter = |change, replace| {
            let resource = ConfigResource {
                kind: ResourceKind::Topic,
                name: OFFSETS_TOPIC.to_owned(),
            };
            let request = AlterConfigsRequest {
                resources: vec![(resource, vec![change])],
                replace,
                validate_only: false,
            };
            let altered = request.apply(&mut fixture.catalog);
            altered.resources.into_iter().next().expect("one").1
        };
        let set = |name: &str, value: &str| ConfigChange::Set(name.to_owned(), value.to_owned());
        assert_eq!(alter(set("segment.bytes", "1048576"), false), Ok(()));
        for (change, replace) in [
            (set("retention.ms", "5"), false),
            (set("retention.bytes", "5"), false),
            (ConfigChange::Delete("cleanup.policy".to_owned()), false),
            (set("segment.bytes", "1048576"), true),
        ] {
            let refused = alter(change, replace);
            assert!(matches!(refused, Err(BrokerError::InternalTopic(_))));
        }
    }
}
