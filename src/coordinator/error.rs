use thiserror::Error;

/// Why a group does not do what a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The coordinator still reads what it knows of the group.
    #[error("the coordinator is loading")]
    LoadInProgress,
    /// There is no coordinator at the moment; its storage failed, or the broker stops.
    #[error("the coordinator is not available")]
    NotAvailable,
    /// Another node coordinates the group.
    #[error("another node coordinates the group")]
    NotCoordinator,
    /// A name that no group can have.
    #[error("a group's name cannot be empty")]
    InvalidGroupId,
    /// No such group.
    #[error("the group does not exist")]
    GroupNotFound,
    /// The group has members.
    #[error("the group has members")]
    NonEmptyGroup,
    /// The member is not known, or no more.
    #[error("the coordinator does not know the member")]
    UnknownMember,
    /// A new member is to come back with the id that it is told (KIP-394).
    #[error("the member is to join again with the id that it was given")]
    MemberIdRequired,
    /// Another member has taken over the instance id (KIP-345).
    #[error("another member has the same group.instance.id")]
    FencedInstance,
    /// Another generation is in force.
    #[error("the generation is not the group's")]
    IllegalGeneration,
    /// The group rebalances; the member is to join again.
    #[error("the group is rebalancing; join again")]
    RebalanceInProgress,
    /// The members do not know a common protocol.
    #[error("the member's protocols do not fit those of the group")]
    InconsistentProtocol,
    /// A session time-out that the broker does not allow.
    #[error("the session time-out is out of range")]
    InvalidSessionTimeout,
    /// The group takes no more members.
    #[error("the group has as many members as it may have")]
    GroupFull,
    /// More text beside an offset than is kept.
    #[error("the metadata beside the offset is too large")]
    MetadataTooLarge,
    /// What the group would have to keep is too large.
    #[error("what the group's members say is too large to be kept")]
    StateTooLarge,
    /// No such topic, or no such partition of it.
    #[error("unknown topic or partition")]
    UnknownTopicOrPartition,
    /// The member's epoch is not the one it was given last (KIP-848).
    #[error("the member's epoch is not the one that the coordinator knows; join again")]
    FencedMemberEpoch,
    /// The member does not know its newest epoch yet (KIP-848).
    #[error("the member's epoch is not the current one")]
    StaleMemberEpoch,
    /// Another member has the instance id and has not left.
    #[error("another member has the same group.instance.id and has not left")]
    UnreleasedInstance,
    /// An assignor that the broker does not have.
    #[error("the broker's assignors are \"uniform\" and \"range\"")]
    UnsupportedAssignor,
    /// An expression that is none, or too large.
    #[error("the subscription's regular expression is not one, or is too large")]
    InvalidRegex,
    /// Fields that contradict each other.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// Members are subscribed to the topic.
    #[error("the group is subscribed to the topic")]
    SubscribedToTopic,
}
