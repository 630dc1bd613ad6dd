//! DeleteGroups: groups without members go, and their offsets with them.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_code;
use super::group::{GroupRequests, done};
use super::{Call, Malformed};
use crate::broker::{GroupAnswer, Part};
use crate::coordinator::GroupRequest;
use crate::protocol::kafka::messages::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use crate::types::GroupId;
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupRequests, Malformed> {
    let request = DeleteGroupsRequest::decode(reader, version)?;
    Entries::new().list(&request.groups_names, |_, group| {
        Ok((GroupId::new(group), GroupRequest::Delete))
    })
}

pub(super) fn encode(call: &Call, answers: &[GroupAnswer]) -> Result<Vec<Part>, EncodeError> {
    let results = answers.iter().map(|answer| DeletableGroupResult {
        group_id: answer.group.as_str(),
        error_code: group_code(&done(&answer.result)),
    });
    let response = DeleteGroupsResponse {
        results: results.collect(),
        ..DeleteGroupsResponse::default()
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::coordinator::{GroupError, GroupReply};

    #[test]
    fn deletions_pass_in_every_version() {
        for version in DeleteGroupsRequest::VERSIONS {
            let request = DeleteGroupsRequest {
                groups_names: vec!["g", "h"].into(),
            };
            let (call, Request::Groups(groups)) = parsed(&request, version) else {
                panic!("groups expected");
            };
            let delete = |group| (GroupId::new(group), GroupRequest::Delete);
            assert_eq!(groups, [delete("g"), delete("h")]);
            let answer = |group, result| GroupAnswer {
                group: GroupId::new(group),
                asked: Vec::new(),
                result,
            };
            let answers = vec![
                answer("g", Ok(GroupReply::Delete)),
                answer("h", Err(GroupError::NonEmptyGroup)),
            ];
            let bytes = response_bytes(&call, Response::Groups(answers));
            let response: DeleteGroupsResponse<'_> = read(&bytes, version);
            let results = response.results.iter();
            let results: Vec<_> = results.map(|r| (r.group_id, r.error_code)).collect();
            assert_eq!(results, [("g", 0), ("h", 68)]);
        }
    }
}
