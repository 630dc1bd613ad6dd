//! Heartbeat: a member says that it lives, and hears whether to join again.

use super::answer::frame;
use super::error::group_code;
use super::group::{GroupRequests, done, member_of, of_group, only};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::{GroupError, GroupRequest};
use crate::protocol::kafka::messages::{HeartbeatRequest, HeartbeatResponse};
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = HeartbeatRequest::decode(reader, version)?;
    let HeartbeatRequest {
        group_id,
        generation_id,
        member_id,
        group_instance_id,
    } = request;
    let of = member_of(generation_id, member_id, group_instance_id);
    Ok(of_group(group_id, GroupRequest::Heartbeat(of)))
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let result = match done(&only(answers).result) {
        // As in Kafka: a member is not sent away because the coordinator has just moved.
        Err(GroupError::LoadInProgress) => Ok(()),
        result => result,
    };
    let response = HeartbeatResponse {
        error_code: group_code(&result),
        ..HeartbeatResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group_answer, parsed, parsed_group, read, response_bytes};
    use super::*;
    use crate::coordinator::GroupReply;

    #[test]
    fn heartbeats_pass_in_every_version() {
        for version in HeartbeatRequest::VERSIONS {
            let instance = (version >= 3).then_some("i");
            let request = HeartbeatRequest {
                group_id: "g",
                generation_id: 3,
                member_id: "m",
                group_instance_id: instance,
            };
            let (_, group, asked) = parsed_group(&request, version);
            assert_eq!(group.as_str(), "g");
            assert_eq!(asked, GroupRequest::Heartbeat(member_of(3, "m", instance)));
            let (call, _) = parsed(&request, version);
            for (result, code) in [
                (Ok(GroupReply::Heartbeat), 0),
                (Err(GroupError::LoadInProgress), 0),
                (Err(GroupError::RebalanceInProgress), 27),
                (Err(GroupError::FencedInstance), 82),
            ] {
                let bytes = response_bytes(&call, group_answer("g", result));
                let response: HeartbeatResponse = read(&bytes, version);
                assert_eq!(response.error_code, code);
            }
        }
    }
}
