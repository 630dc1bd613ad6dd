use super::{LayoutError, encode as encode_versioned, plain, version};
use crate::types::{GroupId, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::wire::{Format, Reader, Value, WireError, message};
use bytes::Bytes;
use uuid::Uuid;

/// The version that keys are written in.
const KEY_VERSION: i16 = 1;
/// The version that values are written in, as Kafka does: 1 where the client set the expiry. Only
/// the other names the topic by its id.
const VALUE_VERSION: i16 = 4;
const VALUE_VERSION_WITH_EXPIRY: i16 = 1;
const FLEXIBLE_FROM: i16 = 4;

/// Which offset a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetCommitKey {
    pub(crate) group: GroupId,
    pub(crate) topic: String,
    pub(crate) partition: PartitionIndex,
}

/// A committed offset as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetCommit {
    /// The topic that had the key's name then; [`TopicId::NONE`] if that was not kept.
    pub(crate) topic: TopicId,
    pub(crate) offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) metadata: String,
    pub(crate) committed: Timestamp,
    /// When it is forgotten, if the client decided that.
    pub(crate) expires: Option<Timestamp>,
}

message! {
    /// The key of an offset.
    Key<'a> {
        /// The group.
        group: &'a str, 0..;
        /// The topic.
        topic: &'a str, 0..;
        /// The partition's number.
        partition: i32, 0..;
    }

    /// A committed offset.
    OffsetValue<'a> {
        /// The next offset that the group will read.
        offset: i64, 0..;
        /// The leader epoch of the record before it, -1 if unknown.
        leader_epoch: i32, 3.., default -1, else ignored;
        /// What the client keeps beside it.
        metadata: &'a str, 0..;
        /// When it was committed, in ms since 1970.
        commit_timestamp: i64, 0..;
        /// When it is forgotten, -1 if the broker decides.
        expire_timestamp: i64, 1..=1, default -1, else ignored;
        /// The topic's id.
        topic_id: Uuid, 4.., tag 0, else ignored;
    }
}

pub(super) fn decode_key(reader: &mut Reader<'_>) -> Result<OffsetCommitKey, WireError> {
    let key = Key::read(reader, plain(0))?;
    Ok(OffsetCommitKey {
        group: GroupId::new(key.group),
        topic: key.topic.to_owned(),
        partition: PartitionIndex::new(key.partition),
    })
}

pub(super) fn encode_key(key: &OffsetCommitKey) -> Bytes {
    let fields = Key {
        group: key.group.as_str(),
        topic: &key.topic,
        partition: key.partition.get(),
    };
    encode_versioned(KEY_VERSION, &fields, plain(0))
}

pub(super) fn decode(bytes: &[u8]) -> Result<OffsetCommit, LayoutError> {
    let mut reader = Reader::new(bytes);
    let version = version(&mut reader, "a committed offset", 0..=4)?;
    let value = OffsetValue::read(&mut reader, format(version))?;
    let expires = value.expire_timestamp;
    Ok(OffsetCommit {
        topic: TopicId::from_bytes(value.topic_id.into_bytes()),
        offset: Offset::new(value.offset),
        leader_epoch: LeaderEpoch::new(value.leader_epoch),
        metadata: value.metadata.to_owned(),
        committed: Timestamp::new(value.commit_timestamp),
        expires: (expires >= 0).then_some(Timestamp::new(expires)),
    })
}

pub(super) fn encode(commit: &OffsetCommit) -> Bytes {
    let version = match commit.expires {
        Some(_) => VALUE_VERSION_WITH_EXPIRY,
        None => VALUE_VERSION,
    };
    let value = OffsetValue {
        offset: commit.offset.get(),
        leader_epoch: commit.leader_epoch.get(),
        metadata: &commit.metadata,
        commit_timestamp: commit.committed.get(),
        expire_timestamp: commit.expires.map_or(-1, Timestamp::get),
        topic_id: Uuid::from_bytes(commit.topic.to_bytes()),
    };
    encode_versioned(version, &value, format(version))
}

fn format(version: i16) -> Format {
    Format {
        version,
        flexible: version >= FLEXIBLE_FROM,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, decode, offset};
    use super::*;

    fn key() -> OffsetCommitKey {
        OffsetCommitKey {
            group: GroupId::new("g"),
            topic: "t".to_owned(),
            partition: PartitionIndex::new(2),
        }
    }

    fn commit(expires: Option<Timestamp>) -> OffsetCommit {
        OffsetCommit {
            topic: TopicId::from_bytes([9; 16]),
            offset: Offset::new(5),
            leader_epoch: LeaderEpoch::new(1),
            metadata: "m".to_owned(),
            committed: Timestamp::new(7),
            expires,
        }
    }

    #[test]
    fn the_bytes_are_kafkas() {
        let record = offset(&key(), Some(&commit(None)));
        assert_eq!(
            &record.key[..],
            [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 2],
            "OffsetCommitKey version 1"
        );
        let mut value = vec![0, 4];
        value.extend_from_slice(&5_i64.to_be_bytes());
        value.extend_from_slice(&1_i32.to_be_bytes());
        value.extend_from_slice(&[2, b'm']);
        value.extend_from_slice(&7_i64.to_be_bytes());
        value.extend_from_slice(&[1, 0, 16]);
        value.extend_from_slice(&[9; 16]);
        assert_eq!(record.value.as_deref(), Some(&value[..]));
    }

    #[test]
    fn what_is_kept_comes_back() {
        let expiring = OffsetCommit {
            topic: TopicId::NONE,
            leader_epoch: LeaderEpoch::NONE,
            ..commit(Some(Timestamp::new(9)))
        };
        for value in [Some(commit(None)), Some(expiring), None] {
            let record = offset(&key(), value.as_ref());
            let read = decode(&record.key, record.value.as_deref());
            assert_eq!(read, Ok(Content::Offset(key(), value)));
        }
    }

    #[test]
    fn a_version_of_the_future_is_named() {
        let record = offset(&key(), None);
        assert_eq!(
            decode(&record.key, Some(&[0, 9])),
            Err(LayoutError::Version {
                what: "a committed offset",
                version: 9
            })
        );
    }
}
