use super::super::context::fixture::Fixture;
use super::*;
use crate::config::Nodes;
use crate::coordinator::{
    CommitOffsets, CommitPartition, FetchOffsets, JoinGroup, MemberOf, SyncGroup,
};
use crate::types::{Generation, LeaderEpoch, MemberId, Offset};

fn nobody() -> MemberOf {
    MemberOf {
        generation: Generation::NONE,
        member: MemberId::new(""),
        instance: None,
    }
}

fn join() -> GroupRequest {
    GroupRequest::Join(JoinGroup {
        member: MemberId::new(""),
        instance: None,
        client_id: "test".into(),
        client_host: String::new(),
        session_timeout_ms: 1,
        rebalance_timeout_ms: 1,
        protocol_type: "consumer".into(),
        protocols: Vec::new(),
        requires_known_member: false,
        can_skip_assignment: false,
    })
}

fn sync() -> GroupRequest {
    GroupRequest::Sync(SyncGroup {
        of: nobody(),
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    })
}

fn commit(topics: &[(&str, i32)]) -> GroupRequest {
    let topics = topics.iter().map(|&(topic, index)| {
        let partition = CommitPartition {
            index: PartitionIndex::new(index),
            offset: Offset::new(5),
            leader_epoch: LeaderEpoch::NONE,
            metadata: String::new(),
        };
        (topic.to_owned(), vec![partition])
    });
    GroupRequest::CommitOffsets(CommitOffsets {
        of: nobody(),
        retention_ms: None,
        topics: topics.collect(),
    })
}

fn fetch(topics: Option<PartitionsByTopic>) -> GroupRequest {
    GroupRequest::FetchOffsets(FetchOffsets { of: None, topics })
}

fn some_partitions() -> PartitionsByTopic {
    let index = PartitionIndex::new;
    vec![
        ("orders".to_owned(), vec![index(1), index(9)]),
        ("nothing".to_owned(), vec![index(0)]),
    ]
}

fn started(
    fixture: &Fixture,
    own_node: bool,
    group: &str,
    request: GroupRequest,
) -> (GroupsOperation, Questions) {
    let requests = vec![(GroupId::new(group), request)];
    GroupsOperation::start(requests, &fixture.context(own_node))
}

/// The answer where no core is asked.
fn settled(
    fixture: &Fixture,
    group: &str,
    request: GroupRequest,
) -> Result<GroupReply, GroupError> {
    let (operation, questions) = started(fixture, false, group, request);
    assert!(questions.is_empty() && operation.is_complete());
    let answer = operation.finish().into_iter().next().expect("one");
    assert_eq!(answer.group.as_str(), group);
    answer.result
}

/// What the one core is asked.
fn question(fixture: &Fixture, request: GroupRequest) -> GroupRequest {
    let (_, mut questions) = started(fixture, false, "g", request);
    let Some((_, CoreRequest::Groups(mut items))) = questions.pop() else {
        panic!("one core is asked");
    };
    items.pop().expect("one item").1
}

#[test]
fn groups_go_to_their_cores_and_answers_come_in_order() {
    let fixture = Fixture::with_groups(Nodes::Single);
    let names: Vec<String> = (0..10).map(|n| format!("group-{n}")).collect();
    let requests = names
        .iter()
        .map(|name| (GroupId::new(name), GroupRequest::Describe));
    let (mut operation, questions) =
        GroupsOperation::start(requests.collect(), &fixture.context(false));
    assert_eq!(questions.len(), 2, "both cores coordinate some");
    for (core, question) in questions.into_iter().rev() {
        let CoreRequest::Groups(items) = question else {
            panic!("{question:?}");
        };
        let error = if core.get() == 0 {
            GroupError::GroupNotFound
        } else {
            GroupError::LoadInProgress
        };
        let replies = items.iter().map(|_| Err(error)).collect();
        assert!(!operation.is_complete());
        operation.reply(core, CoreReply::Groups(replies));
    }
    assert!(operation.is_complete());
    let topic = fixture.catalog.by_name(OFFSETS_TOPIC).expect("there");
    let context = fixture.context(false);
    for (answer, name) in operation.finish().into_iter().zip(&names) {
        assert_eq!(answer.group.as_str(), name);
        let partition = TopicPartition::new(topic.id, partition_of(&answer.group, 8));
        let expected = if context.placement.owner(partition).get() == 0 {
            GroupError::GroupNotFound
        } else {
            GroupError::LoadInProgress
        };
        assert_eq!(answer.result, Err(expected));
    }
}

#[test]
fn a_node_answers_only_for_its_own_groups() {
    let fixture = Fixture::with_groups(Nodes::PerCore);
    let mut asked = [0, 0];
    for n in 0..10 {
        let group = format!("group-{n}");
        let (operation, questions) = started(&fixture, true, &group, GroupRequest::Describe);
        match questions.as_slice() {
            [] => {
                let answer = operation.finish().into_iter().next().expect("one");
                assert_eq!(answer.result, Err(GroupError::NotCoordinator));
                asked[1] += 1;
            }
            [(core, _)] => {
                assert_eq!(core.get(), 0);
                asked[0] += 1;
            }
            more => panic!("{more:?}"),
        }
    }
    assert!(asked[0] > 0 && asked[1] > 0);
}

#[test]
fn without_the_topic_there_are_no_groups() {
    let fixture = Fixture::new(Nodes::Single);
    let settled = |request| settled(&fixture, "g", request);
    let elsewhere = [
        join(),
        sync(),
        GroupRequest::Heartbeat(nobody()),
        GroupRequest::Leave(Vec::new()),
        commit(&[("orders", 0)]),
    ];
    for request in elsewhere {
        assert_eq!(settled(request), Err(GroupError::NotCoordinator));
    }
    let unknown = [
        GroupRequest::Describe,
        GroupRequest::Delete,
        GroupRequest::DeleteOffsets(some_partitions()),
    ];
    for request in unknown {
        assert_eq!(settled(request), Err(GroupError::GroupNotFound));
    }
    assert_eq!(
        settled(fetch(None)),
        Ok(GroupReply::FetchOffsets(Vec::new()))
    );
    let Ok(GroupReply::FetchOffsets(topics)) = settled(fetch(Some(some_partitions()))) else {
        panic!("offsets expected");
    };
    assert_eq!(topics.len(), 2);
    let (topic, partitions) = &topics[0];
    let none = |index| (PartitionIndex::new(index), CommittedOffset::NONE);
    assert_eq!(
        (topic.as_str(), partitions),
        ("orders", &vec![none(1), none(9)])
    );
}

#[test]
fn only_offsets_need_no_name() {
    let fixture = Fixture::with_groups(Nodes::Single);
    for request in [
        join(),
        sync(),
        GroupRequest::Heartbeat(nobody()),
        GroupRequest::Leave(Vec::new()),
        GroupRequest::DeleteOffsets(Vec::new()),
    ] {
        let answer = settled(&fixture, "", request);
        assert_eq!(answer, Err(GroupError::InvalidGroupId));
    }
    for request in [
        commit(&[]),
        fetch(None),
        GroupRequest::Describe,
        GroupRequest::Delete,
    ] {
        let (_, questions) = started(&fixture, false, "", request);
        assert_eq!(questions.len(), 1);
    }
}

#[test]
fn the_coordinator_is_told_where_the_client_is() {
    let fixture = Fixture::with_groups(Nodes::Single);
    let GroupRequest::Join(join) = question(&fixture, join()) else {
        panic!("a wish to join expected");
    };
    assert_eq!(join.client_host, "/127.0.0.1");
    assert_eq!(client_host("[::1]:9092"), "/::1");
    assert_eq!(client_host("unknown"), "/unknown");
}

#[test]
fn offsets_of_partitions_that_do_not_exist_are_not_forgotten_in_silence() {
    let fixture = Fixture::with_groups(Nodes::Single);
    let request = GroupRequest::DeleteOffsets(some_partitions());
    let (mut operation, questions) = started(&fixture, false, "g", request);
    let [(core, CoreRequest::Groups(items))] = &questions[..] else {
        panic!("one core is asked: {questions:?}");
    };
    let known = vec![("orders".to_owned(), vec![PartitionIndex::new(1)])];
    assert_eq!(items[0].1, GroupRequest::DeleteOffsets(known));
    let done = vec![("orders".to_owned(), vec![(PartitionIndex::new(1), Ok(()))])];
    let reply = CoreReply::Groups(vec![Ok(GroupReply::DeleteOffsets(done.clone()))]);
    operation.reply(*core, reply);
    let answer = operation.finish().into_iter().next().expect("one");
    assert_eq!(answer.asked, some_partitions());
    let missing = |index| {
        (
            PartitionIndex::new(index),
            Err(GroupError::UnknownTopicOrPartition),
        )
    };
    let mut expected = done;
    expected[0].1.push(missing(9));
    expected.push(("nothing".to_owned(), vec![missing(0)]));
    assert_eq!(answer.result, Ok(GroupReply::DeleteOffsets(expected)));
}
