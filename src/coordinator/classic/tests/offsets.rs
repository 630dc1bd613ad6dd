//! Offsets are kept, told and forgotten.

use super::*;

#[test]
fn a_restarted_broker_knows_the_group_and_its_sessions_go_on() {
    let mut world = World::new();
    let a = world.alone(join(""));
    let kept = world.call(commit(a.clone(), "t", 5));
    assert!(kept.is_ok());
    let before = world.describe();
    world.restart();
    assert_eq!(world.describe(), before);
    assert_eq!(world.committed("t"), 5);
    let heartbeat = world.call(GroupRequest::Heartbeat(a.clone()));
    assert_eq!(heartbeat, Ok(GroupReply::Heartbeat));
    world.pass(i64::from(SESSION_MS));
    assert_eq!(world.describe().state, GroupState::Empty);
}

#[test]
fn commits_of_old_generations_and_strangers_are_refused() {
    let mut world = World::new();
    assert!(
        world.call(commit(nobody(), "t", 1)).is_ok(),
        "a group of offsets alone"
    );
    let a = world.alone(join(""));
    assert_eq!(
        world.call(commit(nobody(), "t", 2)),
        Err(GroupError::UnknownMember)
    );
    let zombie = MemberOf {
        generation: Generation::new(a.generation.get() - 1),
        ..a.clone()
    };
    assert_eq!(
        world.call(commit(zombie, "t", 2)),
        Err(GroupError::IllegalGeneration)
    );
    assert!(world.call(commit(a.clone(), "t", 3)).is_ok());
    assert_eq!(world.committed("t"), 3);
    let elsewhere = GroupId::new("nobody is here");
    let token = world.ask_of(&elsewhere, commit(a, "t", 4));
    assert_eq!(world.answer(token), Some(Err(GroupError::GroupNotFound)));
}

#[test]
fn a_commit_that_cannot_be_is_refused_by_partition() {
    let mut world = World::new();
    let mut partitions = Vec::new();
    for (index, metadata) in [(0, 0), (3, 0), (2, 5_000)] {
        partitions.push(CommitPartition {
            index: PartitionIndex::new(index),
            offset: Offset::new(1),
            leader_epoch: LeaderEpoch::NONE,
            metadata: "m".repeat(metadata),
        });
    }
    let request = GroupRequest::CommitOffsets(CommitOffsets {
        of: nobody(),
        retention_ms: None,
        topics: vec![("t".to_owned(), partitions)],
    });
    let Ok(GroupReply::CommitOffsets(topics)) = world.call(request) else {
        panic!("a commit is answered by partition");
    };
    let results: Vec<_> = topics[0].1.iter().map(|(_, result)| *result).collect();
    assert_eq!(results[0], Ok(()));
    assert_eq!(results[1], Err(GroupError::UnknownTopicOrPartition));
    assert_eq!(results[2], Err(GroupError::MetadataTooLarge));
    assert_eq!(world.log.len(), 1);
}

#[test]
fn offsets_expire_once_the_group_has_been_empty_for_as_long_as_they_are_kept() {
    let week_ms = 7 * 24 * 3600 * 1000;
    let mut world = World::new();
    let a = world.alone(join(""));
    assert!(world.call(commit(a.clone(), "t", 5)).is_ok());
    let leaving = LeavingMember {
        member: a.member,
        instance: None,
    };
    world.pass(1_000);
    assert!(world.call(GroupRequest::Leave(vec![leaving])).is_ok());
    world.pass(week_ms - 1);
    assert_eq!(world.committed("t"), 5);
    world.pass(600_000);
    assert_eq!(
        world.call(GroupRequest::Describe),
        Err(GroupError::GroupNotFound)
    );
    world.restart();
    assert_eq!(world.committed("t"), CommittedOffset::NONE.offset.get());
}

#[test]
fn offsets_of_a_topic_that_is_gone_are_none_of_the_next_one_of_its_name() {
    let mut world = World::new();
    assert!(world.call(commit(nobody(), "t", 5)).is_ok());
    world.restart();
    assert_eq!(world.committed("t"), 5);
    // It went, and another came, while no coordinator was there to see it.
    world.restart_with(Arc::new(catalog_with(2)));
    assert_eq!(world.committed("t"), CommittedOffset::NONE.offset.get());
    assert!(world.call(commit(nobody(), "t", 7)).is_ok());
    world.restart_with(Arc::new(catalog_with(2)));
    assert_eq!(world.committed("t"), 7);
    // Or while one was.
    let catalog = Arc::new(catalog_with(3));
    world.coordinator.adopt(catalog, world.now);
    let outcome = world.coordinator.forget_gone();
    world.take_in(outcome);
    assert_eq!(world.committed("t"), CommittedOffset::NONE.offset.get());
}

#[test]
fn a_group_is_deleted_when_it_is_empty_and_stays_so() {
    let mut world = World::new();
    let a = world.alone(join(""));
    assert!(world.call(commit(a.clone(), "t", 5)).is_ok());
    assert_eq!(
        world.call(GroupRequest::Delete),
        Err(GroupError::NonEmptyGroup)
    );
    world.pass(i64::from(SESSION_MS));
    assert_eq!(world.call(GroupRequest::Delete), Ok(GroupReply::Delete));
    assert_eq!(
        world.call(GroupRequest::Delete),
        Err(GroupError::GroupNotFound)
    );
    world.restart();
    assert_eq!(
        world.call(GroupRequest::Describe),
        Err(GroupError::GroupNotFound)
    );
    assert_eq!(world.committed("t"), -1);
}
