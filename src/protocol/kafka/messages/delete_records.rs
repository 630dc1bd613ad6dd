use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Deletes the records below an offset (KIP-107).
    DeleteRecordsRequest<'a> (key ApiKey::DeleteRecords as i16, versions 0..=2, flexible 2) {
        /// The topics.
        topics: Array<'a, DeleteRecordsTopic<'a>>, 0..;
        /// How long the client waits, in ms.
        timeout_ms: i32, 0..;
    }

    /// A topic.
    DeleteRecordsTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, DeleteRecordsPartition>, 0..;
    }

    /// A partition.
    DeleteRecordsPartition {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The first offset that stays; -1 deletes all that may be read.
        offset: i64, 0..;
    }

    /// What became of the records.
    DeleteRecordsResponse<'a> (key ApiKey::DeleteRecords as i16, versions 0..=2, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The topics.
        topics: Array<'a, DeleteRecordsTopicResult<'a>>, 0..;
    }

    /// What became of a topic's records.
    DeleteRecordsTopicResult<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, DeleteRecordsPartitionResult>, 0..;
    }

    /// What became of a partition's records.
    DeleteRecordsPartitionResult {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The first offset that is there now, -1 on errors.
        low_watermark: i64, 0..;
        /// Why nothing was deleted.
        error_code: i16, 0..;
    }
}
