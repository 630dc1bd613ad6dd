//! LeaveGroup: members go without waiting for their sessions to end.

use super::answer::frame;
use super::entries::Entries;
use super::error::{group_code, group_error_code};
use super::group::{GroupRequests, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{GroupReply, GroupRequest, LeavingMember};
use crate::protocol::kafka::messages::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};
use crate::types::{InstanceId, MemberId};
use crate::wire::{EncodeError, Message, Reader};

/// The first version that names several members (KIP-345).
const MANY_FROM: i16 = 3;

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = LeaveGroupRequest::decode(reader, version)?;
    let members = if version >= MANY_FROM {
        Entries::new().list(&request.members, |_, member| {
            Ok(LeavingMember {
                member: MemberId::new(member.member_id),
                instance: member.group_instance_id.map(InstanceId::new),
            })
        })?
    } else {
        vec![LeavingMember {
            member: MemberId::new(request.member_id),
            instance: None,
        }]
    };
    Ok(of_group(request.group_id, GroupRequest::Leave(members)))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let mut response = LeaveGroupResponse::default();
    match &only(answers).result {
        Ok(GroupReply::Leave(left)) if call.version() >= MANY_FROM => {
            let members = left
                .iter()
                .map(|(member, instance, result)| MemberResponse {
                    member_id: member.as_str(),
                    group_instance_id: instance.as_ref().map(InstanceId::as_str),
                    error_code: group_code(result),
                });
            response.members = members.collect();
        }
        Ok(GroupReply::Leave(left)) => {
            let only = left.first().map_or(Ok(()), |(_, _, result)| *result);
            response.error_code = group_code(&only);
        }
        Ok(other) => mismatched(other),
        Err(error) => response.error_code = group_error_code(*error).code(),
    }
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::GroupError;
    use crate::protocol::kafka::messages::MemberIdentity;

    fn request(version: i16) -> LeaveGroupRequest<'static> {
        let mut request = LeaveGroupRequest {
            group_id: "g",
            ..LeaveGroupRequest::default()
        };
        if version < MANY_FROM {
            request.member_id = "m";
        } else {
            let member = |member_id, group_instance_id| MemberIdentity {
                member_id,
                group_instance_id,
                reason: None,
            };
            request.members = vec![member("m", None), member("", Some("i"))].into();
        }
        request
    }

    fn leaving(member: &str, instance: Option<&str>) -> LeavingMember {
        LeavingMember {
            member: MemberId::new(member),
            instance: instance.map(InstanceId::new),
        }
    }

    #[test]
    fn members_leave_alone_or_together() {
        for version in LeaveGroupRequest::VERSIONS {
            let (_, group, asked) = parsed_group(&request(version), version);
            assert_eq!(group.as_str(), "g");
            let mut expected = vec![leaving("m", None)];
            if version >= MANY_FROM {
                expected.push(leaving("", Some("i")));
            }
            assert_eq!(asked, GroupRequest::Leave(expected));
        }
    }

    #[test]
    fn outcomes_are_told_in_every_version() {
        for version in LeaveGroupRequest::VERSIONS {
            let (call, _) = parsed(&request(version), version);
            let unknown = Err(GroupError::UnknownMember);
            let left = vec![
                (MemberId::new("m"), None, unknown),
                (MemberId::new(""), Some(InstanceId::new("i")), Ok(())),
            ];
            let reply = Ok(GroupReply::Leave(left));
            let bytes = response_bytes(&call, group_answer("g", reply));
            let response: LeaveGroupResponse<'_> = read(&bytes, version);
            if version < MANY_FROM {
                assert_eq!((response.error_code, response.members.len()), (25, 0));
            } else {
                assert_eq!(response.error_code, 0);
                let members = response.members.iter();
                let told = members.map(|m| (m.member_id, m.group_instance_id, m.error_code));
                let told: Vec<_> = told.collect();
                assert_eq!(told, [("m", None, 25), ("", Some("i"), 0)]);
            }
            let refused = Err(GroupError::NotCoordinator);
            let bytes = response_bytes(&call, group_answer("g", refused));
            let response: LeaveGroupResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.members.len()), (16, 0));
        }
    }
}
