//! A member of a classic group.

mod answers;

use super::assigning::{assignment, subscription};
use super::offsets::{Committing, Fetching, Identity};
use super::reading::Reading;
use super::{Fit, after, draw_subscription, spots_of};
use crate::clients::{Client, Context, Link};
use crate::group_plan::{GroupPlan, Protocol};
use crate::history::{Holding, Spot, View};
use crate::network::Delivery;
use corelane::protocol::kafka::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupRequestProtocol,
    LeaveGroupRequest, MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment,
};
use corelane::types::Instant;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct ClassicMember {
    client: usize,
    plan: GroupPlan,
    versions: Versions,
    link: Link<Asked>,
    stage: Stage,
    is_found: bool,
    of: Identity,
    /// Who it was in the generation before.
    before: Option<Identity>,
    /// Counts changes of the identity: answers to an earlier one mean nothing.
    era: u64,
    topics: Vec<String>,
    /// The one that the generation has.
    protocol: String,
    /// As a leader: who is to get what.
    leads: Option<BTreeMap<String, Vec<Spot>>>,
    /// As a leader: the partitions when it assigned.
    assigned: Option<Vec<Spot>>,
    owned: Vec<Spot>,
    reading: Reading,
    wants_rejoin: bool,
    beats_at: Instant,
    sleeps_until: Option<Instant>,
    /// When nothing else happened while it waited, for the first time.
    waits_since: std::cell::Cell<Option<Instant>>,
    /// It left since nothing changes any more, so that it is no leader's stand-in.
    has_left: bool,
    is_settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Outside,
    Joined,
    Stable,
}

#[derive(Debug)]
struct Versions {
    join: i16,
    sync: i16,
    heartbeat: i16,
    leave: i16,
    commit: i16,
    fetch: i16,
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
    Join,
    Sync,
    /// With the generation, and whether it is that of an earlier life.
    Heartbeat(i32, bool),
    Leave,
    Commit(Committing, bool),
    Fetch(Fetching),
}

impl ClassicMember {
    pub(crate) fn new(client: usize, plan: &GroupPlan, rng: &mut fastrand::Rng) -> Self {
        let least = |plain: i16, with_instances: i16| match plan.statics {
            true => with_instances,
            false => plain,
        };
        let versions = Versions {
            join: rng.i16(least(0, 5)..=9),
            sync: rng.i16(least(0, 3)..=5),
            heartbeat: rng.i16(least(0, 3)..=4),
            leave: rng.i16(least(0, 3)..=5),
            commit: rng.i16(least(2, 7)..=9),
            fetch: rng.i16(1..=9),
        };
        let of = Identity {
            instance: plan.statics.then(|| format!("instance-{client}")),
            generation: -1,
            ..Identity::default()
        };
        Self {
            client,
            plan: plan.clone(),
            versions,
            link: Link::new(client),
            stage: Stage::Outside,
            is_found: false,
            of,
            before: None,
            era: 0,
            topics: Vec::new(),
            protocol: String::new(),
            leads: None,
            assigned: None,
            owned: Vec::new(),
            reading: Reading::default(),
            wants_rejoin: false,
            beats_at: Instant::default(),
            sleeps_until: None,
            waits_since: std::cell::Cell::new(None),
            has_left: false,
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

    fn ask<'a, M: corelane::wire::Message<'a>>(
        &mut self,
        request: &M,
        version: i16,
        what: What,
        context: &mut Context<'_>,
    ) {
        let asked = self.asked(what, context);
        self.waits_since.set(None);
        self.link.send(request, version, Some(asked), context);
    }

    fn find(&mut self, context: &mut Context<'_>) {
        let (name, version) = (self.plan.name.clone(), context.rng.i16(0..=6));
        let (key, keys) = match version {
            0..=3 => (name.as_str(), Vec::new()),
            _ => ("", vec![name.as_str()]),
        };
        let request = FindCoordinatorRequest {
            key,
            coordinator_keys: keys.into(),
            ..Default::default()
        };
        self.ask(&request, version, What::Find, context);
    }

    fn join(&mut self, context: &mut Context<'_>) {
        self.before = (self.of.generation >= 0).then(|| self.of.clone());
        if self.topics.is_empty() || context.draining || context.rng.u8(..4) == 0 {
            self.topics = draw_subscription(context);
        }
        if self.topics.is_empty() {
            return;
        }
        self.stage = Stage::Outside;
        self.unsettle(context);
        if self.plan.protocol == Protocol::Eager {
            self.own(Vec::new());
        }
        let (plan, of) = (self.plan.clone(), self.of.clone());
        let metadata = subscription(&self.topics, &self.owned, of.generation, context.topics);
        let protocols = ["range", "roundrobin", "cooperative-sticky"];
        let protocols = match plan.protocol {
            Protocol::Cooperative => &protocols[2..],
            _ => &protocols[..2],
        };
        let protocols = protocols.iter().map(|name| JoinGroupRequestProtocol {
            name,
            metadata: &metadata,
        });
        let request = JoinGroupRequest {
            group_id: &plan.name,
            session_timeout_ms: plan.session_ms,
            rebalance_timeout_ms: plan.rebalance_ms,
            member_id: &of.member,
            group_instance_id: of.instance.as_deref(),
            protocol_type: "consumer",
            protocols: protocols.collect(),
            reason: None,
        };
        self.ask(&request, self.versions.join, What::Join, context);
    }

    fn sync(&mut self, context: &mut Context<'_>) {
        let (name, of) = (self.plan.name.clone(), self.of.clone());
        let protocol = self.protocol.clone();
        let dealt = self.leads.clone().unwrap_or_default();
        let number = match dealt.is_empty() {
            true => 0,
            false => context.history.members[self.plan.number].gives(dealt.clone()),
        };
        let parts = dealt.iter().map(|(member, spots)| {
            let part = assignment(number, spots, context.topics);
            (member, part)
        });
        let parts: Vec<_> = parts.collect();
        let assignments = parts
            .iter()
            .map(|(member, assignment)| SyncGroupRequestAssignment {
                member_id: member,
                assignment,
            });
        let request = SyncGroupRequest {
            group_id: &name,
            generation_id: of.generation,
            member_id: &of.member,
            group_instance_id: of.instance.as_deref(),
            protocol_type: Some("consumer"),
            protocol_name: Some(&protocol),
            assignments: assignments.collect(),
        };
        self.ask(&request, self.versions.sync, What::Sync, context);
    }

    fn beat(&mut self, of: &Identity, is_old: bool, context: &mut Context<'_>) {
        let name = self.plan.name.clone();
        let request = HeartbeatRequest {
            group_id: &name,
            generation_id: of.generation,
            member_id: &of.member,
            group_instance_id: of.instance.as_deref(),
        };
        let what = What::Heartbeat(of.generation, is_old);
        self.ask(&request, self.versions.heartbeat, what, context);
        if !is_old {
            self.beats_at = after(context.now.monotonic, self.plan.patience_ms() / 4);
        }
    }

    fn leave(&mut self, context: &mut Context<'_>) {
        let (name, of) = (self.plan.name.clone(), self.of.clone());
        let member = MemberIdentity {
            member_id: &of.member,
            group_instance_id: of.instance.as_deref(),
            reason: None,
        };
        let (member_id, members) = match self.versions.leave {
            0..=2 => (of.member.as_str(), Vec::new()),
            _ => ("", vec![member]),
        };
        let request = LeaveGroupRequest {
            group_id: &name,
            member_id,
            members: members.into(),
        };
        self.ask(&request, self.versions.leave, What::Leave, context);
        self.begin_anew(context);
    }

    fn commit(&mut self, of: Identity, is_old: bool, context: &mut Context<'_>) {
        let mut offsets = self.reading.advance(context);
        if is_old && offsets.is_empty() {
            // Whoever speaks for an earlier generation reads nothing.
            let spots = context.history.commits.spots(self.plan.number);
            let live = spots
                .into_iter()
                .filter(|spot| context.topics.is_live_topic(spot.0));
            offsets.extend(live.take(1).map(|spot| (spot, 0)));
        }
        if offsets.is_empty() {
            return;
        }
        let asked = self.asked(What::Find, context);
        let wrap = move |committing| Asked {
            what: What::Commit(committing, is_old),
            ..asked
        };
        let group = (self.plan.number, self.plan.name.as_str());
        let version = self.versions.commit;
        Committing::send(
            group,
            of,
            &offsets,
            version,
            (&mut self.link, wrap),
            context,
        );
    }

    fn fetch(&mut self, spots: Vec<Spot>, context: &mut Context<'_>) {
        let asked = self.asked(What::Find, context);
        let wrap = move |fetching| Asked {
            what: What::Fetch(fetching),
            ..asked
        };
        let fetching = Fetching::new(self.plan.number, spots, context);
        let version = self.versions.fetch;
        fetching.send(
            &self.plan.name,
            None,
            version,
            (&mut self.link, wrap),
            context,
        );
    }

    /// Its process dies, or it leaves: it comes back as a new member.
    fn begin_anew(&mut self, context: &mut Context<'_>) {
        self.before = (self.of.generation >= 0).then(|| self.of.clone());
        self.era += 1;
        self.of.member.clear();
        self.of.generation = -1;
        self.stage = Stage::Outside;
        self.leads = None;
        self.assigned = None;
        self.own(Vec::new());
        self.unsettle(context);
        context.history.members[self.plan.number].gone(self.client);
    }

    fn can_leave(&self) -> bool {
        self.stage == Stage::Stable && self.link.is_connected() && self.link.pending() == 0
    }

    fn own(&mut self, spots: Vec<Spot>) {
        self.reading.assign(&spots);
        self.owned = spots;
    }

    fn unsettle(&mut self, context: &mut Context<'_>) {
        self.is_settled = false;
        let membership = &mut context.history.members[self.plan.number];
        membership.settled.remove(&self.client);
    }

    /// Does what befalls it, if anything does.
    fn suffer(&mut self, context: &mut Context<'_>) -> bool {
        let Some(fit) = Fit::draw(&self.plan, context) else {
            return false;
        };
        match fit {
            Fit::Death => {
                self.link.disconnect(context);
                self.begin_anew(context);
            }
            Fit::Leave if self.can_leave() => {
                self.leave(context);
            }
            Fit::Leave => return false,
            Fit::Sleep(ms) => self.sleeps_until = Some(after(context.now.monotonic, ms)),
            Fit::Break => self.link.disconnect(context),
        }
        true
    }

    /// As a member of a generation.
    fn work(&mut self, context: &mut Context<'_>) {
        let counts = |member: &Self, context: &Context<'_>| {
            let names = member.topics.iter();
            let spots: Vec<Spot> = names
                .flat_map(|name| spots_of(name, context.topics))
                .collect();
            spots
        };
        // Whoever took a leader's place may lead without knowing that (what KIP-814 is for).
        let may_miss_changes = self.plan.statics && self.versions.join < 9 && !self.has_left;
        if context.draining && may_miss_changes && self.can_leave() {
            return self.leave(context);
        }
        let wants = draw_settled(context, &self.topics);
        let has_news =
            self.leads.is_some() && self.assigned.as_ref() != Some(&counts(self, context));
        if self.wants_rejoin || wants || has_news {
            if self.link.pending() == 0 {
                self.wants_rejoin = false;
                self.join(context);
            }
            return;
        }
        self.is_settled = self.link.pending() == 0;
        let holding = Holding {
            generation: self.of.generation,
            topics: self.topics.clone(),
            spots: self.owned.clone(),
        };
        let membership = &mut context.history.members[self.plan.number];
        membership.settled.insert(self.client, holding);
        if self.link.pending() >= 3 {
            return;
        }
        if context.now.monotonic >= self.beats_at {
            return self.beat(&self.of.clone(), false, context);
        }
        let unknown = self.reading.unknown(context);
        if !unknown.is_empty() {
            if self.link.pending() == 0 {
                self.fetch(unknown, context);
            }
            return;
        }
        match context.rng.u8(..10) {
            _ if context.draining => {}
            0..=3 => self.commit(self.of.clone(), false, context),
            4 => self.beat(&self.of.clone(), false, context),
            5 => self.speak_for_the_past(context),
            _ => {}
        }
    }

    fn speak_for_the_past(&mut self, context: &mut Context<'_>) {
        let Some(before) = self.before.clone() else {
            return;
        };
        if context.rng.bool() {
            self.beat(&before, true, context);
        } else {
            self.commit(before, true, context);
        }
    }
}

/// Whether a member is to subscribe to other topics now that nothing changes any more.
fn draw_settled(context: &mut Context<'_>, topics: &[String]) -> bool {
    context.draining && draw_subscription(context) != topics
}

impl Client for ClassicMember {
    fn act(&mut self, context: &mut Context<'_>) {
        if let Some(until) = self.sleeps_until {
            if context.now.monotonic < until && !context.draining {
                return;
            }
            self.sleeps_until = None;
            if self.stage == Stage::Stable && self.link.is_connected() && context.rng.bool() {
                return self.commit(self.of.clone(), false, context);
            }
        }
        if self.suffer(context) {
            return;
        }
        if !self.link.is_connected() {
            return self.link.connect(context);
        }
        if self.stage == Stage::Stable && self.is_found {
            return self.work(context);
        }
        if self.link.pending() > 0 {
            return;
        }
        match self.stage {
            _ if !self.is_found => self.find(context),
            Stage::Outside => self.join(context),
            Stage::Joined | Stage::Stable => self.sync(context),
        }
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        self.answered(&answer, context);
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.has_left = false;
        self.link.hung_up();
    }

    /// Joins and syncs wait for others, but not longer than those may take.
    fn complaint(&self, context: &mut Context<'_>) -> Option<String> {
        let asked = self.link.asked().next()?;
        let now = context.now.monotonic;
        let waits = matches!(asked.what, What::Join | What::Sync);
        let since = self.waits_since.get().unwrap_or(now);
        self.waits_since.set(Some(since));
        let patience = self.plan.rebalance_ms.max(self.plan.session_ms);
        let is_late = now > after(since, patience);
        (!waits || is_late).then(|| format!("client {} waits for {asked:?}", self.client))
    }

    /// Without a topic there is nothing to join for.
    fn is_done(&self) -> bool {
        self.is_settled || self.topics.is_empty()
    }

    fn alarm(&self) -> Option<Instant> {
        let stable = self.stage == Stage::Stable;
        self.sleeps_until.or(stable.then_some(self.beats_at))
    }
}
