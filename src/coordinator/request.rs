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
    /// Whether there is such a partition.
    pub exists: bool,
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

/// Which groups a list is to have; empty lists say all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Names of states, in whatever case.
    pub states: Vec<String>,
    /// Names of types, in whatever case.
    pub types: Vec<String>,
}
