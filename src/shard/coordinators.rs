use super::watches::Watcher;
use super::{Effect, Shard};
use crate::broker::CoreReply;
use crate::coordinator::{GroupError, GroupFilter, GroupRequest};
use crate::types::{GroupId, Now};

impl Shard {
    /// A core asks something of groups of this one.
    pub(super) fn ask_groups(
        &mut self,
        asker: Watcher,
        items: Vec<(GroupId, GroupRequest)>,
        _now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let results = items
            .iter()
            .map(|_| Err(GroupError::NotAvailable))
            .collect();
        self.answer(asker, CoreReply::Groups(results), effects);
    }

    /// A core asks which groups this one coordinates.
    pub(super) fn list_groups(
        &mut self,
        asker: Watcher,
        _filter: &GroupFilter,
        effects: &mut Vec<Effect>,
    ) {
        let groups = Err(GroupError::NotAvailable);
        self.answer(asker, CoreReply::ListGroups(groups), effects);
    }
}
