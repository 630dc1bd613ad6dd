//! What the APIs about groups share.

use crate::broker::GroupAnswer;
use crate::coordinator::{GroupError, GroupReply, GroupRequest, MemberOf};
use crate::types::{Generation, GroupId, InstanceId, MemberId};

/// What is asked of which groups.
pub(super) type GroupRequests = Vec<(GroupId, GroupRequest)>;

/// A request about one group.
pub(super) fn of_group(group: &str, request: GroupRequest) -> GroupRequests {
    vec![(GroupId::new(group), request)]
}

/// The answer to a request about one group.
pub(super) fn only(answers: &[GroupAnswer]) -> &GroupAnswer {
    match answers {
        [answer] => answer,
        other => unreachable!("one group was asked: {other:?}"),
    }
}

/// A reply to something else is our mistake.
pub(super) fn mismatched(reply: &GroupReply) -> ! {
    unreachable!("a group gave another answer than was asked for: {reply:?}")
}

pub(super) fn member_of(generation: i32, member: &str, instance: Option<&str>) -> MemberOf {
    MemberOf {
        generation: Generation::new(generation),
        member: MemberId::new(member),
        instance: instance.map(InstanceId::new),
    }
}

/// The result where a reply says no more than that it was done.
pub(super) fn done(result: &Result<GroupReply, GroupError>) -> Result<(), GroupError> {
    result.as_ref().map(|_| ()).map_err(|error| *error)
}
