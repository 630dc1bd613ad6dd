use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for committed offsets: of one group up to version 7, of several from 8 on (KIP-709).
    /// Version 10, with ids instead of names, is not served.
    OffsetFetchRequest<'a> (key ApiKey::OffsetFetch as i16, versions 1..=9, flexible 6) {
        /// The group.
        group_id: &'a str, 0..=7;
        /// The topics, null for all.
        topics: Option<Array<'a, OffsetFetchRequestTopic<'a>>>, 0..=7, nullable 2..=7,
            default Some(Array::default());
        /// The groups.
        groups: Array<'a, OffsetFetchRequestGroup<'a>>, 8..;
        /// Whether offsets that an open transaction may still change are an error (KIP-447).
        require_stable: bool, 7..;
    }

    /// A topic asked for.
    OffsetFetchRequestTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..=7;
        /// The partitions' numbers.
        partition_indexes: Array<'a, i32>, 0..=7;
    }

    /// A group asked for.
    OffsetFetchRequestGroup<'a> {
        /// The group.
        group_id: &'a str, 8..;
        /// The member that asks, null for who asks outside the group (KIP-848).
        member_id: Option<&'a str>, 9.., else ignored;
        /// The member's epoch, -1 for who asks outside the group.
        member_epoch: i32, 9.., default -1, else ignored;
        /// The topics, null for all.
        topics: Option<Array<'a, OffsetFetchRequestTopics<'a>>>, 8..;
    }

    /// A topic asked for in one of several groups.
    OffsetFetchRequestTopics<'a> {
        /// The topic's name.
        name: &'a str, 8..;
        /// The partitions' numbers.
        partition_indexes: Array<'a, i32>, 8..;
    }

    /// Committed offsets.
    OffsetFetchResponse<'a> (key ApiKey::OffsetFetch as i16, versions 1..=9, flexible 6) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 3.., else ignored;
        /// The topics.
        topics: Array<'a, OffsetFetchResponseTopic<'a>>, 0..=7;
        /// What went wrong with the request as a whole.
        error_code: i16, 2..=7, else ignored;
        /// The groups.
        groups: Array<'a, OffsetFetchResponseGroup<'a>>, 8..;
    }

    /// A topic's offsets.
    OffsetFetchResponseTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..=7;
        /// The partitions.
        partitions: Array<'a, OffsetFetchResponsePartition<'a>>, 0..=7;
    }

    /// A partition's offset.
    OffsetFetchResponsePartition<'a> {
        /// The partition's number.
        partition_index: i32, 0..=7;
        /// The next offset to read, -1 if none was committed.
        committed_offset: i64, 0..=7;
        /// The leader epoch that was committed with it, -1 if unknown.
        committed_leader_epoch: i32, 5..=7, default -1, else ignored;
        /// What the client had kept beside the offset.
        metadata: Option<&'a str>, 0..=7;
        /// Why there is no offset.
        error_code: i16, 0..=7;
    }

    /// A group's offsets.
    OffsetFetchResponseGroup<'a> {
        /// The group.
        group_id: &'a str, 8..;
        /// The topics.
        topics: Array<'a, OffsetFetchResponseTopics<'a>>, 8..;
        /// What went wrong with the group as a whole.
        error_code: i16, 8..;
    }

    /// A topic's offsets in one of several groups.
    OffsetFetchResponseTopics<'a> {
        /// The topic's name.
        name: &'a str, 8..;
        /// The partitions.
        partitions: Array<'a, OffsetFetchResponsePartitions<'a>>, 8..;
    }

    /// A partition's offset in one of several groups.
    OffsetFetchResponsePartitions<'a> {
        /// The partition's number.
        partition_index: i32, 8..;
        /// The next offset to read, -1 if none was committed.
        committed_offset: i64, 8..;
        /// The leader epoch that was committed with it, -1 if unknown.
        committed_leader_epoch: i32, 8.., default -1, else ignored;
        /// What the client had kept beside the offset.
        metadata: Option<&'a str>, 8..;
        /// Why there is no offset.
        error_code: i16, 8..;
    }
}
