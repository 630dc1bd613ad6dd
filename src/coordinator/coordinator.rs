use super::environment::{Environment, GroupToken, Outcome};
use super::group::{Group, asked_offsets};
use super::layout::{self, Content, LayoutError};
use super::timers::Timer;
use super::{
    GroupConfig, GroupError, GroupFilter, GroupReply, GroupRequest, JoinGroup, JoinReply,
    LeavingMember, ListedGroup,
};
use crate::types::{GroupId, Instant, MemberId, Now};
use std::collections::BTreeMap;

/// The groups that one partition of the offsets' topic keeps.
#[derive(Debug)]
pub struct Coordinator {
    groups: BTreeMap<GroupId, Group>,
    env: Environment,
}

impl Coordinator {
    /// A coordinator that knows nothing yet; `seed` drives the ids of members.
    pub fn new(config: GroupConfig, now: Now, seed: u64) -> Self {
        Self {
            groups: BTreeMap::new(),
            env: Environment::new(config, now, seed),
        }
    }

    /// Takes in what was kept, record by record in order.
    ///
    /// # Errors
    /// The record cannot be read; nothing of it was taken in.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), LayoutError> {
        match layout::decode(key, value)? {
            Content::Offset(key, Some(commit)) => {
                let group = self.group(&key.group);
                group.offsets.put(&key.topic, key.partition, commit);
            }
            Content::Offset(key, None) => {
                self.group(&key.group)
                    .offsets
                    .take(&key.topic, key.partition);
                self.drop_if_void(&key.group);
            }
            Content::Group(id, Some(metadata)) => self.group(&id).restore(metadata),
            Content::Group(id, None) => {
                self.group(&id).restore_forgotten();
                self.drop_if_void(&id);
            }
            Content::Unknown => {}
        }
        Ok(())
    }

    /// All that was kept is replayed: from now on time passes.
    pub fn activate(&mut self, now: Now) {
        self.env.now = now;
        for group in self.groups.values() {
            group.resume(&mut self.env);
        }
        self.env.set(Timer::Expiry, self.env.config.expiry_interval);
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
            GroupRequest::Sync(request) => match self.groups.get_mut(id) {
                Some(group) => {
                    group.sync(token, request, &mut self.env);
                    None
                }
                None => Some(Err(GroupError::UnknownMember)),
            },
            other => Some(self.answer(id, other)),
        };
        if let Some(answer) = answer {
            self.env.answer(token, answer);
        }
        self.drop_if_void(id);
        self.outcome()
    }

    fn answer(&mut self, id: &GroupId, request: GroupRequest) -> Result<GroupReply, GroupError> {
        let env = &mut self.env;
        let group = self.groups.get_mut(id);
        match request {
            GroupRequest::Join(_) | GroupRequest::Sync(_) => unreachable!("these may wait"),
            GroupRequest::Heartbeat(of) => {
                let group = group.ok_or(GroupError::UnknownMember)?;
                group.heartbeat(&of, env).map(|()| GroupReply::Heartbeat)
            }
            GroupRequest::Leave(members) => Ok(leave(group, members, env)),
            GroupRequest::CommitOffsets(request) => {
                let is_known = group.is_some();
                if !is_known && request.of.generation.get() >= 0 {
                    return Err(GroupError::IllegalGeneration);
                }
                // A group of offsets alone is made by its first commit.
                self.group(id);
                let Self { groups, env } = self;
                let group = groups.get_mut(id).expect("made just now");
                let outcomes = group.commit_offsets(request, env)?;
                Ok(GroupReply::CommitOffsets(outcomes))
            }
            GroupRequest::FetchOffsets(request) => {
                Ok(GroupReply::FetchOffsets(match (group, &request.topics) {
                    (Some(group), _) => group.fetch_offsets(&request),
                    (None, Some(topics)) => asked_offsets(None, topics),
                    (None, None) => Vec::new(),
                }))
            }
            GroupRequest::DeleteOffsets(topics) => {
                let group = group.ok_or(GroupError::GroupNotFound)?;
                let outcomes = group.delete_offsets(topics, env)?;
                Ok(GroupReply::DeleteOffsets(outcomes))
            }
            GroupRequest::Describe => {
                let group = group.ok_or(GroupError::GroupNotFound)?;
                Ok(GroupReply::Describe(group.describe()))
            }
            GroupRequest::Delete => {
                let group = group.ok_or(GroupError::GroupNotFound)?;
                if group.has_members() {
                    return Err(GroupError::NonEmptyGroup);
                }
                group.tombstones(env);
                self.groups.remove(id);
                Ok(GroupReply::Delete)
            }
        }
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
        group.join(token, request, env);
    }

    /// The groups that a list is to have, by name.
    pub fn list(&self, filter: &GroupFilter) -> Vec<ListedGroup> {
        let groups = self.groups.values();
        groups.filter_map(|group| group.listed(filter)).collect()
    }

    /// A topic is deleted: offsets in it mean nothing any more.
    pub fn forget_topic(&mut self, topic: &str, now: Now) -> Outcome {
        self.env.now = now;
        for group in self.groups.values_mut() {
            group.forget_topic(topic, &mut self.env);
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
            match timer {
                Timer::Session(_, member) => group.session_over(&member, env),
                Timer::Pending(_, member) => group.pending_over(&member, env),
                Timer::Rebalance(_) => group.joining_over(env),
                Timer::Sync(_) => group.syncing_over(env),
                Timer::Expiry => unreachable!("it has no group"),
            }
            self.drop_if_void(&id);
        }
        self.outcome()
    }

    /// Forgets offsets that nobody has needed for long, and groups that are nothing without.
    fn expire(&mut self) {
        let Self { groups, env } = self;
        groups.retain(|_, group| {
            group.expire_offsets(env);
            let stays = group.has_members() || !group.offsets.is_empty();
            if !stays {
                group.tombstones(env);
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
    mut group: Option<&mut Group>,
    members: Vec<LeavingMember>,
    env: &mut Environment,
) -> GroupReply {
    let members = members.into_iter().map(|leaving| {
        let result = match &mut group {
            Some(group) => group.leave(&leaving, env),
            None => Err(GroupError::UnknownMember),
        };
        let LeavingMember { member, instance } = leaving;
        (member, instance, result)
    });
    let members: Vec<(MemberId, _, _)> = members.collect();
    GroupReply::Leave(members)
}
