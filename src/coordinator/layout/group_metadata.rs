use super::{LayoutError, encode as encode_versioned, plain, version};
use crate::types::{Generation, InstanceId, MemberId, Timestamp};
use crate::wire::{Array, Format, Reader, Value, message};
use bytes::Bytes;

/// The version that values are written in, as Kafka does.
const VALUE_VERSION: i16 = 3;
const FLEXIBLE_FROM: i16 = 4;

/// A classic group as it is kept: its last completed generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    pub(crate) protocol_type: String,
    pub(crate) generation: Generation,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<MemberId>,
    pub(crate) state_since: Timestamp,
    pub(crate) members: Vec<MemberMetadata>,
}

/// A member as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberMetadata {
    pub(crate) member: MemberId,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

message! {
    /// A group.
    GroupValue<'a> {
        /// The kind of protocols.
        protocol_type: &'a str, 0..;
        /// The generation's number.
        generation: i32, 0..;
        /// The chosen protocol.
        protocol: Option<&'a str>, 0..;
        /// The member that assigns.
        leader: Option<&'a str>, 0..;
        /// Since when the group is in its state, in ms since 1970.
        current_state_timestamp: i64, 2.., default -1, else ignored;
        /// The members.
        members: Array<'a, MemberValue<'a>>, 0..;
    }

    /// A member.
    MemberValue<'a> {
        /// Its id.
        member_id: &'a str, 0..;
        /// What names it across its restarts.
        group_instance_id: Option<&'a str>, 3.., else ignored;
        /// What the client calls itself.
        client_id: &'a str, 0..;
        /// Where the client is.
        client_host: &'a str, 0..;
        /// How long the group waits for it to join again, in ms.
        rebalance_timeout: i32, 1.., else ignored;
        /// After this long without a heartbeat it counts as dead, in ms.
        session_timeout: i32, 0..;
        /// What it says in the chosen protocol.
        subscription: &'a [u8], 0..;
        /// What it got.
        assignment: &'a [u8], 0..;
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<GroupMetadata, LayoutError> {
    let mut reader = Reader::new(bytes);
    let version = version(&mut reader, "a group", 0..=4)?;
    let format = Format {
        version,
        flexible: version >= FLEXIBLE_FROM,
    };
    let value = GroupValue::read(&mut reader, format)?;
    let members = value.members.iter().map(|member| MemberMetadata {
        member: MemberId::new(member.member_id),
        instance: member.group_instance_id.map(InstanceId::new),
        client_id: member.client_id.to_owned(),
        client_host: member.client_host.to_owned(),
        rebalance_timeout_ms: match version {
            0 => member.session_timeout,
            _ => member.rebalance_timeout,
        },
        session_timeout_ms: member.session_timeout,
        subscription: Bytes::copy_from_slice(member.subscription),
        assignment: Bytes::copy_from_slice(member.assignment),
    });
    Ok(GroupMetadata {
        protocol_type: value.protocol_type.to_owned(),
        generation: Generation::new(value.generation),
        protocol: value.protocol.map(str::to_owned),
        leader: value.leader.map(MemberId::new),
        state_since: Timestamp::new(value.current_state_timestamp),
        members: members.collect(),
    })
}

pub(super) fn encode(group: &GroupMetadata) -> Bytes {
    let members = group.members.iter().map(|member| MemberValue {
        member_id: member.member.as_str(),
        group_instance_id: member.instance.as_ref().map(InstanceId::as_str),
        client_id: &member.client_id,
        client_host: &member.client_host,
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: &member.subscription,
        assignment: &member.assignment,
    });
    let value = GroupValue {
        protocol_type: &group.protocol_type,
        generation: group.generation.get(),
        protocol: group.protocol.as_deref(),
        leader: group.leader.as_ref().map(MemberId::as_str),
        current_state_timestamp: group.state_since.get(),
        members: members.collect(),
    };
    encode_versioned(VALUE_VERSION, &value, plain(VALUE_VERSION))
}

#[cfg(test)]
mod tests {
    use super::super::{Content, decode, group};
    use super::*;
    use crate::types::GroupId;

    #[test]
    fn what_is_kept_comes_back() {
        let member = MemberMetadata {
            member: MemberId::new("m"),
            instance: Some(InstanceId::new("i")),
            client_id: "c".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(b"wants"),
            assignment: Bytes::from_static(b"gets"),
        };
        let full = GroupMetadata {
            protocol_type: "consumer".to_owned(),
            generation: Generation::new(3),
            protocol: Some("range".to_owned()),
            leader: Some(MemberId::new("m")),
            state_since: Timestamp::new(77),
            members: vec![member],
        };
        let empty = GroupMetadata {
            protocol: None,
            leader: None,
            members: Vec::new(),
            ..full.clone()
        };
        for value in [full, empty] {
            let record = group(&GroupId::new("g"), Some(&value));
            assert_eq!(&record.value.as_ref().expect("kept")[..2], [0, 3]);
            let read = decode(&record.key, record.value.as_deref());
            assert_eq!(read, Ok(Content::Group(GroupId::new("g"), Some(value))));
        }
    }
}
