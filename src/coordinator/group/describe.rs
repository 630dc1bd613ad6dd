use super::Group;
use crate::coordinator::{GroupDescription, GroupFilter, GroupState, GroupType, ListedGroup};

impl Group {
    /// State and members.
    pub(in crate::coordinator) fn describe(&self) -> GroupDescription {
        // Between generations what members say and got is out of date.
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
        let group_type = GroupType::Classic;
        let wanted = |filter: &[String], name: &str| {
            filter.is_empty()
                || filter
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        let listed =
            wanted(&filter.states, self.state.name()) && wanted(&filter.types, group_type.name());
        listed.then(|| ListedGroup {
            group: self.id.clone(),
            protocol_type: self.protocol_type.clone(),
            state: self.state,
            group_type,
        })
    }
}
