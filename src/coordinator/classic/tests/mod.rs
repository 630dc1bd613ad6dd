//! A coordinator as its clients see it.

mod members;
mod offsets;
mod random;

use crate::coordinator::{
    CommitOffsets, CommitPartition, CommittedOffset, Coordinator, FetchOffsets, GroupConfig,
    GroupError, GroupReply, GroupRequest, GroupState, GroupToken, JoinGroup, JoinReply, Joined,
    LeavingMember, MemberOf, OffsetsRecord, Outcome, SyncGroup,
};
use crate::topic::{Catalog, Topic, TopicSettings};
use crate::types::{
    Generation, GroupId, InstanceId, Instant, LeaderEpoch, MemberId, Now, Offset, PartitionIndex,
    Timestamp, TopicId, TopicName,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;

/// A coordinator, its clock and its log.
struct World {
    coordinator: Coordinator,
    config: GroupConfig,
    now: Now,
    log: Vec<OffsetsRecord>,
    asked: u64,
    answers: BTreeMap<GroupToken, Result<GroupReply, GroupError>>,
}

/// A catalog with a topic that has partitions 0 to 2.
fn catalog() -> Arc<Catalog> {
    Arc::new(catalog_with(1))
}

/// The same, with another topic of that name if `id` is another.
fn catalog_with(id: u8) -> Catalog {
    let mut catalog = Catalog::new("cluster".to_owned());
    catalog.put(Topic {
        name: TopicName::new("t").expect("valid"),
        id: TopicId::from_random_bytes([id; 16]),
        partitions: 3,
        settings: TopicSettings::default(),
    });
    catalog
}

fn group() -> GroupId {
    GroupId::new("g")
}

impl World {
    fn new() -> Self {
        Self::with(GroupConfig {
            initial_rebalance_delay: Duration::ZERO,
            ..GroupConfig::default()
        })
    }

    fn with(config: GroupConfig) -> Self {
        let now = Now {
            wall: Timestamp::new(1_000_000_000),
            monotonic: Instant::new(1),
        };
        let mut coordinator = Coordinator::new(config.clone(), catalog(), now, 7);
        let _ = coordinator.activate(now);
        Self {
            coordinator,
            config,
            now,
            log: Vec::new(),
            asked: 0,
            answers: BTreeMap::new(),
        }
    }

    /// The broker ends and starts again: what was kept is all there is.
    fn restart(&mut self) {
        self.restart_with(catalog());
    }

    fn restart_with(&mut self, catalog: Arc<Catalog>) {
        let mut coordinator = Coordinator::new(self.config.clone(), catalog, self.now, 8);
        for record in &self.log {
            let replayed = coordinator.replay(&record.key, record.value.as_deref());
            replayed.expect("our own record");
        }
        let outcome = coordinator.activate(self.now);
        self.coordinator = coordinator;
        self.take_in(outcome);
    }

    fn take_in(&mut self, outcome: Outcome) {
        self.log.extend(outcome.records);
        for (token, result) in outcome.answers {
            let before = self.answers.insert(token, result);
            assert_eq!(before, None, "a question is answered once");
        }
    }

    fn ask_of(&mut self, group: &GroupId, request: GroupRequest) -> GroupToken {
        self.asked += 1;
        let token = GroupToken::new(self.asked);
        let outcome = self.coordinator.handle(token, group, request, self.now);
        self.take_in(outcome);
        token
    }

    fn ask(&mut self, request: GroupRequest) -> GroupToken {
        self.ask_of(&group(), request)
    }

    /// Asks what is answered at once.
    fn call(&mut self, request: GroupRequest) -> Result<GroupReply, GroupError> {
        let token = self.ask(request);
        self.answer(token).expect("answered at once")
    }

    fn answer(&mut self, token: GroupToken) -> Option<Result<GroupReply, GroupError>> {
        self.answers.remove(&token)
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now.wall = Timestamp::new(self.now.wall.get() + milliseconds);
        let passed = Duration::from_millis(milliseconds as u64);
        self.now.monotonic = self.now.monotonic.after(passed);
        let outcome = self.coordinator.tick(self.now);
        self.take_in(outcome);
    }

    fn joined(&mut self, token: GroupToken) -> (MemberId, Joined) {
        match self.answer(token) {
            Some(Ok(GroupReply::Join(JoinReply { member, result }))) => {
                (member, result.expect("joined"))
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, token: GroupToken) -> (MemberId, GroupError) {
        match self.answer(token) {
            Some(Ok(GroupReply::Join(JoinReply { member, result }))) => {
                (member, result.expect_err("refused"))
            }
            other => panic!("{other:?}"),
        }
    }

    /// One member makes a stable group.
    fn alone(&mut self, join: JoinGroup) -> MemberOf {
        let token = self.ask(GroupRequest::Join(join));
        let (member, joined) = self.joined(token);
        let of = of(&member, &joined);
        let synced = self.call(sync(&of, &[(&member, "all")]));
        assert!(matches!(synced, Ok(GroupReply::Sync(_))), "{synced:?}");
        of
    }

    fn describe(&mut self) -> crate::coordinator::GroupDescription {
        match self.call(GroupRequest::Describe) {
            Ok(GroupReply::Describe(description)) => description,
            other => panic!("{other:?}"),
        }
    }

    fn committed(&mut self, topic: &str) -> i64 {
        let topics = vec![(topic.to_owned(), vec![PartitionIndex::new(0)])];
        let request = FetchOffsets {
            of: None,
            topics: Some(topics),
        };
        match self.call(GroupRequest::FetchOffsets(request)) {
            Ok(GroupReply::FetchOffsets(topics)) => topics[0].1[0].1.offset.get(),
            other => panic!("{other:?}"),
        }
    }
}

fn join(member: &str) -> JoinGroup {
    JoinGroup {
        member: MemberId::new(member),
        instance: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"wants"))],
        requires_known_member: false,
        can_skip_assignment: false,
    }
}

fn join_static(instance: &str) -> JoinGroup {
    JoinGroup {
        instance: Some(InstanceId::new(instance)),
        can_skip_assignment: true,
        ..join("")
    }
}

fn of(member: &MemberId, joined: &Joined) -> MemberOf {
    MemberOf {
        generation: joined.generation,
        member: member.clone(),
        instance: None,
    }
}

fn sync(of: &MemberOf, assignments: &[(&MemberId, &'static str)]) -> GroupRequest {
    let assignments = assignments
        .iter()
        .map(|(member, assignment)| ((*member).clone(), Bytes::from_static(assignment.as_bytes())));
    GroupRequest::Sync(SyncGroup {
        of: of.clone(),
        protocol_type: None,
        protocol: None,
        assignments: assignments.collect(),
    })
}

fn commit(of: MemberOf, topic: &str, offset: i64) -> GroupRequest {
    let partition = CommitPartition {
        index: PartitionIndex::new(0),
        offset: Offset::new(offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    GroupRequest::CommitOffsets(CommitOffsets {
        of,
        retention_ms: None,
        topics: vec![(topic.to_owned(), vec![partition])],
    })
}

fn nobody() -> MemberOf {
    MemberOf {
        generation: Generation::NONE,
        member: MemberId::new(""),
        instance: None,
    }
}

fn assignment(answer: Option<Result<GroupReply, GroupError>>) -> Bytes {
    match answer {
        Some(Ok(GroupReply::Sync(synced))) => synced.assignment,
        other => panic!("{other:?}"),
    }
}
