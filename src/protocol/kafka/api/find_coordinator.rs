//! FindCoordinator: a client asks which node coordinates its groups.

use super::answer::frame;
use super::entries::Entries;
use super::error::{outcome_code, outcome_message};
use super::{Call, Malformed};
use crate::broker::{
    BrokerError, CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse, NodeEndpoint,
    Part,
};
use crate::protocol::kafka::messages::{self, Coordinator};
use crate::wire::{EncodeError, Message, Reader};

/// The first version that asks for several at once (KIP-699).
const MANY_FROM: i16 = 4;

pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<FindCoordinatorRequest, Malformed> {
    let request = messages::FindCoordinatorRequest::decode(reader, version)?;
    let kind = match request.key_type {
        0 => CoordinatorKind::Group,
        1 => CoordinatorKind::Transaction,
        2 => CoordinatorKind::Share,
        other => CoordinatorKind::Other(other),
    };
    let keys = if version >= MANY_FROM {
        Entries::new().list(&request.coordinator_keys, |_, key| Ok(key.to_owned()))?
    } else {
        vec![request.key.to_owned()]
    };
    Ok(FindCoordinatorRequest { kind, keys })
}

pub(super) fn encode(
    call: &Call,
    response: &FindCoordinatorResponse,
) -> Result<Vec<Part>, EncodeError> {
    let nodes = response.coordinators.iter();
    let error_messages: Vec<_> = nodes.map(|(_, node)| outcome_message(node)).collect();
    let coordinators = response.coordinators.iter().zip(&error_messages);
    let mut coordinators =
        coordinators.map(|((key, node), message)| coordinator(key, node, message.as_deref()));
    if call.version() >= MANY_FROM {
        let response = messages::FindCoordinatorResponse {
            coordinators: coordinators.collect(),
            ..messages::FindCoordinatorResponse::default()
        };
        return frame(call, &response);
    }
    let only = coordinators.next().expect("these versions ask for one");
    let response = messages::FindCoordinatorResponse {
        error_code: only.error_code,
        error_message: only.error_message,
        node_id: only.node_id,
        host: only.host,
        port: only.port,
        ..messages::FindCoordinatorResponse::default()
    };
    frame(call, &response)
}

fn coordinator<'a>(
    key: &'a str,
    node: &'a Result<NodeEndpoint, BrokerError>,
    error_message: Option<&'a str>,
) -> Coordinator<'a> {
    let (node_id, host, port) = match node {
        Ok(node) => (node.node.get(), node.host.as_str(), i32::from(node.port)),
        Err(_) => (-1, "", -1),
    };
    Coordinator {
        key,
        node_id,
        host,
        port,
        error_code: outcome_code(node),
        error_message,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::types::NodeId;

    fn request(version: i16, key_type: i8) -> messages::FindCoordinatorRequest<'static> {
        let mut request = messages::FindCoordinatorRequest {
            key_type,
            ..messages::FindCoordinatorRequest::default()
        };
        if version < MANY_FROM {
            request.key = "g";
        } else {
            request.coordinator_keys = vec!["g", "h"].into();
        }
        request
    }

    #[test]
    fn kinds_and_keys_are_understood() {
        for version in messages::FindCoordinatorRequest::VERSIONS {
            for (code, kind) in [
                (0, CoordinatorKind::Group),
                (1, CoordinatorKind::Transaction),
                (2, CoordinatorKind::Share),
                (7, CoordinatorKind::Other(7)),
            ] {
                if version == 0 && code != 0 {
                    continue;
                }
                let (_, find) = parsed(&request(version, code), version);
                let Request::FindCoordinator(find) = find else {
                    panic!("a find-coordinator request expected");
                };
                assert_eq!(find.kind, kind);
                let keys: &[&str] = if version < 4 { &["g"] } else { &["g", "h"] };
                assert_eq!(find.keys, keys);
            }
        }
    }

    #[test]
    fn nodes_and_errors_are_told_in_every_version() {
        let node = || {
            Ok(NodeEndpoint {
                node: NodeId::new(3),
                host: "here".to_owned(),
                port: 9095,
            })
        };
        let nobody = || Err(BrokerError::CoordinatorNotAvailable);
        for version in messages::FindCoordinatorRequest::VERSIONS {
            let (call, _) = parsed(&request(version, 0), version);
            for outcomes in [[node(), nobody()], [nobody(), node()]] {
                let mut coordinators: Vec<_> = ["g", "h"].map(str::to_owned).into_iter().collect();
                let mut coordinators: Vec<_> = coordinators.drain(..).zip(outcomes).collect();
                if version < MANY_FROM {
                    coordinators.truncate(1);
                }
                let expected: Vec<_> = coordinators
                    .iter()
                    .map(|(_, node)| match node {
                        Ok(_) => (0, 3, "here", 9095),
                        Err(_) => (15, -1, "", -1),
                    })
                    .collect();
                let response = Response::FindCoordinator(FindCoordinatorResponse { coordinators });
                let bytes = response_bytes(&call, response);
                let response: messages::FindCoordinatorResponse<'_> = read(&bytes, version);
                let told: Vec<_> = if version < MANY_FROM {
                    let message = response.error_message.is_some();
                    assert_eq!(message, version >= 1 && response.error_code != 0);
                    vec![(
                        response.error_code,
                        response.node_id,
                        response.host,
                        response.port,
                    )]
                } else {
                    let told = response.coordinators.iter();
                    told.map(|c| (c.error_code, c.node_id, c.host, c.port))
                        .collect()
                };
                assert_eq!(told, expected);
            }
        }
    }
}
