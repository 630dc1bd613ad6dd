use super::ClassicGroup;
use crate::coordinator::{GroupDescription, GroupFilter, GroupState, GroupType, ListedGroup};

impl ClassicGroup {
    /// State and members.
    pub(in crate::coordinator) fn describe(&self) -> GroupDescription {
        // Between generations what members say is out of date; they still have what they got.
        let settled = self.state == GroupState::Stable;
        let protocol = self.protocol.as_deref().filter(|_| settled);
        let members = self.members.values();
        GroupDescription {
            state: self.state,
            protocol_type: self.protocol_type.clone(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: members.map(|member| member.describe(protocol)).collect(),
        }
    }

    /// The group's line in a list, if the list is to have it.
    pub(in crate::coordinator) fn listed(&self, filter: &GroupFilter) -> Option<ListedGroup> {
        let listed = ListedGroup {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone(),
            state: self.state,
            group_type: GroupType::Classic,
        };
        filter.passes(&listed).then_some(listed)
    }
}
