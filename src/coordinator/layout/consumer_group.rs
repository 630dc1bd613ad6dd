//! Groups of the consumer protocol (KIP-848): Kafka's `ConsumerGroup…Key` and `…Value`.

use super::{LayoutError, OffsetsRecord, encode, version};
use crate::coordinator::consumer::Assignment;
use crate::types::{GroupId, InstanceId, MemberId, PartitionIndex, TopicId};
use crate::wire::{Array, Format, Reader, Value, message};
use uuid::Uuid;

/// What a key's version says that the record is about.
const GROUP: i16 = 3;
const MEMBER: i16 = 5;
const TARGET: i16 = 6;
const TARGET_MEMBER: i16 = 7;
const CURRENT: i16 = 8;

/// A group of the consumer protocol, piece by piece; without its value a piece is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConsumerPiece {
    /// The group's epoch.
    Epoch(Option<i32>),
    /// What a member wants.
    Member(MemberId, Option<MemberWish>),
    /// The epoch of the target assignment.
    TargetEpoch(Option<i32>),
    /// What a member is to get.
    Target(MemberId, Option<Assignment>),
    /// What a member has.
    Current(MemberId, Option<CurrentAssignment>),
}

impl ConsumerPiece {
    /// Whether it says that something is gone.
    pub(crate) fn is_tombstone(&self) -> bool {
        match self {
            Self::Epoch(value) | Self::TargetEpoch(value) => value.is_none(),
            Self::Member(_, value) => value.is_none(),
            Self::Target(_, value) => value.is_none(),
            Self::Current(_, value) => value.is_none(),
        }
    }
}

/// What a member wants, and who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberWish {
    pub(crate) instance: Option<InstanceId>,
    pub(crate) rack: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) topics: Vec<String>,
    pub(crate) regex: Option<String>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) assignor: Option<String>,
}

/// What a member has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CurrentAssignment {
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    pub(crate) state: i8,
    pub(crate) assigned: Assignment,
    /// What it is to give up before it gets more.
    pub(crate) revoked: Assignment,
}

message! {
    /// The key of a group's piece.
    PieceKey<'a> {
        /// The group.
        group: &'a str, 0..;
    }

    /// The key of a member's piece.
    MemberPieceKey<'a> {
        /// The group.
        group: &'a str, 0..;
        /// The member.
        member: &'a str, 0..;
    }

    /// An epoch.
    EpochValue {
        /// The epoch.
        epoch: i32, 0..;
    }

    /// What a member wants.
    MemberValue<'a> {
        /// What names it across its restarts.
        instance_id: Option<&'a str>, 0..;
        /// Its rack.
        rack_id: Option<&'a str>, 0..;
        /// What the client calls itself.
        client_id: &'a str, 0..;
        /// Where the client is.
        client_host: &'a str, 0..;
        /// The topics.
        subscribed_topic_names: Array<'a, &'a str>, 0..;
        /// A regular expression for topics.
        subscribed_topic_regex: Option<&'a str>, 0..;
        /// How long it may take to give partitions up, in ms.
        rebalance_timeout_ms: i32, 0.., default -1;
        /// The broker's assignor to use.
        server_assignor: Option<&'a str>, 0..;
    }

    /// What a member is to get.
    TargetValue<'a> {
        /// The partitions.
        topic_partitions: Array<'a, TopicPartitionsValue<'a>>, 0..;
    }

    /// What a member has.
    CurrentValue<'a> {
        /// The member's epoch.
        member_epoch: i32, 0..;
        /// Its epoch before.
        previous_member_epoch: i32, 0..;
        /// Where its reconciliation is.
        state: i8, 0..;
        /// What it may use.
        assigned_partitions: Array<'a, TopicPartitionsValue<'a>>, 0..;
        /// What it is to give up.
        partitions_pending_revocation: Array<'a, TopicPartitionsValue<'a>>, 0..;
    }

    /// Partitions of a topic.
    TopicPartitionsValue<'a> {
        /// The topic's id.
        topic_id: Uuid, 0..;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 0..;
    }
}

/// Keys have no tags, values do.
const KEY: Format = Format {
    version: 0,
    flexible: false,
};
const VALUE: Format = Format {
    version: 0,
    flexible: true,
};

/// Reads a piece, if the key is of one.
pub(super) fn decode(
    kind: i16,
    key: &mut Reader<'_>,
    value: Option<&[u8]>,
) -> Result<Option<(GroupId, ConsumerPiece)>, LayoutError> {
    let is_member = matches!(kind, MEMBER | TARGET_MEMBER | CURRENT);
    if !is_member && !matches!(kind, GROUP | TARGET) {
        return Ok(None);
    }
    let key = if is_member {
        MemberPieceKey::read(key, KEY)?
    } else {
        let group = PieceKey::read(key, KEY)?.group;
        MemberPieceKey { group, member: "" }
    };
    let mut reader = value.map(Reader::new);
    if let Some(reader) = &mut reader {
        version(reader, "a group of the consumer protocol", 0..=0)?;
    }
    let reader = reader.as_mut();
    let member = MemberId::new(key.member);
    let piece = match kind {
        GROUP => ConsumerPiece::Epoch(reader.map(read_epoch).transpose()?),
        TARGET => ConsumerPiece::TargetEpoch(reader.map(read_epoch).transpose()?),
        MEMBER => ConsumerPiece::Member(member, reader.map(read_member).transpose()?),
        TARGET_MEMBER => ConsumerPiece::Target(member, reader.map(read_target).transpose()?),
        _ => ConsumerPiece::Current(member, reader.map(read_current).transpose()?),
    };
    Ok(Some((GroupId::new(key.group), piece)))
}

fn read_epoch(reader: &mut Reader<'_>) -> Result<i32, LayoutError> {
    Ok(EpochValue::read(reader, VALUE)?.epoch)
}

fn read_member(reader: &mut Reader<'_>) -> Result<MemberWish, LayoutError> {
    let value = MemberValue::read(reader, VALUE)?;
    let topics = value.subscribed_topic_names.iter().map(str::to_owned);
    Ok(MemberWish {
        instance: value.instance_id.map(InstanceId::new),
        rack: value.rack_id.map(str::to_owned),
        client_id: value.client_id.to_owned(),
        client_host: value.client_host.to_owned(),
        topics: topics.collect(),
        regex: value.subscribed_topic_regex.map(str::to_owned),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        assignor: value.server_assignor.map(str::to_owned),
    })
}

fn read_target(reader: &mut Reader<'_>) -> Result<Assignment, LayoutError> {
    let value = TargetValue::read(reader, VALUE)?;
    Ok(assignment(&value.topic_partitions))
}

fn read_current(reader: &mut Reader<'_>) -> Result<CurrentAssignment, LayoutError> {
    let value = CurrentValue::read(reader, VALUE)?;
    Ok(CurrentAssignment {
        epoch: value.member_epoch,
        previous_epoch: value.previous_member_epoch,
        state: value.state,
        assigned: assignment(&value.assigned_partitions),
        revoked: assignment(&value.partitions_pending_revocation),
    })
}

fn assignment(topics: &Array<'_, TopicPartitionsValue<'_>>) -> Assignment {
    let mut assignment = Assignment::default();
    for topic in topics {
        let id = TopicId::from_bytes(topic.topic_id.into_bytes());
        for partition in &topic.partitions {
            assignment.add(id, PartitionIndex::new(partition));
        }
    }
    assignment
}

fn partitions(assignment: &Assignment) -> Array<'static, TopicPartitionsValue<'static>> {
    let topics = assignment.topics().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|partition| partition.get());
        TopicPartitionsValue {
            topic_id: Uuid::from_bytes(topic.to_bytes()),
            partitions: partitions.collect(),
        }
    });
    topics.collect()
}

/// The record that keeps a piece, or forgets it.
pub(crate) fn consumer(group: &GroupId, piece: &ConsumerPiece) -> OffsetsRecord {
    let group = group.as_str();
    let of_group = |kind| encode(kind, &PieceKey { group }, KEY);
    let of_member = |kind, member: &MemberId| {
        let member = member.as_str();
        encode(kind, &MemberPieceKey { group, member }, KEY)
    };
    let epoch = |epoch: &Option<i32>| epoch.map(|epoch| encode(0, &EpochValue { epoch }, VALUE));
    let (key, value) = match piece {
        ConsumerPiece::Epoch(value) => (of_group(GROUP), epoch(value)),
        ConsumerPiece::TargetEpoch(value) => (of_group(TARGET), epoch(value)),
        ConsumerPiece::Member(member, wish) => {
            let value = wish
                .as_ref()
                .map(|wish| encode(0, &member_value(wish), VALUE));
            (of_member(MEMBER, member), value)
        }
        ConsumerPiece::Target(member, target) => {
            let value = target.as_ref().map(|target| {
                let topic_partitions = partitions(target);
                encode(0, &TargetValue { topic_partitions }, VALUE)
            });
            (of_member(TARGET_MEMBER, member), value)
        }
        ConsumerPiece::Current(member, current) => {
            let value = current.as_ref().map(|current| {
                let value = CurrentValue {
                    member_epoch: current.epoch,
                    previous_member_epoch: current.previous_epoch,
                    state: current.state,
                    assigned_partitions: partitions(&current.assigned),
                    partitions_pending_revocation: partitions(&current.revoked),
                };
                encode(0, &value, VALUE)
            });
            (of_member(CURRENT, member), value)
        }
    };
    OffsetsRecord { key, value }
}

fn member_value(wish: &MemberWish) -> MemberValue<'_> {
    let topics = wish.topics.iter().map(String::as_str);
    MemberValue {
        instance_id: wish.instance.as_ref().map(InstanceId::as_str),
        rack_id: wish.rack.as_deref(),
        client_id: &wish.client_id,
        client_host: &wish.client_host,
        subscribed_topic_names: topics.collect(),
        subscribed_topic_regex: wish.regex.as_deref(),
        rebalance_timeout_ms: wish.rebalance_timeout_ms,
        server_assignor: wish.assignor.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, decode};
    use super::*;

    #[test]
    fn every_piece_comes_back() {
        let member = MemberId::new("m");
        let topic = TopicId::from_random_bytes([3; 16]);
        let some: Assignment = [0, 4]
            .map(|index| (topic, PartitionIndex::new(index)))
            .into_iter()
            .collect();
        let wish = MemberWish {
            instance: None,
            rack: Some("r".to_owned()),
            client_id: "c".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            topics: vec!["orders".to_owned()],
            regex: None,
            rebalance_timeout_ms: 300_000,
            assignor: Some("uniform".to_owned()),
        };
        let current = CurrentAssignment {
            epoch: 4,
            previous_epoch: 3,
            state: 1,
            assigned: some.clone(),
            revoked: Assignment::default(),
        };
        for piece in [
            ConsumerPiece::Epoch(Some(5)),
            ConsumerPiece::Epoch(None),
            ConsumerPiece::TargetEpoch(Some(4)),
            ConsumerPiece::Member(member.clone(), Some(wish)),
            ConsumerPiece::Member(member.clone(), None),
            ConsumerPiece::Target(member.clone(), Some(some)),
            ConsumerPiece::Current(member.clone(), Some(current)),
            ConsumerPiece::Current(member, None),
        ] {
            let record = consumer(&GroupId::new("g"), &piece);
            let read = decode(&record.key, record.value.as_deref());
            assert_eq!(read, Ok(Content::Consumer(GroupId::new("g"), piece)));
        }
    }
}
