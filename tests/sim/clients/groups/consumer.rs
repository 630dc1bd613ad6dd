//! A member of a group of the consumer protocol (KIP-848).

use super::offsets::{Committing, Fetching, Identity};
use super::reading::Reading;
use super::{Fit, after, code_of, draw_subscription};
use crate::clients::{Client, Context, Link, link::Answer};
use crate::group_plan::GroupPlan;
use crate::history::{Held, Holding, Spot, View};
use crate::network::Delivery;
use corelane::protocol::kafka::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerGroupTopicPartitions,
    ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse,
};
use corelane::types::Instant;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct ConsumerMember {
    client: usize,
    plan: GroupPlan,
    /// Of heartbeats; from 1 on the client chooses its member's id.
    version: i16,
    link: Link<Asked>,
    is_found: bool,
    /// Epoch 0 wants to join, and -1 has nothing to say.
    of: Identity,
    /// An epoch that it had before.
    epoch_before: i32,
    era: u64,
    topics: Vec<String>,
    owned: BTreeSet<Held>,
    /// What it was told to have; the rest of what it has is to be given up.
    told: BTreeSet<Held>,
    /// The coordinator does not know what it has given up.
    has_news: bool,
    /// The next heartbeat says everything.
    says_all: bool,
    /// An answer was lost, with an epoch perhaps.
    missed: bool,
    /// Since when it is to give up partitions.
    revokes_since: Option<Instant>,
    heard_of: Instant,
    reading: Reading,
    beats_at: Instant,
    sleeps_until: Option<Instant>,
    is_settled: bool,
}

#[derive(Debug)]
struct Asked {
    what: What,
    era: u64,
    sent: Instant,
    view: View,
}

#[derive(Debug)]
enum What {
    Find,
    /// With the epoch.
    Beat(i32),
    Leave,
    /// Whether an earlier epoch was named.
    Commit(Committing, bool),
    Fetch(Fetching),
}

fn by_topic(held: &BTreeSet<Held>) -> Vec<ConsumerGroupTopicPartitions<'static>> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, index) in held {
        topics.entry(*topic).or_default().push(*index);
    }
    let topics = topics.into_iter();
    let topics = topics.map(|(topic_id, partitions)| ConsumerGroupTopicPartitions {
        topic_id,
        partitions: partitions.into(),
    });
    topics.collect()
}

impl ConsumerMember {
    pub(crate) fn new(client: usize, plan: &GroupPlan, rng: &mut fastrand::Rng) -> Self {
        let of = Identity {
            instance: plan.statics.then(|| format!("instance-{client}")),
            ..Identity::default()
        };
        Self {
            client,
            plan: plan.clone(),
            version: rng.i16(0..=1),
            link: Link::new(client),
            is_found: false,
            of,
            epoch_before: 0,
            era: 0,
            topics: Vec::new(),
            owned: BTreeSet::new(),
            told: BTreeSet::new(),
            has_news: false,
            says_all: false,
            missed: false,
            revokes_since: None,
            heard_of: Instant::default(),
            reading: Reading::default(),
            beats_at: Instant::default(),
            sleeps_until: None,
            is_settled: false,
        }
    }

    fn asked(&self, what: What, context: &Context<'_>) -> Asked {
        Asked {
            what,
            era: self.era,
            sent: context.now.monotonic,
            view: context.history.view(self.plan.number, self.client),
        }
    }

    fn find(&mut self, context: &mut Context<'_>) {
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![self.plan.name.as_str()].into(),
            ..Default::default()
        };
        let asked = self.asked(What::Find, context);
        self.link.send(&request, 6, Some(asked), context);
    }

    /// What it was told to give up is given up with the heartbeat that says so.
    fn beat(&mut self, acknowledges: bool, context: &mut Context<'_>) {
        let joins = self.of.generation == 0;
        if joins {
            if self.topics.is_empty() || context.draining {
                self.topics = draw_subscription(context);
            }
            if self.topics.is_empty() {
                return;
            }
            if self.version == 1 && self.of.member.is_empty() {
                self.of.member = Uuid::from_u128(context.rng.u128(..)).to_string();
            }
        } else if acknowledges && self.owned != self.told {
            let gone: Vec<Held> = self.owned.difference(&self.told).copied().collect();
            let membership = &mut context.history.members[self.plan.number];
            membership.gives_up(self.client, &gone);
            self.owned.retain(|held| self.told.contains(held));
            self.read_owned(context);
            self.has_news = true;
        }
        let says_all = joins || std::mem::take(&mut self.says_all);
        let says_owned = says_all || std::mem::take(&mut self.has_news);
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &self.plan.name,
            member_id: &self.of.member,
            member_epoch: self.of.generation,
            instance_id: self.of.instance.as_deref(),
            rebalance_timeout_ms: if says_all { self.plan.rebalance_ms } else { -1 },
            subscribed_topic_names: says_all.then(|| topics.into()),
            topic_partitions: says_owned.then(|| by_topic(&self.owned).into()),
            ..Default::default()
        };
        let asked = self.asked(What::Beat(self.of.generation), context);
        self.link.send(&request, self.version, Some(asked), context);
        self.beats_at = after(context.now.monotonic, self.plan.patience_ms() / 4);
    }

    fn leave(&mut self, context: &mut Context<'_>) {
        let for_a_moment = self.of.instance.is_some() && context.rng.bool();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: &self.plan.name,
            member_id: &self.of.member,
            member_epoch: if for_a_moment { -2 } else { -1 },
            instance_id: self.of.instance.as_deref(),
            ..Default::default()
        };
        let asked = self.asked(What::Leave, context);
        self.link.send(&request, self.version, Some(asked), context);
        self.lose_everything(context);
        self.of.member.clear();
    }

    /// It is out, and is to join again.
    fn lose_everything(&mut self, context: &mut Context<'_>) {
        self.era += 1;
        self.of.generation = 0;
        self.epoch_before = 0;
        self.owned.clear();
        self.told.clear();
        self.has_news = false;
        self.missed = false;
        self.revokes_since = None;
        self.is_settled = false;
        self.read_owned(context);
        context.history.members[self.plan.number].gone(self.client);
    }

    /// Partitions that it has, as the topics are known.
    fn spots(&self, context: &Context<'_>) -> Vec<Spot> {
        let known = self.owned.iter().filter_map(|(topic, index)| {
            let at = context.topics.known(*topic)?;
            Some((at, *index))
        });
        known.collect()
    }

    fn read_owned(&mut self, context: &Context<'_>) {
        let spots = self.spots(context);
        self.reading.assign(&spots);
    }

    fn commit(&mut self, of: Identity, is_old: bool, context: &mut Context<'_>) {
        let offsets = self.reading.advance(context);
        if offsets.is_empty() {
            return;
        }
        let asked = self.asked(What::Find, context);
        let wrap = move |committing| Asked {
            what: What::Commit(committing, is_old),
            ..asked
        };
        let group = (self.plan.number, self.plan.name.as_str());
        Committing::send(group, of, &offsets, 9, (&mut self.link, wrap), context);
    }

    fn fetch(&mut self, spots: Vec<Spot>, context: &mut Context<'_>) {
        let asked = self.asked(What::Find, context);
        let wrap = move |fetching| Asked {
            what: What::Fetch(fetching),
            ..asked
        };
        let fetching = Fetching::new(self.plan.number, spots, context);
        let of = Some(&self.of);
        fetching.send(&self.plan.name, of, 9, (&mut self.link, wrap), context);
    }

    fn suffer(&mut self, context: &mut Context<'_>) -> bool {
        let Some(fit) = Fit::draw(&self.plan, context) else {
            return false;
        };
        match fit {
            Fit::Death => {
                self.link.disconnect(context);
                self.lose_everything(context);
                self.of.member.clear();
                self.topics.clear();
            }
            Fit::Leave if self.of.generation > 0 && self.can_ask() && self.link.pending() == 0 => {
                self.leave(context);
            }
            Fit::Leave => return false,
            Fit::Sleep(ms) => self.sleeps_until = Some(after(context.now.monotonic, ms)),
            // What it gave up with a heartbeat that is still under way could come late.
            Fit::Break if self.link.pending() == 0 => {
                self.link.disconnect(context);
                self.says_all = true;
            }
            Fit::Break => return false,
        }
        true
    }

    fn can_ask(&self) -> bool {
        self.link.is_connected() && self.is_found
    }

    fn work(&mut self, context: &mut Context<'_>) {
        if context.draining && draw_subscription(context) != self.topics {
            self.topics = draw_subscription(context);
            self.says_all = true;
            return self.beat(true, context);
        }
        let is_even = self.owned == self.told && !self.has_news;
        self.is_settled = is_even && self.of.generation > 0;
        if self.is_settled {
            let holding = Holding {
                generation: 0,
                topics: self.topics.clone(),
                spots: self.spots(context),
            };
            let membership = &mut context.history.members[self.plan.number];
            membership.settled.insert(self.client, holding);
        }
        // Some take their time to give anything up.
        let acknowledges = context.draining || context.rng.u8(..3) > 0;
        if context.now.monotonic >= self.beats_at || (!is_even && acknowledges) {
            return self.beat(acknowledges, context);
        }
        let unknown = self.reading.unknown(context);
        if !unknown.is_empty() {
            return self.fetch(unknown, context);
        }
        match context.rng.u8(..12) {
            _ if context.draining => {}
            0..=4 => self.commit(self.of.clone(), false, context),
            5 if self.epoch_before > 0 => {
                let generation = self.epoch_before;
                let of = Identity {
                    generation,
                    ..self.of.clone()
                };
                self.commit(of, true, context);
            }
            6 => self.beat(acknowledges, context),
            7 if context.rng.u8(..3) == 0 => {
                self.topics = draw_subscription(context);
                self.says_all = true;
                self.beat(acknowledges, context);
            }
            _ => {}
        }
    }
}

// What answers mean.
impl ConsumerMember {
    fn beaten(
        &mut self,
        epoch: i32,
        response: &ConsumerGroupHeartbeatResponse<'_>,
        asked: &Asked,
        context: &mut Context<'_>,
    ) {
        let code = code_of(response.error_code);
        if code != ErrorCode::None {
            return self.refused(code, context);
        }
        let now = context.now.monotonic;
        let membership = &mut context.history.members[self.plan.number];
        let joins = epoch == 0;
        if !joins {
            membership.speaks("a heartbeat", i32::MAX, asked.view);
        }
        let told = response.member_epoch;
        assert!(told >= epoch, "epoch {epoch} became {told}");
        membership.told_epoch(told, joins, asked.view);
        if told != epoch && !joins {
            self.epoch_before = epoch;
        }
        self.of.generation = told;
        if let Some(member) = response.member_id {
            self.of.member = member.to_owned();
        }
        self.missed = false;
        self.heard_of = asked.sent;
        let patience = after(asked.sent, self.plan.patience_ms());
        if let Some(assignment) = &response.assignment {
            let topics: Vec<_> = assignment.topic_partitions.iter().collect();
            let told = topics.iter().flat_map(|topic| {
                let partitions = topic.partitions.iter();
                partitions.map(|index| (topic.topic_id, index))
            });
            self.told = told.collect();
            let new: Vec<Held> = self.told.difference(&self.owned).copied().collect();
            membership.holds(self.client, &new, (now, patience));
            self.owned.extend(new);
        }
        match self.owned == self.told {
            true => self.revokes_since = None,
            false => {
                self.revokes_since.get_or_insert(asked.sent);
            }
        }
        let mut until = patience;
        if let Some(since) = self.revokes_since {
            until = until.min(after(since, self.plan.rebalance_ms));
        }
        membership.certain(self.client, until);
        self.read_owned(context);
    }

    fn refused(&mut self, code: ErrorCode, context: &mut Context<'_>) {
        let now = context.now.monotonic;
        let membership = &mut context.history.members[self.plan.number];
        match code {
            // A heartbeat will tell.
            ErrorCode::StaleMemberEpoch => self.beats_at = now,
            ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound => {
                membership.forgotten(self.client, now);
                self.lose_everything(context);
            }
            ErrorCode::FencedMemberEpoch => {
                if !self.missed {
                    membership.forgotten(self.client, now);
                }
                self.lose_everything(context);
            }
            ErrorCode::FencedInstanceId if self.of.instance.is_some() => {
                self.lose_everything(context);
                self.of.member.clear();
            }
            // The one that it was before is still believed to be alive.
            ErrorCode::UnreleasedInstanceId if self.of.instance.is_some() => {}
            ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::NotCoordinator => {
                self.missed = true;
                self.is_found = false;
                self.says_all = true;
                self.link.disconnect(context);
            }
            other => panic!("a member was answered with {other}"),
        }
    }

    fn answered(&mut self, answer: &Answer<Asked>, context: &mut Context<'_>) {
        let (body, version, asked) = (&answer.body, answer.version, &answer.asked);
        let code = match &asked.what {
            What::Find => {
                let response: FindCoordinatorResponse<'_> = Answer::<Asked>::decode(body, version);
                let keyed = response.coordinators.iter().next();
                let code = keyed.expect("one group was named").error_code;
                self.is_found = code_of(code) == ErrorCode::None;
                return;
            }
            What::Beat(epoch) => {
                assert_eq!(asked.era, self.era, "nothing else happens meanwhile");
                let response = Answer::<Asked>::decode(body, version);
                return self.beaten(*epoch, &response, asked, context);
            }
            What::Leave => return,
            What::Commit(committing, is_old) => {
                let code = committing.answered(answer, context);
                assert!(
                    !is_old || code != ErrorCode::None,
                    "a commit of an epoch before was taken: {committing:?}"
                );
                code
            }
            What::Fetch(fetching) => match fetching.answered(answer, context) {
                Ok(offsets) => {
                    self.reading.found(&offsets);
                    return;
                }
                Err(code) => code,
            },
        };
        let is_told = code != ErrorCode::None && code != ErrorCode::UnknownTopicOrPartition;
        if asked.era == self.era && is_told {
            self.refused(code, context);
        }
    }
}

impl Client for ConsumerMember {
    fn act(&mut self, context: &mut Context<'_>) {
        if let Some(until) = self.sleeps_until {
            if context.now.monotonic < until && !context.draining {
                return;
            }
            self.sleeps_until = None;
            if self.can_ask() && self.link.pending() == 0 && self.of.generation > 0 {
                return self.commit(self.of.clone(), false, context);
            }
        }
        self.is_settled = false;
        let membership = &mut context.history.members[self.plan.number];
        membership.settled.remove(&self.client);
        if self.suffer(context) || self.link.pending() > 0 {
            return;
        }
        if !self.link.is_connected() {
            self.says_all = true;
            return self.link.connect(context);
        }
        match self.of.generation {
            _ if !self.is_found => self.find(context),
            0 => self.beat(false, context),
            _ => self.work(context),
        }
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        self.answered(&answer, context);
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.missed |= self.link.pending() > 0;
        self.link.hung_up();
        self.says_all = true;
    }

    fn complaint(&self, _context: &mut Context<'_>) -> Option<String> {
        let asked = self.link.asked().next()?;
        Some(format!("client {} waits for {asked:?}", self.client))
    }

    fn is_done(&self) -> bool {
        self.is_settled || self.topics.is_empty()
    }

    fn alarm(&self) -> Option<Instant> {
        let beats = (self.of.generation > 0).then_some(self.beats_at);
        self.sleeps_until.or(beats)
    }
}
