use crate::broker::BrokerError;
use crate::coordinator::GroupError;
use crate::protocol::kafka::messages::ErrorCode;

/// Kafka's code of an error of the broker.
pub fn error_code(error: &BrokerError) -> ErrorCode {
    match error {
        BrokerError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        BrokerError::UnknownTopicId => ErrorCode::UnknownTopicId,
        BrokerError::NotLeader => ErrorCode::NotLeaderOrFollower,
        BrokerError::TopicExists(_) => ErrorCode::TopicAlreadyExists,
        BrokerError::InvalidTopic(_) | BrokerError::InternalTopic(_) => ErrorCode::InvalidTopic,
        BrokerError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        BrokerError::InvalidPartitions(_) => ErrorCode::InvalidPartitions,
        BrokerError::InvalidReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
        BrokerError::InvalidReplicaAssignment(_) => ErrorCode::InvalidReplicaAssignment,
        BrokerError::InvalidConfig(_) => ErrorCode::InvalidConfig,
        BrokerError::InvalidRequest(_) => ErrorCode::InvalidRequest,
        BrokerError::PolicyViolation(_) => ErrorCode::PolicyViolation,
        BrokerError::InvalidRequiredAcks => ErrorCode::InvalidRequiredAcks,
        BrokerError::CorruptMessage(_) => ErrorCode::CorruptMessage,
        BrokerError::InvalidRecord(_) => ErrorCode::InvalidRecord,
        BrokerError::MessageTooLarge { .. } => ErrorCode::MessageTooLarge,
        BrokerError::UnsupportedCompression => ErrorCode::UnsupportedCompressionType,
        BrokerError::InvalidTimestamp(_) => ErrorCode::InvalidTimestamp,
        BrokerError::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        BrokerError::OutOfOrderSequence => ErrorCode::OutOfOrderSequenceNumber,
        BrokerError::DuplicateSequence => ErrorCode::DuplicateSequenceNumber,
        BrokerError::InvalidProducerEpoch => ErrorCode::InvalidProducerEpoch,
        BrokerError::FencedLeaderEpoch => ErrorCode::FencedLeaderEpoch,
        BrokerError::UnknownLeaderEpoch => ErrorCode::UnknownLeaderEpoch,
        BrokerError::Storage(_) => ErrorCode::KafkaStorageError,
        BrokerError::FetchSessionNotFound => ErrorCode::FetchSessionIdNotFound,
        BrokerError::InvalidFetchSessionEpoch => ErrorCode::InvalidFetchSessionEpoch,
        BrokerError::FetchSessionTopicIds => ErrorCode::FetchSessionTopicIdError,
        // Fatal to a client, which is right: asking again does not help.
        BrokerError::TransactionsNotSupported => ErrorCode::UnsupportedVersion,
        // Clients look for the leader and try again.
        BrokerError::ShuttingDown => ErrorCode::LeaderNotAvailable,
        BrokerError::TimedOut => ErrorCode::RequestTimedOut,
    }
}

/// Kafka's code of an error of a group.
pub fn group_error_code(error: GroupError) -> ErrorCode {
    match error {
        GroupError::LoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        GroupError::NotAvailable => ErrorCode::CoordinatorNotAvailable,
        GroupError::NotCoordinator => ErrorCode::NotCoordinator,
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::GroupNotFound => ErrorCode::GroupIdNotFound,
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::UnknownMember => ErrorCode::UnknownMemberId,
        GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
        GroupError::FencedInstance => ErrorCode::FencedInstanceId,
        GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupError::GroupFull => ErrorCode::GroupMaxSizeReached,
        GroupError::MetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        // As Kafka does: no code says it.
        GroupError::StateTooLarge => ErrorCode::UnknownServerError,
        GroupError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        GroupError::SubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupError::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        GroupError::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        GroupError::UnreleasedInstance => ErrorCode::UnreleasedInstanceId,
        GroupError::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        GroupError::InvalidRegex => ErrorCode::InvalidRegularExpression,
        GroupError::InvalidRequest(_) => ErrorCode::InvalidRequest,
    }
}

/// The code of what became of something in a group, 0 for success.
pub(super) fn group_code(outcome: &Result<(), GroupError>) -> i16 {
    let code = outcome.err().map_or(ErrorCode::None, group_error_code);
    code.code()
}

/// The code of an outcome, 0 for success.
pub(super) fn outcome_code<T>(outcome: &Result<T, BrokerError>) -> i16 {
    outcome
        .as_ref()
        .err()
        .map_or(ErrorCode::None, error_code)
        .code()
}

/// An outcome in words, if there is something to say. Errors may repeat what a client sent, so
/// they are cut to what a field can hold.
pub(super) fn outcome_message<T>(outcome: &Result<T, BrokerError>) -> Option<String> {
    const CHARACTERS_MAX: usize = 300;
    let error = outcome.as_ref().err()?;
    Some(error.to_string().chars().take(CHARACTERS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_errors_fit_into_a_field() {
        let error = BrokerError::InvalidConfig("é".repeat(40_000));
        let message = outcome_message::<()>(&Err(error)).expect("an error");
        assert!(message.len() < i16::MAX as usize);
        assert!(message.starts_with("invalid setting: é"));
        assert_eq!(outcome_message(&Ok(())), None);
        assert_eq!(outcome_code(&Ok(())), 0);
    }
}
