use crate::coordinator::layout::MemberMetadata;
use crate::coordinator::timers::Timer;
use crate::coordinator::{GroupToken, JoinGroup, MemberDescription};
use crate::types::{GroupId, InstanceId, MemberId};
use bytes::Bytes;
use std::time::Duration;

/// What a member waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaiting {
    Nothing,
    /// That all members join.
    Join(GroupToken),
    /// That the leader hands out the assignment.
    Sync(GroupToken),
}

/// A member of a classic group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) instance: Option<InstanceId>,
    client_id: String,
    client_host: String,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    pub(super) awaiting: Awaiting,
    /// Has never been part of a generation.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn new(id: MemberId, request: JoinGroup) -> Self {
        Self {
            id,
            instance: request.instance,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: Bytes::new(),
            awaiting: Awaiting::Nothing,
            is_new: true,
        }
    }

    /// As it was kept, with the one protocol that its generation had.
    pub(super) fn restored(kept: MemberMetadata, protocol: Option<&str>) -> Self {
        let protocol = protocol.unwrap_or_default().to_owned();
        Self {
            id: kept.member,
            instance: kept.instance,
            client_id: kept.client_id,
            client_host: kept.client_host,
            session_timeout_ms: kept.session_timeout_ms,
            rebalance_timeout_ms: kept.rebalance_timeout_ms,
            protocols: vec![(protocol, kept.subscription)],
            assignment: kept.assignment,
            awaiting: Awaiting::Nothing,
            is_new: false,
        }
    }

    pub(super) fn to_metadata(&self, protocol: &str) -> MemberMetadata {
        MemberMetadata {
            member: self.id.clone(),
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }

    /// What others are told; `protocol` is the group's while one is in force.
    pub(super) fn describe(&self, protocol: Option<&str>) -> MemberDescription {
        MemberDescription {
            member: self.id.clone(),
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            metadata: protocol.map_or_else(Bytes::new, |protocol| self.metadata(protocol)),
            assignment: self.assignment.clone(),
        }
    }

    /// Takes over what a member says as it joins again.
    pub(super) fn update(&mut self, request: JoinGroup) {
        self.client_id = request.client_id;
        self.client_host = request.client_host;
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols = request.protocols;
    }

    pub(super) fn session_timeout(&self) -> Duration {
        milliseconds(self.session_timeout_ms)
    }

    pub(super) fn rebalance_timeout(&self) -> Duration {
        milliseconds(self.rebalance_timeout_ms)
    }

    /// What the member says in a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let known = self.protocols.iter().find(|(name, _)| name == protocol);
        known.map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }

    pub(super) fn knows(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub(super) fn session_timer(&self, group: &GroupId) -> Timer {
        Timer::Session(group.clone(), self.id.clone())
    }

    /// Bytes that the group keeps for the member.
    pub(super) fn size(&self) -> usize {
        protocols_size(&self.protocols) + self.assignment.len()
    }
}

pub(super) fn protocols_size(protocols: &[(String, Bytes)]) -> usize {
    let sizes = protocols
        .iter()
        .map(|(name, metadata)| name.len() + metadata.len());
    sizes.sum()
}

pub(in crate::coordinator) fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}
