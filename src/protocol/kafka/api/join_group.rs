//! JoinGroup: a consumer becomes a member of a group's next generation.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{GroupError, GroupReply, GroupRequest, JoinGroup, Joined};
use crate::protocol::kafka::messages::{
    JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
};
use crate::types::{InstanceId, MemberId};
use crate::wire::{EncodeError, Message, Reader};
use bytes::Bytes;

/// The first version whose clients come back with the id that they are given (KIP-394).
const KNOWN_MEMBER_FROM: i16 = 4;
/// The first version in which no protocol is null; before, it is an empty name.
const NO_PROTOCOL_FROM: i16 = 7;
/// The first version whose leader can be told to leave the assignment as it is (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// What the member says in its protocols is copied: it is kept for as long as the member lives,
/// and a share would keep the whole frame.
pub(super) fn decode(reader: &mut Reader<'_>, call: &Call) -> Result<GroupRequests, Malformed> {
    let version = call.version();
    let request = JoinGroupRequest::decode(reader, version)?;
    let protocols = Entries::new().list(&request.protocols, |_, protocol| {
        let metadata = Bytes::copy_from_slice(protocol.metadata);
        Ok((protocol.name.to_owned(), metadata))
    })?;
    let session_timeout_ms = request.session_timeout_ms;
    let join = JoinGroup {
        member: MemberId::new(request.member_id),
        instance: request.group_instance_id.map(InstanceId::new),
        client_id: call.client_id().unwrap_or_default().to_owned(),
        // The connection knows it.
        client_host: String::new(),
        session_timeout_ms,
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => session_timeout_ms,
            timeout => timeout,
        },
        protocol_type: request.protocol_type.to_owned(),
        protocols,
        requires_known_member: version >= KNOWN_MEMBER_FROM,
        can_skip_assignment: version >= SKIP_ASSIGNMENT_FROM,
    };
    Ok(of_group(request.group_id, GroupRequest::Join(join)))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let (member, result) = match &only(answers).result {
        Ok(GroupReply::Join(reply)) => (reply.member.as_str(), reply.result.as_ref()),
        Ok(other) => mismatched(other),
        Err(error) => ("", Err(error)),
    };
    let response = match result {
        Ok(joined) => generation(member, joined),
        Err(error) => refused(call, member, *error),
    };
    frame(call, &response)
}

fn generation<'a>(member: &'a str, joined: &'a Joined) -> JoinGroupResponse<'a> {
    let members = joined.members.iter().map(|member| JoinGroupResponseMember {
        member_id: member.member.as_str(),
        group_instance_id: member.instance.as_ref().map(InstanceId::as_str),
        metadata: &member.metadata,
    });
    JoinGroupResponse {
        generation_id: joined.generation.get(),
        protocol_type: Some(&joined.protocol_type),
        protocol_name: Some(&joined.protocol),
        leader: joined.leader.as_str(),
        skip_assignment: joined.skip_assignment,
        member_id: member,
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused<'a>(call: &Call, member: &'a str, error: GroupError) -> JoinGroupResponse<'a> {
    JoinGroupResponse {
        error_code: group_error_code(error).code(),
        protocol_name: (call.version() < NO_PROTOCOL_FROM).then_some(""),
        member_id: member,
        ..JoinGroupResponse::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::{JoinReply, JoinedMember};
    use crate::protocol::kafka::messages::JoinGroupRequestProtocol;
    use crate::types::Generation;

    fn request(version: i16) -> JoinGroupRequest<'static> {
        JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 30_000,
            rebalance_timeout_ms: 60_000,
            member_id: "m",
            group_instance_id: (version >= 5).then_some("i"),
            protocol_type: "consumer",
            protocols: vec![JoinGroupRequestProtocol {
                name: "range",
                metadata: b"topics",
            }]
            .into(),
            reason: None,
        }
    }

    #[test]
    fn wishes_to_join_are_understood_in_every_version() {
        for version in JoinGroupRequest::VERSIONS {
            let (_, group, asked) = parsed_group(&request(version), version);
            let GroupRequest::Join(join) = asked else {
                panic!("a wish to join expected");
            };
            assert_eq!((group.as_str(), join.member.as_str()), ("g", "m"));
            let instance = join.instance.as_ref().map(InstanceId::as_str);
            assert_eq!(instance, (version >= 5).then_some("i"));
            assert_eq!(join.client_id, "test");
            let rebalance = if version == 0 { 30_000 } else { 60_000 };
            assert_eq!(
                (join.session_timeout_ms, join.rebalance_timeout_ms),
                (30_000, rebalance)
            );
            let protocol = ("range".to_owned(), Bytes::from_static(b"topics"));
            assert_eq!(join.protocols, [protocol]);
            assert_eq!(join.requires_known_member, version >= 4);
            assert_eq!(join.can_skip_assignment, version >= 9);
        }
    }

    #[test]
    fn generations_are_told_in_every_version() {
        for version in JoinGroupRequest::VERSIONS {
            let (call, _) = parsed(&request(version), version);
            let reply = JoinReply {
                member: MemberId::new("m"),
                result: Ok(Joined {
                    generation: Generation::new(7),
                    protocol_type: "consumer".to_owned(),
                    protocol: "range".to_owned(),
                    leader: MemberId::new("m"),
                    skip_assignment: version >= 9,
                    members: vec![JoinedMember {
                        member: MemberId::new("m"),
                        instance: Some(InstanceId::new("i")),
                        metadata: Bytes::from_static(b"topics"),
                    }],
                }),
            };
            let bytes = response_bytes(&call, group_answer("g", Ok(GroupReply::Join(reply))));
            let response: JoinGroupResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.generation_id), (0, 7));
            assert_eq!(response.protocol_name, Some("range"));
            assert_eq!(response.protocol_type, (version >= 7).then_some("consumer"));
            assert_eq!((response.leader, response.member_id), ("m", "m"));
            assert_eq!(response.skip_assignment, version >= 9);
            let member = response.members.iter().next().expect("one member");
            assert_eq!((member.member_id, member.metadata), ("m", &b"topics"[..]));
            assert_eq!(member.group_instance_id, (version >= 5).then_some("i"));
        }
    }

    #[test]
    fn a_refusal_names_no_protocol_and_may_give_an_id() {
        for version in JoinGroupRequest::VERSIONS {
            let (call, _) = parsed(&request(version), version);
            let known = Ok(GroupReply::Join(JoinReply {
                member: MemberId::new("given"),
                result: Err(GroupError::MemberIdRequired),
            }));
            let unknown = Err(GroupError::NotCoordinator);
            for (result, code, member) in [(known, 79, "given"), (unknown, 16, "")] {
                let bytes = response_bytes(&call, group_answer("g", result));
                let response: JoinGroupResponse<'_> = read(&bytes, version);
                assert_eq!((response.error_code, response.member_id), (code, member));
                assert_eq!((response.generation_id, response.leader), (-1, ""));
                assert_eq!(response.protocol_name, (version < 7).then_some(""));
                assert_eq!(response.protocol_type, None);
            }
        }
    }
}
