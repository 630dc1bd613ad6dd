use super::{BrokerError, Cluster, LeaderHint, NodeEndpoint, TopicRef};
use crate::config::{Config, Nodes};
use crate::topic::{Catalog, Placement, Topic};
use crate::types::{CoreId, NodeId, PartitionIndex, TopicPartition};
use std::sync::Arc;

/// What an operation may look at when it starts: the catalog as this core has it, and where things
/// are.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The topics.
    pub catalog: &'a Catalog,
    /// Who owns which partition.
    pub placement: Placement,
    /// The broker's settings.
    pub config: &'a Config,
    /// The core that the client is connected to.
    pub core: CoreId,
    /// Whether the client came by this core's own address (`--nodes per-core`), and so believes
    /// to talk to the leader.
    pub own_node: bool,
    /// Where the client is, as `address:port`.
    pub peer: &'a str,
}

impl<'a> Context<'a> {
    /// Finds a topic by name or id.
    pub fn topic(&self, topic: &TopicRef) -> Result<&'a Arc<Topic>, BrokerError> {
        match topic {
            TopicRef::Name(name) => {
                let known = self.catalog.by_name(name);
                known.ok_or(BrokerError::UnknownTopicOrPartition)
            }
            TopicRef::Id(id) => self.catalog.by_id(*id).ok_or(BrokerError::UnknownTopicId),
        }
    }

    /// The core that owns a partition, if the client may reach it through this connection.
    pub(super) fn owner(
        &self,
        topic: &Topic,
        partition: PartitionIndex,
    ) -> Result<(CoreId, TopicPartition), BrokerError> {
        let partition = TopicPartition::new(topic.id, partition);
        if !topic.has(partition) {
            return Err(BrokerError::UnknownTopicOrPartition);
        }
        let owner = self.placement.owner(partition);
        if self.own_node && owner != self.core {
            return Err(BrokerError::NotLeader);
        }
        Ok((owner, partition))
    }

    /// The node that leads a partition.
    pub(super) fn leader(&self, partition: TopicPartition) -> NodeId {
        match self.config.nodes {
            Nodes::Single => NodeId::new(0),
            Nodes::PerCore => NodeId::new(i32::from(self.placement.owner(partition).get())),
        }
    }

    /// Who leads a partition, to be told with [`BrokerError::NotLeader`].
    pub(super) fn hint(&self, topic: &TopicRef, partition: PartitionIndex) -> Option<LeaderHint> {
        let topic = self.topic(topic).ok()?;
        Some(LeaderHint {
            node: self.leader(TopicPartition::new(topic.id, partition)),
            epoch: self.catalog.leader_epoch,
        })
    }

    /// The nodes as clients see them.
    pub fn cluster(&self) -> Cluster {
        let (host, port) = &self.config.advertised;
        let node = |index: u16, port: u16| NodeEndpoint {
            node: NodeId::new(i32::from(index)),
            host: host.clone(),
            port,
        };
        let nodes = match self.config.nodes {
            Nodes::Single => vec![node(0, *port)],
            Nodes::PerCore => {
                let cores = 0..self.placement.cores();
                cores.map(|core| node(core, port + 1 + core)).collect()
            }
        };
        Cluster {
            id: self.catalog.cluster_id.clone(),
            controller: NodeId::new(0),
            nodes,
        }
    }

    /// The endpoints that hints refer to; empty if there are no hints.
    pub(super) fn endpoints(&self, hints: impl Iterator<Item = LeaderHint>) -> Vec<NodeEndpoint> {
        let mut wanted: Vec<NodeId> = hints.map(|hint| hint.node).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Vec::new();
        }
        let nodes = self.cluster().nodes;
        nodes
            .into_iter()
            .filter(|endpoint| wanted.contains(&endpoint.node))
            .collect()
    }
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;
    use crate::config::Settings;
    use crate::coordinator::OFFSETS_TOPIC;
    use crate::topic::TopicSettings;
    use crate::types::{TopicId, TopicName};

    /// Two cores and a topic "orders" of four partitions.
    pub(in crate::broker) struct Fixture {
        pub(in crate::broker) catalog: Catalog,
        pub(in crate::broker) config: Config,
    }

    impl Fixture {
        pub(in crate::broker) fn new(nodes: Nodes) -> Self {
            let settings = Settings {
                nodes: Some(nodes),
                ..Settings::default()
            };
            let config = settings.into_config(2).expect("valid");
            let mut catalog = Catalog::new("cluster".into());
            catalog.put(Topic {
                name: TopicName::new("orders").expect("valid"),
                id: TopicId::from_random_bytes([9; 16]),
                partitions: 4,
                settings: TopicSettings::default(),
            });
            Self { catalog, config }
        }

        /// With the topic that keeps groups, of eight partitions.
        pub(in crate::broker) fn with_groups(nodes: Nodes) -> Self {
            let mut fixture = Self::new(nodes);
            fixture.catalog.put(Topic {
                name: TopicName::new(OFFSETS_TOPIC).expect("valid"),
                id: TopicId::from_random_bytes([3; 16]),
                partitions: 8,
                settings: TopicSettings::default(),
            });
            fixture
        }

        pub(in crate::broker) fn context(&self, own_node: bool) -> Context<'_> {
            Context {
                catalog: &self.catalog,
                placement: Placement::new(self.config.cores),
                config: &self.config,
                core: CoreId::new(0),
                own_node,
                peer: "127.0.0.1:50000",
            }
        }

        pub(in crate::broker) fn owner(&self, partition: i32) -> CoreId {
            let topic = self.catalog.by_name("orders").expect("it is there");
            let partition = TopicPartition::new(topic.id, PartitionIndex::new(partition));
            Placement::new(self.config.cores).owner(partition)
        }
    }
}
