//! Kafka's messages as operations of the broker, one file per API.
//!
//! [`parse`] turns a request's frame into a [`broker::Request`](Request); [`respond`] turns the
//! answer into the frame of a response. Nothing else maps the broker's errors to Kafka's codes.
//!
//! Invariants: record data is a share of the request's frame, and parts of a response stay where
//! they are; what a request makes us keep is bounded by [`Entries`]; every answer can be said in
//! the version of its request.

mod alter_configs;
mod answer;
mod api_versions;
mod call;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod entries;
mod error;
mod fetch;
mod find_coordinator;
mod group;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod refusal;
mod sync_group;
#[cfg(test)]
mod testing;
mod topic;

pub use call::Call;
pub use error::{error_code, group_error_code};
pub use refusal::{Malformed, Refusal};

use crate::broker::{GroupAnswer, Part, Request, Response};
use crate::protocol::kafka::messages::{ApiKey, RequestHeader};
use crate::wire::{EncodeError, Reader};
use bytes::Bytes;
use group::GroupRequests;

/// What a frame turned out to be.
#[derive(Debug)]
pub enum Parsed {
    /// A request for the broker; its answer goes to [`respond`].
    Request(Call, Request),
    /// A request that needs no broker: this is its answer.
    Answer(Vec<Part>),
}

/// Reads a request from its frame (without the length prefix).
///
/// # Errors
/// Why the connection must be closed: the protocol has no answer to a frame that cannot be read,
/// nor to an API or version that is not served.
pub fn parse(frame: &Bytes) -> Result<Parsed, Refusal> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader).map_err(Refusal::Header)?;
    let Some(api) = ApiKey::from_code(header.api_key) else {
        return Err(Refusal::unsupported_api(&header));
    };
    let mut call = Call::new(api, &header);
    if api == ApiKey::ApiVersions {
        return api_versions::answer(&call, &mut reader).map(Parsed::Answer);
    }
    if !api.serves(header.api_version) {
        return Err(Refusal::unsupported_version(&call));
    }
    if api == ApiKey::DescribeCluster {
        return describe_cluster::parse(call, &mut reader);
    }
    if api == ApiKey::ListOffsets {
        return list_offsets::parse(call, &mut reader);
    }
    match decode(&mut call, &mut reader, frame) {
        Ok(request) => Ok(Parsed::Request(call, request)),
        Err(error) => Err(Refusal::malformed(&call, error)),
    }
}

fn decode(call: &mut Call, reader: &mut Reader<'_>, frame: &Bytes) -> Result<Request, Malformed> {
    let version = call.version();
    match call.api() {
        ApiKey::Produce => produce::decode(reader, version, frame).map(Request::Produce),
        ApiKey::Fetch => fetch::decode(reader, version).map(Request::Fetch),
        ApiKey::Metadata => metadata::decode(reader, version).map(Request::Metadata),
        ApiKey::CreateTopics => create_topics::decode(reader, version).map(Request::CreateTopics),
        ApiKey::DeleteTopics => delete_topics::decode(reader, version).map(Request::DeleteTopics),
        ApiKey::InitProducerId => {
            init_producer_id::decode(reader, version).map(Request::InitProducerId)
        }
        ApiKey::DescribeConfigs => {
            let (request, detail) = describe_configs::decode(reader, version)?;
            call.set_detail(detail);
            Ok(Request::DescribeConfigs(request))
        }
        ApiKey::DescribeTopicPartitions => {
            describe_topic_partitions::decode(reader, version).map(Request::DescribeTopicPartitions)
        }
        ApiKey::OffsetForLeaderEpoch => {
            offset_for_leader_epoch::decode(reader, version).map(Request::OffsetForLeaderEpoch)
        }
        ApiKey::DeleteRecords => {
            delete_records::decode(reader, version).map(Request::DeleteRecords)
        }
        ApiKey::DescribeLogDirs => {
            describe_log_dirs::decode(reader, version).map(Request::DescribeLogDirs)
        }
        ApiKey::DescribeProducers => {
            describe_producers::decode(reader, version).map(Request::DescribeProducers)
        }
        ApiKey::CreatePartitions => {
            create_partitions::decode(reader, version).map(Request::CreatePartitions)
        }
        ApiKey::AlterConfigs => alter_configs::decode(reader, version).map(Request::AlterConfigs),
        ApiKey::IncrementalAlterConfigs => {
            incremental_alter_configs::decode(reader, version).map(Request::AlterConfigs)
        }
        ApiKey::FindCoordinator => {
            find_coordinator::decode(reader, version).map(Request::FindCoordinator)
        }
        ApiKey::ListGroups => list_groups::decode(reader, version).map(Request::ListGroups),
        ApiKey::OffsetCommit
        | ApiKey::OffsetFetch
        | ApiKey::JoinGroup
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::SyncGroup
        | ApiKey::DescribeGroups
        | ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe
        | ApiKey::DeleteGroups
        | ApiKey::OffsetDelete => decode_groups(call, reader).map(Request::Groups),
        ApiKey::ApiVersions | ApiKey::DescribeCluster | ApiKey::ListOffsets => {
            unreachable!("these parse themselves")
        }
    }
}

/// What is asked of groups.
fn decode_groups(call: &Call, reader: &mut Reader<'_>) -> Result<GroupRequests, Malformed> {
    let version = call.version();
    match call.api() {
        ApiKey::OffsetCommit => offset_commit::decode(reader, version),
        ApiKey::OffsetFetch => offset_fetch::decode(reader, version),
        ApiKey::JoinGroup => join_group::decode(reader, call),
        ApiKey::ConsumerGroupHeartbeat => consumer_group_heartbeat::decode(reader, call),
        ApiKey::ConsumerGroupDescribe => consumer_group_describe::decode(reader, version),
        ApiKey::Heartbeat => heartbeat::decode(reader, version),
        ApiKey::LeaveGroup => leave_group::decode(reader, version),
        ApiKey::SyncGroup => sync_group::decode(reader, version),
        ApiKey::DescribeGroups => describe_groups::decode(reader, version),
        ApiKey::DeleteGroups => delete_groups::decode(reader, version),
        ApiKey::OffsetDelete => offset_delete::decode(reader, version),
        other => unreachable!("{other} asks nothing of groups"),
    }
}

/// The frame of a response, its length prefix included; no parts where no response is due.
///
/// # Panics
/// If `response` is not the answer to the request of this call, or larger than a frame can be:
/// strings and counts of a request, and bytes of a fetch, are bounded well below that.
pub fn respond(call: &Call, response: Response) -> Vec<Part> {
    encode(call, response).expect("every answer can be said in its request's version")
}

fn encode(call: &Call, response: Response) -> Result<Vec<Part>, EncodeError> {
    match (call.api(), response) {
        (ApiKey::Produce, Response::Produce(response)) => produce::encode(call, &response),
        (ApiKey::Fetch, Response::Fetch(response)) => fetch::encode(call, response),
        (ApiKey::ListOffsets, Response::ListOffsets(response)) => {
            list_offsets::encode(call, &response)
        }
        (ApiKey::Metadata, Response::Metadata(response)) => metadata::encode(call, &response),
        (ApiKey::DescribeCluster, Response::DescribeCluster(cluster)) => {
            describe_cluster::encode(call, &cluster)
        }
        (ApiKey::DescribeTopicPartitions, Response::DescribeTopicPartitions(response)) => {
            describe_topic_partitions::encode(call, &response)
        }
        (ApiKey::OffsetForLeaderEpoch, Response::OffsetForLeaderEpoch(response)) => {
            offset_for_leader_epoch::encode(call, &response)
        }
        (ApiKey::DeleteRecords, Response::DeleteRecords(response)) => {
            delete_records::encode(call, &response)
        }
        (ApiKey::DescribeLogDirs, Response::DescribeLogDirs(response)) => {
            describe_log_dirs::encode(call, &response)
        }
        (ApiKey::DescribeProducers, Response::DescribeProducers(response)) => {
            describe_producers::encode(call, &response)
        }
        (ApiKey::CreateTopics, Response::CreateTopics(response)) => {
            create_topics::encode(call, &response)
        }
        (ApiKey::DeleteTopics, Response::DeleteTopics(response)) => {
            delete_topics::encode(call, &response)
        }
        (ApiKey::CreatePartitions, Response::CreatePartitions(response)) => {
            create_partitions::encode(call, &response)
        }
        (ApiKey::InitProducerId, Response::InitProducerId(response)) => {
            init_producer_id::encode(call, &response)
        }
        (ApiKey::DescribeConfigs, Response::DescribeConfigs(response)) => {
            describe_configs::encode(call, &response)
        }
        (ApiKey::AlterConfigs, Response::AlterConfigs(response)) => {
            alter_configs::encode(call, &response)
        }
        (ApiKey::IncrementalAlterConfigs, Response::AlterConfigs(response)) => {
            incremental_alter_configs::encode(call, &response)
        }
        (ApiKey::FindCoordinator, Response::FindCoordinator(response)) => {
            find_coordinator::encode(call, &response)
        }
        (ApiKey::ListGroups, Response::ListGroups(groups)) => list_groups::encode(call, &groups),
        (_, Response::Groups(answers)) => encode_groups(call, &answers),
        (api, response) => panic!("{api} was answered with {response:?}"),
    }
}

/// What groups say.
fn encode_groups(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    match call.api() {
        ApiKey::OffsetCommit => offset_commit::encode(call, answers),
        ApiKey::OffsetFetch => offset_fetch::encode(call, answers),
        ApiKey::JoinGroup => join_group::encode(call, answers),
        ApiKey::ConsumerGroupHeartbeat => consumer_group_heartbeat::encode(call, answers),
        ApiKey::ConsumerGroupDescribe => consumer_group_describe::encode(call, answers),
        ApiKey::Heartbeat => heartbeat::encode(call, answers),
        ApiKey::LeaveGroup => leave_group::encode(call, answers),
        ApiKey::SyncGroup => sync_group::encode(call, answers),
        ApiKey::DescribeGroups => describe_groups::encode(call, answers),
        ApiKey::DeleteGroups => delete_groups::encode(call, answers),
        ApiKey::OffsetDelete => offset_delete::encode(call, answers),
        other => panic!("{other} was answered with {answers:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{call, request_frame};
    use super::*;
    use crate::broker::{DescribeConfigsResponse, Response};
    use crate::protocol::kafka::messages::{FetchRequest, MetadataRequest};
    use proptest::prelude::*;

    fn refusal(frame: &Bytes) -> String {
        parse(frame).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_version_that_is_not_served_closes_the_connection_and_is_named() {
        let frame = request_frame(&FetchRequest::default(), 4);
        let mut old = frame.to_vec();
        old[3] = 3;
        assert_eq!(
            refusal(&Bytes::from(old)),
            "client \"test\" sent Fetch version 3; versions 4 to 18 are served"
        );
        let mut unknown = frame.to_vec();
        unknown[..2].copy_from_slice(&71_i16.to_be_bytes());
        assert_eq!(
            refusal(&Bytes::from(unknown)),
            "client \"test\" sent API 71 version 4, which is not served"
        );
    }

    #[test]
    fn a_malformed_frame_closes_the_connection_and_is_named() {
        let frame = request_frame(&FetchRequest::default(), 4);
        let cut = frame.slice(..frame.len() - 1);
        let reason = refusal(&cut);
        assert!(reason.starts_with("client \"test\" sent a malformed Fetch version 4: "));
        let reason = refusal(&frame.slice(..7));
        assert!(reason.starts_with("malformed request header: "), "{reason}");
    }

    #[test]
    fn a_long_client_id_does_not_fill_the_log() {
        let mut frame = vec![0, 71, 0, 0, 0, 0, 0, 1, 0x7f, 0xff];
        frame.extend_from_slice("é\n".repeat(0x7fff / 3).as_bytes());
        frame.push(b'x');
        assert!(refusal(&Bytes::from(frame)).len() < 1_000);
    }

    #[test]
    fn more_entries_than_the_limit_are_refused() {
        // Metadata 12 with topics of the fewest bytes: id, null name, no tags.
        let topics = vec![Default::default(); entries::ENTRIES_MAX + 1];
        let request = MetadataRequest {
            topics: Some(topics.into()),
            ..MetadataRequest::default()
        };
        let reason = refusal(&request_frame(&request, 12));
        assert!(reason.contains("more than"), "{reason}");
    }

    #[test]
    #[should_panic(expected = "Fetch was answered with DescribeConfigs")]
    fn an_answer_to_another_request_is_our_mistake() {
        let response = DescribeConfigsResponse {
            resources: Vec::new(),
        };
        let _ = respond(&call(ApiKey::Fetch, 4), Response::DescribeConfigs(response));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(
            api in prop::sample::select(ApiKey::ALL),
            version in 0..20_i16,
            body in prop::collection::vec(0..6_u8, 0..200),
        ) {
            let mut frame = Vec::new();
            frame.extend_from_slice(&api.code().to_be_bytes());
            frame.extend_from_slice(&version.to_be_bytes());
            frame.extend_from_slice(&body);
            let _ = parse(&Bytes::from(frame));
        }
    }
}
