use super::member::{STABLE, UNRELEASED, UNREVOKED, revocation_timer};
use super::{Assignment, ConsumerGroup};
use crate::coordinator::classic::milliseconds;
use crate::coordinator::environment::Environment;
use crate::coordinator::layout::CurrentAssignment;
use crate::types::MemberId;

impl ConsumerGroup {
    /// Leads a member one step towards its target. `owned` is what it says that it has.
    pub(super) fn reconcile(
        &mut self,
        id: &MemberId,
        owned: Option<&Assignment>,
        env: &mut Environment,
    ) {
        let member = self.members.get(id).expect("its caller found it");
        let current = &member.current;
        let gave_up = |revoked: &Assignment| owned.is_some_and(|owned| !owned.meets(revoked));
        let next = match current.state {
            STABLE if current.epoch == self.target_epoch => return,
            UNREVOKED if !gave_up(&current.revoked) => return,
            _ => self.next_step(id, &gave_up),
        };
        if next == *current {
            return;
        }
        let timer = revocation_timer(&self.id, id);
        let patience = milliseconds(member.wish.rebalance_timeout_ms);
        if next.state == UNREVOKED {
            env.set(timer, patience);
        } else {
            env.timers.cancel(&timer);
        }
        self.keep_current(id, next, env);
    }

    fn next_step(&self, id: &MemberId, gave_up: &dyn Fn(&Assignment) -> bool) -> CurrentAssignment {
        let member = self.members.get(id).expect("its caller found it");
        let (target, current) = (&member.target, &member.current);
        let stays = current
            .assigned
            .filtered(|topic, index| target.has(topic, index));
        let goes = current
            .assigned
            .filtered(|topic, index| !target.has(topic, index));
        if !goes.is_empty() && !gave_up(&goes) {
            return CurrentAssignment {
                epoch: current.epoch,
                previous_epoch: current.previous_epoch,
                state: UNREVOKED,
                assigned: stays,
                revoked: goes,
            };
        }
        let holder = |topic, index| self.holders.get(&(topic, index));
        let free = |topic, index| holder(topic, index).is_none_or(|holder| holder == id);
        let comes = target.filtered(free);
        let state = if target.is_within(&comes) {
            STABLE
        } else {
            UNRELEASED
        };
        let previous_epoch = if current.epoch == self.target_epoch {
            current.previous_epoch
        } else {
            current.epoch
        };
        CurrentAssignment {
            epoch: self.target_epoch,
            previous_epoch,
            state,
            assigned: comes,
            revoked: Assignment::default(),
        }
    }
}
