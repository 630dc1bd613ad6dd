use super::ApiKey;
use crate::wire::{Array, message};

message! {
    /// Asks for the producers that partitions remember (KIP-664).
    DescribeProducersRequest<'a> (
        key ApiKey::DescribeProducers as i16, versions 0..=0, flexible 0
    ) {
        /// The topics.
        topics: Array<'a, DescribeProducersTopic<'a>>, 0..;
    }

    /// A topic asked for.
    DescribeProducersTopic<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions' numbers.
        partition_indexes: Array<'a, i32>, 0..;
    }

    /// Producers.
    DescribeProducersResponse<'a> (
        key ApiKey::DescribeProducers as i16, versions 0..=0, flexible 0
    ) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0..;
        /// The topics.
        topics: Array<'a, DescribeProducersTopicResponse<'a>>, 0..;
    }

    /// A topic's answer.
    DescribeProducersTopicResponse<'a> {
        /// The topic's name.
        name: &'a str, 0..;
        /// The partitions.
        partitions: Array<'a, DescribeProducersPartitionResponse<'a>>, 0..;
    }

    /// A partition's answer.
    DescribeProducersPartitionResponse<'a> {
        /// The partition's number.
        partition_index: i32, 0..;
        /// Why nothing is told.
        error_code: i16, 0..;
        /// The same in words.
        error_message: Option<&'a str>, 0..;
        /// The producers.
        active_producers: Array<'a, ActiveProducer>, 0..;
    }

    /// What a partition remembers of a producer.
    ActiveProducer {
        /// The producer's id.
        producer_id: i64, 0..;
        /// Its epoch.
        producer_epoch: i32, 0..;
        /// The sequence of its last record, -1 if unknown.
        last_sequence: i32, 0.., default -1;
        /// The last record's time in ms, -1 if unknown.
        last_timestamp: i64, 0.., default -1;
        /// The epoch of its transactions' coordinator, -1 for none.
        coordinator_epoch: i32, 0..;
        /// Where its open transaction begins, -1 for none.
        current_txn_start_offset: i64, 0.., default -1;
    }
}
