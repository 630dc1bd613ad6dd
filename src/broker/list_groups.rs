use super::{Context, CoreReply, CoreRequest, Questions};
use crate::coordinator::{GroupError, GroupFilter, ListedGroup, OFFSETS_TOPIC};
use crate::types::CoreId;
use std::collections::BTreeSet;

/// A list of groups under way: every core adds those that it coordinates.
#[derive(Debug)]
pub struct ListGroupsOperation {
    missing: BTreeSet<CoreId>,
    groups: Result<Vec<ListedGroup>, GroupError>,
}

impl ListGroupsOperation {
    /// Asks every core, or only this one where clients take it for a node of its own: they ask
    /// every node, and would see each group more than once.
    pub fn start(filter: &GroupFilter, context: &Context<'_>) -> (Self, Questions) {
        let cores: BTreeSet<CoreId> = if context.catalog.by_name(OFFSETS_TOPIC).is_none() {
            BTreeSet::new()
        } else if context.own_node {
            BTreeSet::from([context.core])
        } else {
            context.placement.all().collect()
        };
        let questions = cores.iter();
        let questions = questions.map(|core| (*core, CoreRequest::ListGroups(filter.clone())));
        let questions = questions.collect();
        let operation = Self {
            missing: cores,
            groups: Ok(Vec::new()),
        };
        (operation, questions)
    }

    /// Takes a core's reply. A list with gaps would pass for a whole one, so that one core's error
    /// is the answer.
    pub fn reply(&mut self, from: CoreId, reply: CoreReply) {
        let CoreReply::ListGroups(listed) = reply else {
            unreachable!("a list of groups is answered by one");
        };
        assert!(self.missing.remove(&from), "a core replies once");
        match (&mut self.groups, listed) {
            (Ok(groups), Ok(listed)) => groups.extend(listed),
            (groups @ Ok(_), Err(error)) => *groups = Err(error),
            (Err(_), _) => {}
        }
    }

    /// Whether every core has replied.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The groups, once complete, by name.
    pub fn finish(self) -> Result<Vec<ListedGroup>, GroupError> {
        let mut groups = self.groups?;
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;
    use crate::coordinator::{GroupState, GroupType};
    use crate::types::GroupId;

    fn list(fixture: &Fixture, own_node: bool) -> (ListGroupsOperation, Questions) {
        ListGroupsOperation::start(&GroupFilter::default(), &fixture.context(own_node))
    }

    fn listed(names: &[&str]) -> CoreReply {
        let groups = names.iter().map(|name| ListedGroup {
            group: GroupId::new(name),
            protocol_type: "consumer".into(),
            state: GroupState::Stable,
            group_type: GroupType::Classic,
        });
        CoreReply::ListGroups(Ok(groups.collect()))
    }

    #[test]
    fn groups_of_all_cores_come_by_name() {
        let fixture = Fixture::with_groups(Nodes::PerCore);
        let (mut operation, questions) = list(&fixture, false);
        assert_eq!(questions.len(), 2);
        operation.reply(CoreId::new(1), listed(&["b", "d"]));
        assert!(!operation.is_complete());
        operation.reply(CoreId::new(0), listed(&["c", "a"]));
        assert!(operation.is_complete());
        let groups = operation.finish().expect("all have answered");
        let names: Vec<_> = groups.iter().map(|listed| listed.group.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }

    #[test]
    fn an_error_of_one_core_is_the_answer() {
        let fixture = Fixture::with_groups(Nodes::PerCore);
        let loading = || CoreReply::ListGroups(Err(GroupError::LoadInProgress));
        for replies in [[loading(), listed(&["a"])], [listed(&["a"]), loading()]] {
            let (mut operation, _) = list(&fixture, false);
            for (core, reply) in (0..).map(CoreId::new).zip(replies) {
                operation.reply(core, reply);
            }
            assert_eq!(operation.finish(), Err(GroupError::LoadInProgress));
        }
    }

    #[test]
    fn a_node_lists_its_own_and_nobody_is_asked_for_none() {
        let (_, questions) = list(&Fixture::with_groups(Nodes::PerCore), true);
        let cores: Vec<_> = questions.iter().map(|(core, _)| core.get()).collect();
        assert_eq!(cores, [0]);
        let (operation, questions) = list(&Fixture::new(Nodes::PerCore), false);
        assert!(questions.is_empty() && operation.is_complete());
        assert_eq!(operation.finish(), Ok(Vec::new()));
    }
}
