use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for offsets by time.
    ListOffsetsRequest<'a> (key ApiKey::ListOffsets as i16, versions 1..=10, flexible 6) {
        /// The asking broker, -1 for a consumer.
        replica_id: i32, 0..;
        /// 0 to see all records, 1 to see only what is committed.
        isolation_level: i8, 2..;
        /// The topics.
        topics: Array<'a, ListOffsetsTopic<'a>>, 0..;
        /// How long the broker may take for data that is stored elsewhere, in ms (KIP-1075).
        timeout_ms: i32, 10.., else ignored;
    }

    /// A topic asked for.
    ListOffsetsTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, ListOffsetsPartition>, 0..;
    }

    /// A partition asked for.
    ListOffsetsPartition {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The leader's epoch as the client knows it, -1 if unknown (KIP-320).
        current_leader_epoch: i32, 4.., default -1, else ignored;
        /// The time in ms, or: -1 the end, -2 the start, -3 the record with the latest timestamp
        /// (7+, KIP-734), -4 the start of what is stored here (8+), -5 the end of what is stored
        /// elsewhere (9+).
        timestamp: i64, 0..;
    }

    /// Offsets by time.
    ListOffsetsResponse<'a> (key ApiKey::ListOffsets as i16, versions 1..=10, flexible 6) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 2.., else ignored;
        /// The topics.
        topics: Array<'a, ListOffsetsTopicResponse<'a>>, 0..;
    }

    /// A topic's answer.
    ListOffsetsTopicResponse<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, ListOffsetsPartitionResponse>, 0..;
    }

    /// A partition's answer.
    ListOffsetsPartitionResponse {
        /// The partition's number.
        partition_index: i32, 0..;
        /// Why there is no offset.
        error_code: i16, 0..;
        /// The found record's time in ms, -1 for none.
        timestamp: i64, 1.., default -1;
        /// The found offset, -1 for none.
        offset: i64, 1.., default -1;
        /// The leader epoch of the found record, -1 if unknown.
        leader_epoch: i32, 4.., default -1;
    }
}
