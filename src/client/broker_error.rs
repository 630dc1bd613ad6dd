//! Kafka's error codes as a client sees them: their names, whether trying again can help, and what
//! a person can do about them.

use std::fmt;

/// An error code that a broker sent. Unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BrokerCode(i16);

/// What a client does about a code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing but tell.
    Final,
    /// Try again after a pause.
    Again,
    /// Ask who leads the partition, then try again.
    Elsewhere,
}

macro_rules! codes {
    ($($constant:ident = $code:literal, $class:ident, $hint:literal;)*) => {
        impl BrokerCode {
            $(
                #[doc = concat!("Kafka's ", stringify!($constant), ".")]
                pub const $constant: Self = Self($code);
            )*

            const fn known(self) -> Option<(&'static str, Class, &'static str)> {
                match self.0 {
                    $($code => Some((stringify!($constant), Class::$class, $hint)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1, Final, "the broker's log says more";
    NONE = 0, Final, "";
    OFFSET_OUT_OF_RANGE = 1, Final, "the log was cut by retention, or does not reach that far yet";
    CORRUPT_MESSAGE = 2, Again, "the batch was damaged on its way";
    UNKNOWN_TOPIC_OR_PARTITION = 3, Elsewhere, "there is no such topic or partition; `corelane topic list` shows all";
    LEADER_NOT_AVAILABLE = 5, Elsewhere, "the partition has no leader now";
    NOT_LEADER_OR_FOLLOWER = 6, Elsewhere, "the partition moved to another broker";
    REQUEST_TIMED_OUT = 7, Again, "the broker did not finish in time";
    BROKER_NOT_AVAILABLE = 8, Elsewhere, "the broker is not available";
    REPLICA_NOT_AVAILABLE = 9, Elsewhere, "the replica is not available";
    MESSAGE_TOO_LARGE = 10, Final, "raise the topic's max.message.bytes or send smaller records";
    NETWORK_EXCEPTION = 13, Elsewhere, "the broker lost a connection of its own";
    COORDINATOR_LOAD_IN_PROGRESS = 14, Again, "the group's coordinator is loading";
    COORDINATOR_NOT_AVAILABLE = 15, Again, "the group has no coordinator now";
    NOT_COORDINATOR = 16, Again, "the group moved to another broker";
    INVALID_TOPIC_EXCEPTION = 17, Final, "the topic's name is not allowed, or it is internal";
    RECORD_LIST_TOO_LARGE = 18, Final, "the batch is larger than a segment; send smaller batches";
    NOT_ENOUGH_REPLICAS = 19, Again, "fewer replicas are in sync than min.insync.replicas asks";
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, Again, "fewer replicas are in sync than min.insync.replicas asks";
    INVALID_REQUIRED_ACKS = 21, Final, "acks must be 0, 1 or all";
    ILLEGAL_GENERATION = 22, Final, "the group has gone on to another generation";
    INVALID_GROUP_ID = 24, Final, "the group's name is not allowed";
    UNKNOWN_MEMBER_ID = 25, Final, "the group has members; stop them first";
    REBALANCE_IN_PROGRESS = 27, Final, "the group has members; stop them first";
    TOPIC_AUTHORIZATION_FAILED = 29, Final, "the broker does not allow this client to use the topic";
    GROUP_AUTHORIZATION_FAILED = 30, Final, "the broker does not allow this client to use the group";
    CLUSTER_AUTHORIZATION_FAILED = 31, Final, "the broker does not allow this client to do that";
    INVALID_TIMESTAMP = 32, Final, "the record's time is outside of what the topic allows";
    UNSUPPORTED_VERSION = 35, Final, "the broker is too old or too new for this request";
    TOPIC_ALREADY_EXISTS = 36, Final, "`corelane topic describe` shows it";
    INVALID_PARTITIONS = 37, Final, "a topic has at least 1 partition, and never fewer than before";
    INVALID_REPLICATION_FACTOR = 38, Final, "there are not that many brokers";
    INVALID_CONFIG = 40, Final, "a setting is unknown or out of range";
    NOT_CONTROLLER = 41, Elsewhere, "another broker is the controller";
    INVALID_REQUEST = 42, Final, "the broker refused the request's form";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, Final, "the topic's message format is too old";
    POLICY_VIOLATION = 44, Final, "a policy of the broker forbids it";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, Final, "the broker misses records that were sent before";
    DUPLICATE_SEQUENCE_NUMBER = 46, Final, "the broker has the records already";
    INVALID_PRODUCER_EPOCH = 47, Final, "a newer producer took this one's place";
    CONCURRENT_TRANSACTIONS = 51, Again, "a transaction is ending";
    KAFKA_STORAGE_ERROR = 56, Elsewhere, "the broker's disk failed or is full; its log says more";
    UNKNOWN_PRODUCER_ID = 59, Final, "the broker forgot the producer: its records were deleted";
    DELEGATION_TOKEN_EXPIRED = 66, Final, "";
    NON_EMPTY_GROUP = 68, Final, "the group has members; stop them first";
    GROUP_ID_NOT_FOUND = 69, Final, "there is no such group; `corelane group list` shows all";
    TOPIC_DELETION_DISABLED = 73, Final, "the broker is set not to delete topics (delete.topic.enable)";
    FENCED_LEADER_EPOCH = 74, Elsewhere, "the partition has a newer leader";
    UNKNOWN_LEADER_EPOCH = 75, Elsewhere, "the broker does not know of the newest leader yet";
    UNSUPPORTED_COMPRESSION_TYPE = 76, Final, "choose another --compression";
    OFFSET_NOT_AVAILABLE = 78, Elsewhere, "the leader is too new to know the offset";
    GROUP_SUBSCRIBED_TO_TOPIC = 86, Final, "members of the group read the topic; stop them first";
    INVALID_RECORD = 87, Final, "the broker refused a record";
    UNSTABLE_OFFSET_COMMIT = 88, Again, "a transaction is open";
    THROTTLING_QUOTA_EXCEEDED = 89, Again, "a quota is used up";
    UNKNOWN_TOPIC_ID = 100, Elsewhere, "the topic was deleted";
}

impl BrokerCode {
    /// The code as sent.
    pub const fn new(code: i16) -> Self {
        Self(code)
    }

    /// The raw number.
    pub const fn get(self) -> i16 {
        self.0
    }

    /// Whether it says that all is well.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(self) -> bool {
        self.known()
            .is_some_and(|(_, class, _)| class != Class::Final)
    }

    /// Whether metadata must be asked for before trying again.
    pub fn wants_metadata(self) -> bool {
        self.known()
            .is_some_and(|(_, class, _)| class == Class::Elsewhere)
    }

    /// What a person can do about it; empty where nothing is known.
    pub fn hint(self) -> &'static str {
        self.known().map_or("", |(_, _, hint)| hint)
    }

    /// An error unless all is well.
    ///
    /// # Errors
    /// The code itself.
    pub const fn check(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for BrokerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((name, _, "")) => f.write_str(name),
            Some((name, _, hint)) => write!(f, "{name} ({hint})"),
            None => write!(f, "error code {}", self.0),
        }
    }
}

impl fmt::Debug for BrokerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((name, ..)) => f.write_str(name),
            None => write!(f, "BrokerCode({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_whether_and_where_to_try_again() {
        assert!(BrokerCode::NOT_LEADER_OR_FOLLOWER.wants_metadata());
        assert!(BrokerCode::REQUEST_TIMED_OUT.is_retriable());
        assert!(!BrokerCode::REQUEST_TIMED_OUT.wants_metadata());
        assert!(!BrokerCode::MESSAGE_TOO_LARGE.is_retriable());
        assert!(!BrokerCode::new(999).is_retriable());
    }

    #[test]
    fn codes_are_told_with_their_remedy() {
        assert!(
            BrokerCode::MESSAGE_TOO_LARGE
                .to_string()
                .contains("max.message.bytes")
        );
        assert_eq!(BrokerCode::new(999).to_string(), "error code 999");
    }
}
