//! SyncGroup: a member gets its assignment, which the leader hands in.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::group::{GroupRequests, member_of, mismatched, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{GroupReply, GroupRequest, SyncGroup};
use crate::protocol::kafka::messages::{SyncGroupRequest, SyncGroupResponse};
use crate::types::MemberId;
use crate::wire::{EncodeError, Message, Reader};
use bytes::Bytes;

/// The first version that says which protocol the client believes in (KIP-559).
const PROTOCOL_FROM: i16 = 5;

/// Assignments are copied: they outlive the frame.
pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = SyncGroupRequest::decode(reader, version)?;
    let assignments = Entries::new().list(&request.assignments, |_, given| {
        let assignment = Bytes::copy_from_slice(given.assignment);
        Ok((MemberId::new(given.member_id), assignment))
    })?;
    let SyncGroupRequest {
        generation_id,
        member_id,
        group_instance_id,
        ..
    } = request;
    // A null where a name is due is as wrong as another name; the empty one is no group's.
    let named = |name: Option<&str>| {
        (version >= PROTOCOL_FROM).then(|| name.unwrap_or_default().to_owned())
    };
    let sync = SyncGroup {
        of: member_of(generation_id, member_id, group_instance_id),
        protocol_type: named(request.protocol_type),
        protocol: named(request.protocol_name),
        assignments,
    };
    Ok(of_group(request.group_id, GroupRequest::Sync(sync)))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let response = match &only(answers).result {
        Ok(GroupReply::Sync(synced)) => SyncGroupResponse {
            protocol_type: Some(&synced.protocol_type),
            protocol_name: Some(&synced.protocol),
            assignment: &synced.assignment,
            ..SyncGroupResponse::default()
        },
        Ok(other) => mismatched(other),
        Err(error) => SyncGroupResponse {
            error_code: group_error_code(*error).code(),
            ..SyncGroupResponse::default()
        },
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::{GroupError, Synced};
    use crate::protocol::kafka::messages::SyncGroupRequestAssignment;

    fn request() -> SyncGroupRequest<'static> {
        SyncGroupRequest {
            group_id: "g",
            generation_id: 3,
            member_id: "m",
            protocol_type: Some("consumer"),
            assignments: vec![SyncGroupRequestAssignment {
                member_id: "n",
                assignment: b"partitions",
            }]
            .into(),
            ..SyncGroupRequest::default()
        }
    }

    #[test]
    fn assignments_are_handed_in_in_every_version() {
        for version in SyncGroupRequest::VERSIONS {
            let (_, group, asked) = parsed_group(&request(), version);
            let GroupRequest::Sync(sync) = asked else {
                panic!("a sync expected");
            };
            assert_eq!(group.as_str(), "g");
            assert_eq!(sync.of, member_of(3, "m", None));
            let given = (MemberId::new("n"), Bytes::from_static(b"partitions"));
            assert_eq!(sync.assignments, [given]);
            // The protocol's name is null in the request.
            let names = (sync.protocol_type.as_deref(), sync.protocol.as_deref());
            if version >= 5 {
                assert_eq!(names, (Some("consumer"), Some("")));
            } else {
                assert_eq!(names, (None, None));
            }
        }
    }

    #[test]
    fn assignments_are_told_in_every_version() {
        for version in SyncGroupRequest::VERSIONS {
            let (call, _) = parsed(&request(), version);
            let synced = GroupReply::Sync(Synced {
                protocol_type: "consumer".to_owned(),
                protocol: "range".to_owned(),
                assignment: Bytes::from_static(b"mine"),
            });
            let bytes = response_bytes(&call, group_answer("g", Ok(synced)));
            let response: SyncGroupResponse<'_> = read(&bytes, version);
            assert_eq!(
                (response.error_code, response.assignment),
                (0, &b"mine"[..])
            );
            assert_eq!(response.protocol_name, (version >= 5).then_some("range"));
            let refused = Err(GroupError::RebalanceInProgress);
            let bytes = response_bytes(&call, group_answer("g", refused));
            let response: SyncGroupResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.assignment), (27, &b""[..]));
        }
    }
}
