//! DescribeGroups: states and members of groups.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, mismatched};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{
    GroupDescription, GroupError, GroupReply, GroupRequest, GroupState, MemberDescription,
};
use crate::protocol::kafka::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember, ErrorCode,
};
use crate::types::{GroupId, InstanceId};
use crate::wire::{EncodeError, Message, Reader};
use rustc_hash::FxHashSet;

/// The first version that says that a group is unknown (KIP-1043); before, it is dead.
const UNKNOWN_GROUP_FROM: i16 = 6;

/// A group that is asked for more than once is described once: it may be large.
pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = DescribeGroupsRequest::decode(reader, version)?;
    let mut groups = Entries::new().list(&request.groups, |_, group| {
        Ok((GroupId::new(group), GroupRequest::Describe))
    })?;
    let mut seen = FxHashSet::default();
    groups.retain(|(group, _)| seen.insert(group.clone()));
    Ok(groups)
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let unknown: Vec<_> = answers
        .iter()
        .map(|answer| format!("Group {} not found.", clipped(answer.group.as_str())))
        .collect();
    let groups = answers.iter().zip(&unknown).map(|(answer, unknown)| {
        let group = answer.group.as_str();
        match &answer.result {
            Ok(GroupReply::Describe(description)) => described(group, description),
            Ok(other) => mismatched(other),
            Err(GroupError::GroupNotFound) => not_found(call, group, unknown),
            Err(error) => DescribedGroup {
                error_code: group_error_code(*error).code(),
                group_id: group,
                ..DescribedGroup::default()
            },
        }
    });
    let response = DescribeGroupsResponse {
        groups: groups.collect(),
        ..DescribeGroupsResponse::default()
    };
    frame(call, &response)
}

/// A name as long as a field allows leaves no room for words around it.
fn clipped(name: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    name.chars().take(CHARACTERS_MAX).collect()
}

fn not_found<'a>(call: &Call, group: &'a str, unknown: &'a str) -> DescribedGroup<'a> {
    let mut response = DescribedGroup {
        group_id: group,
        group_state: GroupState::Dead.name(),
        ..DescribedGroup::default()
    };
    if call.version() >= UNKNOWN_GROUP_FROM {
        response.error_code = ErrorCode::GroupIdNotFound.code();
        response.error_message = Some(unknown);
    }
    response
}

fn described<'a>(group: &'a str, description: &'a GroupDescription) -> DescribedGroup<'a> {
    DescribedGroup {
        group_id: group,
        group_state: description.state.name(),
        protocol_type: &description.protocol_type,
        protocol_data: &description.protocol,
        members: description.members.iter().map(described_member).collect(),
        ..DescribedGroup::default()
    }
}

fn described_member(member: &MemberDescription) -> DescribedGroupMember<'_> {
    DescribedGroupMember {
        member_id: member.member.as_str(),
        group_instance_id: member.instance.as_ref().map(InstanceId::as_str),
        client_id: &member.client_id,
        client_host: &member.client_host,
        member_metadata: &member.metadata,
        member_assignment: &member.assignment,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::types::MemberId;
    use bytes::Bytes;

    fn request() -> DescribeGroupsRequest<'static> {
        DescribeGroupsRequest {
            groups: vec!["g", "h", "g"].into(),
            include_authorized_operations: false,
        }
    }

    fn answers() -> Vec<GroupAnswer> {
        let description = GroupDescription {
            state: GroupState::Stable,
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            members: vec![MemberDescription {
                member: MemberId::new("m"),
                instance: Some(InstanceId::new("i")),
                client_id: "test".to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                metadata: Bytes::from_static(b"topics"),
                assignment: Bytes::from_static(b"partitions"),
            }],
        };
        let results = [
            ("g", Ok(GroupReply::Describe(description))),
            ("h", Err(GroupError::GroupNotFound)),
            ("j", Err(GroupError::NotCoordinator)),
        ];
        let answers = results.map(|(group, result)| GroupAnswer {
            group: GroupId::new(group),
            asked: Vec::new(),
            result,
        });
        answers.into()
    }

    #[test]
    fn groups_are_asked_for_once() {
        for version in DescribeGroupsRequest::VERSIONS {
            let (_, Request::Groups(groups)) = parsed(&request(), version) else {
                panic!("groups expected");
            };
            let describe = |group| (GroupId::new(group), GroupRequest::Describe);
            assert_eq!(groups, [describe("g"), describe("h")]);
        }
    }

    #[test]
    fn groups_are_described_in_every_version() {
        for version in DescribeGroupsRequest::VERSIONS {
            let (call, _) = parsed(&request(), version);
            let bytes = response_bytes(&call, Response::Groups(answers()));
            let response: DescribeGroupsResponse<'_> = read(&bytes, version);
            let groups: Vec<_> = response.groups.iter().collect();
            let group = &groups[0];
            assert_eq!((group.error_code, group.group_id), (0, "g"));
            assert_eq!(
                (group.group_state, group.protocol_data),
                ("Stable", "range")
            );
            let member = group.members.iter().next().expect("one member");
            assert_eq!((member.member_id, member.client_id), ("m", "test"));
            assert_eq!(member.client_host, "/127.0.0.1");
            assert_eq!(member.group_instance_id, (version >= 4).then_some("i"));
            assert_eq!(member.member_metadata, b"topics");
            assert_eq!(member.member_assignment, b"partitions");
            assert_eq!((groups[2].error_code, groups[2].group_state), (16, ""));
        }
    }

    #[test]
    fn an_unknown_group_is_dead_and_later_an_error() {
        for version in DescribeGroupsRequest::VERSIONS {
            let (call, _) = parsed(&request(), version);
            let bytes = response_bytes(&call, Response::Groups(answers()));
            let response: DescribeGroupsResponse<'_> = read(&bytes, version);
            let group = response.groups.iter().nth(1).expect("three groups");
            assert_eq!((group.group_id, group.group_state), ("h", "Dead"));
            let error = if version < 6 { 0 } else { 69 };
            assert_eq!(group.error_code, error);
            let message = (version >= 6).then_some("Group h not found.");
            assert_eq!(group.error_message, message);
        }
    }
}
