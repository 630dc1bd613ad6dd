use crate::protocol::kafka::messages as m;
use crate::wire::Message;
use std::ops::RangeInclusive;

/// A request that this client makes, tied to its response.
pub trait Request<'a>: Message<'a> {
    /// What answers it.
    type Response<'r>: Message<'r>;

    /// The versions this client makes use of.
    const USED: RangeInclusive<i16>;
}

macro_rules! requests {
    ($($request:ty => $response:ty, $used:expr;)*) => {$(
        impl<'a> Request<'a> for $request {
            type Response<'r> = $response;
            const USED: RangeInclusive<i16> = $used;
        }
    )*};
}

// Topics by name, not by id (Produce and Fetch to 12, DeleteTopics to 5), one group at a time
// (FindCoordinator to 3, OffsetFetch to 7): one path for every broker.
requests! {
    m::ApiVersionsRequest<'a> => m::ApiVersionsResponse<'r>, 0..=3;
    m::MetadataRequest<'a> => m::MetadataResponse<'r>, 4..=12;
    m::ProduceRequest<'a> => m::ProduceResponse<'r>, 3..=12;
    m::FetchRequest<'a> => m::FetchResponse<'r>, 4..=12;
    m::ListOffsetsRequest<'a> => m::ListOffsetsResponse<'r>, 1..=7;
    m::InitProducerIdRequest<'a> => m::InitProducerIdResponse, 0..=4;
    m::CreateTopicsRequest<'a> => m::CreateTopicsResponse<'r>, 2..=7;
    m::DeleteTopicsRequest<'a> => m::DeleteTopicsResponse<'r>, 1..=5;
    m::CreatePartitionsRequest<'a> => m::CreatePartitionsResponse<'r>, 0..=3;
    m::DescribeConfigsRequest<'a> => m::DescribeConfigsResponse<'r>, 1..=4;
    m::FindCoordinatorRequest<'a> => m::FindCoordinatorResponse<'r>, 0..=3;
    m::ListGroupsRequest<'a> => m::ListGroupsResponse<'r>, 0..=5;
    m::DescribeGroupsRequest<'a> => m::DescribeGroupsResponse<'r>, 0..=6;
    m::DeleteGroupsRequest<'a> => m::DeleteGroupsResponse<'r>, 0..=2;
    m::OffsetFetchRequest<'a> => m::OffsetFetchResponse<'r>, 2..=7;
    m::OffsetCommitRequest<'a> => m::OffsetCommitResponse<'r>, 2..=9;
    m::JoinGroupRequest<'a> => m::JoinGroupResponse<'r>, 4..=9;
    m::SyncGroupRequest<'a> => m::SyncGroupResponse<'r>, 1..=5;
    m::HeartbeatRequest<'a> => m::HeartbeatResponse, 1..=4;
    m::LeaveGroupRequest<'a> => m::LeaveGroupResponse<'r>, 3..=5;
    m::OffsetDeleteRequest<'a> => m::OffsetDeleteResponse<'r>, 0..=0;
    m::IncrementalAlterConfigsRequest<'a> => m::IncrementalAlterConfigsResponse<'r>, 0..=1;
}
