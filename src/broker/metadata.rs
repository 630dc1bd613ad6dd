use super::offsets_topic::is_offsets_topic;
use super::{BrokerError, Cluster, Context, CreateTopicsRequest, TopicRef, TopicWanted};
use crate::topic::Topic;
use crate::types::{LeaderEpoch, NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};

/// Describe nodes and topics.
#[derive(Debug, Clone)]
pub struct MetadataRequest {
    /// Which topics; all if `None`.
    pub topics: Option<Vec<TopicRef>>,
    /// Whether the client wants unknown topics made.
    pub allow_auto_creation: bool,
}

/// Nodes and topics.
#[derive(Debug, Clone)]
pub struct MetadataResponse {
    /// The nodes.
    pub cluster: Cluster,
    /// The topics, in the client's order (by name if it asked for all).
    pub topics: Vec<TopicMetadata>,
}

/// One topic, or why it cannot be described.
#[derive(Debug, Clone)]
pub struct TopicMetadata {
    /// Its name; `None` if it was asked by an unknown id.
    pub name: Option<String>,
    /// Its id, [`TopicId::NONE`] if not known.
    pub id: TopicId,
    /// Whether the broker keeps it for itself.
    pub is_internal: bool,
    /// Its partitions by number.
    pub result: Result<Vec<PartitionMetadata>, BrokerError>,
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its number.
    pub index: PartitionIndex,
    /// The node that leads it and holds its only copy.
    pub leader: NodeId,
    /// The leader's epoch.
    pub epoch: LeaderEpoch,
}

impl MetadataRequest {
    /// The topics that are asked for by name, do not exist, and are to be made first.
    pub fn missing(&self, context: &Context<'_>) -> Option<CreateTopicsRequest> {
        if !self.allow_auto_creation || !context.config.auto_create_topics {
            return None;
        }
        let mut topics = Vec::new();
        for topic in self.topics.iter().flatten() {
            if let TopicRef::Name(name) = topic
                && context.catalog.by_name(name).is_none()
                && TopicName::new(name).is_ok()
                && !topics
                    .iter()
                    .any(|wanted: &TopicWanted| &wanted.name == name)
            {
                topics.push(TopicWanted::with_defaults(name.clone()));
            }
        }
        let validate_only = false;
        (!topics.is_empty()).then_some(CreateTopicsRequest {
            topics,
            validate_only,
        })
    }

    /// Describes what the catalog holds.
    pub fn answer(&self, context: &Context<'_>) -> MetadataResponse {
        let topics = match &self.topics {
            None => context
                .catalog
                .topics()
                .map(|topic| described(topic, context))
                .collect(),
            Some(wanted) => wanted
                .iter()
                .map(|topic| looked_up(topic, context))
                .collect(),
        };
        MetadataResponse {
            cluster: context.cluster(),
            topics,
        }
    }
}

/// A topic by name or id, or why it is not known.
pub(super) fn looked_up(wanted: &TopicRef, context: &Context<'_>) -> TopicMetadata {
    match context.topic(wanted) {
        Ok(topic) => described(topic, context),
        Err(error) => match wanted {
            TopicRef::Name(name) => {
                let error = match TopicName::new(name) {
                    Ok(_) => error,
                    Err(invalid) => BrokerError::InvalidTopic(invalid.to_string()),
                };
                TopicMetadata {
                    name: Some(name.clone()),
                    id: TopicId::NONE,
                    is_internal: false,
                    result: Err(error),
                }
            }
            TopicRef::Id(id) => TopicMetadata {
                name: None,
                id: *id,
                is_internal: false,
                result: Err(error),
            },
        },
    }
}

fn described(topic: &Topic, context: &Context<'_>) -> TopicMetadata {
    let partitions = (0..topic.partitions).map(PartitionIndex::new).map(|index| {
        let leader = context.leader(TopicPartition::new(topic.id, index));
        PartitionMetadata {
            index,
            leader,
            epoch: context.catalog.leader_epoch,
        }
    });
    TopicMetadata {
        name: Some(topic.name.to_string()),
        id: topic.id,
        is_internal: is_offsets_topic(topic.name.as_str()),
        result: Ok(partitions.collect()),
    }
}
