//! ListGroups: which groups a node coordinates.

use super::answer::frame;
use super::entries::Entries;
use super::error::group_error_code;
use super::{Call, Malformed};
use crate::broker::Part;
use crate::coordinator::{GroupError, GroupFilter, ListedGroup};
use crate::protocol::kafka::messages::{self, ListGroupsRequest, ListGroupsResponse};
use crate::wire::{EncodeError, Message, Reader};

pub(super) fn decode(reader: &mut Reader<'_>, version: i16) -> Result<GroupFilter, Malformed> {
    let request = ListGroupsRequest::decode(reader, version)?;
    let mut entries = Entries::new();
    Ok(GroupFilter {
        states: entries.list(&request.states_filter, |_, state| Ok(state.to_owned()))?,
        types: entries.list(&request.types_filter, |_, name| Ok(name.to_owned()))?,
    })
}

pub(super) fn encode(
    call: &Call,
    groups: &Result<Vec<ListedGroup>, GroupError>,
) -> Result<Vec<Part>, EncodeError> {
    let response = match groups {
        Ok(groups) => {
            let groups = groups.iter().map(|group| messages::ListedGroup {
                group_id: group.group.as_str(),
                protocol_type: &group.protocol_type,
                group_state: group.state.name(),
                group_type: group.group_type.name(),
            });
            ListGroupsResponse {
                groups: groups.collect(),
                ..ListGroupsResponse::default()
            }
        }
        Err(error) => ListGroupsResponse {
            error_code: group_error_code(*error).code(),
            ..ListGroupsResponse::default()
        },
    };
    frame(call, &response)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{Request, Response};
    use crate::coordinator::{GroupState, GroupType};
    use crate::types::GroupId;

    #[test]
    fn filters_pass_where_the_version_has_them() {
        for version in ListGroupsRequest::VERSIONS {
            let mut request = ListGroupsRequest::default();
            let mut expected = GroupFilter::default();
            if version >= 4 {
                request.states_filter = vec!["Stable"].into();
                expected.states = vec!["Stable".to_owned()];
            }
            if version >= 5 {
                request.types_filter = vec!["classic"].into();
                expected.types = vec!["classic".to_owned()];
            }
            let (_, Request::ListGroups(filter)) = parsed(&request, version) else {
                panic!("a list expected");
            };
            assert_eq!(filter, expected);
        }
    }

    #[test]
    fn groups_are_listed_in_every_version() {
        for version in ListGroupsRequest::VERSIONS {
            let (call, _) = parsed(&ListGroupsRequest::default(), version);
            let listed = ListedGroup {
                group: GroupId::new("g"),
                protocol_type: "consumer".to_owned(),
                state: GroupState::Empty,
                group_type: GroupType::Classic,
            };
            let bytes = response_bytes(&call, Response::ListGroups(Ok(vec![listed])));
            let response: ListGroupsResponse<'_> = read(&bytes, version);
            let group = response.groups.iter().next().expect("one group");
            assert_eq!((group.group_id, group.protocol_type), ("g", "consumer"));
            assert_eq!(group.group_state, if version < 4 { "" } else { "Empty" });
            assert_eq!(group.group_type, if version < 5 { "" } else { "classic" });
            let loading = Response::ListGroups(Err(GroupError::LoadInProgress));
            let bytes = response_bytes(&call, loading);
            let response: ListGroupsResponse<'_> = read(&bytes, version);
            assert_eq!((response.error_code, response.groups.len()), (14, 0));
        }
    }
}
