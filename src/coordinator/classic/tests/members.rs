//! Members come and go.

use super::*;

#[test]
fn two_members_share_a_generation_and_only_the_leader_knows_all() {
    let mut world = World::new();
    let a = world.alone(join(""));
    let second = world.ask(GroupRequest::Join(join("")));
    assert_eq!(world.answer(second), None, "the first has to join again");
    let heartbeat = world.call(GroupRequest::Heartbeat(a.clone()));
    assert_eq!(heartbeat, Err(GroupError::RebalanceInProgress));
    let again = world.ask(GroupRequest::Join(join(a.member.as_str())));
    let (_, first) = world.joined(again);
    let (b, joined) = world.joined(second);
    assert_eq!(first.generation, joined.generation);
    assert_eq!((first.members.len(), joined.members.len()), (2, 0));
    assert_eq!(joined.leader, a.member);
    let (a, b) = (of(&a.member, &first), of(&b, &joined));
    let follower = world.ask(sync(&b, &[]));
    assert_eq!(world.answer(follower), None, "the leader decides");
    let kept = world.log.len();
    let leader = world.ask(sync(&a, &[(&a.member, "p0"), (&b.member, "p1")]));
    assert_eq!(world.log.len(), kept + 1, "kept before anyone is told");
    assert_eq!(assignment(world.answer(leader)), "p0");
    assert_eq!(assignment(world.answer(follower)), "p1");
    assert_eq!(world.describe().state, GroupState::Stable);
}

#[test]
fn a_new_member_comes_back_with_the_id_it_is_given() {
    let mut world = World::new();
    let first = JoinGroup {
        requires_known_member: true,
        ..join("")
    };
    let token = world.ask(GroupRequest::Join(first.clone()));
    let (id, error) = world.refused(token);
    assert_eq!(error, GroupError::MemberIdRequired);
    let token = world.ask(GroupRequest::Join(join(id.as_str())));
    assert_eq!(world.joined(token).0, id);
    // One that never comes back holds nobody up for longer than its session.
    let mut world = World::new();
    let token = world.ask(GroupRequest::Join(first));
    let (id, _) = world.refused(token);
    world.pass(i64::from(SESSION_MS));
    assert_eq!(
        world.call(GroupRequest::Describe),
        Err(GroupError::GroupNotFound)
    );
    let token = world.ask(GroupRequest::Join(join(id.as_str())));
    assert_eq!(world.refused(token).1, GroupError::UnknownMember);
    assert!(world.log.is_empty(), "nothing of it was ever kept");
}

#[test]
fn a_silent_member_is_removed_and_the_others_go_on() {
    let mut world = World::new();
    let a = world.alone(join(""));
    let token = world.ask(GroupRequest::Join(join("")));
    let again = world.ask(GroupRequest::Join(join(a.member.as_str())));
    let (_, first) = world.joined(again);
    let (b, _) = world.joined(token);
    let a = of(&a.member, &first);
    world.ask(sync(&a, &[]));
    world.pass(i64::from(SESSION_MS) - 1);
    let heartbeat = world.call(GroupRequest::Heartbeat(a.clone()));
    assert_eq!(heartbeat, Ok(GroupReply::Heartbeat));
    world.pass(1);
    assert_eq!(world.describe().members.len(), 1, "{b} said nothing");
    let heartbeat = world.call(GroupRequest::Heartbeat(a.clone()));
    assert_eq!(heartbeat, Err(GroupError::RebalanceInProgress));
    let again = world.ask(GroupRequest::Join(join(a.member.as_str())));
    let (_, joined) = world.joined(again);
    assert_eq!(joined.generation.get(), first.generation.get() + 1);
}

#[test]
fn a_member_that_does_not_join_in_time_is_out() {
    let mut world = World::new();
    let a = world.alone(join(""));
    let token = world.ask(GroupRequest::Join(join("")));
    for _ in 0..REBALANCE_MS / 5_000 {
        world.pass(5_000);
        let heartbeat = GroupRequest::Heartbeat(a.clone());
        world.ask(heartbeat);
    }
    let (b, joined) = world.joined(token);
    assert_eq!(joined.leader, b);
    let heartbeat = world.call(GroupRequest::Heartbeat(a));
    assert_eq!(heartbeat, Err(GroupError::UnknownMember));
}

#[test]
fn members_that_never_sync_are_out_after_the_rebalance_timeout() {
    let mut world = World::new();
    let token = world.ask(GroupRequest::Join(join("")));
    let (a, joined) = world.joined(token);
    let a = of(&a, &joined);
    for _ in 0..REBALANCE_MS / 5_000 {
        world.ask(GroupRequest::Heartbeat(a.clone()));
        world.pass(5_000);
    }
    assert_eq!(world.describe().state, GroupState::Empty);
}

#[test]
fn the_first_members_are_waited_for() {
    let mut world = World::with(GroupConfig::default());
    let a = world.ask(GroupRequest::Join(join("")));
    world.pass(2_900);
    let b = world.ask(GroupRequest::Join(join("")));
    world.pass(100);
    assert_eq!(world.answer(a), None, "prolonged, as one more came");
    world.pass(3_000);
    assert_eq!(world.joined(a).1.generation, Generation::new(1));
    assert_eq!(world.joined(b).1.generation, Generation::new(1));
}

#[test]
fn the_first_members_wait_no_longer_than_a_rebalance_may_take() {
    let mut world = World::with(GroupConfig::default());
    let a = world.ask(GroupRequest::Join(join("")));
    world.ask(GroupRequest::Join(join("")));
    // The core is busy, so that each part of the wait ends late.
    world.pass(i64::from(REBALANCE_MS) - 1_000);
    assert_eq!(world.answer(a), None, "prolonged, as one more came");
    world.ask(GroupRequest::Join(join("")));
    world.pass(1_000);
    assert_eq!(world.joined(a).1.members.len(), 3);
}

#[test]
fn a_static_member_restarts_without_a_rebalance() {
    let mut world = World::new();
    let old = world.alone(join_static("i"));
    let token = world.ask(GroupRequest::Join(join_static("i")));
    let (new, joined) = world.joined(token);
    assert_ne!(new, old.member);
    assert_eq!(joined.generation, old.generation);
    assert!(joined.skip_assignment && joined.leader == new);
    let gets = world.ask(sync(&of(&new, &joined), &[]));
    assert_eq!(assignment(world.answer(gets)), "all");
    let zombie = MemberOf {
        instance: Some(InstanceId::new("i")),
        ..old
    };
    let heartbeat = world.call(GroupRequest::Heartbeat(zombie.clone()));
    assert_eq!(heartbeat, Err(GroupError::FencedInstance));
    let late = world.call(commit(zombie, "t", 1));
    assert_eq!(late, Err(GroupError::FencedInstance));
}

#[test]
fn static_members_alone_are_waited_for_and_can_be_removed() {
    let mut world = World::new();
    let of = world.alone(join_static("i"));
    // An administrator removes it by its instance id alone.
    let leaving = LeavingMember {
        member: MemberId::new(""),
        instance: Some(InstanceId::new("i")),
    };
    let left = world.call(GroupRequest::Leave(vec![leaving]));
    assert!(matches!(left, Ok(GroupReply::Leave(members)) if members[0].2.is_ok()));
    let heartbeat = world.call(GroupRequest::Heartbeat(of));
    assert_eq!(heartbeat, Err(GroupError::UnknownMember));
    assert_eq!(world.describe().state, GroupState::Empty);
}

#[test]
fn floods_end_at_the_groups_limits() {
    let mut world = World::with(GroupConfig {
        members_max: 3,
        group_bytes_max: 100,
        groups_max: 2,
        ..GroupConfig::default()
    });
    for _ in 0..3 {
        let join = JoinGroup {
            requires_known_member: true,
            ..join("")
        };
        let token = world.ask(GroupRequest::Join(join));
        assert_eq!(world.refused(token).1, GroupError::MemberIdRequired);
    }
    let token = world.ask(GroupRequest::Join(join("")));
    assert_eq!(world.refused(token).1, GroupError::GroupFull);
    let bomb = JoinGroup {
        protocols: vec![("range".to_owned(), Bytes::from(vec![0; 101]))],
        ..join("")
    };
    let token = world.ask_of(&GroupId::new("bombed"), GroupRequest::Join(bomb));
    assert_eq!(world.refused(token).1, GroupError::GroupFull);
    world.ask_of(&GroupId::new("second"), GroupRequest::Join(join("")));
    let token = world.ask_of(&GroupId::new("third"), GroupRequest::Join(join("")));
    assert_eq!(world.refused(token).1, GroupError::GroupFull);
    for session_timeout_ms in [0, -1, 5_999, i32::MAX] {
        let join = JoinGroup {
            session_timeout_ms,
            ..join("")
        };
        let token = world.ask(GroupRequest::Join(join));
        assert_eq!(world.refused(token).1, GroupError::InvalidSessionTimeout);
    }
}
