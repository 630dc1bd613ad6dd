use super::{BrokerError, TopicRef};
use crate::topic::Catalog;
use crate::types::TopicId;

/// Delete topics.
#[derive(Debug, Clone)]
pub struct DeleteTopicsRequest {
    /// Which, in the client's order.
    pub topics: Vec<TopicRef>,
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
        let topics = self.topics.iter().map(|topic| match topic {
            TopicRef::Name(name) => {
                let id = catalog.by_name(name).map(|topic| topic.id);
                let result = match id.and_then(|id| catalog.bury(id)) {
                    Some(_) => Ok(()),
                    None => Err(BrokerError::UnknownTopicOrPartition),
                };
                let id = id.unwrap_or(TopicId::NONE);
                DeletedTopic {
                    name: Some(name.clone()),
                    id,
                    result,
                }
            }
            TopicRef::Id(id) => {
                let buried = catalog.bury(*id);
                let name = buried.map(|buried| buried.name.to_string());
                let known = name.is_some();
                let result = if known {
                    Ok(())
                } else {
                    Err(BrokerError::UnknownTopicId)
                };
                DeletedTopic {
                    name,
                    id: *id,
                    result,
                }
            }
        });
        DeleteTopicsResponse {
            topics: topics.collect(),
        }
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
