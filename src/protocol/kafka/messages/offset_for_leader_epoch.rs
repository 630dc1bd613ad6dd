use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks where leader epochs end, so that a client notices a log that was cut (KIP-320).
    OffsetForLeaderEpochRequest<'a> (
        key ApiKey::OffsetForLeaderEpoch as i16, versions 2..=4, flexible 4
    ) {
        /// The asking broker, -1 for a consumer, -2 where a version cannot tell.
        replica_id: i32, 3.., default -2, else ignored;
        /// The topics.
        topics: Array<'a, OffsetForLeaderTopic<'a>>, 0..;
    }

    /// A topic asked for.
    OffsetForLeaderTopic<'a> {
        /// The topic's name.
        topic: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, OffsetForLeaderPartition>, 0..;
    }

    /// A partition asked for.
    OffsetForLeaderPartition {
        /// The partition's number.
        partition: i32, 0..;
        /// The leader's epoch as the client knows it, -1 if unknown.
        current_leader_epoch: i32, 2.., default -1, else ignored;
        /// The epoch whose end is wanted.
        leader_epoch: i32, 0..;
    }

    /// Where leader epochs end.
    OffsetForLeaderEpochResponse<'a> (
        key ApiKey::OffsetForLeaderEpoch as i16, versions 2..=4, flexible 4
    ) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 2.., else ignored;
        /// The topics.
        topics: Array<'a, OffsetForLeaderTopicResult<'a>>, 0..;
    }

    /// A topic's answer.
    OffsetForLeaderTopicResult<'a> {
        /// The topic's name.
        topic: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, LeaderEpochEndOffset>, 0..;
    }

    /// A partition's answer.
    LeaderEpochEndOffset {
        /// Why there is none.
        error_code: i16, 0..;
        /// The partition's number.
        partition: i32, 0..;
        /// The highest epoch up to the asked one that has records, -1 for none.
        leader_epoch: i32, 1.., default -1, else ignored;
        /// The offset after that epoch's last record, -1 for none.
        end_offset: i64, 0.., default -1;
    }
}
