//! What an error code may mean for a request that breaks no rule.

use super::Context;
use crate::topics::Place;
use corelane::protocol::kafka::messages::ErrorCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// Ask again, perhaps elsewhere.
    Retry,
    /// The topic is deleted.
    Gone,
}

/// Judges the code that a partition was answered with; one that nothing explains is a failure.
pub(crate) fn judge(code: i16, place: &Place, context: &Context<'_>) -> Verdict {
    let error = ErrorCode::from_code(code);
    let live = context.topics.is_live(place);
    match error.unwrap_or_else(|| panic!("unknown error code {code}")) {
        ErrorCode::None => Verdict::Fine,
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId if !live => Verdict::Gone,
        // The broker stops, the topic goes, or this is not the partition's node.
        ErrorCode::NotLeaderOrFollower
        | ErrorCode::LeaderNotAvailable
        | ErrorCode::BrokerNotAvailable
        | ErrorCode::RequestTimedOut => Verdict::Retry,
        ErrorCode::KafkaStorageError if context.trouble.failed => Verdict::Retry,
        error => panic!("{}-{} was answered with {error}", place.name, place.index),
    }
}
