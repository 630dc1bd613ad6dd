use super::offsets_topic::is_offsets_topic;
use super::{BrokerError, TopicRef};
use crate::topic::Catalog;
use crate::types::TopicId;
use rustc_hash::FxHashMap;

/// Delete topics.
#[derive(Debug, Clone)]
pub struct DeleteTopicsRequest {
    /// Which, in the client's order.
    pub topics: Vec<TopicRef>,
    /// The names of those that were named both ways, or neither: which is meant nobody knows.
    pub ambiguous: Vec<Option<String>>,
}

/// One result per topic, in order.
#[derive(Debug, Clone)]
pub struct DeleteTopicsResponse {
    /// What came of each.
    pub topics: Vec<DeletedTopic>,
}

/// What came of one deletion.
#[derive(Debug, Clone)]
pub struct DeletedTopic {
    /// The name, if the client gave it or the id is known.
    pub name: Option<String>,
    /// The id, or [`TopicId::NONE`] if not known.
    pub id: TopicId,
    /// Whether it is gone.
    pub result: Result<(), BrokerError>,
}

impl DeleteTopicsRequest {
    /// Buries the topics in a draft of the next catalog.
    pub fn apply(&self, catalog: &mut Catalog) -> DeleteTopicsResponse {
        let mut mentions = FxHashMap::<_, usize>::default();
        for topic in &self.topics {
            *mentions.entry(identity(topic, catalog)).or_default() += 1;
        }
        let topics = self.topics.iter().map(|topic| {
            let once = mentions.get(&identity(topic, catalog)) == Some(&1);
            (topic, once)
        });
        let topics: Vec<_> = topics.collect();
        let topics = topics.into_iter().map(|(topic, once)| {
            if once {
                return bury(topic, catalog);
            }
            let problem = "each topic may be named once per request";
            topic.failed(BrokerError::InvalidRequest(problem.into()))
        });
        let topics = topics.chain(self.unclear()).collect();
        DeleteTopicsResponse { topics }
    }

    /// Deletions none of which was done.
    pub(super) fn failed(&self, error: impl Fn() -> BrokerError) -> DeleteTopicsResponse {
        let topics = self.topics.iter().map(|topic| topic.failed(error()));
        let topics = topics.chain(self.unclear()).collect();
        DeleteTopicsResponse { topics }
    }

    fn unclear(&self) -> impl Iterator<Item = DeletedTopic> {
        self.ambiguous.iter().map(|name| {
            let problem = "a topic is named by its name or by its id";
            DeletedTopic {
                name: name.clone(),
                id: TopicId::NONE,
                result: Err(BrokerError::InvalidRequest(problem.into())),
            }
        })
    }
}

/// The topic itself, however it is named.
fn identity(wanted: &TopicRef, catalog: &Catalog) -> TopicRef {
    match wanted {
        TopicRef::Name(name) => {
            let known = catalog.by_name(name);
            known.map_or_else(|| wanted.clone(), |topic| TopicRef::Id(topic.id))
        }
        TopicRef::Id(_) => wanted.clone(),
    }
}

fn bury(wanted: &TopicRef, catalog: &mut Catalog) -> DeletedTopic {
    let (known, unknown) = match wanted {
        TopicRef::Name(name) => (catalog.by_name(name), BrokerError::UnknownTopicOrPartition),
        TopicRef::Id(id) => (catalog.by_id(*id), BrokerError::UnknownTopicId),
    };
    let Some(topic) = known.cloned() else {
        return wanted.failed(unknown);
    };
    let result = if is_offsets_topic(topic.name.as_str()) {
        Err(BrokerError::InternalTopic("delete it"))
    } else {
        catalog.bury(topic.id).expect("looked up just now");
        Ok(())
    };
    DeletedTopic {
        name: Some(topic.name.to_string()),
        id: topic.id,
        result,
    }
}

impl TopicRef {
    /// A deletion that was not done.
    pub(super) fn failed(&self, error: BrokerError) -> DeletedTopic {
        let (name, id) = match self {
            Self::Name(name) => (Some(name.clone()), TopicId::NONE),
            Self::Id(id) => (None, *id),
        };
        DeletedTopic {
            name,
            id,
            result: Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;

    fn delete(topics: Vec<TopicRef>, ambiguous: Vec<Option<String>>) -> (Vec<bool>, bool) {
        let mut fixture = Fixture::new(Nodes::Single);
        let request = DeleteTopicsRequest { topics, ambiguous };
        let response = request.apply(&mut fixture.catalog);
        let refused = response.topics.iter().map(|topic| {
            assert!(matches!(
                topic.result,
                Ok(()) | Err(BrokerError::InvalidRequest(_))
            ));
            topic.result.is_err()
        });
        (
            refused.collect(),
            fixture.catalog.by_name("orders").is_some(),
        )
    }

    #[test]
    fn what_is_named_twice_or_both_ways_stays() {
        let name = TopicRef::Name("orders".to_owned());
        let fixture = Fixture::new(Nodes::Single);
        let id = fixture.catalog.by_name("orders").expect("it is there").id;
        let id = TopicRef::Id(id);
        assert_eq!(delete(vec![name.clone()], Vec::new()), (vec![false], false));
        for topics in [vec![name.clone(), name.clone()], vec![name, id]] {
            assert_eq!(delete(topics, Vec::new()), (vec![true, true], true));
        }
        let ambiguous = vec![Some("orders".to_owned()), None];
        assert_eq!(delete(Vec::new(), ambiguous), (vec![true, true], true));
    }
}
