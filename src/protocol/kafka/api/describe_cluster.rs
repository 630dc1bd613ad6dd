use super::answer::frame;
use super::{Call, Parsed, Refusal};
use crate::broker::{Cluster, Part, Request};
use crate::protocol::kafka::messages::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse, ErrorCode,
};
use crate::wire::{EncodeError, Message, Reader};

/// The kinds of endpoints (KIP-919).
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Reads a request. One for other endpoints than those of brokers is answered right here.
pub(super) fn parse(call: Call, reader: &mut Reader<'_>) -> Result<Parsed, Refusal> {
    let request = DescribeClusterRequest::decode(reader, call.version())
        .map_err(|error| Refusal::malformed(&call, error))?;
    let (error, message) = match request.endpoint_type {
        BROKERS => return Ok(Parsed::Request(call, Request::DescribeCluster)),
        CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "this endpoint is a broker's; ask for the endpoints of brokers",
        ),
        _ => (
            ErrorCode::UnsupportedEndpointType,
            "endpoints of this kind are not served; ask for those of brokers",
        ),
    };
    let response = DescribeClusterResponse {
        error_code: error.code(),
        error_message: Some(message),
        endpoint_type: request.endpoint_type,
        ..DescribeClusterResponse::default()
    };
    let parts = frame(&call, &response).expect("the kind is told where it can be asked for");
    Ok(Parsed::Answer(parts))
}

pub(super) fn encode(call: &Call, cluster: &Cluster) -> Result<Vec<Part>, EncodeError> {
    let brokers = cluster.nodes.iter().map(|node| DescribeClusterBroker {
        broker_id: node.node.get(),
        host: &node.host,
        port: i32::from(node.port),
        rack: None,
        is_fenced: false,
    });
    let response = DescribeClusterResponse {
        cluster_id: &cluster.id,
        controller_id: cluster.controller.get(),
        brokers: brokers.collect(),
        ..DescribeClusterResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::testing::{parsed, read, request_frame, response_bytes, whole};
    use super::*;
    use crate::broker::{NodeEndpoint, Response};
    use crate::types::NodeId;

    #[test]
    fn the_cluster_is_described_in_every_version() {
        for version in DescribeClusterRequest::VERSIONS {
            let (call, request) = parsed(&DescribeClusterRequest::default(), version);
            assert!(matches!(request, Request::DescribeCluster));
            let cluster = Cluster {
                id: "cluster".to_owned(),
                controller: NodeId::new(0),
                nodes: vec![NodeEndpoint {
                    node: NodeId::new(0),
                    host: "here".to_owned(),
                    port: 9_092,
                }],
            };
            let bytes = response_bytes(&call, Response::DescribeCluster(cluster));
            let response: DescribeClusterResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.cluster_id), (0, "cluster"));
            assert_eq!(response.controller_id, 0);
            let broker = response.brokers.iter().next().expect("one broker");
            assert_eq!(
                (broker.broker_id, broker.host, broker.port),
                (0, "here", 9_092)
            );
        }
    }

    #[test]
    fn other_endpoints_than_brokers_are_refused() {
        for (endpoint_type, code) in [(2, 114), (3, 115)] {
            let request = DescribeClusterRequest {
                endpoint_type,
                ..DescribeClusterRequest::default()
            };
            let Ok(Parsed::Answer(parts)) = parse(&request_frame(&request, 1)) else {
                panic!("an answer expected");
            };
            let bytes = whole(&parts);
            let response: DescribeClusterResponse<'_> = read(&bytes, 1);
            assert_eq!(response.error_code, code);
        }
    }
}
