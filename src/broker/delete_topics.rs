use super::offsets_topic::is_offsets_topic;
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
        let topics = self.topics.iter().map(|topic| bury(topic, catalog));
        DeleteTopicsResponse {
            topics: topics.collect(),
        }
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
