//! The Kafka codec against another implementation of it, the `kafka-protocol` crate, and against
//! bytes that mean harm.
//!
//! For every message and version: values drawn from a seed are encoded here, decoded there,
//! encoded there, and decoded here. The bytes must agree both ways, and so must every field by
//! its name. The other crate knows all versions that are served.

use bytes::{Buf, Bytes};
use corelane::protocol::kafka::messages::*;
use corelane::wire::{Array, Chunk, EncodeError, Message, Reader, Records, WireError, Writer};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;
use regex::Regex;
use std::fmt::Debug;
use std::sync::LazyLock;
use uuid::Uuid;

/// Where drawn values come from.
struct Source {
    random: fastrand::Rng,
    version: i16,
}

/// A value that can be drawn.
trait Draw: Sized {
    fn draw(source: &mut Source) -> Self;
}

macro_rules! draw_numbers {
    ($($type:ident),*) => {$(
        impl Draw for $type {
            fn draw(source: &mut Source) -> Self {
                match source.random.u8(..6) {
                    0 => 0,
                    1 => -1,
                    2 => $type::MIN,
                    3 => $type::MAX,
                    _ => source.random.$type(..),
                }
            }
        }
    )*};
}
draw_numbers!(i8, i16, i32, i64);

impl Draw for bool {
    fn draw(source: &mut Source) -> Self {
        source.random.bool()
    }
}

impl Draw for Uuid {
    fn draw(source: &mut Source) -> Self {
        Uuid::from_u128(source.random.u128(..))
    }
}

/// Longer than one byte of a varint can say.
const LONG: &str = "a-name-that-is-longer-than-one-hundred-and-twenty-seven-bytes-so-that-the-\
                    varint-before-it-takes-two-bytes-instead-of-one-as-it-does-for-the-others";

impl Draw for &'static str {
    fn draw(source: &mut Source) -> Self {
        ["", "a", "orders.v1", "größe", LONG][source.random.usize(..5)]
    }
}

impl Draw for Records<'static> {
    fn draw(source: &mut Source) -> Self {
        Records::Borrowed(<&str>::draw(source).as_bytes())
    }
}

impl<T: Draw> Draw for Option<T> {
    fn draw(source: &mut Source) -> Self {
        (source.random.u8(..4) != 0).then(|| T::draw(source))
    }
}

impl<T: Draw> Draw for Array<'static, T> {
    fn draw(source: &mut Source) -> Self {
        let count = source.random.usize(..4);
        (0..count).map(|_| T::draw(source)).collect()
    }
}

/// Draws every field of a struct. `field [versions]` is drawn in those versions only, for what
/// must not be set elsewhere; `field some [versions]` is never null in those versions.
macro_rules! draw {
    ($($type:ty { $($field:ident $($some:ident)? $([$versions:expr])?),* $(,)? })*) => {$(
        impl Draw for $type {
            fn draw(source: &mut Source) -> Self {
                Self {$(
                    $field: draw!(@field source, $field $($some)? $([$versions])?),
                )*}
            }
        }
    )*};
    (@field $source:ident, $field:ident) => { Draw::draw($source) };
    (@field $source:ident, $field:ident [$versions:expr]) => {
        if ($versions).contains(&$source.version) {
            Draw::draw($source)
        } else {
            Self::default().$field
        }
    };
    (@field $source:ident, $field:ident some [$versions:expr]) => {
        if ($versions).contains(&$source.version) {
            Some(Draw::draw($source))
        } else {
            Draw::draw($source)
        }
    };
}

draw! {
    ApiVersionsRequest<'static> { client_software_name, client_software_version }
    ApiVersionsResponse<'static> {
        error_code, api_keys, throttle_time_ms, supported_features, finalized_features_epoch,
        finalized_features, zk_migration_ready
    }
    ApiVersion { api_key, min_version, max_version }
    SupportedFeatureKey<'static> { name, min_version, max_version }
    FinalizedFeatureKey<'static> { name, max_version_level, min_version_level }

    MetadataRequest<'static> {
        topics some [..=0], allow_auto_topic_creation [4..],
        include_cluster_authorized_operations [8..=10], include_topic_authorized_operations [8..]
    }
    MetadataRequestTopic<'static> { topic_id, name some [..=9] }
    MetadataResponse<'static> {
        throttle_time_ms, brokers, cluster_id, controller_id, topics,
        cluster_authorized_operations [8..=10], error_code
    }
    MetadataResponseBroker<'static> { node_id, host, port, rack }
    MetadataResponseTopic<'static> {
        error_code, name some [..=11], topic_id, is_internal, partitions,
        topic_authorized_operations [8..]
    }
    MetadataResponsePartition<'static> {
        error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes,
        offline_replicas
    }

    NodeEndpoint<'static> { node_id, host, port, rack }
    LeaderIdAndEpoch { leader_id, leader_epoch }

    ProduceRequest<'static> { transactional_id, acks, timeout_ms, topic_data }
    TopicProduceData<'static> { name, topic_id, partition_data }
    PartitionProduceData<'static> { index, records }
    ProduceResponse<'static> { responses, throttle_time_ms, node_endpoints [10..] }
    TopicProduceResponse<'static> { name, topic_id, partition_responses }
    PartitionProduceResponse<'static> {
        index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors,
        error_message, current_leader [10..]
    }
    BatchIndexAndErrorMessage<'static> { batch_index, batch_index_error_message }

    FetchRequest<'static> {
        cluster_id, replica_id [..=14], replica_state [15..], max_wait_ms, min_bytes, max_bytes,
        isolation_level, session_id, session_epoch, topics, forgotten_topics_data [7..], rack_id
    }
    ReplicaState { replica_id, replica_epoch }
    FetchTopic<'static> { topic, topic_id, partitions }
    FetchPartition {
        partition, current_leader_epoch, fetch_offset, last_fetched_epoch [12..],
        log_start_offset, partition_max_bytes, replica_directory_id, high_watermark
    }
    ForgottenTopic<'static> { topic, topic_id, partitions }
    FetchResponse<'static> {
        throttle_time_ms, error_code, session_id [7..], responses, node_endpoints [16..]
    }
    FetchableTopicResponse<'static> { topic, topic_id, partitions }
    PartitionData<'static> {
        partition_index, error_code, high_watermark, last_stable_offset, log_start_offset,
        diverging_epoch [12..], current_leader [12..], snapshot_id [12..], aborted_transactions,
        preferred_read_replica [11..], records
    }
    EpochEndOffset { epoch, end_offset }
    SnapshotId { end_offset, epoch }
    AbortedTransaction { producer_id, first_offset }

    ListOffsetsRequest<'static> { replica_id, isolation_level [2..], topics, timeout_ms }
    ListOffsetsTopic<'static> { name, partitions }
    ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
    ListOffsetsResponse<'static> { throttle_time_ms, topics }
    ListOffsetsTopicResponse<'static> { name, partitions }
    ListOffsetsPartitionResponse {
        partition_index, error_code, timestamp, offset, leader_epoch [4..]
    }

    InitProducerIdRequest<'static> {
        transactional_id, transaction_timeout_ms, producer_id [3..], producer_epoch [3..]
    }
    InitProducerIdResponse { throttle_time_ms, error_code, producer_id, producer_epoch }

    CreateTopicsRequest<'static> { topics, timeout_ms, validate_only }
    CreatableTopic<'static> { name, num_partitions, replication_factor, assignments, configs }
    CreatableReplicaAssignment<'static> { partition_index, broker_ids }
    CreatableTopicConfig<'static> { name, value }
    CreateTopicsResponse<'static> { throttle_time_ms, topics }
    CreatableTopicResult<'static> {
        name, topic_id, error_code, error_message, topic_config_error_code, num_partitions,
        replication_factor, configs
    }
    CreatableTopicConfigs<'static> { name, value, read_only, config_source, is_sensitive }

    DeleteTopicsRequest<'static> { topics [6..], topic_names, timeout_ms }
    DeleteTopicState<'static> { name, topic_id }
    DeleteTopicsResponse<'static> { throttle_time_ms, responses }
    DeletableTopicResult<'static> { name some [..=5], topic_id, error_code, error_message }

    CreatePartitionsRequest<'static> { topics, timeout_ms, validate_only }
    CreatePartitionsTopic<'static> { name, count, assignments }
    CreatePartitionsAssignment<'static> { broker_ids }
    CreatePartitionsResponse<'static> { throttle_time_ms, results }
    CreatePartitionsTopicResult<'static> { name, error_code, error_message }

    DescribeConfigsRequest<'static> { resources, include_synonyms, include_documentation [3..] }
    DescribeConfigsResource<'static> { resource_type, resource_name, configuration_keys }
    DescribeConfigsResponse<'static> { throttle_time_ms, results }
    DescribeConfigsResult<'static> {
        error_code, error_message, resource_type, resource_name, configs
    }
    DescribeConfigsResourceResult<'static> {
        name, value, read_only, config_source, is_sensitive, synonyms, config_type, documentation
    }
    DescribeConfigsSynonym<'static> { name, value, source }

    IncrementalAlterConfigsRequest<'static> { resources, validate_only }
    AlterConfigsResource<'static> { resource_type, resource_name, configs }
    AlterableConfig<'static> { name, config_operation, value }
    IncrementalAlterConfigsResponse<'static> { throttle_time_ms, responses }
    AlterConfigsResourceResponse<'static> {
        error_code, error_message, resource_type, resource_name
    }

    DescribeClusterRequest {
        include_cluster_authorized_operations, endpoint_type [1..], include_fenced_brokers [2..]
    }
    DescribeClusterResponse<'static> {
        throttle_time_ms, error_code, error_message, endpoint_type [1..], cluster_id,
        controller_id, brokers, cluster_authorized_operations
    }
    DescribeClusterBroker<'static> { broker_id, host, port, rack, is_fenced [2..] }
}

/// Writes a message whole.
fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    let chunks = writer.finish()?;
    Ok(match chunks.as_slice() {
        [] => Bytes::new(),
        [Chunk::Bytes(bytes)] => bytes.clone(),
        other => panic!("no record data was referred to: {other:?}"),
    })
}

/// A message as `field: value` text in which both implementations agree. Theirs gives newtypes to
/// ids, keeps unknown tags, and turns what a version lacks into empty rather than null (which the
/// comparison of bytes tells apart where the version has it).
fn fields(message: &impl Debug) -> String {
    static NEWTYPE: LazyLock<Regex> = LazyLock::new(|| {
        let ids = "BrokerId|TopicName|ProducerId|TransactionalId";
        Regex::new(&format!(r#"(?:{ids})\(("[^"]*"|-?\d+)\)"#)).expect("valid")
    });
    static ONLY_THEIRS: LazyLock<Regex> = LazyLock::new(|| {
        let tags = r",? unknown_tagged_fields: \{\}";
        // InitProducerId 6 adds these.
        let request = ", enable_2_pc: false, keep_prepared_txn: false";
        let response = ", ongoing_txn_producer_id: -1, ongoing_txn_producer_epoch: -1";
        Regex::new(&format!("{tags}|{request}|{response}")).expect("valid")
    });
    static RECORDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"Borrowed\(\[([^\]]*)\]\)").expect("valid"));
    let text = format!("{message:?}");
    let text = ONLY_THEIRS.replace_all(&text, "");
    let text = NEWTYPE.replace_all(&text, "$1");
    let text = RECORDS.replace_all(&text, |found: &regex::Captures<'_>| {
        let bytes = found[1].split(", ").filter(|byte| !byte.is_empty());
        let bytes: Vec<u8> = bytes.map(|byte| byte.parse().expect("a byte")).collect();
        format!("{:?}", Bytes::from(bytes))
    });
    text.replace(r#"Some("")"#, "None")
        .replace("Some([])", "None")
        .replace(" {}", "")
        .replace(" { }", "")
}

/// Both implementations agree on a message in all its versions.
macro_rules! agree {
    ($name:ident) => {
        for version in $name::VERSIONS {
            for seed in 0..200 {
                let random = fastrand::Rng::with_seed(seed);
                let drawn = $name::draw(&mut Source { random, version });
                let context = format!("version {version}, seed {seed}: {drawn:?}");
                let bytes = encoded(&drawn, version).expect(&context);

                let mut rest = bytes.clone();
                let their = theirs::$name::decode(&mut rest, version).expect(&context);
                assert_eq!(rest.remaining(), 0, "{context}");
                let mut their_bytes = Vec::new();
                their.encode(&mut their_bytes, version).expect(&context);
                assert_eq!(bytes, their_bytes, "{context}");

                let mut reader = Reader::new(&their_bytes);
                let ours = $name::decode(&mut reader, version).expect(&context);
                assert_eq!(reader.remaining(), 0, "{context}");
                assert_eq!(fields(&ours), fields(&their), "{context}");
                assert_eq!(encoded(&ours, version).as_ref(), Ok(&bytes), "{context}");
            }
        }
    };
}

#[test]
fn api_versions_agrees() {
    agree!(ApiVersionsRequest);
    agree!(ApiVersionsResponse);
}

#[test]
fn metadata_agrees() {
    agree!(MetadataRequest);
    agree!(MetadataResponse);
}

#[test]
fn produce_agrees() {
    agree!(ProduceRequest);
    agree!(ProduceResponse);
}

#[test]
fn fetch_agrees() {
    agree!(FetchRequest);
    agree!(FetchResponse);
}

#[test]
fn list_offsets_agrees() {
    agree!(ListOffsetsRequest);
    agree!(ListOffsetsResponse);
}

#[test]
fn init_producer_id_agrees() {
    agree!(InitProducerIdRequest);
    agree!(InitProducerIdResponse);
}

#[test]
fn create_topics_agrees() {
    agree!(CreateTopicsRequest);
    agree!(CreateTopicsResponse);
}

#[test]
fn delete_topics_agrees() {
    agree!(DeleteTopicsRequest);
    agree!(DeleteTopicsResponse);
}

#[test]
fn create_partitions_agrees() {
    agree!(CreatePartitionsRequest);
    agree!(CreatePartitionsResponse);
}

#[test]
fn describe_configs_agrees() {
    agree!(DescribeConfigsRequest);
    agree!(DescribeConfigsResponse);
}

#[test]
fn incremental_alter_configs_agrees() {
    agree!(IncrementalAlterConfigsRequest);
    agree!(IncrementalAlterConfigsResponse);
}

#[test]
fn describe_cluster_agrees() {
    agree!(DescribeClusterRequest);
    agree!(DescribeClusterResponse);
}

#[test]
fn headers_agree() {
    for &api in ApiKey::ALL {
        let their_key = theirs::ApiKey::try_from(api.code()).expect("they know it");
        for version in api.served() {
            let header_version = their_key.request_header_version(version);
            assert_eq!(api.request_header_version(version), header_version, "{api}");
            let header = RequestHeader {
                api_key: api.code(),
                api_version: version,
                correlation_id: 77,
                client_id: Some("me"),
            };
            let mut writer = Writer::new();
            header.encode(&mut writer).expect("short");
            let chunks = writer.finish().expect("short");
            let [Chunk::Bytes(bytes)] = chunks.as_slice() else {
                panic!("one chunk expected: {chunks:?}");
            };
            let mut rest = bytes.clone();
            let their = theirs::RequestHeader::decode(&mut rest, header_version).expect("whole");
            assert_eq!(rest.remaining(), 0);
            assert_eq!(their.client_id.as_deref(), Some("me"));
            let mut reader = Reader::new(bytes);
            assert_eq!(RequestHeader::decode(&mut reader), Ok(header));
            assert_eq!(reader.remaining(), 0);

            let header_version = their_key.response_header_version(version);
            assert_eq!(
                api.response_header_version(version),
                header_version,
                "{api}"
            );
        }
    }
}

/// Does something with every message.
macro_rules! each_message {
    ($do:ident) => {
        each_message!(@each $do:
            ApiVersionsRequest ApiVersionsResponse MetadataRequest MetadataResponse
            ProduceRequest ProduceResponse FetchRequest FetchResponse
            ListOffsetsRequest ListOffsetsResponse InitProducerIdRequest InitProducerIdResponse
            CreateTopicsRequest CreateTopicsResponse DeleteTopicsRequest DeleteTopicsResponse
            CreatePartitionsRequest CreatePartitionsResponse
            DescribeConfigsRequest DescribeConfigsResponse
            IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse
            DescribeClusterRequest DescribeClusterResponse)
    };
    (@each $do:ident: $($name:ident)*) => { $($do!($name);)* };
}

/// Whatever decodes can be walked and encoded again, and has no more in it than was sent: so a
/// few bytes cannot claim many elements.
macro_rules! bears {
    ($name:ident, $bytes:expr) => {
        for version in $name::VERSIONS {
            let mut reader = Reader::new($bytes);
            let Ok(message) = $name::decode(&mut reader, version) else {
                continue;
            };
            let again = encoded(&message, version).expect("decoded in the same version");
            prop_assert!(again.len() <= reader.position());
            let back = $name::decode(&mut Reader::new(&again), version);
            prop_assert_eq!(back, Ok(message));
        }
    };
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        macro_rules! bears_it { ($name:ident) => { bears!($name, &bytes) } }
        each_message!(bears_it);
        let _ = RequestHeader::decode(&mut Reader::new(&bytes));
    }

    /// Small numbers make lengths that fit, so that decoding gets far.
    #[test]
    fn likely_bytes_do_no_harm(bytes in prop::collection::vec(0..4_u8, 0..300)) {
        macro_rules! bears_it { ($name:ident) => { bears!($name, &bytes) } }
        each_message!(bears_it);
    }

    #[test]
    fn damaged_messages_do_no_harm(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        macro_rules! bears_it {
            ($name:ident) => {
                for version in $name::VERSIONS {
                    let random = fastrand::Rng::with_seed(seed);
                    let drawn = $name::draw(&mut Source { random, version });
                    let mut bytes = encoded(&drawn, version).expect("drawn for it").to_vec();
                    if bytes.is_empty() {
                        continue;
                    }
                    for (place, byte) in &damage {
                        let place = place.index(bytes.len());
                        bytes[place] = *byte;
                    }
                    bytes.truncate(cut.index(bytes.len()) + 1);
                    bears!($name, &bytes);
                }
            };
        }
        each_message!(bears_it);
    }
}

#[test]
fn lying_counts_are_refused_before_anything_is_read() {
    // Metadata 1: i32::MAX topics.
    let bytes = i32::MAX.to_be_bytes();
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 1),
        Err(WireError::LengthTooLarge {
            position: 0,
            length: i32::MAX as usize,
            remaining: 0
        })
    );
    // Metadata 9: as many topics as a varint can say, and two of the bytes that one needs.
    let bytes = [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0];
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::LengthTooLarge {
            position: 0,
            length: u32::MAX as usize - 1,
            remaining: 2
        })
    );
    // A negative count that does not mean null.
    let bytes = (-7_i32).to_be_bytes();
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 1),
        Err(WireError::NegativeLength {
            position: 0,
            length: -7
        })
    );
    // More elements than their smallest size allows: 3 partitions of 8 bytes in 16 bytes.
    let mut bytes = vec![
        0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 3,
    ];
    bytes.extend_from_slice(&[0; 16]);
    assert!(matches!(
        ProduceRequest::decode(&mut Reader::new(&bytes), 3),
        Err(WireError::LengthTooLarge { length: 3, .. })
    ));
}

#[test]
fn lying_lengths_are_refused() {
    // Produce 9: one topic, one partition, records of u32::MAX - 1 bytes.
    let head = [0, 0, 1, 0, 0, 0, 0, 2, 2, b't', 2, 0, 0, 0, 0];
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]);
    assert!(matches!(
        ProduceRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::LengthTooLarge { .. })
    ));
    // The same with an honest length.
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(&[3, b'a', b'b', 0, 0, 0]);
    let request = ProduceRequest::decode(&mut Reader::new(&bytes), 9).expect("whole");
    let topic = request.topic_data.iter().next().expect("one topic");
    let partition = topic.partition_data.iter().next().expect("one partition");
    assert_eq!(partition.records, Some(Records::Borrowed(b"ab")));
}

#[test]
fn records_are_shared_with_the_frame_they_came_in() {
    let frame = Bytes::from_static(&[
        0, 0, 1, 0, 0, 0, 0, 2, 2, b't', 2, 0, 0, 0, 0, 3, b'a', b'b', 0, 0, 0,
    ]);
    let request = ProduceRequest::decode(&mut Reader::new(&frame), 9).expect("whole");
    let topic = request.topic_data.iter().next().expect("one topic");
    let partition = topic.partition_data.iter().next().expect("one partition");
    let shared = partition.records.expect("some").share(&frame);
    assert_eq!(shared.as_ptr(), frame[16..].as_ptr());
    assert_eq!(shared, "ab");
}

#[test]
fn records_of_a_response_are_referred_to() {
    for version in FetchResponse::VERSIONS {
        let partition = |index, length| PartitionData {
            records: Some(Records::External { index, length }),
            ..PartitionData::default()
        };
        let response = FetchResponse {
            responses: vec![FetchableTopicResponse {
                partitions: vec![partition(4, 1_000), partition(9, 70_000)].into(),
                ..FetchableTopicResponse::default()
            }]
            .into(),
            ..FetchResponse::default()
        };
        let mut writer = Writer::framed();
        response.encode(&mut writer, version).expect("nothing odd");
        let chunks = writer.finish().expect("short");
        let mut whole = Vec::new();
        for chunk in &chunks {
            match *chunk {
                Chunk::Bytes(ref bytes) => whole.extend_from_slice(bytes),
                Chunk::External { index, length } => {
                    whole.extend(std::iter::repeat_n(index as u8, length as usize));
                }
            }
        }
        let mut reader = Reader::new(&whole);
        assert_eq!(reader.i32(), Ok(whole.len() as i32 - 4));
        let back = FetchResponse::decode(&mut reader, version).expect("whole");
        assert_eq!(reader.remaining(), 0);
        let topic = back.responses.iter().next().expect("one topic");
        let records: Vec<_> = topic.partitions.iter().map(|p| p.records).collect();
        let (first, second) = ([4; 1_000], [9; 70_000]);
        assert_eq!(records[0], Some(Records::Borrowed(&first)));
        assert_eq!(records[1], Some(Records::Borrowed(&second)));
    }
}

#[test]
fn what_a_version_cannot_say_is_refused_or_dropped() {
    let request = MetadataRequest {
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    assert_eq!(
        encoded(&request, 3),
        Err(EncodeError::UnsupportedField {
            message: "MetadataRequest",
            field: "allow_auto_topic_creation",
            version: 3
        })
    );
    assert!(encoded(&request, 4).is_ok());
    assert_eq!(
        encoded(&MetadataRequest::default(), 0),
        Err(EncodeError::NullField {
            message: "MetadataRequest",
            field: "topics",
            version: 0
        })
    );
    assert!(matches!(
        encoded(&MetadataRequest::default(), 14),
        Err(EncodeError::UnsupportedVersion { version: 14, .. })
    ));
    let named = ApiVersionsRequest {
        client_software_name: "corelane",
        ..ApiVersionsRequest::default()
    };
    assert_eq!(encoded(&named, 2), Ok(Bytes::new()));
}

#[test]
fn null_where_a_version_has_none_is_refused() {
    // Metadata 9, one topic whose name is null, which only version 10 allows.
    let bytes = [2, 0, 0, 1, 0, 0, 0];
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::UnexpectedNull { position: 1 })
    );
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    // ApiVersions 3: two names, then the tags 5 (two bytes) and 900 (none).
    let bytes = [2, b'a', 2, b'b', 2, 5, 2, 0xca, 0xfe, 0x84, 0x07, 0];
    let mut reader = Reader::new(&bytes);
    let request = ApiVersionsRequest::decode(&mut reader, 3).expect("whole");
    assert_eq!(request.client_software_version, "b");
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn a_header_of_an_unknown_api_can_be_answered() {
    let bytes = [0x7f, 0xff, 0, 1, 0, 0, 0, 9, 0, 1, b'x', 0xff];
    let header = RequestHeader::decode(&mut Reader::new(&bytes)).expect("whole");
    assert_eq!((header.api_key, header.client_id), (0x7fff, Some("x")));
}
