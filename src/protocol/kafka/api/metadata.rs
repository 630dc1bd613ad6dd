use super::answer::frame;
use super::entries::Entries;
use super::error::outcome_code;
use super::topic::{topic_ref, topic_ref_either, uuid};
use super::{Call, Malformed};
use crate::broker::{
    MetadataRequest, MetadataResponse, Part, PartitionMetadata, TopicMetadata, TopicRef,
};
use crate::protocol::kafka::messages::{
    self, ErrorCode, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::wire::{EncodeError, Message, Reader};
use rustc_hash::FxHashSet;

/// The first version in which topics may be asked for by id, and have no name in the answer.
const TOPIC_IDS_FROM: i16 = 12;

/// A topic that is asked for more than once is described once.
pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<MetadataRequest, Malformed> {
    let request = messages::MetadataRequest::decode(reader, version)?;
    // In version 0 an empty list is how to ask for all topics.
    let asked = request
        .topics
        .filter(|topics| version > 0 || !topics.is_empty());
    let topics = match asked {
        Some(topics) => Some(Entries::new().list(&topics, |_, topic| {
            Ok(if version >= TOPIC_IDS_FROM {
                topic_ref_either(topic.name, topic.topic_id)
            } else {
                topic_ref(topic.name.unwrap_or_default(), topic.topic_id, false)
            })
        })?),
        None => None,
    };
    Ok(MetadataRequest {
        topics: topics.map(distinct),
        allow_auto_creation: request.allow_auto_topic_creation,
    })
}

/// The first of each, in order.
fn distinct(mut topics: Vec<TopicRef>) -> Vec<TopicRef> {
    let mut seen = FxHashSet::default();
    topics.retain(|topic| seen.insert(topic.clone()));
    topics
}

pub(super) fn encode(call: &Call, response: &MetadataResponse) -> Result<Vec<Part>, EncodeError> {
    let cluster = &response.cluster;
    let brokers = cluster.nodes.iter().map(|node| MetadataResponseBroker {
        node_id: node.node.get(),
        host: &node.host,
        port: i32::from(node.port),
        rack: None,
    });
    let topics = response.topics.iter();
    let message = messages::MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(&cluster.id),
        controller_id: cluster.controller.get(),
        topics: topics
            .map(|topic| encode_topic(topic, call.version()))
            .collect(),
        ..messages::MetadataResponse::default()
    };
    frame(call, &message)
}

fn encode_topic(topic: &TopicMetadata, version: i16) -> MetadataResponseTopic<'_> {
    let name = topic.name.as_deref();
    let partitions = topic.result.as_deref().unwrap_or_default();
    MetadataResponseTopic {
        error_code: outcome_code(&topic.result),
        name: if version < TOPIC_IDS_FROM {
            Some(name.unwrap_or_default())
        } else {
            name
        },
        topic_id: uuid(topic.id),
        is_internal: topic.is_internal,
        partitions: partitions.iter().map(encode_partition).collect(),
        ..MetadataResponseTopic::default()
    }
}

/// The leader has the only copy, whatever replication factor was asked for.
fn encode_partition(partition: &PartitionMetadata) -> MetadataResponsePartition<'static> {
    let leader = partition.leader.get();
    MetadataResponsePartition {
        error_code: ErrorCode::None.code(),
        partition_index: partition.index.get(),
        leader_id: leader,
        leader_epoch: partition.epoch.get(),
        replica_nodes: vec![leader].into(),
        isr_nodes: vec![leader].into(),
        ..MetadataResponsePartition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Cluster, NodeEndpoint, Request, Response};
    use crate::types::{LeaderEpoch, NodeId, PartitionIndex, TopicId};
    use messages::MetadataRequestTopic;
    use uuid::Uuid;

    const ID: [u8; 16] = [5; 16];

    fn asked(request: &messages::MetadataRequest<'_>, version: i16) -> MetadataRequest {
        match parsed(request, version) {
            (_, Request::Metadata(request)) => request,
            other => panic!("a metadata request expected: {other:?}"),
        }
    }

    fn topics(topics: Vec<MetadataRequestTopic<'_>>) -> messages::MetadataRequest<'_> {
        messages::MetadataRequest {
            topics: Some(topics.into()),
            ..messages::MetadataRequest::default()
        }
    }

    fn named(name: &str) -> MetadataRequestTopic<'_> {
        MetadataRequestTopic {
            name: Some(name),
            topic_id: Uuid::nil(),
        }
    }

    #[test]
    fn all_and_none_are_told_apart() {
        assert_eq!(asked(&topics(vec![]), 0).topics, None);
        for version in 1..=13 {
            assert_eq!(asked(&topics(vec![]), version).topics, Some(vec![]));
            let all = messages::MetadataRequest::default();
            assert_eq!(asked(&all, version).topics, None);
        }
    }

    #[test]
    fn topics_are_asked_for_once_by_name_or_id() {
        let by_id = MetadataRequestTopic {
            name: None,
            topic_id: Uuid::from_bytes(ID),
        };
        let request = topics(vec![
            named("a"),
            by_id.clone(),
            named("b"),
            named("a"),
            by_id,
        ]);
        assert_eq!(
            asked(&request, 12).topics,
            Some(vec![
                TopicRef::Name("a".to_owned()),
                TopicRef::Id(TopicId::from_bytes(ID)),
                TopicRef::Name("b".to_owned()),
            ])
        );
        // Version 10 has the id, but its meaning came later.
        assert_eq!(
            asked(&request, 10).topics.expect("some")[1],
            TopicRef::Name(String::new())
        );
    }

    #[test]
    fn auto_creation_is_wished_for_unless_denied() {
        let mut request = topics(vec![named("a")]);
        assert!(asked(&request, 1).allow_auto_creation);
        assert!(asked(&request, 4).allow_auto_creation);
        request.allow_auto_topic_creation = false;
        assert!(!asked(&request, 4).allow_auto_creation);
    }

    #[test]
    fn nodes_and_topics_are_told_in_every_version() {
        for version in messages::MetadataRequest::VERSIONS {
            let (call, _) = parsed(&topics(vec![named("a")]), version);
            let described = TopicMetadata {
                name: Some("a".to_owned()),
                id: TopicId::from_bytes(ID),
                is_internal: true,
                result: Ok(vec![PartitionMetadata {
                    index: PartitionIndex::new(4),
                    leader: NodeId::new(1),
                    epoch: LeaderEpoch::new(8),
                }]),
            };
            let unknown = TopicMetadata {
                name: None,
                id: TopicId::from_bytes(ID),
                is_internal: false,
                result: Err(BrokerError::UnknownTopicId),
            };
            let response = Response::Metadata(MetadataResponse {
                cluster: Cluster {
                    id: "cluster".to_owned(),
                    controller: NodeId::new(1),
                    nodes: vec![NodeEndpoint {
                        node: NodeId::new(1),
                        host: "here".to_owned(),
                        port: 65_535,
                    }],
                },
                topics: vec![described, unknown],
            });
            let bytes = response_bytes(&call, response);
            let response: messages::MetadataResponse<'_> = read(&bytes, version);
            let broker = response.brokers.iter().next().expect("one broker");
            assert_eq!(
                (broker.node_id, broker.host, broker.port),
                (1, "here", 65_535)
            );
            assert_eq!(response.cluster_id, (version >= 2).then_some("cluster"));
            assert_eq!(response.controller_id, if version < 1 { -1 } else { 1 });
            let topics: Vec<_> = response.topics.iter().collect();
            assert_eq!(topics[0].name, Some("a"));
            assert_eq!(topics[0].is_internal, version >= 1);
            assert!(!topics[1].is_internal);
            let id = if version < 10 { [0; 16] } else { ID };
            assert_eq!(topics[0].topic_id.into_bytes(), id);
            let partition = topics[0].partitions.iter().next().expect("one partition");
            assert_eq!((partition.partition_index, partition.leader_id), (4, 1));
            assert_eq!(partition.replica_nodes.iter().collect::<Vec<_>>(), [1]);
            assert_eq!(partition.isr_nodes.iter().collect::<Vec<_>>(), [1]);
            assert_eq!(topics[1].error_code, 100);
            assert_eq!(topics[1].name, (version < 12).then_some(""));
        }
    }
}
