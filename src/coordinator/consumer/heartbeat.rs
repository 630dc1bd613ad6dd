use super::assignor::Wishes;
use super::member::{ConsumerMember, JOINING, LEAVING, LEAVING_FOR_A_MOMENT, session_timer};
use super::{Assignor, ConsumerGroup};
use crate::coordinator::environment::Environment;
use crate::coordinator::layout::{self, ConsumerPiece, MemberWish};
use crate::coordinator::{ConsumerBeat, ConsumerHeartbeat, GroupError, OFFSETS_TOPIC};
use crate::topic::Catalog;
use crate::types::{InstanceId, MemberId, PartitionIndex, TopicId};
use regex::RegexBuilder;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A compiled expression may take this much memory.
const REGEX_BYTES_MAX: usize = 1 << 20;
const REGEX_LENGTH_MAX: usize = 4096;

impl ConsumerGroup {
    /// A member joins, stays or leaves, and hears what it may use.
    pub(in crate::coordinator) fn heartbeat(
        &mut self,
        beat: &ConsumerHeartbeat,
        env: &mut Environment,
    ) -> Result<ConsumerBeat, GroupError> {
        check(beat)?;
        match beat.epoch {
            LEAVING | LEAVING_FOR_A_MOMENT => return self.leave(beat, env),
            _ => {}
        }
        let id = self.admit(beat, env)?;
        self.update(&id, beat, env)?;
        self.assign(env);
        let before = self.member(&id).current.clone();
        let owned = beat.owned.as_ref();
        self.reconcile(&id, owned, env);
        env.set(session_timer(&self.id, &id), env.config.consumer_session);
        let current = &self.member(&id).current;
        let is_full = beat.rebalance_timeout_ms >= 0
            && (beat.topics.is_some() || beat.regex.is_some())
            && beat.owned.is_some();
        let tells = beat.epoch == JOINING || is_full || current.assigned != before.assigned;
        Ok(ConsumerBeat {
            epoch: current.epoch,
            interval_ms: env.config.consumer_heartbeat_ms,
            assignment: tells.then(|| current.assigned.clone()),
            member: id,
        })
    }

    fn member(&self, id: &MemberId) -> &ConsumerMember {
        self.members.get(id).expect("admitted already")
    }

    /// Finds the member, or takes it in.
    fn admit(
        &mut self,
        beat: &ConsumerHeartbeat,
        env: &mut Environment,
    ) -> Result<MemberId, GroupError> {
        if let Some(instance) = &beat.instance {
            match self.statics.get(instance).cloned() {
                Some(holder) if holder == beat.member => {}
                Some(holder) => return self.take_over(&holder, beat, env),
                None if beat.epoch == JOINING => {}
                None => return Err(GroupError::UnknownMember),
            }
        }
        if let Some(member) = self.members.get(&beat.member) {
            check_epoch(member, beat)?;
            return Ok(beat.member.clone());
        }
        if beat.epoch != JOINING {
            return Err(GroupError::UnknownMember);
        }
        let bytes: usize = self.members.values().map(ConsumerMember::size).sum();
        let full = self.members.len() >= env.config.members_max;
        if full || bytes > env.config.group_bytes_max {
            return Err(GroupError::GroupFull);
        }
        let id = match beat.member.is_empty() {
            true => env.new_member_id(&beat.client_id),
            false => beat.member.clone(),
        };
        let member = ConsumerMember::new(ConsumerMember::empty_wish(beat.instance.clone()));
        self.members.insert(id.clone(), member);
        if let Some(instance) = &beat.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        Ok(id)
    }

    /// A static member is back under another id, if it had left for a moment.
    fn take_over(
        &mut self,
        holder: &MemberId,
        beat: &ConsumerHeartbeat,
        env: &mut Environment,
    ) -> Result<MemberId, GroupError> {
        let had_left = self.member(holder).current.epoch == LEAVING_FOR_A_MOMENT;
        match (beat.epoch, had_left) {
            (JOINING, true) => {}
            (JOINING, false) => return Err(GroupError::UnreleasedInstance),
            _ => return Err(GroupError::FencedInstance),
        }
        let id = match beat.member.is_empty() {
            true => env.new_member_id(&beat.client_id),
            false => beat.member.clone(),
        };
        let old = self.member(holder);
        let (wish, target) = (old.wish.clone(), old.target.clone());
        let mut current = old.current.clone();
        current.epoch = JOINING;
        let epoch = self.epoch;
        self.remove(holder, env);
        // Its place did not change hands: the others need not be asked again.
        self.epoch = epoch;
        env.keep(layout::consumer(
            &self.id,
            &ConsumerPiece::Epoch(Some(epoch)),
        ));
        if let Some(instance) = &wish.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        let piece = ConsumerPiece::Member(id.clone(), Some(wish.clone()));
        env.keep(layout::consumer(&self.id, &piece));
        self.members.insert(id.clone(), ConsumerMember::new(wish));
        self.set_target(&id, target, env);
        self.keep_current(&id, current, env);
        Ok(id)
    }

    fn leave(
        &mut self,
        beat: &ConsumerHeartbeat,
        env: &mut Environment,
    ) -> Result<ConsumerBeat, GroupError> {
        if let Some(instance) = &beat.instance {
            let holder = self.statics.get(instance);
            let holder = holder.ok_or(GroupError::UnknownMember)?;
            if *holder != beat.member {
                return Err(GroupError::FencedInstance);
            }
        }
        if !self.members.contains_key(&beat.member) {
            return Err(GroupError::UnknownMember);
        }
        if beat.epoch == LEAVING_FOR_A_MOMENT {
            self.suspend(&beat.member, env);
        } else {
            self.remove(&beat.member, env);
        }
        Ok(ConsumerBeat {
            member: beat.member.clone(),
            epoch: beat.epoch,
            interval_ms: 0,
            assignment: None,
        })
    }

    /// After a start: if the target has all partitions of the topics that members want, and no others,
    /// it was computed for them, and nobody needs to be asked again.
    fn recall_topics(&mut self, catalog: &Catalog) {
        if self.topics.is_some() || self.target_epoch != self.epoch {
            return;
        }
        let topics = self.wishes(catalog).topics;
        let wanted = topics.iter().flat_map(|(topic, count)| {
            (0..*count).map(|index| (*topic, PartitionIndex::new(index)))
        });
        let wanted: BTreeSet<_> = wanted.collect();
        let members = self.members.values();
        let target: BTreeSet<_> = members.flat_map(|member| member.target.iter()).collect();
        if target == wanted {
            self.topics = Some(topics);
        }
    }

    /// Takes in what the member wants; if that is news, the group's epoch rises.
    fn update(
        &mut self,
        id: &MemberId,
        beat: &ConsumerHeartbeat,
        env: &mut Environment,
    ) -> Result<(), GroupError> {
        self.recall_topics(&Arc::clone(&env.catalog));
        let member = self.member(id);
        let is_new = member.current.epoch == JOINING && member.wish.rebalance_timeout_ms < 0;
        let wish = member.updated(beat);
        if let Some(regex) = &wish.regex
            && compile(regex).is_none()
        {
            if is_new {
                self.members.remove(id);
                self.statics.retain(|_, holder| holder != id);
            }
            return Err(GroupError::InvalidRegex);
        }
        let member = self.members.get_mut(id).expect("looked up just now");
        let changes = wish.topics != member.wish.topics
            || wish.regex != member.wish.regex
            || wish.assignor != member.wish.assignor;
        if wish != member.wish {
            let piece = ConsumerPiece::Member(id.clone(), Some(wish.clone()));
            env.keep(layout::consumer(&self.id, &piece));
            member.wish = wish;
        }
        let catalog = Arc::clone(&env.catalog);
        let topics_change = self.topics.as_ref().is_none_or(|known| {
            env.catalog_changes != self.catalog_seen && *known != self.wishes(&catalog).topics
        });
        self.catalog_seen = env.catalog_changes;
        if changes || is_new || topics_change {
            self.raise_epoch(env);
        }
        Ok(())
    }

    /// Computes the target for the group's epoch, if that was not done yet.
    fn assign(&mut self, env: &mut Environment) {
        if self.target_epoch == self.epoch {
            return;
        }
        let wishes = self.wishes(&env.catalog);
        let members = self.members.iter();
        let before = members
            .map(|(id, member)| (id.clone(), member.target.clone()))
            .collect();
        let targets = self.assignor().assign(&wishes, &before);
        for (id, target) in targets {
            self.set_target(&id, target, env);
        }
        self.target_epoch = self.epoch;
        let piece = ConsumerPiece::TargetEpoch(Some(self.target_epoch));
        env.keep(layout::consumer(&self.id, &piece));
        self.topics = Some(wishes.topics);
    }

    /// What members want of what there is.
    pub(super) fn wishes(&self, catalog: &Catalog) -> Wishes {
        let mut wishes = Wishes::default();
        for (id, member) in &self.members {
            let wanted = wanted_topics(&member.wish, catalog);
            for topic in &wanted {
                let partitions = catalog.by_id(*topic).map_or(0, |topic| topic.partitions);
                wishes.topics.insert(*topic, partitions);
            }
            wishes.members.insert(id.clone(), wanted);
        }
        wishes
    }
}

fn wanted_topics(wish: &MemberWish, catalog: &Catalog) -> BTreeSet<TopicId> {
    let named = wish.topics.iter().filter_map(|name| catalog.by_name(name));
    let mut wanted: BTreeSet<TopicId> = named.map(|topic| topic.id).collect();
    if let Some(regex) = wish.regex.as_deref().and_then(compile) {
        let fits = catalog.topics().filter(|topic| {
            topic.name.as_str() != OFFSETS_TOPIC && regex.is_match(topic.name.as_str())
        });
        wanted.extend(fits.map(|topic| topic.id));
    }
    wanted
}

/// An expression that fits whole names, if it is one.
fn compile(regex: &str) -> Option<regex::Regex> {
    if regex.len() > REGEX_LENGTH_MAX {
        return None;
    }
    let whole = format!("^(?:{regex})$");
    let compiled = RegexBuilder::new(&whole)
        .size_limit(REGEX_BYTES_MAX)
        .build();
    compiled.ok()
}

fn check(beat: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let is_joining = beat.epoch == JOINING;
    let wants = beat.topics.is_some() || beat.regex.is_some();
    let problem = if beat.epoch < LEAVING_FOR_A_MOMENT {
        "the member's epoch is below -2"
    } else if beat.epoch != JOINING && beat.member.is_empty() {
        "a member is named by its id"
    } else if beat.instance.as_ref().is_some_and(InstanceId::is_empty) {
        "an instance id cannot be empty"
    } else if beat.rack.as_deref() == Some("") {
        "a rack's name cannot be empty"
    } else if is_joining && beat.rebalance_timeout_ms < 1 {
        "a member that joins says its rebalance time-out"
    } else if is_joining && !wants {
        "a member that joins says what it subscribes to"
    } else if is_joining && beat.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
        "a member that joins has no partitions"
    } else if beat.epoch == LEAVING_FOR_A_MOMENT && beat.instance.is_none() {
        "only a member with an instance id leaves for a moment"
    } else {
        let assignor = beat.assignor.as_deref();
        if assignor.is_some_and(|name| Assignor::named(name).is_none()) {
            return Err(GroupError::UnsupportedAssignor);
        }
        return Ok(());
    };
    Err(GroupError::InvalidRequest(problem))
}

/// A member may be one epoch behind if the answer to its last heartbeat got lost.
fn check_epoch(member: &ConsumerMember, beat: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let current = &member.current;
    if beat.epoch == JOINING || beat.epoch == current.epoch {
        return Ok(());
    }
    let owned = beat.owned.as_ref();
    let lost_answer = beat.epoch == current.previous_epoch
        && owned.is_some_and(|owned| owned.is_within(&current.assigned));
    if lost_answer {
        Ok(())
    } else {
        Err(GroupError::FencedMemberEpoch)
    }
}
