use super::classic::ClassicGroup;
use super::environment::{Environment, GroupToken, Outcome};
use super::group::Group;
use super::layout::{self, Content, LayoutError};
use super::offsets::Offsets;
use super::timers::Timer;
use super::{
    ConsumerHeartbeat, FetchOffsets, GroupConfig, GroupError, GroupFilter, GroupReply,
    GroupRequest, JoinGroup, JoinReply, LeavingMember, ListedGroup,
};
use crate::topic::Catalog;
use crate::types::{GroupId, Instant, Now};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The groups that one partition of the offsets' topic keeps.
#[derive(Debug)]
pub struct Coordinator {
    groups: BTreeMap<GroupId, Group>,
    env: Environment,
}

impl Coordinator {
    /// A coordinator that knows nothing yet; `seed` drives the ids of members.
    pub fn new(config: GroupConfig, catalog: Arc<Catalog>, now: Now, seed: u64) -> Self {
        Self {
            groups: BTreeMap::new(),
            env: Environment::new(config, catalog, now, seed),
        }
    }

    /// Takes in what was kept, record by record in order.
    ///
    /// # Errors
    /// The record cannot be read; nothing of it was taken in.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), LayoutError> {
        match layout::decode(key, value)? {
            Content::Offset(key, Some(commit)) => {
                let offsets = self.group(&key.group).offsets_mut();
                offsets.put(&key.topic, key.partition, commit);
            }
            Content::Offset(key, None) => {
                let offsets = self.group(&key.group).offsets_mut();
                offsets.take(&key.topic, key.partition);
                self.drop_if_void(&key.group);
            }
            Content::Group(id, metadata) => {
                let now = self.env.now.wall;
                let group = self.group(&id);
                match metadata {
                    Some(metadata) => group.make_classic(&id, now).restore(metadata),
                    // Of a group that has become one of the consumer protocol, nothing is left.
                    None => group
                        .known_classic()
                        .map_or((), ClassicGroup::restore_forgotten),
                }
                self.drop_if_void(&id);
            }
            Content::Consumer(id, piece) => {
                let now = self.env.now.wall;
                let group = self.group(&id);
                let group = match piece.is_tombstone() {
                    // Of a group that has become a classic one, nothing is left.
                    true => group.known_consumer(),
                    false => Some(group.make_consumer(&id, now)),
                };
                if let Some(group) = group {
                    group.restore(piece);
                }
                self.drop_if_void(&id);
            }
            Content::Unknown => {}
        }
        Ok(())
    }

    /// All that was kept is replayed: from now on time passes. Offsets in topics that are gone mean
    /// nothing any more.
    pub fn activate(&mut self, now: Now) -> Outcome {
        self.env.now = now;
        for (id, group) in &mut self.groups {
            group.resume(&mut self.env);
            group.offsets_mut().forget_gone(id, &mut self.env);
        }
        self.env.set(Timer::Expiry, self.env.config.expiry_interval);
        self.outcome()
    }

    /// A client asks something of a group. The answer may come with a later step.
    pub fn handle(
        &mut self,
        token: GroupToken,
        id: &GroupId,
        request: GroupRequest,
        now: Now,
    ) -> Outcome {
        self.env.now = now;
        let answer = match request {
            GroupRequest::Join(request) => {
                self.join(token, id, request);
                None
            }
            GroupRequest::Sync(request) => match self.classic(id) {
                Some((group, env)) => {
                    group.sync(token, request, env);
                    None
                }
                None => Some(Err(GroupError::UnknownMember)),
            },
            GroupRequest::ConsumerHeartbeat(beat) => Some(self.consumer_heartbeat(id, &beat)),
            other => Some(self.answer(id, other)),
        };
        if let Some(answer) = answer {
            self.env.answer(token, answer);
        }
        self.drop_if_void(id);
        self.outcome()
    }

    fn answer(&mut self, id: &GroupId, request: GroupRequest) -> Result<GroupReply, GroupError> {
        match request {
            GroupRequest::Join(_) | GroupRequest::Sync(_) | GroupRequest::ConsumerHeartbeat(_) => {
                unreachable!("these have their own ways")
            }
            GroupRequest::Heartbeat(of) => {
                let (group, env) = self.classic(id).ok_or(GroupError::UnknownMember)?;
                group.heartbeat(&of, env).map(|()| GroupReply::Heartbeat)
            }
            GroupRequest::Leave(members) => Ok(leave(self.classic(id), members)),
            GroupRequest::CommitOffsets(request) => {
                if !self.groups.contains_key(id) && request.of.generation.get() >= 0 {
                    return Err(GroupError::GroupNotFound);
                }
                // A group of offsets alone is made by its first commit.
                self.group(id);
                let Self { groups, env } = self;
                let group = groups.get_mut(id).expect("made just now");
                let outcomes = group.commit_offsets(request, env)?;
                Ok(GroupReply::CommitOffsets(outcomes))
            }
            GroupRequest::FetchOffsets(request) => self.fetch_offsets(id, &request),
            GroupRequest::DeleteOffsets(topics) => {
                let Self { groups, env } = self;
                let group = groups.get_mut(id).ok_or(GroupError::GroupNotFound)?;
                let outcomes = group.delete_offsets(topics, env)?;
                Ok(GroupReply::DeleteOffsets(outcomes))
            }
            GroupRequest::Describe => {
                let (group, _) = self.classic(id).ok_or(GroupError::GroupNotFound)?;
                Ok(GroupReply::Describe(group.describe()))
            }
            GroupRequest::ConsumerDescribe => {
                let Self { groups, env } = self;
                let group = groups.get_mut(id).and_then(Group::known_consumer);
                let group = group.ok_or(GroupError::GroupNotFound)?;
                Ok(GroupReply::ConsumerDescribe(group.describe(&env.catalog)))
            }
            GroupRequest::Delete => {
                let Self { groups, env } = self;
                let group = groups.get(id).ok_or(GroupError::GroupNotFound)?;
                if group.has_members() {
                    return Err(GroupError::NonEmptyGroup);
                }
                group.tombstones(id, env);
                self.groups.remove(id);
                Ok(GroupReply::Delete)
            }
        }
    }

    fn fetch_offsets(
        &mut self,
        id: &GroupId,
        request: &FetchOffsets,
    ) -> Result<GroupReply, GroupError> {
        let group = self.groups.get_mut(id);
        let none = Offsets::default();
        let Some(group) = group else {
            return Ok(GroupReply::FetchOffsets(none.fetch(request)));
        };
        if let (Some(of), Some(group)) = (&request.of, group.known_consumer()) {
            group.check_member(of)?;
        }
        Ok(GroupReply::FetchOffsets(group.offsets().fetch(request)))
    }

    fn classic(&mut self, id: &GroupId) -> Option<(&mut ClassicGroup, &mut Environment)> {
        let Self { groups, env } = self;
        let group = groups.get_mut(id)?.known_classic()?;
        Some((group, env))
    }

    fn consumer_heartbeat(
        &mut self,
        id: &GroupId,
        beat: &ConsumerHeartbeat,
    ) -> Result<GroupReply, GroupError> {
        let is_known = self.groups.contains_key(id);
        if !is_known && beat.epoch != 0 {
            return Err(GroupError::GroupNotFound);
        }
        if !is_known && self.groups.len() >= self.env.config.groups_max {
            return Err(GroupError::GroupFull);
        }
        self.group(id);
        let Self { groups, env } = self;
        let group = groups.get_mut(id).expect("made just now");
        let group = match beat.epoch {
            0 => group.consumer(id, env),
            _ => group.known_consumer(),
        };
        let group = group.ok_or(GroupError::GroupNotFound)?;
        let beat = group.heartbeat(beat, env)?;
        Ok(GroupReply::ConsumerHeartbeat(beat))
    }

    fn join(&mut self, token: GroupToken, id: &GroupId, request: JoinGroup) {
        let allowed = self
            .env
            .config
            .session_timeout_ms
            .contains(&request.session_timeout_ms);
        let is_known = self.groups.contains_key(id);
        let refusal = if !allowed {
            Some(GroupError::InvalidSessionTimeout)
        } else if !is_known && !request.member.is_empty() {
            Some(GroupError::UnknownMember)
        } else if !is_known && self.groups.len() >= self.env.config.groups_max {
            Some(GroupError::GroupFull)
        } else {
            None
        };
        if let Some(error) = refusal {
            let member = request.member;
            let result = Err(error);
            let reply = GroupReply::Join(JoinReply { member, result });
            return self.env.answer(token, Ok(reply));
        }
        self.group(id);
        let Self { groups, env } = self;
        let group = groups.get_mut(id).expect("made just now");
        match group.classic(id, env) {
            Some(group) => group.join(token, request, env),
            None => {
                let member = request.member;
                let result = Err(GroupError::InconsistentProtocol);
                let reply = GroupReply::Join(JoinReply { member, result });
                env.answer(token, Ok(reply));
            }
        }
    }

    /// The groups that a list is to have, by name.
    pub fn list(&self, filter: &GroupFilter) -> Vec<ListedGroup> {
        let groups = self.groups.values();
        groups.filter_map(|group| group.listed(filter)).collect()
    }

    /// A new catalog is in force.
    pub fn adopt(&mut self, catalog: Arc<Catalog>, now: Now) {
        self.env.now = now;
        self.env.catalog = catalog;
        self.env.catalog_changes += 1;
    }

    /// Some topics are gone: their offsets mean nothing any more.
    pub fn forget_gone(&mut self) -> Outcome {
        for (id, group) in &mut self.groups {
            group.offsets_mut().forget_gone(id, &mut self.env);
        }
        self.outcome()
    }

    /// When [`tick`](Self::tick) is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.env.timers.next()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now) -> Outcome {
        self.env.now = now;
        while let Some(timer) = self.env.timers.due(now.monotonic) {
            let Self { groups, env } = self;
            let id = match &timer {
                Timer::Session(group, _)
                | Timer::Pending(group, _)
                | Timer::Revocation(group, _)
                | Timer::Rebalance(group)
                | Timer::Sync(group) => group.clone(),
                Timer::Expiry => {
                    self.expire();
                    continue;
                }
            };
            let Some(group) = groups.get_mut(&id) else {
                continue;
            };
            match group {
                Group::Classic(group) => match timer {
                    Timer::Session(_, member) => group.session_over(&member, env),
                    Timer::Pending(_, member) => group.pending_over(&member, env),
                    Timer::Rebalance(_) => group.joining_over(env),
                    Timer::Sync(_) => group.syncing_over(env),
                    Timer::Revocation(..) | Timer::Expiry => {}
                },
                Group::Consumer(group) => match timer {
                    Timer::Session(_, member) => group.session_over(&member, env),
                    Timer::Revocation(_, member) => group.revocation_over(&member, env),
                    _ => {}
                },
            }
            self.drop_if_void(&id);
        }
        self.outcome()
    }

    /// Forgets offsets that nobody has needed for long, and groups that are nothing without.
    fn expire(&mut self) {
        let Self { groups, env } = self;
        groups.retain(|id, group| {
            group.expire_offsets(id, env);
            let stays = group.has_members() || !group.offsets().is_empty();
            if !stays {
                group.tombstones(id, env);
            }
            stays
        });
        env.set(Timer::Expiry, env.config.expiry_interval);
    }

    /// Those whose questions will never be answered by this coordinator.
    pub fn waiting(&self) -> Vec<GroupToken> {
        self.groups.values().flat_map(Group::waiting).collect()
    }

    fn group(&mut self, id: &GroupId) -> &mut Group {
        let now = self.env.now.wall;
        let fresh = || Group::new(id.clone(), now);
        self.groups.entry(id.clone()).or_insert_with(fresh)
    }

    /// Forgets a group of which nothing was kept.
    fn drop_if_void(&mut self, id: &GroupId) {
        if self.groups.get(id).is_some_and(Group::is_void) {
            self.groups.remove(id);
        }
    }

    fn outcome(&mut self) -> Outcome {
        std::mem::take(&mut self.env.outcome)
    }
}

fn leave(
    mut group: Option<(&mut ClassicGroup, &mut Environment)>,
    members: Vec<LeavingMember>,
) -> GroupReply {
    let members = members.into_iter().map(|leaving| {
        let result = match &mut group {
            Some((group, env)) => group.leave(&leaving, env),
            None => Err(GroupError::UnknownMember),
        };
        let LeavingMember { member, instance } = leaving;
        (member, instance, result)
    });
    GroupReply::Leave(members.collect())
}
