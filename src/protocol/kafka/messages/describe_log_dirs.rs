use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for data directories and what partitions take there (KIP-113).
    DescribeLogDirsRequest<'a> (key ApiKey::DescribeLogDirs as i16, versions 1..=5, flexible 2) {
        /// The topics, null for all.
        topics: Option<Array<'a, DescribableLogDirTopic<'a>>>, 0..;
    }

    /// A topic asked for.
    DescribableLogDirTopic<'a> {
        /// The topic's name.
        topic: &'a str, 0..;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 0..;
    }

    /// Data directories.
    DescribeLogDirsResponse<'a> (key ApiKey::DescribeLogDirs as i16, versions 1..=5, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// What went wrong with the request as a whole.
        error_code: i16, 3.., else ignored;
        /// The directories.
        results: Array<'a, DescribeLogDirsResult<'a>>, 0..;
    }

    /// A directory.
    DescribeLogDirsResult<'a> {
        /// What is wrong with the directory.
        error_code: i16, 0..;
        /// Its absolute path.
        log_dir: &'a str, 0..;
        /// The topics that have partitions there.
        topics: Array<'a, DescribeLogDirsTopic<'a>>, 0..;
        /// The volume's size in bytes, -1 if unknown (KIP-827).
        total_bytes: i64, 4.., default -1, else ignored;
        /// How many bytes of the volume may still be used, -1 if unknown.
        usable_bytes: i64, 4.., default -1, else ignored;
        /// Whether the directory takes no new partitions (KIP-1066).
        is_cordoned: bool, 5.., else ignored;
    }

    /// A topic.
    DescribeLogDirsTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, DescribeLogDirsPartition>, 0..;
    }

    /// A partition.
    DescribeLogDirsPartition {
        /// The partition's number.
        partition_index: i32, 0..;
        /// The size of its segments in bytes.
        partition_size: i64, 0..;
        /// How many offsets this copy is behind.
        offset_lag: i64, 0..;
        /// Whether this copy is to replace another one.
        is_future_key: bool, 0..;
    }
}
