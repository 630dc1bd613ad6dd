use super::{Assignment, ListedGroup};
use crate::types::{Generation, InstanceId, LeaderEpoch, MemberId, Offset, PartitionIndex};
use bytes::Bytes;

/// What a client wants of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRequest {
    /// Become or stay a member of the next generation; answered when that begins.
    Join(JoinGroup),
    /// Hand out or get the generation's assignment; answered when the leader has.
    Sync(SyncGroup),
    /// Still alive.
    Heartbeat(MemberOf),
    /// Members go.
    Leave(Vec<LeavingMember>),
    /// Keep offsets.
    CommitOffsets(CommitOffsets),
    /// Tell offsets.
    FetchOffsets(FetchOffsets),
    /// Forget offsets, by topic.
    DeleteOffsets(Vec<(String, Vec<PartitionIndex>)>),
    /// Tell state and members.
    Describe,
    /// Forget the group, which must be empty.
    Delete,
    /// Join, stay in or leave a group of the consumer protocol.
    ConsumerHeartbeat(ConsumerHeartbeat),
    /// Tell state and members of a group of the consumer protocol.
    ConsumerDescribe,
}

/// Who asks, and for which generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberOf {
    /// The generation that the client believes in.
    pub generation: Generation,
    /// The member.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
}

/// A member's wish to be part of the next generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroup {
    /// The member, empty for a new one.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where the client is.
    pub client_host: String,
    /// After this long without a heartbeat the member counts as dead, in ms.
    pub session_timeout_ms: i32,
    /// How long the group waits for the member to join again, in ms.
    pub rebalance_timeout_ms: i32,
    /// The kind of protocols; consumers say `consumer`.
    pub protocol_type: String,
    /// The protocols that the member knows and what it says in them, the preferred first.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a new member is first given an id, to come back with (KIP-394).
    pub requires_known_member: bool,
    /// Whether a leader can be told to leave the assignment as it is (KIP-814).
    pub can_skip_assignment: bool,
}

/// A member's turn to give or to get the assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// Who asks.
    pub of: MemberOf,
    /// The kind of protocols that the client believes in (KIP-559).
    pub protocol_type: Option<String>,
    /// The protocol that the client believes in.
    pub protocol: Option<String>,
    /// From the leader: what each member gets.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A member that leaves, by either of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// Its id; may be empty where the other name is given.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
}

/// Offsets to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOffsets {
    /// Who asks; no member if the id is empty and the generation below zero.
    pub of: MemberOf,
    /// How long to keep them, in ms, where the client and not the broker decides (before KIP-211).
    pub retention_ms: Option<i64>,
    /// By topic.
    pub topics: Vec<(String, Vec<CommitPartition>)>,
}

/// An offset to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitPartition {
    /// Of which partition.
    pub index: PartitionIndex,
    /// The next offset that the group will read.
    pub offset: Offset,
    /// The leader epoch of the record before it.
    pub leader_epoch: LeaderEpoch,
    /// What the client keeps beside it.
    pub metadata: String,
}

/// Which offsets to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOffsets {
    /// The member that asks and its epoch (KIP-848); nobody checks others.
    pub of: Option<MemberOf>,
    /// By topic; all there are if none.
    pub topics: Option<Vec<(String, Vec<PartitionIndex>)>>,
}

/// A member's heartbeat in the consumer protocol (KIP-848); what has not changed since its last one
/// may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerHeartbeat {
    /// The member; empty if the coordinator is to choose an id.
    pub member: MemberId,
    /// Its epoch; 0 joins, -1 leaves, -2 leaves to come back under the instance id.
    pub epoch: i32,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
    /// Its rack.
    pub rack: Option<String>,
    /// How long it may take to give partitions up, in ms; -1 if not said.
    pub rebalance_timeout_ms: i32,
    /// The topics that it wants.
    pub topics: Option<Vec<String>>,
    /// A regular expression for topics that it wants.
    pub regex: Option<String>,
    /// The assignor that it wants.
    pub assignor: Option<String>,
    /// The partitions that it has.
    pub owned: Option<Assignment>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where the client is.
    pub client_host: String,
}

/// Which groups a list is to have; empty lists say all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Names of states, in whatever case.
    pub states: Vec<String>,
    /// Names of types, in whatever case.
    pub types: Vec<String>,
}

impl GroupFilter {
    /// Whether a list is to have the group.
    pub fn passes(&self, group: &ListedGroup) -> bool {
        let wanted = |filter: &[String], name: &str| {
            filter.is_empty()
                || filter
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        wanted(&self.states, group.state.name()) && wanted(&self.types, group.group_type.name())
    }
}
