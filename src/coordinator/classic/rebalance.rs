use super::join::{answer_given_up, answer_with};
use super::member::Awaiting;
use super::{ClassicGroup, Environment, FirstWait};
use crate::coordinator::timers::Timer;
use crate::coordinator::{GroupError, GroupReply, GroupState, JoinReply};
use crate::types::{Generation, MemberId};
use bytes::Bytes;
use std::time::Duration;

impl ClassicGroup {
    /// Members came, went or changed their mind: all are to join again.
    pub(super) fn rebalance(&mut self, env: &mut Environment) {
        if self.state == GroupState::PreparingRebalance {
            return self.complete_join_if_all_are_here(env);
        }
        let is_first = self.state == GroupState::Empty;
        self.give_up_assignment(env);
        self.enter(GroupState::PreparingRebalance, env);
        if is_first {
            let longest = self.rebalance_timeout();
            let wait = env.config.initial_rebalance_delay.min(longest);
            self.first_wait = Some(FirstWait {
                until: env.now.monotonic.after(longest),
                has_new_member: false,
            });
            if wait.is_zero() {
                return self.joining_over(env);
            }
            return env.set(Timer::Rebalance(self.id.clone()), wait);
        }
        env.set(Timer::Rebalance(self.id.clone()), self.rebalance_timeout());
        self.complete_join_if_all_are_here(env);
    }

    /// Whoever waits for the assignment of this generation is told that there is none.
    fn give_up_assignment(&mut self, env: &mut Environment) {
        env.timers.cancel(&Timer::Sync(self.id.clone()));
        self.not_synced.clear();
        if self.state != GroupState::CompletingRebalance {
            return;
        }
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if matches!(member.awaiting, Awaiting::Sync(_)) {
                let before = std::mem::replace(&mut member.awaiting, Awaiting::Nothing);
                answer_given_up(before, &member.id, env);
                env.set(member.session_timer(&self.id), member.session_timeout());
            }
        }
    }

    fn rebalance_timeout(&self) -> Duration {
        let timeouts = self
            .members
            .values()
            .map(|member| member.rebalance_timeout());
        timeouts.max().unwrap_or_default()
    }

    pub(super) fn complete_join_if_all_are_here(&mut self, env: &mut Environment) {
        let all_joined = self
            .members
            .values()
            .all(|member| matches!(member.awaiting, Awaiting::Join(_)));
        let is_due = self.state == GroupState::PreparingRebalance && self.first_wait.is_none();
        if is_due && all_joined && self.pending.is_empty() {
            self.complete_join(env);
        }
    }

    /// The time to join is over, or is prolonged because members keep coming.
    pub(in crate::coordinator) fn joining_over(&mut self, env: &mut Environment) {
        if self.state != GroupState::PreparingRebalance {
            return;
        }
        if let Some(wait) = &mut self.first_wait
            && wait.has_new_member
            && env.now.monotonic < wait.until
        {
            let left = wait.until.since(env.now.monotonic);
            let more = env.config.initial_rebalance_delay.min(left);
            wait.has_new_member = false;
            return env.set(Timer::Rebalance(self.id.clone()), more);
        }
        self.complete_join(env);
    }

    /// The next generation begins with those that are here.
    fn complete_join(&mut self, env: &mut Environment) {
        self.first_wait = None;
        env.timers.cancel(&Timer::Rebalance(self.id.clone()));
        self.remove_absent(env);
        let is_here = |member: &MemberId| {
            let member = self.members.get(member);
            member.is_some_and(|member| matches!(member.awaiting, Awaiting::Join(_)))
        };
        if !self.leader.as_ref().is_some_and(is_here) {
            let mut members = self.members.keys();
            let here = members.find(|member| is_here(member)).cloned();
            if here.is_none() && !self.members.is_empty() {
                // Only static members are left, and none is back yet.
                return env.set(Timer::Rebalance(self.id.clone()), self.rebalance_timeout());
            }
            self.leader = here;
        }
        self.generation = Generation::new(self.generation.get().wrapping_add(1).max(1));
        self.protocol = self.choose_protocol();
        if self.members.is_empty() {
            self.enter(GroupState::Empty, env);
            return self.keep(env);
        }
        self.enter(GroupState::CompletingRebalance, env);
        self.not_synced = self.members.keys().cloned().collect();
        env.set(Timer::Sync(self.id.clone()), self.rebalance_timeout());
        self.tell_generation(env);
    }

    /// Dynamic members that have not joined in time are out; static ones keep their place.
    fn remove_absent(&mut self, env: &mut Environment) {
        let id = &self.id;
        self.members.retain(|_, member| {
            let stays = member.instance.is_some() || matches!(member.awaiting, Awaiting::Join(_));
            if !stays {
                env.timers.cancel(&member.session_timer(id));
            }
            stays
        });
    }

    fn tell_generation(&mut self, env: &mut Environment) {
        let waiting: Vec<_> = self
            .members
            .values_mut()
            .filter_map(|member| match member.awaiting {
                Awaiting::Join(token) => {
                    member.awaiting = Awaiting::Nothing;
                    member.is_new = false;
                    env.set(member.session_timer(&self.id), member.session_timeout());
                    Some((token, member.id.clone()))
                }
                _ => None,
            })
            .collect();
        for (token, member) in waiting {
            let result = Ok(self.joined(&member));
            env.answer(token, Ok(GroupReply::Join(JoinReply { member, result })));
        }
    }

    /// The protocol that all know and most prefer; of several, the first by name.
    pub(super) fn choose_protocol(&self) -> Option<String> {
        let everyone_knows =
            |protocol: &str| self.members.values().all(|member| member.knows(protocol));
        let votes = self.members.values().filter_map(|member| {
            let mut names = member.protocols.iter().map(|(name, _)| name.as_str());
            names.find(|name| everyone_knows(name))
        });
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for vote in votes {
            *counts.entry(vote).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        let chosen = counts.into_iter().find(|(_, count)| *count == most);
        chosen.map(|(name, _)| name.to_owned())
    }

    /// Members that never asked for the assignment are out.
    pub(in crate::coordinator) fn syncing_over(&mut self, env: &mut Environment) {
        if self.state != GroupState::CompletingRebalance && self.state != GroupState::Stable {
            return;
        }
        let missing = std::mem::take(&mut self.not_synced);
        for member in missing {
            if self.members.contains_key(&member) {
                self.remove(&member, GroupError::UnknownMember, env);
            }
        }
    }

    /// Takes a member out, whatever it waits for; the others rebalance.
    pub(super) fn remove(&mut self, id: &MemberId, error: GroupError, env: &mut Environment) {
        let member = self.members.remove(id).expect("its caller found it");
        env.timers.cancel(&member.session_timer(&self.id));
        answer_with(member.awaiting, id, error, env);
        self.not_synced.remove(id);
        if let Some(instance) = &member.instance
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if self.state == GroupState::PreparingRebalance && self.first_wait.is_some() {
            // The wait for the first members goes on.
            return;
        }
        self.rebalance(env);
    }
}
