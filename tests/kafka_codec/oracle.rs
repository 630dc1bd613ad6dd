//! For every message and version: values drawn from a seed are encoded here, decoded there,
//! encoded there, and decoded here. The bytes must agree both ways, and so must every field by
//! its name. Where the other crate lacks a version, the test says so.

use crate::draw::{Draw, Source};
use crate::encoded;
use bytes::{Buf, Bytes};
use corelane::protocol::kafka::messages::*;
use corelane::wire::{Chunk, Message, Reader, Writer};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};
use regex::Regex;
use std::fmt::Debug;
use std::sync::LazyLock;

/// A message as `field: value` text in which both implementations agree. Theirs gives newtypes to
/// ids, keeps unknown tags, and turns what a version lacks into empty rather than null (which the
/// comparison of bytes tells apart where the version has it).
fn fields(message: &impl Debug) -> String {
    static NEWTYPE: LazyLock<Regex> = LazyLock::new(|| {
        let ids = "BrokerId|TopicName|ProducerId|TransactionalId|GroupId";
        Regex::new(&format!(r#"(?:{ids})\(("[^"]*"|-?\d+)\)"#)).expect("valid")
    });
    static ONLY_ONE_SIDE: LazyLock<Regex> = LazyLock::new(|| {
        let tags = r",? unknown_tagged_fields: \{\}";
        // InitProducerId 6 adds these.
        let request = ", enable_2_pc: false, keep_prepared_txn: false";
        let response = ", ongoing_txn_producer_id: -1, ongoing_txn_producer_epoch: -1";
        // DescribeLogDirs 5 adds this, which only we know.
        let cordoned = ", is_cordoned: false";
        // OffsetCommit and OffsetFetch 10 add it; where both have it, it is among the bytes.
        let topic_id = ", topic_id: [0-]+";
        let all = [tags, request, response, cordoned, topic_id];
        Regex::new(&all.join("|")).expect("valid")
    });
    static RECORDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"Borrowed\(\[([^\]]*)\]\)").expect("valid"));
    static BYTES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"b"([^"]*)""#).expect("valid"));
    // One namespace here, one per message there.
    static STRUCT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Z]\w* \{").expect("valid"));
    let text = format!("{message:?}");
    let text = ONLY_ONE_SIDE.replace_all(&text, "");
    let text = NEWTYPE.replace_all(&text, "$1");
    let text = RECORDS.replace_all(&text, |found: &regex::Captures<'_>| {
        let bytes = found[1].split(", ").filter(|byte| !byte.is_empty());
        let bytes: Vec<u8> = bytes.map(|byte| byte.parse().expect("a byte")).collect();
        format!("{:?}", Bytes::from(bytes))
    });
    let text = BYTES.replace_all(&text, |found: &regex::Captures<'_>| {
        format!("{:?}", unescaped(&found[1]))
    });
    let text = text
        .replace(r#"Some("")"#, "None")
        .replace("Some([])", "None")
        .replace(" {}", "")
        .replace(" { }", "");
    STRUCT.replace_all(&text, "{").into_owned()
}

/// The bytes that a literal of bytes stands for, where all but letters and the like is in
/// hexadecimal, as in everything that is drawn.
fn unescaped(literal: &str) -> Vec<u8> {
    let mut rest = literal.as_bytes();
    let mut bytes = Vec::new();
    while let [first, after @ ..] = rest {
        if let [b'\\', b'x', high, low, after @ ..] = rest {
            let digits = [*high, *low];
            let digits = str::from_utf8(&digits).expect("two digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// Both implementations agree on a message in all its versions.
macro_rules! agree {
    ($name:ident) => {
        agree!($name, $name::VERSIONS);
    };
    ($name:ident, $versions:expr) => {
        for version in $versions {
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
fn find_coordinator_agrees() {
    agree!(FindCoordinatorRequest);
    agree!(FindCoordinatorResponse);
}

#[test]
fn join_group_agrees() {
    agree!(JoinGroupRequest);
    agree!(JoinGroupResponse);
}

#[test]
fn heartbeat_agrees() {
    agree!(HeartbeatRequest);
    agree!(HeartbeatResponse);
}

#[test]
fn leave_group_agrees() {
    agree!(LeaveGroupRequest);
    agree!(LeaveGroupResponse);
}

#[test]
fn sync_group_agrees() {
    agree!(SyncGroupRequest);
    agree!(SyncGroupResponse);
}

#[test]
fn offset_commit_agrees() {
    agree!(OffsetCommitRequest);
    agree!(OffsetCommitResponse);
}

#[test]
fn offset_fetch_agrees() {
    agree!(OffsetFetchRequest);
    agree!(OffsetFetchResponse);
}

#[test]
fn describe_groups_agrees() {
    agree!(DescribeGroupsRequest);
    agree!(DescribeGroupsResponse);
}

#[test]
fn list_groups_agrees() {
    agree!(ListGroupsRequest);
    agree!(ListGroupsResponse);
}

#[test]
fn delete_groups_agrees() {
    agree!(DeleteGroupsRequest);
    agree!(DeleteGroupsResponse);
}

#[test]
fn offset_delete_agrees() {
    agree!(OffsetDeleteRequest);
    agree!(OffsetDeleteResponse);
}

#[test]
fn consumer_group_heartbeat_agrees() {
    agree!(ConsumerGroupHeartbeatRequest);
    agree!(ConsumerGroupHeartbeatResponse);
}

#[test]
fn consumer_group_describe_agrees() {
    agree!(ConsumerGroupDescribeRequest);
    agree!(ConsumerGroupDescribeResponse);
}

#[test]
fn alter_configs_agrees() {
    agree!(AlterConfigsRequest);
    agree!(AlterConfigsResponse);
}

#[test]
fn delete_records_agrees() {
    agree!(DeleteRecordsRequest);
    agree!(DeleteRecordsResponse);
}

#[test]
fn offset_for_leader_epoch_agrees() {
    agree!(OffsetForLeaderEpochRequest);
    agree!(OffsetForLeaderEpochResponse);
}

#[test]
fn describe_topic_partitions_agrees() {
    agree!(DescribeTopicPartitionsRequest);
    agree!(DescribeTopicPartitionsResponse);
}

#[test]
fn describe_log_dirs_agrees() {
    // They do not know version 5 yet.
    agree!(DescribeLogDirsRequest, 1..=4);
    agree!(DescribeLogDirsResponse, 1..=4);
}

#[test]
fn describe_producers_agrees() {
    agree!(DescribeProducersRequest);
    agree!(DescribeProducersResponse);
}

/// The value after its version agrees, in all versions.
macro_rules! embedded_agrees {
    ($name:ident) => {
        for version in 0..=3 {
            for seed in 0..200 {
                let random = fastrand::Rng::with_seed(seed);
                let drawn = $name::draw(&mut Source { random, version });
                let context = format!("version {version}, seed {seed}: {drawn:?}");
                let bytes = ConsumerProtocol::encode(&drawn, version).expect(&context);

                let mut rest = bytes.clone();
                assert_eq!(rest.get_i16(), version);
                let their =
                    <theirs::$name as Decodable>::decode(&mut rest, version).expect(&context);
                assert_eq!(rest.remaining(), 0, "{context}");
                let mut their_bytes = version.to_be_bytes().to_vec();
                Encodable::encode(&their, &mut their_bytes, version).expect(&context);
                assert_eq!(bytes, their_bytes, "{context}");

                let ours = <$name as ConsumerProtocol>::decode(&their_bytes).expect(&context);
                assert_eq!(fields(&ours), fields(&their), "{context}");
                let again = ConsumerProtocol::encode(&ours, version);
                assert_eq!(again.as_ref(), Ok(&bytes), "{context}");
            }
        }
    };
}

#[test]
fn the_consumers_protocol_agrees() {
    embedded_agrees!(ConsumerProtocolSubscription);
    embedded_agrees!(ConsumerProtocolAssignment);
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
