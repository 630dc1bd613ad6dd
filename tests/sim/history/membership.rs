//! What a group's members were told: generations, epochs, and who may use which partition.
//!
//! - Of one generation there is one assignment, each member gets what the leader gave it, and no
//!   partition has two owners.
//! - In the consumer protocol a partition is a member's from the moment that it is told until it says
//!   that it gave it up, leaves, or may have been silent for too long: nobody else is told of it before.
//! - Whoever speaks for a generation that was completed before the newest is refused, and so is a
//!   member whose partition another has got.
//! - A member that was heard of in time is not forgotten.
//! - Generations and epochs go up, as long as the group was not forgotten.

use super::commits::Spot;
use corelane::types::Instant;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A partition as the consumer protocol names it.
pub(crate) type Held = (Uuid, i32);

/// What was known of a group when a member asked something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    life: Option<u64>,
    completed: i32,
    deposed: bool,
}

/// What a client has as a settled member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The generation; 0 in the consumer protocol, where epochs may differ.
    pub(crate) generation: i32,
    pub(crate) topics: Vec<String>,
    pub(crate) spots: Vec<Spot>,
}

#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// Counts the times when the group may have been forgotten.
    life: u64,
    /// Deletions of the group of which nobody knows whether they happen.
    doubts: u64,
    /// The group may be forgotten at any time.
    expires: bool,
    /// Members have epochs of their own (KIP-848).
    pub(crate) has_epochs: bool,
    /// The newest generation or epoch that anybody was told.
    completed: i32,
    /// Which of a leader's assignments each generation has.
    assignments: BTreeMap<i32, u64>,
    owners: BTreeMap<(i32, Spot), usize>,
    /// What leaders have given to whom.
    given: Vec<BTreeMap<String, Vec<Spot>>>,
    /// Who holds what, and whether somebody else has got it since.
    holds: BTreeMap<Held, BTreeMap<usize, bool>>,
    /// Until when a client's member cannot have been given up.
    certain: BTreeMap<usize, Instant>,
    /// Clients that are settled.
    pub(crate) settled: BTreeMap<usize, Holding>,
}

impl Membership {
    pub(crate) fn new(has_epochs: bool, expires: bool) -> Self {
        Self {
            has_epochs,
            expires,
            ..Self::default()
        }
    }

    fn is_known(&self) -> bool {
        self.doubts == 0 && !self.expires
    }

    pub(crate) fn view(&self, client: usize) -> View {
        let mut holds = self.holds.values();
        View {
            life: self.is_known().then_some(self.life),
            completed: self.completed,
            deposed: holds.any(|holders| holders.get(&client) == Some(&true)),
        }
    }

    /// Somebody asks for the group to be deleted.
    pub(crate) fn may_be_deleted(&mut self) {
        self.doubts += 1;
        self.forget();
    }

    /// What became of that is known.
    pub(crate) fn is_decided(&mut self) {
        self.doubts = self.doubts.saturating_sub(1);
        self.forget();
    }

    pub(crate) fn process_ended(&mut self) {
        if self.doubts > 0 {
            self.doubts = 0;
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.life += 1;
        self.completed = 0;
        self.assignments.clear();
        self.owners.clear();
    }

    /// A member was answered as one of a generation.
    pub(crate) fn speaks(&self, what: &str, generation: i32, view: View) {
        assert!(
            !view.deposed,
            "{what}: of {generation}, and others have its partitions"
        );
        if view.life == Some(self.life) && self.is_known() {
            let newest = view.completed;
            assert!(
                generation >= newest,
                "{what}: of generation {generation}, and {newest} was complete before"
            );
        }
    }

    fn completed(&mut self, generation: i32) {
        if self.is_known() {
            self.completed = self.completed.max(generation);
        }
    }

    /// A leader is about to hand out an assignment; yields its number.
    pub(crate) fn gives(&mut self, assignment: BTreeMap<String, Vec<Spot>>) -> u64 {
        self.given.push(assignment);
        self.given.len() as u64 - 1
    }

    /// The partitions that a leader handed out with an assignment.
    pub(crate) fn given(&self, number: u64) -> impl Iterator<Item = Spot> {
        self.given[number as usize].values().flatten().copied()
    }

    /// A member was told its part of an assignment.
    pub(crate) fn assigned(
        &mut self,
        (client, member): (usize, &str),
        generation: i32,
        told: Option<(u64, &[Spot])>,
        view: View,
    ) {
        self.speaks("an assignment", generation, view);
        let current = view.life == Some(self.life) && self.is_known();
        if let Some((number, spots)) = told {
            let given = &self.given[number as usize];
            if let Some(given) = given.get(member) {
                assert_eq!(given, spots, "{member} was told another part of {number}");
            }
            if current {
                let known = *self.assignments.entry(generation).or_insert(number);
                assert_eq!(known, number, "generation {generation} has two assignments");
                for spot in spots {
                    let owner = *self.owners.entry((generation, *spot)).or_insert(client);
                    assert_eq!(owner, client, "{spot:?} has two owners in {generation}");
                }
            }
        }
        if current {
            self.completed(generation);
        }
    }

    /// A client's member was heard of, and has until then to be heard of again.
    pub(crate) fn certain(&mut self, client: usize, until: Instant) {
        self.certain.insert(client, until);
    }

    /// A client is no member any more as far as it knows, or begins anew.
    pub(crate) fn gone(&mut self, client: usize) {
        self.certain.remove(&client);
        self.settled.remove(&client);
        for holders in self.holds.values_mut() {
            holders.remove(&client);
        }
    }

    /// A client was told that its member is not known.
    pub(crate) fn forgotten(&mut self, client: usize, now: Instant) {
        if let Some(until) = self.certain.get(&client) {
            assert!(
                now >= *until,
                "the member of client {client} was forgotten at {now:?}, and has until {until:?}"
            );
        }
        self.gone(client);
    }

    /// A member of the consumer protocol was told its epoch.
    pub(crate) fn told_epoch(&mut self, epoch: i32, joins: bool, view: View) {
        if joins {
            self.speaks(
                "a join",
                epoch,
                View {
                    deposed: false,
                    ..view
                },
            );
        }
        if view.life == Some(self.life) {
            self.completed(epoch);
        }
    }

    /// A member of the consumer protocol may use partitions from now on. What it is told too late,
    /// after its own time, may be another's by now.
    pub(crate) fn holds(&mut self, client: usize, held: &[Held], (now, own): (Instant, Instant)) {
        for place in held {
            let holders = self.holds.entry(*place).or_default();
            if now >= own {
                holders.insert(client, false);
                continue;
            }
            for (other, deposed) in holders.iter_mut().filter(|(other, _)| **other != client) {
                let until = self.certain.get(other).copied().unwrap_or_default();
                assert!(
                    now >= until,
                    "{place:?} is client {client}'s at {now:?}, and {other}'s until {until:?}"
                );
                *deposed = true;
            }
            holders.insert(client, false);
        }
    }

    /// A member says that it uses partitions no more.
    pub(crate) fn gives_up(&mut self, client: usize, held: &[Held]) {
        for place in held {
            if let Some(holders) = self.holds.get_mut(place) {
                holders.remove(&client);
            }
        }
    }

    /// Whether every partition that somebody wants has one owner, and all are of one generation.
    pub(crate) fn is_settled(&self, clients: usize, wanted: impl Fn(&str) -> Vec<Spot>) -> bool {
        let mut generations = self.settled.values().map(|holding| holding.generation);
        let first = generations.next();
        if self.settled.len() != clients || generations.any(|other| Some(other) != first) {
            return false;
        }
        let mut owned: BTreeMap<Spot, usize> = BTreeMap::new();
        for spot in self.settled.values().flat_map(|holding| &holding.spots) {
            *owned.entry(*spot).or_default() += 1;
        }
        let topics = self.settled.values().flat_map(|holding| &holding.topics);
        let mut wanted = topics.flat_map(|topic| wanted(topic));
        wanted.all(|spot| owned.get(&spot) == Some(&1))
    }
}
