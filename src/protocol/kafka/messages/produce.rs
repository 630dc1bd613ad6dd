use super::{ApiKey, LeaderIdAndEpoch, NodeEndpoint};
use crate::wire::{Array, Records, message};
use uuid::Uuid;

message! {
    /// Appends record batches. Topics have names up to version 12 and ids from 13 on (KIP-516).
    ProduceRequest<'a> (key ApiKey::Produce as i16, versions 3..=13, flexible 9) {
        /// The transaction the batches belong to, if any.
        transactional_id: Option<&'a str>, 3..;
        /// When to answer: 0 never, 1 once appended, -1 once safe.
        acks: i16, 0..;
        /// How long the broker may wait for that, in ms.
        timeout_ms: i32, 0..;
        /// The topics.
        topic_data: Array<'a, TopicProduceData<'a>>, 0..;
    }

    /// What to append to a topic.
    TopicProduceData<'a> {
        /// The topic's name.
        name: &'a str, 0..=12, else ignored;
        /// The topic's id.
        topic_id: Uuid, 13.., else ignored;
        /// The partitions.
        partition_data: Array<'a, PartitionProduceData<'a>>, 0..;
    }

    /// What to append to a partition.
    PartitionProduceData<'a> {
        /// The partition's number.
        index: i32, 0..;
        /// One record batch.
        records: Option<Records<'a>>, 0..;
    }

    /// What became of the batches.
    ProduceResponse<'a> (key ApiKey::Produce as i16, versions 3..=13, flexible 9) {
        /// The topics.
        responses: Array<'a, TopicProduceResponse<'a>>, 0..;
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// Where the leaders named in `current_leader` are.
        node_endpoints: Array<'a, NodeEndpoint<'a>>, 10.., tag 0;
    }

    /// What became of a topic's batches.
    TopicProduceResponse<'a> {
        /// The topic's name.
        name: &'a str, 0..=12, else ignored;
        /// The topic's id.
        topic_id: Uuid, 13.., else ignored;
        /// The partitions.
        partition_responses: Array<'a, PartitionProduceResponse<'a>>, 0..;
    }

    /// What became of a partition's batch.
    PartitionProduceResponse<'a> {
        /// The partition's number.
        index: i32, 0..;
        /// Why the batch was not appended.
        error_code: i16, 0..;
        /// The first record's offset.
        base_offset: i64, 0..;
        /// The broker's time for the records in ms, -1 where the producer's times are kept.
        log_append_time_ms: i64, 2.., default -1, else ignored;
        /// The partition's first offset.
        log_start_offset: i64, 5.., default -1, else ignored;
        /// The records that made the broker refuse the batch (KIP-467).
        record_errors: Array<'a, BatchIndexAndErrorMessage<'a>>, 8.., else ignored;
        /// What their errors have in common.
        error_message: Option<&'a str>, 8.., else ignored;
        /// Who leads the partition, when this broker does not.
        current_leader: LeaderIdAndEpoch, 10.., tag 0;
    }

    /// A refused record.
    BatchIndexAndErrorMessage<'a> {
        /// The record's place in its batch.
        batch_index: i32, 8..;
        /// What is wrong with it.
        batch_index_error_message: Option<&'a str>, 8..;
    }
}
