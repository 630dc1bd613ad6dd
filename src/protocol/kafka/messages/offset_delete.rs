use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Deletes committed offsets of a group (KIP-496). No version has tagged fields.
    OffsetDeleteRequest<'a> (key ApiKey::OffsetDelete as i16, versions 0..=0, flexible i16::MAX) {
        /// The group.
        group_id: &'a str, 0..;
        /// The topics.
        topics: Array<'a, OffsetDeleteRequestTopic<'a>>, 0..;
    }

    /// A topic whose offsets go.
    OffsetDeleteRequestTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, OffsetDeleteRequestPartition>, 0..;
    }

    /// A partition whose offset goes.
    OffsetDeleteRequestPartition {
        /// The partition's number.
        partition_index: i32, 0..;
    }

    /// What became of the offsets.
    OffsetDeleteResponse<'a> (key ApiKey::OffsetDelete as i16, versions 0..=0, flexible i16::MAX) {
        /// What went wrong with the request as a whole.
        error_code: i16, 0..;
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0.., else ignored;
        /// The topics.
        topics: Array<'a, OffsetDeleteResponseTopic<'a>>, 0..;
    }

    /// What became of a topic's offsets.
    OffsetDeleteResponseTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, OffsetDeleteResponsePartition>, 0..;
    }

    /// What became of a partition's offset.
    OffsetDeleteResponsePartition {
        /// The partition's number.
        partition_index: i32, 0..;
        /// Why it was not deleted.
        error_code: i16, 0..;
    }
}
