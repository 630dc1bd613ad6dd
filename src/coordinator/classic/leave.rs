use super::{ClassicGroup, Environment};
use crate::coordinator::{GroupError, LeavingMember};
use crate::types::MemberId;

impl ClassicGroup {
    /// A member goes, by its own will or an administrator's (KIP-345).
    pub(in crate::coordinator) fn leave(
        &mut self,
        leaving: &LeavingMember,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        let id = self.find_leaving(leaving)?;
        if self.forget_pending(&id, env) {
            self.complete_join_if_all_are_here(env);
            return Ok(());
        }
        if !self.members.contains_key(&id) {
            return Err(GroupError::UnknownMember);
        }
        self.remove(&id, GroupError::UnknownMember, env);
        Ok(())
    }

    fn find_leaving(&self, leaving: &LeavingMember) -> Result<MemberId, GroupError> {
        let Some(instance) = &leaving.instance else {
            return Ok(leaving.member.clone());
        };
        let current = self.statics.get(instance);
        let current = current.ok_or(GroupError::UnknownMember)?;
        if leaving.member.is_empty() || leaving.member == *current {
            Ok(current.clone())
        } else {
            Err(GroupError::FencedInstance)
        }
    }
}
