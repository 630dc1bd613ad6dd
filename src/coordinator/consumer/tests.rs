//! Members of the consumer protocol, as they are and as they may be.

use super::Assignment;
use crate::coordinator::{
    CommitOffsets, ConsumerBeat, ConsumerHeartbeat, Coordinator, FetchOffsets, GroupConfig,
    GroupError, GroupReply, GroupRequest, GroupState, GroupToken, MemberOf, OffsetsRecord, Outcome,
};
use crate::topic::{Catalog, Topic, TopicSettings};
use crate::types::{
    Generation, GroupId, InstanceId, Instant, MemberId, Now, PartitionIndex, Timestamp, TopicId,
    TopicName,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

struct World {
    coordinator: Coordinator,
    catalog: Arc<Catalog>,
    now: Now,
    log: Vec<OffsetsRecord>,
    asked: u64,
}

fn catalog(topics: &[(&str, i32)]) -> Arc<Catalog> {
    let mut catalog = Catalog::new("cluster".to_owned());
    for (number, (name, partitions)) in (1..).zip(topics) {
        catalog.put(Topic {
            name: TopicName::new(name).expect("valid"),
            id: TopicId::from_random_bytes([number; 16]),
            partitions: *partitions,
            settings: TopicSettings::default(),
        });
    }
    Arc::new(catalog)
}

impl World {
    fn new(topics: &[(&str, i32)]) -> Self {
        let now = Now {
            wall: Timestamp::new(1_000_000),
            monotonic: Instant::new(1),
        };
        let catalog = catalog(topics);
        let config = GroupConfig::default();
        let mut coordinator = Coordinator::new(config, Arc::clone(&catalog), now, 3);
        let _ = coordinator.activate(now);
        Self {
            coordinator,
            catalog,
            now,
            log: Vec::new(),
            asked: 0,
        }
    }

    fn restart(&mut self) {
        let config = GroupConfig::default();
        let mut coordinator = Coordinator::new(config, Arc::clone(&self.catalog), self.now, 4);
        for record in &self.log {
            let replayed = coordinator.replay(&record.key, record.value.as_deref());
            replayed.expect("our own record");
        }
        let _ = coordinator.activate(self.now);
        self.coordinator = coordinator;
    }

    fn call(&mut self, request: GroupRequest) -> Result<GroupReply, GroupError> {
        self.asked += 1;
        let token = GroupToken::new(self.asked);
        let group = GroupId::new("g");
        let outcome = self.coordinator.handle(token, &group, request, self.now);
        let Outcome { records, answers } = outcome;
        self.log.extend(records);
        let [(answered, result)] = &answers[..] else {
            panic!("one answer at once: {answers:?}");
        };
        assert_eq!(*answered, token);
        result.clone()
    }

    fn beat(&mut self, beat: ConsumerHeartbeat) -> Result<ConsumerBeat, GroupError> {
        match self.call(GroupRequest::ConsumerHeartbeat(beat))? {
            GroupReply::ConsumerHeartbeat(beat) => Ok(beat),
            other => panic!("{other:?}"),
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.now.monotonic = self.now.monotonic.after(duration);
        let milliseconds = duration.as_millis() as i64;
        self.now.wall = Timestamp::new(self.now.wall.get() + milliseconds);
        let outcome = self.coordinator.tick(self.now);
        self.log.extend(outcome.records);
    }

    fn state(&mut self) -> GroupState {
        match self.call(GroupRequest::ConsumerDescribe) {
            Ok(GroupReply::ConsumerDescribe(group)) => group.state,
            other => panic!("{other:?}"),
        }
    }
}

fn joining(member: &str) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        member: MemberId::new(member),
        rebalance_timeout_ms: 60_000,
        topics: Some(vec!["orders".to_owned()]),
        owned: Some(Assignment::default()),
        ..ConsumerHeartbeat::default()
    }
}

/// A client that does what the protocol asks of it.
#[derive(Debug, Clone)]
struct Client {
    id: String,
    epoch: i32,
    owned: Assignment,
    /// What the coordinator said last; it is taken up by the next heartbeat.
    told: Assignment,
}

impl Client {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            epoch: 0,
            owned: Assignment::default(),
            told: Assignment::default(),
        }
    }

    fn beat(&mut self, world: &mut World) -> Result<(), GroupError> {
        let beat = if self.epoch == 0 {
            joining(&self.id)
        } else {
            self.owned = self.told.clone();
            ConsumerHeartbeat {
                member: MemberId::new(&self.id),
                epoch: self.epoch,
                rebalance_timeout_ms: -1,
                owned: Some(self.owned.clone()),
                ..ConsumerHeartbeat::default()
            }
        };
        let told = match world.beat(beat) {
            Ok(told) => told,
            Err(error) => {
                *self = Self::new(&self.id);
                return Err(error);
            }
        };
        self.epoch = told.epoch;
        if let Some(assignment) = told.assignment {
            // It stops at once with what it is to give up, and says so with its next heartbeat.
            self.owned = self
                .owned
                .filtered(|topic, index| assignment.has(topic, index));
            self.told = assignment;
        }
        Ok(())
    }
}

fn settle(world: &mut World, clients: &mut [Client]) {
    for _ in 0..6 {
        for client in clients.iter_mut() {
            client.beat(world).expect("in the group");
        }
    }
}

fn counts(clients: &[Client]) -> Vec<usize> {
    clients
        .iter()
        .map(|client| client.told.iter().count())
        .collect()
}

#[test]
fn members_come_and_partitions_move_without_two_owners() {
    let mut world = World::new(&[("orders", 6)]);
    let mut clients = vec![Client::new("a")];
    settle(&mut world, &mut clients);
    assert_eq!(counts(&clients), [6]);
    assert_eq!(world.state(), GroupState::Stable);
    clients.push(Client::new("b"));
    clients[1].beat(&mut world).expect("joins");
    assert_eq!(
        counts(&clients),
        [6, 0],
        "the first has not given anything up"
    );
    settle(&mut world, &mut clients);
    assert_eq!(counts(&clients), [3, 3]);
    assert_eq!(world.state(), GroupState::Stable);
}

#[test]
fn a_member_that_leaves_or_is_silent_frees_its_partitions() {
    let mut world = World::new(&[("orders", 4)]);
    let mut clients = vec![Client::new("a"), Client::new("b"), Client::new("c")];
    settle(&mut world, &mut clients);
    let leaving = ConsumerHeartbeat {
        member: MemberId::new("c"),
        epoch: -1,
        ..ConsumerHeartbeat::default()
    };
    assert_eq!(world.beat(leaving).expect("it may").epoch, -1);
    clients.pop();
    settle(&mut world, &mut clients);
    assert_eq!(counts(&clients), [2, 2]);
    for _ in 0..10 {
        world.pass(Duration::from_secs(5));
        clients[0].beat(&mut world).expect("in the group");
    }
    settle(&mut world, &mut clients[..1]);
    assert_eq!(counts(&clients[..1]), [4]);
    assert_eq!(clients[1].beat(&mut world), Err(GroupError::UnknownMember));
}

#[test]
fn a_restart_asks_nobody_again_unless_topics_have_changed() {
    let mut world = World::new(&[("orders", 4)]);
    let mut clients = vec![Client::new("a"), Client::new("b")];
    settle(&mut world, &mut clients);
    let epoch = clients[0].epoch;
    world.restart();
    settle(&mut world, &mut clients);
    assert_eq!((clients[0].epoch, clients[1].epoch), (epoch, epoch));
    assert_eq!(world.state(), GroupState::Stable);
    world.catalog = catalog(&[("orders", 6)]);
    world.restart();
    settle(&mut world, &mut clients);
    assert_eq!(counts(&clients), [3, 3]);
}

#[test]
fn a_member_that_gives_nothing_up_is_removed() {
    let mut world = World::new(&[("orders", 2)]);
    let mut stubborn = Client::new("a");
    settle(&mut world, std::slice::from_mut(&mut stubborn));
    let mut other = Client::new("b");
    other.beat(&mut world).expect("joins");
    for _ in 0..13 {
        world.pass(Duration::from_secs(5));
        // It never says that it gave anything up.
        let _ = world.beat(ConsumerHeartbeat {
            member: MemberId::new("a"),
            epoch: stubborn.epoch,
            rebalance_timeout_ms: -1,
            ..ConsumerHeartbeat::default()
        });
        let _ = other.beat(&mut world);
    }
    assert_eq!(other.told.iter().count(), 2);
}

#[test]
fn new_partitions_and_regular_expressions_are_noticed() {
    let mut world = World::new(&[("orders", 2)]);
    let beat = ConsumerHeartbeat {
        topics: None,
        regex: Some("ord.*|pay.*".to_owned()),
        ..joining("a")
    };
    let told = world.beat(beat).expect("joins");
    assert_eq!(told.assignment.expect("told").iter().count(), 2);
    world.catalog = catalog(&[("orders", 3), ("payments", 1), ("other", 9)]);
    world
        .coordinator
        .adopt(Arc::clone(&world.catalog), world.now);
    let stays = ConsumerHeartbeat {
        member: MemberId::new("a"),
        epoch: told.epoch,
        rebalance_timeout_ms: -1,
        ..ConsumerHeartbeat::default()
    };
    let told = world.beat(stays).expect("in the group");
    assert_eq!(told.assignment.expect("news").iter().count(), 4);
    let wrong = ConsumerHeartbeat {
        regex: Some("(".to_owned()),
        ..joining("b")
    };
    assert_eq!(world.beat(wrong), Err(GroupError::InvalidRegex));
}

#[test]
fn a_static_member_that_left_for_a_moment_gets_its_partitions_back() {
    let mut world = World::new(&[("orders", 4)]);
    let instance = Some(InstanceId::new("i"));
    let first = ConsumerHeartbeat {
        instance: instance.clone(),
        ..joining("a")
    };
    let told = world.beat(first.clone()).expect("joins");
    let again = ConsumerHeartbeat {
        member: MemberId::new("b"),
        ..first
    };
    assert_eq!(
        world.beat(again.clone()),
        Err(GroupError::UnreleasedInstance)
    );
    let leaving = ConsumerHeartbeat {
        member: MemberId::new("a"),
        epoch: -2,
        instance,
        ..ConsumerHeartbeat::default()
    };
    world.beat(leaving).expect("it may");
    let back = world.beat(again).expect("joins");
    assert_eq!(back.assignment, told.assignment);
}

#[test]
fn what_cannot_be_is_refused() {
    let mut world = World::new(&[("orders", 1)]);
    world.beat(joining("a")).expect("joins");
    let base = joining("b");
    let owned: Assignment = [(TopicId::from_random_bytes([1; 16]), PartitionIndex::new(0))]
        .into_iter()
        .collect();
    for (beat, error) in [
        (
            ConsumerHeartbeat {
                epoch: -3,
                ..base.clone()
            },
            "below -2",
        ),
        (
            ConsumerHeartbeat {
                rebalance_timeout_ms: 0,
                ..base.clone()
            },
            "time-out",
        ),
        (
            ConsumerHeartbeat {
                topics: None,
                ..base.clone()
            },
            "subscribes",
        ),
        (
            ConsumerHeartbeat {
                owned: Some(owned),
                ..base.clone()
            },
            "no partitions",
        ),
        (
            ConsumerHeartbeat {
                epoch: -2,
                ..base.clone()
            },
            "instance id",
        ),
    ] {
        let refused = world.beat(beat).expect_err("refused");
        assert!(
            matches!(refused, GroupError::InvalidRequest(_)),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(error), "{refused}");
    }
    let unknown = ConsumerHeartbeat {
        assignor: Some("fair".to_owned()),
        ..base.clone()
    };
    assert_eq!(world.beat(unknown), Err(GroupError::UnsupportedAssignor));
    let stranger = ConsumerHeartbeat {
        epoch: 1,
        ..base.clone()
    };
    assert_eq!(world.beat(stranger), Err(GroupError::UnknownMember));
    let fenced = ConsumerHeartbeat {
        member: MemberId::new("a"),
        epoch: 7,
        ..base
    };
    assert_eq!(world.beat(fenced), Err(GroupError::FencedMemberEpoch));
}

#[test]
fn offsets_are_for_members_of_the_current_epoch() {
    let mut world = World::new(&[("orders", 1)]);
    let told = world.beat(joining("a")).expect("joins");
    let of = |epoch: i32| MemberOf {
        generation: Generation::new(epoch),
        member: MemberId::new("a"),
        instance: None,
    };
    let commit = |epoch: i32| {
        GroupRequest::CommitOffsets(CommitOffsets {
            of: of(epoch),
            retention_ms: None,
            topics: Vec::new(),
        })
    };
    assert!(world.call(commit(told.epoch)).is_ok());
    let stale = world.call(commit(told.epoch - 1));
    assert_eq!(stale, Err(GroupError::StaleMemberEpoch));
    let fetch = GroupRequest::FetchOffsets(FetchOffsets {
        of: Some(of(told.epoch + 1)),
        topics: None,
    });
    assert_eq!(world.call(fetch), Err(GroupError::StaleMemberEpoch));
}

proptest! {
    /// Whoever comes, goes, falls silent, and however often the broker restarts: no partition is
    /// used by two members at a time, and once things are quiet each has an owner.
    #[test]
    fn a_partition_has_one_user(
        acts in prop::collection::vec((0..6_usize, 0..12_u8), 1..150),
        partitions in 1..9_i32,
    ) {
        let mut world = World::new(&[("orders", partitions)]);
        let mut clients: BTreeMap<usize, Client> = BTreeMap::new();
        for (who, what) in acts {
            let name = format!("m{who}");
            match what {
                0 => {
                    if let Some(client) = clients.remove(&who) && client.epoch > 0 {
                        let leaving = ConsumerHeartbeat {
                            member: MemberId::new(&name),
                            epoch: -1,
                            ..ConsumerHeartbeat::default()
                        };
                        let _ = world.beat(leaving);
                    }
                }
                1 => world.restart(),
                2 => world.pass(Duration::from_secs(4)),
                3 => {
                    // Its process dies without a word: nobody uses what it had.
                    clients.remove(&who);
                    world.pass(Duration::from_secs(46));
                    clients.clear();
                }
                _ => {
                    let client = clients.entry(who).or_insert_with(|| Client::new(&name));
                    let _ = client.beat(&mut world);
                }
            }
            let mut used = BTreeSet::new();
            for client in clients.values() {
                for place in client.owned.iter() {
                    prop_assert!(used.insert(place), "{place:?} is used twice: {clients:?}");
                }
            }
        }
        if clients.is_empty() {
            clients.insert(0, Client::new("m0"));
        }
        world.pass(Duration::from_secs(40));
        for round in 0..12 {
            for client in clients.values_mut() {
                let _ = client.beat(&mut world);
            }
            if round == 3 {
                // Those who died without a word are noticed by now.
                world.pass(Duration::from_secs(10));
            }
        }
        let owned: usize = clients.values().map(|client| client.told.iter().count()).sum();
        prop_assert_eq!(owned, usize::try_from(partitions).expect("positive"));
        prop_assert_eq!(world.state(), GroupState::Stable);
    }
}
