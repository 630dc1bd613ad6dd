use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Adds partitions to topics (KIP-195).
    CreatePartitionsRequest<'a> (key ApiKey::CreatePartitions as i16, versions 0..=3, flexible 2) {
        /// The topics.
        topics: Array<'a, CreatePartitionsTopic<'a>>, 0..;
        /// How long the client waits, in ms.
        timeout_ms: i32, 0..;
        /// Whether to check the request without doing it.
        validate_only: bool, 0..;
    }

    /// A topic to enlarge.
    CreatePartitionsTopic<'a> {
        /// The name.
        name: &'a str, 0..;
        /// How many partitions there shall be.
        count: i32, 0..;
        /// Which brokers are to hold each new partition; null lets the broker choose.
        assignments: Option<Array<'a, CreatePartitionsAssignment<'a>>>, 0..;
    }

    /// Which brokers are to hold a new partition.
    CreatePartitionsAssignment<'a> {
        /// The brokers.
        broker_ids: Array<'a, i32>, 0..;
    }

    /// What became of the topics.
    CreatePartitionsResponse<'a> (key ApiKey::CreatePartitions as i16, versions 0..=3, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The topics.
        results: Array<'a, CreatePartitionsTopicResult<'a>>, 0..;
    }

    /// What became of a topic.
    CreatePartitionsTopicResult<'a> {
        /// The name.
        name: &'a str, 0..;
        /// Why the topic was not enlarged.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
    }
}
