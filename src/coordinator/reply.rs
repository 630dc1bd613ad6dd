use super::{Assignment, Assignor, GroupError};
use crate::types::{
    Generation, GroupId, InstanceId, LeaderEpoch, MemberId, Offset, PartitionIndex, TopicId,
    TopicName,
};
use bytes::Bytes;

/// The answer to the [`GroupRequest`](super::GroupRequest) of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupReply {
    /// The generation, or why the member is not in it.
    Join(JoinReply),
    /// What the member gets.
    Sync(Synced),
    /// The member may go on.
    Heartbeat,
    /// One answer per member, in the order asked.
    Leave(Vec<(MemberId, Option<InstanceId>, Result<(), GroupError>)>),
    /// One answer per partition, in the order asked.
    CommitOffsets(OffsetOutcomes),
    /// The offsets; those asked for in that order.
    FetchOffsets(Vec<(String, Vec<(PartitionIndex, CommittedOffset)>)>),
    /// One answer per partition, in the order asked.
    DeleteOffsets(OffsetOutcomes),
    /// State and members.
    Describe(GroupDescription),
    /// The group is forgotten.
    Delete,
    /// What the member is to do next.
    ConsumerHeartbeat(ConsumerBeat),
    /// State and members.
    ConsumerDescribe(ConsumerGroupDescription),
}

/// What became of the offsets of partitions, by topic.
pub type OffsetOutcomes = Vec<(String, Vec<(PartitionIndex, Result<(), GroupError>)>)>;

/// What became of a wish to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinReply {
    /// The member, by the id that it is to use from now on.
    pub member: MemberId,
    /// The generation.
    pub result: Result<Joined, GroupError>,
}

/// A generation that a member is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its number.
    pub generation: Generation,
    /// The kind of protocols.
    pub protocol_type: String,
    /// The protocol that all members know.
    pub protocol: String,
    /// The member that assigns.
    pub leader: MemberId,
    /// Whether the leader is to keep the assignment as it was (KIP-814).
    pub skip_assignment: bool,
    /// All members; only the leader is told.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
    /// What it says in the chosen protocol.
    pub metadata: Bytes,
}

/// What a member gets of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The kind of protocols.
    pub protocol_type: String,
    /// The protocol.
    pub protocol: String,
    /// The leader's words for the member.
    pub assignment: Bytes,
}

/// A committed offset, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset that the group will read, -1 if none was committed.
    pub offset: Offset,
    /// The leader epoch of the record before it.
    pub leader_epoch: LeaderEpoch,
    /// What the client keeps beside it.
    pub metadata: String,
}

impl CommittedOffset {
    /// Where nothing was committed.
    pub const NONE: Self = Self {
        offset: Offset::new(-1),
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
}

/// A group in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its state.
    pub state: GroupState,
    /// The kind of protocols, empty if it never had members.
    pub protocol_type: String,
    /// The chosen protocol, empty between generations.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where the client is.
    pub client_host: String,
    /// What it says in the chosen protocol, empty between generations.
    pub metadata: Bytes,
    /// What it got.
    pub assignment: Bytes,
}

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// No members.
    Empty,
    /// Waits for all members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// The consumer protocol's target assignment is out of date.
    Assigning,
    /// Members of the consumer protocol are on their way to the target.
    Reconciling,
    /// All members have their assignment.
    Stable,
    /// Not there, or no more.
    Dead,
}

impl GroupState {
    /// The name in Kafka's documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its name.
    pub group: GroupId,
    /// The kind of protocols, empty if it never had members.
    pub protocol_type: String,
    /// Its state.
    pub state: GroupState,
    /// `classic` or `consumer`.
    pub group_type: GroupType,
}

/// Which protocol keeps a group together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupType {
    /// Members agree by joining and syncing, and their leader assigns.
    Classic,
    /// The coordinator assigns (KIP-848).
    Consumer,
}

impl GroupType {
    /// The name in Kafka's protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

/// What a member of the consumer protocol is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerBeat {
    /// The member, by the id that it is to use from now on.
    pub member: MemberId,
    /// Its epoch.
    pub epoch: i32,
    /// How often it is to send heartbeats, in ms.
    pub interval_ms: i32,
    /// What it may use, if that is news.
    pub assignment: Option<Assignment>,
}

/// A group of the consumer protocol in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupDescription {
    /// Its state.
    pub state: GroupState,
    /// Its epoch.
    pub epoch: i32,
    /// The epoch of the target assignment.
    pub target_epoch: i32,
    /// The assignor.
    pub assignor: Assignor,
    /// Its members.
    pub members: Vec<ConsumerMemberDescription>,
}

/// A member of the consumer protocol in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerMemberDescription {
    /// Its id.
    pub member: MemberId,
    /// What names it across its restarts.
    pub instance: Option<InstanceId>,
    /// Its rack.
    pub rack: Option<String>,
    /// Its epoch.
    pub epoch: i32,
    /// What the client calls itself.
    pub client_id: String,
    /// Where the client is.
    pub client_host: String,
    /// The topics that it wants.
    pub topics: Vec<String>,
    /// A regular expression for topics that it wants.
    pub regex: Option<String>,
    /// What it may use.
    pub assigned: Vec<NamedPartitions>,
    /// What it is to get in the end.
    pub target: Vec<NamedPartitions>,
}

/// Partitions of a topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPartitions {
    /// The topic's id.
    pub id: TopicId,
    /// The topic's name.
    pub name: TopicName,
    /// The partitions' numbers.
    pub partitions: Vec<PartitionIndex>,
}
