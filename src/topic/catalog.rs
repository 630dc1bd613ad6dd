use super::TopicSettings;
use crate::storage::{CatalogSnapshot, CatalogTombstone, CatalogTopic, DecodeError};
use crate::types::{LeaderEpoch, ProducerId, TopicId, TopicName, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its lasting id.
    pub id: TopicId,
    /// How many partitions it has, numbered from 0.
    pub partitions: i32,
    /// Its settings.
    pub settings: TopicSettings,
}

impl Topic {
    /// Whether a partition of that number exists.
    pub fn has(&self, partition: TopicPartition) -> bool {
        partition.topic() == self.id && (0..self.partitions).contains(&partition.partition().get())
    }
}

/// A deleted topic whose directories may still be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuriedTopic {
    /// The name it had.
    pub name: TopicName,
    /// The id it had.
    pub id: TopicId,
    /// How many partitions it had.
    pub partitions: i32,
}

/// Everything that is decided once for all cores. Immutable once shared: a change is a clone with
/// a difference, made durable by the registrar before any other core sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Names this data directory's cluster, lasting.
    pub cluster_id: String,
    /// The epoch of every partition's leader, raised by every unclean start.
    pub leader_epoch: LeaderEpoch,
    /// The first producer id that no block given out contains.
    pub next_producer_id: i64,
    /// Whether the broker stopped with everything flushed and nothing happened since.
    pub clean: bool,
    /// The number of this start, which its journals carry.
    pub incarnation: u64,
    /// Journals of starts before this one hold nothing that is not in the segments.
    pub void_below: u64,
    /// Deleted topics, oldest first.
    pub buried: Vec<BuriedTopic>,
    topics: BTreeMap<TopicName, Arc<Topic>>,
    names: BTreeMap<TopicId, TopicName>,
}

impl Catalog {
    /// The catalog of a new data directory.
    pub fn new(cluster_id: String) -> Self {
        Self {
            cluster_id,
            leader_epoch: LeaderEpoch::FIRST,
            next_producer_id: 0,
            clean: true,
            incarnation: 0,
            void_below: 0,
            buried: Vec::new(),
            topics: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic of this id.
    pub fn by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.names.get(&id).and_then(|name| self.topics.get(name))
    }

    /// All topics by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// Adds a topic, or replaces the one of the same id.
    pub fn put(&mut self, topic: Topic) {
        let known = self.topics.get(&topic.name).map(|known| known.id);
        assert!(
            known.is_none_or(|id| id == topic.id),
            "a name is taken once"
        );
        self.names.insert(topic.id, topic.name.clone());
        self.topics.insert(topic.name.clone(), Arc::new(topic));
        assert_eq!(self.names.len(), self.topics.len());
    }

    /// Takes a topic out and leaves a tombstone for its directories.
    pub fn bury(&mut self, id: TopicId) -> Option<BuriedTopic> {
        let name = self.names.remove(&id)?;
        let topic = self.topics.remove(&name).expect("names and topics agree");
        let buried = BuriedTopic {
            name,
            id,
            partitions: topic.partitions,
        };
        self.buried.push(buried.clone());
        Some(buried)
    }
}

impl Catalog {
    /// As it is kept on disk.
    pub fn to_snapshot(&self) -> CatalogSnapshot {
        let topics = self.topics.values().map(|topic| CatalogTopic {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions,
            settings: topic.settings.overrides().clone().into_iter().collect(),
        });
        let tombstones = self.buried.iter().map(|buried| CatalogTombstone {
            name: buried.name.clone(),
            id: buried.id,
            partitions: buried.partitions,
        });
        CatalogSnapshot {
            topics: topics.collect(),
            tombstones: tombstones.collect(),
            next_producer_id: ProducerId::new(self.next_producer_id),
            cluster_id: self.cluster_id.clone(),
            leader_epoch: self.leader_epoch,
            clean: self.clean,
            incarnation: self.incarnation,
            void_below: self.void_below,
        }
    }

    /// From what is kept on disk; refuses what no broker of this version has written.
    pub fn from_snapshot(snapshot: CatalogSnapshot) -> Result<Self, DecodeError> {
        let mut catalog = Self {
            leader_epoch: snapshot.leader_epoch,
            next_producer_id: snapshot.next_producer_id.get(),
            clean: snapshot.clean,
            incarnation: snapshot.incarnation,
            void_below: snapshot.void_below,
            ..Self::new(snapshot.cluster_id)
        };
        for topic in snapshot.topics {
            let CatalogTopic {
                name,
                id,
                partitions,
                settings,
            } = topic;
            if partitions < 1 || catalog.by_name(name.as_str()).is_some() {
                let problem = format!("topic {name} is there twice or has no partitions");
                return Err(DecodeError::Content(problem));
            }
            let settings = TopicSettings::new(settings.into_iter().collect())
                .map_err(|error| DecodeError::Content(format!("topic {name}: {error}")))?;
            catalog.put(Topic {
                name,
                id,
                partitions,
                settings,
            });
        }
        let buried = snapshot
            .tombstones
            .into_iter()
            .map(|tombstone| BuriedTopic {
                name: tombstone.name,
                id: tombstone.id,
                partitions: tombstone.partitions,
            });
        catalog.buried = buried.collect();
        Ok(catalog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, id: u8) -> Topic {
        Topic {
            name: TopicName::new(name).expect("valid"),
            id: TopicId::from_random_bytes([id; 16]),
            partitions: 3,
            settings: TopicSettings::default(),
        }
    }

    #[test]
    fn a_buried_topic_leaves_a_tombstone_and_frees_its_name() {
        let mut catalog = Catalog::new("c".into());
        let first = topic("orders", 1);
        catalog.put(first.clone());
        assert!(catalog.by_id(first.id).is_some());
        let buried = catalog.bury(first.id).expect("it was there");
        assert_eq!((buried.id, buried.partitions), (first.id, 3));
        assert!(catalog.by_name("orders").is_none() && catalog.by_id(first.id).is_none());
        assert_eq!(catalog.buried, vec![buried]);
        catalog.put(topic("orders", 2));
        assert!(catalog.bury(first.id).is_none());
    }

    #[test]
    fn what_is_on_disk_comes_back_the_same() {
        let mut catalog = Catalog::new("c".into());
        catalog.put(topic("orders", 1));
        catalog.put(topic("payments", 2));
        catalog
            .bury(TopicId::from_random_bytes([1; 16]))
            .expect("it is there");
        catalog.leader_epoch = LeaderEpoch::new(3);
        catalog.next_producer_id = 2000;
        (catalog.incarnation, catalog.void_below) = (5, 4);
        let bytes = catalog.to_snapshot().encode();
        let snapshot = CatalogSnapshot::decode(&bytes).expect("just encoded");
        assert_eq!(Catalog::from_snapshot(snapshot), Ok(catalog));
    }

    #[test]
    #[should_panic(expected = "a name is taken once")]
    fn two_topics_cannot_share_a_name() {
        let mut catalog = Catalog::new("c".into());
        catalog.put(topic("orders", 1));
        catalog.put(topic("orders", 2));
    }
}
