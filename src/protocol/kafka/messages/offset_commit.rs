use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Commits a group's offsets. Version 10, with ids instead of names, is not served.
    OffsetCommitRequest<'a> (key ApiKey::OffsetCommit as i16, versions 2..=9, flexible 8) {
        /// The group.
        group_id: &'a str, 0..;
        /// The generation, or the member's epoch (KIP-848); -1 for who commits outside a group.
        generation_id_or_member_epoch: i32, 1.., default -1, else ignored;
        /// The member, empty for who commits outside a group.
        member_id: &'a str, 1.., else ignored;
        /// What names the member across its restarts (KIP-345).
        group_instance_id: Option<&'a str>, 7..;
        /// How long the offsets are kept, in ms; -1 leaves that to the broker.
        retention_time_ms: i64, 2..=4, default -1, else ignored;
        /// The topics.
        topics: Array<'a, OffsetCommitRequestTopic<'a>>, 0..;
    }

    /// A topic's offsets.
    OffsetCommitRequestTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, OffsetCommitRequestPartition<'a>>, 0..;
    }

    /// A partition's offset.
    OffsetCommitRequestPartition<'a> {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The next offset to read.
        committed_offset: i64, 0..;
        /// The leader epoch of the last record that was read, -1 if unknown.
        committed_leader_epoch: i32, 6.., default -1, else ignored;
        /// Whatever the client wants to keep beside the offset.
        committed_metadata: Option<&'a str>, 0..;
    }

    /// What became of the offsets.
    OffsetCommitResponse<'a> (key ApiKey::OffsetCommit as i16, versions 2..=9, flexible 8) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 3.., else ignored;
        /// The topics.
        topics: Array<'a, OffsetCommitResponseTopic<'a>>, 0..;
    }

    /// What became of a topic's offsets.
    OffsetCommitResponseTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, OffsetCommitResponsePartition>, 0..;
    }

    /// What became of a partition's offset.
    OffsetCommitResponsePartition {
        /// The partition's number.
        partition_index: i32, 0..;
        /// Why nothing was committed.
        error_code: i16, 0..;
    }
}
