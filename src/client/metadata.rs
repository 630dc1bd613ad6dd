//! Which brokers there are and which of them leads which partition.
//!
//! Invariant: what is known of a partition never goes back to an older leader epoch of the same
//! topic (answers of different brokers can arrive out of order, KIP-320).

use super::BrokerCode;
use crate::protocol::kafka::messages::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::types::{LeaderEpoch, NodeId, PartitionIndex, TopicId};
use std::collections::BTreeMap;

/// What is known of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    nodes: BTreeMap<NodeId, String>,
    controller: Option<NodeId>,
    topics: BTreeMap<String, TopicMetadata>,
}

/// What is known of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    id: TopicId,
    code: BrokerCode,
    internal: bool,
    partitions: Vec<PartitionMetadata>,
}

/// What is known of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Who leads it, if somebody does.
    pub leader: Option<NodeId>,
    /// The leader's epoch; [`LeaderEpoch::NONE`] from brokers that do not tell.
    pub leader_epoch: LeaderEpoch,
    /// The nodes that hold it.
    pub replicas: Vec<NodeId>,
    /// Those that are in sync.
    pub in_sync: Vec<NodeId>,
}

/// The most partitions of one topic that a broker's answer may claim.
const PARTITIONS_MAX: usize = 1_000_000;

impl Metadata {
    /// Takes over what a broker answered. Topics that it did not speak of stay as they are.
    pub fn update(&mut self, response: &MetadataResponse<'_>) {
        self.nodes = response
            .brokers
            .iter()
            .map(|broker| {
                (
                    NodeId::new(broker.node_id),
                    address(broker.host, broker.port),
                )
            })
            .collect();
        self.controller =
            (response.controller_id >= 0).then(|| NodeId::new(response.controller_id));
        for topic in &response.topics {
            let Some(name) = topic.name else { continue };
            let known = self.topics.remove(name);
            self.topics
                .insert(name.to_owned(), TopicMetadata::of(&topic, known));
        }
    }

    /// Forgets all topics, so that the next update tells exactly those that exist.
    pub fn forget_topics(&mut self) {
        self.topics.clear();
    }

    /// The address of a node.
    pub fn address(&self, node: NodeId) -> Option<&str> {
        self.nodes.get(&node).map(String::as_str)
    }

    /// All nodes with their addresses.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &str)> {
        self.nodes
            .iter()
            .map(|(node, address)| (*node, address.as_str()))
    }

    /// The node that changes topics.
    pub const fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// What is known of a topic.
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics.get(name)
    }

    /// All known topics by name.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &TopicMetadata)> {
        self.topics
            .iter()
            .map(|(name, topic)| (name.as_str(), topic))
    }

    /// Who leads a partition, with the epoch; `None` if nobody does or nothing is known.
    pub fn leader(&self, topic: &str, partition: PartitionIndex) -> Option<(NodeId, LeaderEpoch)> {
        let partition = self.topics.get(topic)?.partition(partition)?;
        let leader = partition.leader?;
        self.nodes
            .contains_key(&leader)
            .then_some((leader, partition.leader_epoch))
    }
}

impl TopicMetadata {
    fn of(topic: &MetadataResponseTopic<'_>, known: Option<Self>) -> Self {
        let id = TopicId::from_bytes(topic.topic_id.into_bytes());
        let known = known.filter(|known| known.id == id);
        let mut partitions = Vec::new();
        for partition in &topic.partitions {
            let place = usize::try_from(partition.partition_index).unwrap_or(usize::MAX);
            if place >= PARTITIONS_MAX {
                continue;
            }
            if partitions.len() <= place {
                partitions.resize_with(place + 1, || None);
            }
            let told = PartitionMetadata::of(&partition);
            let before = known.as_ref().and_then(|known| known.partitions.get(place));
            let newest = match before {
                Some(before) if before.leader_epoch > told.leader_epoch => before.clone(),
                _ => told,
            };
            if let Some(slot) = partitions.get_mut(place) {
                *slot = Some(newest);
            }
        }
        Self {
            id,
            code: BrokerCode::new(topic.error_code),
            internal: topic.is_internal,
            partitions: partitions
                .into_iter()
                .map(|partition| partition.unwrap_or_else(PartitionMetadata::unknown))
                .collect(),
        }
    }

    /// The topic's lasting identity; [`TopicId::NONE`] from brokers that have none.
    pub const fn id(&self) -> TopicId {
        self.id
    }

    /// What is wrong with the topic, if something is.
    pub const fn code(&self) -> BrokerCode {
        self.code
    }

    /// Whether the broker made it for itself.
    pub const fn is_internal(&self) -> bool {
        self.internal
    }

    /// How many partitions it has.
    pub const fn partition_count(&self) -> i32 {
        self.partitions.len() as i32
    }

    /// What is known of one partition.
    pub fn partition(&self, partition: PartitionIndex) -> Option<&PartitionMetadata> {
        self.partitions.get(usize::try_from(partition.get()).ok()?)
    }

    /// All partitions in their order.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionIndex, &PartitionMetadata)> {
        (0..).map(PartitionIndex::new).zip(&self.partitions)
    }
}

impl PartitionMetadata {
    fn of(partition: &MetadataResponsePartition<'_>) -> Self {
        Self {
            leader: (partition.leader_id >= 0).then(|| NodeId::new(partition.leader_id)),
            leader_epoch: LeaderEpoch::new(partition.leader_epoch),
            replicas: partition.replica_nodes.iter().map(NodeId::new).collect(),
            in_sync: partition.isr_nodes.iter().map(NodeId::new).collect(),
        }
    }

    const fn unknown() -> Self {
        Self {
            leader: None,
            leader_epoch: LeaderEpoch::NONE,
            replicas: Vec::new(),
            in_sync: Vec::new(),
        }
    }
}

fn address(host: &str, port: i32) -> String {
    if host.contains(':') {
        return format!("[{host}]:{port}");
    }
    format!("{host}:{port}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::kafka::messages::MetadataResponseBroker;
    use crate::wire::Array;

    /// Metadata of topic `t` whose partitions are led by `leaders` (node, epoch), -1 for nobody.
    pub(in crate::client) fn response(leaders: &[(i32, i32)]) -> MetadataResponse<'static> {
        let partitions =
            leaders
                .iter()
                .zip(0..)
                .map(
                    |((leader_id, leader_epoch), partition_index)| MetadataResponsePartition {
                        partition_index,
                        leader_id: *leader_id,
                        leader_epoch: *leader_epoch,
                        ..Default::default()
                    },
                );
        let brokers = [1, 2].map(|node_id| MetadataResponseBroker {
            node_id,
            host: "h",
            port: node_id,
            rack: None,
        });
        MetadataResponse {
            brokers: Array::from(brokers.to_vec()),
            topics: Array::from(vec![MetadataResponseTopic {
                name: Some("t"),
                partitions: partitions.collect(),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    pub(in crate::client) fn metadata(leaders: &[(i32, i32)]) -> Metadata {
        let mut metadata = Metadata::default();
        metadata.update(&response(leaders));
        metadata
    }

    fn leader(metadata: &Metadata, partition: i32) -> Option<i32> {
        metadata
            .leader("t", PartitionIndex::new(partition))
            .map(|(node, _)| node.get())
    }

    #[test]
    fn leaders_are_known_where_there_are_some() {
        let metadata = metadata(&[(1, 0), (-1, 0), (9, 0)]);
        assert_eq!(leader(&metadata, 0), Some(1));
        assert_eq!(leader(&metadata, 1), None, "no leader");
        assert_eq!(leader(&metadata, 2), None, "a leader of no address");
        assert_eq!(leader(&metadata, 3), None, "no partition");
        assert_eq!(metadata.address(NodeId::new(2)), Some("h:2"));
        assert_eq!(address("::1", 9), "[::1]:9");
    }

    #[test]
    fn an_answer_that_was_overtaken_changes_nothing() {
        let mut metadata = metadata(&[(2, 5)]);
        metadata.update(&response(&[(1, 4)]));
        assert_eq!(leader(&metadata, 0), Some(2));
        metadata.update(&response(&[(1, 6)]));
        assert_eq!(leader(&metadata, 0), Some(1));
    }

    #[test]
    fn a_new_topic_of_the_same_name_starts_anew() {
        let mut metadata = metadata(&[(2, 5)]);
        let mut recreated = response(&[(1, 0)]);
        let mut topic = recreated.topics.iter().next().expect("one topic");
        topic.topic_id = uuid::Uuid::from_u128(7);
        recreated.topics = Array::from(vec![topic]);
        metadata.update(&recreated);
        assert_eq!(leader(&metadata, 0), Some(1));
    }

    #[test]
    fn absurd_partition_numbers_take_no_memory() {
        let mut odd = response(&[(1, 0)]);
        let mut topic = odd.topics.iter().next().expect("one topic");
        let partition = |partition_index| MetadataResponsePartition {
            partition_index,
            ..Default::default()
        };
        topic.partitions = Array::from(vec![partition(i32::MAX), partition(-1), partition(1)]);
        odd.topics = Array::from(vec![topic]);
        let mut metadata = Metadata::default();
        metadata.update(&odd);
        assert_eq!(
            metadata.topic("t").map(TopicMetadata::partition_count),
            Some(2)
        );
    }
}
