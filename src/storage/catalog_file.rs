//! The catalog's file: plain encode and decode. The topic layer knows what it means.

use super::envelope::{self, DecodeError, FileKind};
use super::generated::catalog as schema;
use crate::types::{LeaderEpoch, ProducerId, TopicId, TopicName};
use flatbuffers::FlatBufferBuilder;

const KIND: FileKind = FileKind {
    magic: *b"corelcat",
    version: 1,
};

/// The name of the catalog's file in the data directory.
pub const CATALOG_NAME: &str = "catalog";

/// All that the catalog holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogSnapshot {
    /// Topics that exist.
    pub topics: Vec<CatalogTopic>,
    /// Topics that are deleted, whose directories may still exist.
    pub tombstones: Vec<CatalogTombstone>,
    /// The first producer id that no block was given out with.
    pub next_producer_id: ProducerId,
    /// Names the cluster that this directory is.
    pub cluster_id: String,
    /// The epoch that every partition is led under; raised by every unclean start.
    pub leader_epoch: LeaderEpoch,
    /// Whether the last stop flushed everything and nothing happened since.
    pub clean: bool,
    /// The number of the last start.
    pub incarnation: u64,
    /// Journals of earlier starts hold nothing that is not in the segments.
    pub void_below: u64,
}

/// A topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogTopic {
    /// Its name.
    pub name: TopicName,
    /// Its lasting identity.
    pub id: TopicId,
    /// How many partitions it has, at least one.
    pub partitions: i32,
    /// Settings that differ from the defaults, by name.
    pub settings: Vec<(String, String)>,
}

/// A topic that is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogTombstone {
    /// The name it had; another topic may have it now.
    pub name: TopicName,
    /// Its lasting identity.
    pub id: TopicId,
    /// How many partitions it had.
    pub partitions: i32,
}

impl CatalogSnapshot {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let topics: Vec<_> = self
            .topics
            .iter()
            .map(|topic| encode_topic(&mut builder, topic))
            .collect();
        let topics = builder.create_vector(&topics);
        let mut tombstones = Vec::with_capacity(self.tombstones.len());
        for tombstone in &self.tombstones {
            let name = builder.create_string(tombstone.name.as_str());
            let id = schema::TopicUuid::new(&tombstone.id.to_bytes());
            let arguments = schema::TombstoneArgs {
                name: Some(name),
                id: Some(&id),
                partitions: tombstone.partitions,
            };
            tombstones.push(schema::Tombstone::create(&mut builder, &arguments));
        }
        let tombstones = builder.create_vector(&tombstones);
        let cluster_id = builder.create_string(&self.cluster_id);
        let arguments = schema::CatalogArgs {
            topics: Some(topics),
            tombstones: Some(tombstones),
            next_producer_id: self.next_producer_id.get(),
            cluster_id: Some(cluster_id),
            leader_epoch: self.leader_epoch.get(),
            clean: self.clean,
            incarnation: self.incarnation,
            void_below: self.void_below,
        };
        let root = schema::Catalog::create(&mut builder, &arguments);
        builder.finish(root, None);
        envelope::seal(KIND, builder.finished_data())
    }

    /// Reads the bytes of the file.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let payload = envelope::open(KIND, bytes)?;
        let root = schema::root_as_catalog(&payload)
            .map_err(|error| DecodeError::Content(error.to_string()))?;
        let topics = root.topics().into_iter().flatten().map(decode_topic);
        let tombstones = root
            .tombstones()
            .into_iter()
            .flatten()
            .map(decode_tombstone);
        Ok(Self {
            topics: topics.collect::<Result<_, _>>()?,
            tombstones: tombstones.collect::<Result<_, _>>()?,
            next_producer_id: ProducerId::new(root.next_producer_id()),
            cluster_id: root.cluster_id().to_owned(),
            leader_epoch: LeaderEpoch::new(root.leader_epoch()),
            clean: root.clean(),
            incarnation: root.incarnation(),
            void_below: root.void_below(),
        })
    }
}

fn encode_topic<'a>(
    builder: &mut FlatBufferBuilder<'a>,
    topic: &CatalogTopic,
) -> flatbuffers::WIPOffset<schema::Topic<'a>> {
    let mut settings = Vec::with_capacity(topic.settings.len());
    for (name, value) in &topic.settings {
        let name = builder.create_string(name);
        let value = builder.create_string(value);
        let arguments = schema::SettingArgs {
            name: Some(name),
            value: Some(value),
        };
        settings.push(schema::Setting::create(builder, &arguments));
    }
    let settings = builder.create_vector(&settings);
    let name = builder.create_string(topic.name.as_str());
    let id = schema::TopicUuid::new(&topic.id.to_bytes());
    let arguments = schema::TopicArgs {
        name: Some(name),
        id: Some(&id),
        partitions: topic.partitions,
        settings: Some(settings),
    };
    schema::Topic::create(builder, &arguments)
}

fn decode_topic(topic: schema::Topic<'_>) -> Result<CatalogTopic, DecodeError> {
    let settings = topic.settings().into_iter().flatten();
    let settings = settings.map(|setting| (setting.name().to_owned(), setting.value().to_owned()));
    Ok(CatalogTopic {
        name: decode_name(topic.name())?,
        id: TopicId::from_bytes(topic.id().bytes().into()),
        partitions: topic.partitions(),
        settings: settings.collect(),
    })
}

fn decode_tombstone(tombstone: schema::Tombstone<'_>) -> Result<CatalogTombstone, DecodeError> {
    Ok(CatalogTombstone {
        name: decode_name(tombstone.name())?,
        id: TopicId::from_bytes(tombstone.id().bytes().into()),
        partitions: tombstone.partitions(),
    })
}

fn decode_name(name: &str) -> Result<TopicName, DecodeError> {
    TopicName::new(name).map_err(|error| DecodeError::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_comes_back_as_it_was() {
        let catalog = CatalogSnapshot {
            topics: vec![CatalogTopic {
                name: TopicName::new("orders").unwrap(),
                id: TopicId::from_bytes([7; 16]),
                partitions: 3,
                settings: vec![("retention.ms".into(), "1000".into())],
            }],
            tombstones: vec![CatalogTombstone {
                name: TopicName::new("gone").unwrap(),
                id: TopicId::from_bytes([9; 16]),
                partitions: 1,
            }],
            next_producer_id: ProducerId::new(2000),
            cluster_id: "c1".into(),
            leader_epoch: LeaderEpoch::new(4),
            clean: true,
            incarnation: 9,
            void_below: 8,
        };
        assert_eq!(CatalogSnapshot::decode(&catalog.encode()), Ok(catalog));
        let empty = CatalogSnapshot::default();
        assert_eq!(CatalogSnapshot::decode(&empty.encode()), Ok(empty));
    }
}
