//! The records of [`OFFSETS_TOPIC`](super::OFFSETS_TOPIC), in Kafka's layout, so that tools that
//! read the topic understand it and a topic that Kafka wrote can be taken over.
//!
//! Key and value each begin with a version; a key's version tells what the record is about.
//! Kafka's definitions: `OffsetCommitKey`, `OffsetCommitValue`, `GroupMetadataKey`,
//! `GroupMetadataValue`.

mod consumer_group;
mod group_metadata;
mod offset_commit;

use crate::types::GroupId;
use crate::wire::{EncodeError, Format, Reader, Struct, Value, WireError, Writer, message};
use bytes::Bytes;
use thiserror::Error;

pub(super) use consumer_group::{ConsumerPiece, CurrentAssignment, MemberWish, consumer};
pub(super) use group_metadata::{GroupMetadata, MemberMetadata};
pub(super) use offset_commit::{OffsetCommit, OffsetCommitKey};

/// A record of the topic; without a value it deletes what earlier ones with its key said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetsRecord {
    /// Version and key.
    pub key: Bytes,
    /// Version and value.
    pub value: Option<Bytes>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// An offset, or that it is forgotten.
    Offset(OffsetCommitKey, Option<OffsetCommit>),
    /// A group's generation, or that the group is forgotten.
    Group(GroupId, Option<GroupMetadata>),
    /// A piece of a group of the consumer protocol.
    Consumer(GroupId, ConsumerPiece),
    /// Of a kind that this version does not keep.
    Unknown,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The bytes end early or contradict themselves.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A value in a version of the future.
    #[error("{what} has version {version}, which this broker does not know")]
    Version {
        /// What the record is about.
        what: &'static str,
        /// The version.
        version: i16,
    },
}

/// Keys of these versions are about offsets; both mean the same.
const OFFSET_KEYS: std::ops::RangeInclusive<i16> = 0..=1;
const GROUP_KEY: i16 = 2;

message! {
    /// The key of a group's metadata.
    GroupKey<'a> {
        /// The group.
        group: &'a str, 0..;
    }
}

/// Reads a record.
pub(super) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Content, LayoutError> {
    let mut reader = Reader::new(key);
    let version = reader.i16()?;
    if OFFSET_KEYS.contains(&version) {
        let key = offset_commit::decode_key(&mut reader)?;
        let value = value.map(offset_commit::decode).transpose()?;
        return Ok(Content::Offset(key, value));
    }
    if version == GROUP_KEY {
        let key = GroupKey::read(&mut reader, plain(0))?;
        let value = value.map(group_metadata::decode).transpose()?;
        return Ok(Content::Group(GroupId::new(key.group), value));
    }
    let piece = consumer_group::decode(version, &mut reader, value)?;
    Ok(piece.map_or(Content::Unknown, |(group, piece)| {
        Content::Consumer(group, piece)
    }))
}

/// The record that keeps an offset, or forgets it.
pub(super) fn offset(key: &OffsetCommitKey, value: Option<&OffsetCommit>) -> OffsetsRecord {
    OffsetsRecord {
        key: offset_commit::encode_key(key),
        value: value.map(offset_commit::encode),
    }
}

/// The record that keeps a group's generation, or forgets the group.
pub(super) fn group(group: &GroupId, value: Option<&GroupMetadata>) -> OffsetsRecord {
    let group = group.as_str();
    OffsetsRecord {
        key: encode(GROUP_KEY, &GroupKey { group }, plain(0)),
        value: value.map(group_metadata::encode),
    }
}

/// A version and a struct after it.
fn encode<'a>(version: i16, value: &(impl Struct + Value<'a>), format: Format) -> Bytes {
    let mut writer = Writer::new();
    writer.i16(version);
    let written: Result<(), EncodeError> = value.write(&mut writer, format);
    written.expect("what came in a frame fits into a record");
    writer.into_bytes()
}

/// Reads the version that a value begins with, if it is one of those known.
fn version(
    reader: &mut Reader<'_>,
    what: &'static str,
    known: std::ops::RangeInclusive<i16>,
) -> Result<i16, LayoutError> {
    let version = reader.i16()?;
    if known.contains(&version) {
        Ok(version)
    } else {
        Err(LayoutError::Version { what, version })
    }
}

/// Fixed lengths, no tags.
const fn plain(version: i16) -> Format {
    Format {
        version,
        flexible: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_other_kinds_are_left_alone() {
        assert_eq!(decode(&[0, 10, 0, 0], Some(&[9])), Ok(Content::Unknown));
        assert!(matches!(decode(&[0], None), Err(LayoutError::Wire(_))));
    }

    #[test]
    fn a_group_can_be_forgotten() {
        let record = group(&GroupId::new("g"), None);
        assert_eq!(&record.key[..], [0, 2, 0, 1, b'g']);
        let read = decode(&record.key, record.value.as_deref());
        assert_eq!(read, Ok(Content::Group(GroupId::new("g"), None)));
    }
}
