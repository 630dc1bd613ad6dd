use std::fmt;

/// Declares the error codes with their names in Kafka's documentation.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// An error as Kafka's protocol numbers it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {$(
            $(#[$doc])*
            $name = $code,
        )*}

        impl ErrorCode {
            /// The error of that number, if it is one that is known here.
            pub const fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name in Kafka's documentation.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

error_codes! {
    /// None of the others.
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR";
    /// No error.
    None = 0, "NONE";
    /// An offset outside the partition.
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE";
    /// A batch whose checksum or layout is wrong.
    CorruptMessage = 2, "CORRUPT_MESSAGE";
    /// No such topic, or no such partition of it.
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION";
    /// The partition has no leader at the moment.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE";
    /// Another broker leads the partition.
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER";
    /// Not done in time; it may still happen.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT";
    /// The broker is not available.
    BrokerNotAvailable = 8, "BROKER_NOT_AVAILABLE";
    /// A batch larger than the topic allows.
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE";
    /// More text beside an offset than the broker keeps.
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE";
    /// The connection broke before the response.
    NetworkException = 13, "NETWORK_EXCEPTION";
    /// The group's coordinator is loading.
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS";
    /// The coordinator is not available.
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE";
    /// Another broker coordinates the group.
    NotCoordinator = 16, "NOT_COORDINATOR";
    /// A topic name that breaks the rules.
    InvalidTopic = 17, "INVALID_TOPIC_EXCEPTION";
    /// A list of batches larger than a segment.
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE";
    /// `acks` is none of -1, 0, 1.
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS";
    /// The group has another generation by now.
    IllegalGeneration = 22, "ILLEGAL_GENERATION";
    /// The member's protocols are not those of the group.
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL";
    /// A group id that breaks the rules.
    InvalidGroupId = 24, "INVALID_GROUP_ID";
    /// The group has no such member.
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID";
    /// A session time-out outside the broker's limits.
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT";
    /// The group is on its way to another generation: join again.
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS";
    /// An offset's record is too large to be kept.
    InvalidCommitOffsetSize = 28, "INVALID_COMMIT_OFFSET_SIZE";
    /// The client may not do that with the topic.
    TopicAuthorizationFailed = 29, "TOPIC_AUTHORIZATION_FAILED";
    /// The client may not do that with the group.
    GroupAuthorizationFailed = 30, "GROUP_AUTHORIZATION_FAILED";
    /// The client may not do that with the cluster.
    ClusterAuthorizationFailed = 31, "CLUSTER_AUTHORIZATION_FAILED";
    /// A timestamp outside the topic's limits.
    InvalidTimestamp = 32, "INVALID_TIMESTAMP";
    /// A version that is not served.
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION";
    /// A topic of that name exists.
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS";
    /// A partition count that cannot be.
    InvalidPartitions = 37, "INVALID_PARTITIONS";
    /// A replication factor that cannot be.
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR";
    /// A replica assignment that cannot be.
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT";
    /// A setting that is unknown or out of range.
    InvalidConfig = 40, "INVALID_CONFIG";
    /// This broker is not the controller.
    NotController = 41, "NOT_CONTROLLER";
    /// A request whose fields contradict each other.
    InvalidRequest = 42, "INVALID_REQUEST";
    /// A message format that is not served.
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    /// A policy forbids it.
    PolicyViolation = 44, "POLICY_VIOLATION";
    /// A gap in a producer's sequence.
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER";
    /// A batch older than those the broker remembers.
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER";
    /// A newer incarnation of the producer exists.
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH";
    /// The transaction is not in a state for that.
    InvalidTxnState = 48, "INVALID_TXN_STATE";
    /// The client may not use the transactional id.
    TransactionalIdAuthorizationFailed = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED";
    /// The disk failed.
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR";
    /// No such data directory.
    LogDirNotFound = 57, "LOG_DIR_NOT_FOUND";
    /// The broker knows nothing of the producer.
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID";
    /// The group has members.
    NonEmptyGroup = 68, "NON_EMPTY_GROUP";
    /// No such group.
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND";
    /// No such fetch session.
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND";
    /// A request out of its session's order.
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH";
    /// Topics cannot be deleted.
    TopicDeletionDisabled = 73, "TOPIC_DELETION_DISABLED";
    /// The client knows an older leader epoch.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH";
    /// The client knows a newer leader epoch.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH";
    /// A compression that this version of the request does not know.
    UnsupportedCompressionType = 76, "UNSUPPORTED_COMPRESSION_TYPE";
    /// The leader does not know yet whether the offset may be read.
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE";
    /// The member is to join again under the id it was given.
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED";
    /// The group has as many members as it may have.
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED";
    /// Another member has taken the instance id over.
    FencedInstanceId = 82, "FENCED_INSTANCE_ID";
    /// The group consumes the topic.
    GroupSubscribedToTopic = 86, "GROUP_SUBSCRIBED_TO_TOPIC";
    /// A record that breaks a rule.
    InvalidRecord = 87, "INVALID_RECORD";
    /// An open transaction may still change the offset.
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT";
    /// A newer incarnation of the transactional producer exists.
    ProducerFenced = 90, "PRODUCER_FENCED";
    /// No such resource.
    ResourceNotFound = 91, "RESOURCE_NOT_FOUND";
    /// No topic has this id.
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID";
    /// The topic's id is not the one it had before.
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID";
    /// A fetch session names its topics in the other way.
    FetchSessionTopicIdError = 106, "FETCH_SESSION_TOPIC_ID_ERROR";
    /// The member's epoch is not the group's; it is to join again.
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH";
    /// A member that has not left yet holds the instance id.
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID";
    /// The broker has no such assignor.
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR";
    /// The member's epoch is not its newest; it is to retry with that.
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH";
    /// Endpoints of another kind were asked for.
    MismatchedEndpointType = 114, "MISMATCHED_ENDPOINT_TYPE";
    /// Endpoints of a kind that is not served.
    UnsupportedEndpointType = 115, "UNSUPPORTED_ENDPOINT_TYPE";
    /// A regular expression that is not valid.
    InvalidRegularExpression = 128, "INVALID_REGULAR_EXPRESSION";
}

impl ErrorCode {
    /// The number in messages.
    pub const fn code(self) -> i16 {
        self as i16
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}
