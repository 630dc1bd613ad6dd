//! What a cluster's metadata says of topics (KRaft): the log `__cluster_metadata-0` of a broker that
//! is controller too, and the snapshots beside it.
//!
//! Both are record batches. A record's value is framed: frame version (1), kind and version as varints,
//! then the fields. Kafka's definitions: `TopicRecord` 2, `PartitionRecord` 3, `ConfigRecord` 4,
//! `RemoveTopicRecord` 9, `ProducerIdsRecord` 15, and the marks of KIP-868, 23 to 25.

use super::ImportError;
use super::source::SourceSegment;
use crate::record::{Batch, BatchHeader, DecompressionLimits, HEADER_BYTES};
use crate::storage::{Disk, OpenMode};
use crate::types::{Offset, Position, TopicId};
use crate::wire::{Format, Reader, Value, WireError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The directory of the metadata log.
pub(super) const METADATA_DIRECTORY: &str = "__cluster_metadata-0";

/// Kafka writes batches of at most 8 MiB there.
const BATCH_BYTES_MAX: usize = 64 << 20;
const UNFOLDED: DecompressionLimits = DecompressionLimits::new(256 << 20, 1000);
const FLEXIBLE: Format = Format {
    version: 0,
    flexible: true,
};

const FRAME_VERSION: u32 = 1;
const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;

/// A topic as the metadata has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataTopic {
    /// Its name.
    pub name: String,
    /// Its partitions' numbers.
    pub partitions: BTreeSet<i32>,
}

/// What the metadata says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Topics by id.
    pub topics: BTreeMap<TopicId, MetadataTopic>,
    /// Settings of topics, by the topic's name.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Settings of all brokers that were changed while they ran.
    pub broker_settings: BTreeMap<String, String>,
    /// The first producer id that was not given out.
    pub next_producer_id: i64,
    /// As it was before the transaction that is open.
    before: Option<Box<Metadata>>,
}

/// Why metadata cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// A record ends early or contradicts itself.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A frame of the future.
    #[error("a record in a frame of version {0}")]
    Frame(u32),
}

impl Metadata {
    /// Reads the newest snapshot, and what the log has from there on.
    pub(super) fn read(
        disk: &dyn Disk,
        snapshot: Option<&(Offset, PathBuf)>,
        segments: &[SourceSegment],
    ) -> Result<Self, ImportError> {
        let mut metadata = Self::default();
        let mut from = Offset::ZERO;
        if let Some((end, path)) = snapshot {
            metadata.replay_file(disk, path, Offset::ZERO)?;
            from = *end;
        }
        for segment in segments {
            metadata.replay_file(disk, &segment.path, from)?;
        }
        Ok(metadata)
    }

    /// Takes in the records of a file from an offset on. What the end of the log has that is no batch was
    /// cut short by a crash.
    fn replay_file(
        &mut self,
        disk: &dyn Disk,
        path: &Path,
        from: Offset,
    ) -> Result<(), ImportError> {
        let failed = |problem: String| {
            ImportError::Refused(vec![super::Refusal::Unreadable {
                path: path.to_path_buf(),
                problem,
            }])
        };
        let file = disk
            .open(path, OpenMode::ReadOnly)
            .map_err(ImportError::io(path))?;
        let mut at = Position::ZERO;
        loop {
            let mut header = [0; HEADER_BYTES];
            let read = file.read_at(at, &mut header);
            let read = read.map_err(ImportError::io(path))?;
            let header = BatchHeader::read(header.get(..read).unwrap_or_default());
            let size = match header {
                Ok(header) if header.size() <= BATCH_BYTES_MAX => header.size(),
                _ => return Ok(()),
            };
            let mut bytes = vec![0; size];
            let read = file.read_at(at, &mut bytes);
            bytes.truncate(read.map_err(ImportError::io(path))?);
            let Ok(batch) = Batch::validate_stored(Bytes::from(bytes)) else {
                return Ok(());
            };
            at = at.advanced(size as u64);
            if batch.header().is_control() {
                continue;
            }
            let records = batch.records(&UNFOLDED);
            let records = records.map_err(|error| failed(error.to_string()))?;
            for record in &records {
                let record = record.map_err(|error| failed(error.to_string()))?;
                if record.offset >= from {
                    let value = record.value.unwrap_or_default();
                    self.replay(value).map_err(|error| {
                        failed(format!("the record at offset {}: {error}", record.offset))
                    })?;
                }
            }
        }
    }

    /// Takes in one record's value.
    pub fn replay(&mut self, value: &[u8]) -> Result<(), MetadataError> {
        let mut reader = Reader::new(value);
        let frame = reader.unsigned_varint()?;
        if frame != FRAME_VERSION {
            return Err(MetadataError::Frame(frame));
        }
        let kind = reader.unsigned_varint()?;
        let _version = reader.unsigned_varint()?;
        match kind {
            2 => {
                let name = text(&mut reader)?.to_owned();
                let topic = self.topics.entry(id(&mut reader)?).or_default();
                topic.name = name;
            }
            3 => {
                let partition = reader.i32()?;
                let topic = self.topics.entry(id(&mut reader)?).or_default();
                topic.partitions.insert(partition);
            }
            4 => self.replay_setting(&mut reader)?,
            9 => {
                if let Some(topic) = self.topics.remove(&id(&mut reader)?) {
                    self.settings.remove(&topic.name);
                }
            }
            15 => {
                let _broker = reader.i32()?;
                let _epoch = reader.i64()?;
                self.next_producer_id = reader.i64()?;
            }
            23 => self.before = Some(Box::new(self.clone())),
            24 => self.before = None,
            25 => {
                if let Some(before) = self.before.take() {
                    *self = *before;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn replay_setting(&mut self, reader: &mut Reader<'_>) -> Result<(), MetadataError> {
        let kind = reader.i8()?;
        let resource = text(reader)?;
        let name = text(reader)?.to_owned();
        let value: Option<&str> = Value::read(reader, FLEXIBLE)?;
        let settings = match kind {
            RESOURCE_TOPIC => self.settings.entry(resource.to_owned()).or_default(),
            RESOURCE_BROKER if resource.is_empty() => &mut self.broker_settings,
            _ => return Ok(()),
        };
        match value {
            Some(value) => settings.insert(name, value.to_owned()),
            None => settings.remove(&name),
        };
        Ok(())
    }
}

fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, WireError> {
    Value::read(reader, FLEXIBLE)
}

fn id(reader: &mut Reader<'_>) -> Result<TopicId, WireError> {
    Ok(TopicId::from_bytes(reader.uuid()?.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [u8; 16] = [7; 16];

    fn record(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![1, kind, 0];
        fields
            .iter()
            .for_each(|field| bytes.extend_from_slice(field));
        bytes.push(0);
        bytes
    }

    fn setting(name: &str, value: Option<&str>) -> Vec<u8> {
        let compact = |text: &str| [&[text.len() as u8 + 1], text.as_bytes()].concat();
        let value = value.map_or(vec![0], compact);
        record(4, &[&[2], &compact("orders"), &compact(name), &value])
    }

    fn topic() -> Vec<u8> {
        record(2, &[b"\x07orders", &ORDERS])
    }

    #[test]
    fn topics_partitions_and_settings_follow_the_records() {
        let mut metadata = Metadata::default();
        let mut replay = |bytes: Vec<u8>| metadata.replay(&bytes).expect("whole");
        replay(topic());
        replay(record(
            3,
            &[&1_i32.to_be_bytes(), &ORDERS, &[2, 0, 0, 0, 1]],
        ));
        replay(setting("retention.ms", Some("5")));
        replay(setting("segment.bytes", Some("6")));
        replay(setting("segment.bytes", None));
        replay(record(15, &[&[0; 12], &1000_i64.to_be_bytes()]));
        replay(record(99, &[]));
        let orders = &metadata.topics[&TopicId::from_bytes(ORDERS)];
        assert_eq!(
            (orders.name.as_str(), orders.partitions.len()),
            ("orders", 1)
        );
        assert_eq!(metadata.settings["orders"].len(), 1);
        assert_eq!(metadata.next_producer_id, 1000);
        let removed = record(9, &[&ORDERS]);
        metadata.replay(&removed).expect("whole");
        assert!(metadata.topics.is_empty() && metadata.settings.is_empty());
    }

    #[test]
    fn an_aborted_transaction_leaves_nothing() {
        let mut metadata = Metadata::default();
        for bytes in [record(23, &[&[0]]), topic(), record(25, &[&[0]])] {
            metadata.replay(&bytes).expect("whole");
        }
        assert_eq!(metadata, Metadata::default());
    }

    #[test]
    fn frames_of_the_future_and_cut_records_are_refused() {
        let mut metadata = Metadata::default();
        assert_eq!(metadata.replay(&[2, 2, 0]), Err(MetadataError::Frame(2)));
        let whole = topic();
        for length in 0..whole.len() - 1 {
            assert!(metadata.replay(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
