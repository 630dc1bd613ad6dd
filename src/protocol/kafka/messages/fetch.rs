use super::{ApiKey, LeaderIdAndEpoch, NodeEndpoint};
use crate::wire::{Array, Records, message};
use uuid::Uuid;

message! {
    /// Reads record batches. Topics have names up to version 12 and ids from 13 on (KIP-516).
    FetchRequest<'a> (key ApiKey::Fetch as i16, versions 4..=18, flexible 12) {
        /// The cluster that a following broker believes to be in.
        cluster_id: Option<&'a str>, 12.., tag 0, else ignored;
        /// The following broker, -1 for a consumer.
        replica_id: i32, 0..=14, default -1;
        /// The following broker and its epoch (KIP-903).
        replica_state: ReplicaState, 15.., tag 1;
        /// How long to wait for `min_bytes`, in ms.
        max_wait_ms: i32, 0..;
        /// Below this many bytes the broker waits.
        min_bytes: i32, 0..;
        /// At most this many bytes in all; the first batch is always sent whole.
        max_bytes: i32, 3.., default i32::MAX, else ignored;
        /// 0 to read all, 1 to read only what is committed.
        isolation_level: i8, 4.., else ignored;
        /// The fetch session, 0 for none (KIP-227).
        session_id: i32, 7.., else ignored;
        /// The request's number in its session, -1 for none.
        session_epoch: i32, 7.., default -1, else ignored;
        /// The topics.
        topics: Array<'a, FetchTopic<'a>>, 0..;
        /// Partitions that leave the session.
        forgotten_topics_data: Array<'a, ForgottenTopic<'a>>, 7..;
        /// The consumer's rack (KIP-392).
        rack_id: &'a str, 11.., else ignored;
    }

    /// A following broker.
    ReplicaState {
        /// Its id, -1 for a consumer.
        replica_id: i32, 15.., default -1;
        /// Its epoch.
        replica_epoch: i64, 15.., default -1;
    }

    /// What to read of a topic.
    FetchTopic<'a> {
        /// The topic's name.
        topic: &'a str, 0..=12, else ignored;
        /// The topic's id.
        topic_id: Uuid, 13.., else ignored;
        /// The partitions.
        partitions: Array<'a, FetchPartition>, 0..;
    }

    /// What to read of a partition.
    FetchPartition {
        /// The partition's number.
        partition: i32, 0..;
        /// The leader's epoch as the client knows it, -1 if unknown (KIP-320).
        current_leader_epoch: i32, 9.., default -1, else ignored;
        /// The first offset wanted.
        fetch_offset: i64, 0..;
        /// The epoch of the last record the client has, -1 if unknown (KIP-595).
        last_fetched_epoch: i32, 12.., default -1;
        /// A following broker's first offset.
        log_start_offset: i64, 5.., default -1, else ignored;
        /// At most this many bytes; the first batch is always sent whole.
        partition_max_bytes: i32, 0..;
        /// A following broker's directory (KIP-853).
        replica_directory_id: Uuid, 17.., tag 0, else ignored;
        /// A following broker's high watermark (KIP-1166).
        high_watermark: i64, 18.., tag 1, default i64::MAX, else ignored;
    }

    /// Partitions that leave the session.
    ForgottenTopic<'a> {
        /// The topic's name.
        topic: &'a str, 7..=12, else ignored;
        /// The topic's id.
        topic_id: Uuid, 13.., else ignored;
        /// The partitions' numbers.
        partitions: Array<'a, i32>, 7..;
    }

    /// Record batches.
    FetchResponse<'a> (key ApiKey::Fetch as i16, versions 4..=18, flexible 12) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 1.., else ignored;
        /// What went wrong with the request as a whole.
        error_code: i16, 7.., else ignored;
        /// The fetch session, 0 for none (KIP-227).
        session_id: i32, 7..;
        /// The topics.
        responses: Array<'a, FetchableTopicResponse<'a>>, 0..;
        /// Where the leaders named in `current_leader` are.
        node_endpoints: Array<'a, NodeEndpoint<'a>>, 16.., tag 0;
    }

    /// What was read of a topic.
    FetchableTopicResponse<'a> {
        /// The topic's name.
        topic: &'a str, 0..=12, else ignored;
        /// The topic's id.
        topic_id: Uuid, 13.., else ignored;
        /// The partitions.
        partitions: Array<'a, PartitionData<'a>>, 0..;
    }

    /// What was read of a partition.
    PartitionData<'a> {
        /// The partition's number.
        partition_index: i32, 0..;
        /// Why nothing was read.
        error_code: i16, 0..;
        /// The end of what may be read.
        high_watermark: i64, 0..;
        /// The end of what is decided by transactions.
        last_stable_offset: i64, 4.., default -1, else ignored;
        /// The partition's first offset.
        log_start_offset: i64, 5.., default -1, else ignored;
        /// The epoch at whose end the client's log went another way (KIP-595).
        diverging_epoch: EpochEndOffset, 12.., tag 0;
        /// Who leads the partition, when this broker does not.
        current_leader: LeaderIdAndEpoch, 12.., tag 1;
        /// The snapshot to read first.
        snapshot_id: SnapshotId, 12.., tag 2;
        /// The aborted transactions among the records; null when all records are wanted.
        aborted_transactions: Option<Array<'a, AbortedTransaction>>, 4.., else ignored;
        /// A nearer replica to read from, -1 for none (KIP-392).
        preferred_read_replica: i32, 11.., default -1;
        /// The batches; the first may begin before the asked offset.
        records: Option<Records<'a>>, 0..;
    }

    /// An epoch and where it ends.
    EpochEndOffset {
        /// The epoch.
        epoch: i32, 12.., default -1;
        /// The offset after its last record.
        end_offset: i64, 12.., default -1;
    }

    /// A snapshot.
    SnapshotId {
        /// The offset after the last record it covers.
        end_offset: i64, 0.., default -1;
        /// That record's epoch.
        epoch: i32, 0.., default -1;
    }

    /// An aborted transaction.
    AbortedTransaction {
        /// Its producer.
        producer_id: i64, 4..;
        /// Its first offset in the partition.
        first_offset: i64, 4..;
    }
}
