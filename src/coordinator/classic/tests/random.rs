//! Random clients against a coordinator.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What random clients do.
#[derive(Debug, Clone)]
enum Act {
    Join {
        known: usize,
        requires: bool,
        instance: Option<u8>,
    },
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize, i64),
    Pass(i64),
    Delete,
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..8_usize, any::<bool>(), proptest::option::of(0..2_u8))
            .prop_map(|(known, requires, instance)| Act::Join { known, requires, instance }),
        4 => (0..8_usize).prop_map(Act::Sync),
        2 => (0..8_usize).prop_map(Act::Heartbeat),
        1 => (0..8_usize).prop_map(Act::Leave),
        2 => (0..8_usize, 0..1_000_i64).prop_map(|(who, offset)| Act::Commit(who, offset)),
        2 => (1..40_000_i64).prop_map(Act::Pass),
        1 => Just(Act::Delete),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 1..120)
}

proptest! {
    /// Whatever clients do: what was kept gives the same group back, questions are answered once,
    /// and once everybody is silent every question has been answered.
    #[test]
    fn what_is_kept_is_what_clients_were_told(acts in acts()) {
        let mut world = World::new();
        let mut known: Vec<MemberOf> = Vec::new();
        let mut asked: BTreeSet<GroupToken> = BTreeSet::new();
        for act in acts {
            let one = |index: usize| known.get(index % known.len().max(1)).cloned();
            let request = match act {
                Act::Join { known: index, requires, instance } => {
                    let member = one(index).filter(|_| instance.is_none());
                    let member = member.map_or(MemberId::new(""), |of| of.member);
                    Some(GroupRequest::Join(JoinGroup {
                        member,
                        instance: instance.map(|number| InstanceId::new(&format!("i{number}"))),
                        requires_known_member: requires,
                        ..join("")
                    }))
                }
                Act::Sync(index) => one(index).map(|of| {
                    let everyone: Vec<_> = known.iter().map(|of| (&of.member, "some")).collect();
                    sync(&of, &everyone)
                }),
                Act::Heartbeat(index) => one(index).map(GroupRequest::Heartbeat),
                Act::Leave(index) => one(index).map(|of| {
                    let instance = None;
                    GroupRequest::Leave(vec![LeavingMember { member: of.member, instance }])
                }),
                Act::Commit(index, offset) => one(index).map(|of| commit(of, "t", offset)),
                Act::Delete => Some(GroupRequest::Delete),
                Act::Pass(milliseconds) => {
                    world.pass(milliseconds);
                    None
                }
                Act::Restart => {
                    // Their clients lose the connection and get no answer.
                    asked.clear();
                    world.restart();
                    None
                }
            };
            if let Some(request) = request {
                let token = world.ask(request);
                asked.insert(token);
            }
            for (token, result) in std::mem::take(&mut world.answers) {
                asked.remove(&token);
                if let Ok(GroupReply::Join(JoinReply { member, result })) = result {
                    let generation = result.map_or(Generation::new(0), |joined| joined.generation);
                    known.retain(|of| of.member != member);
                    known.push(MemberOf { generation, member, instance: None });
                }
            }
            let described = world.call(GroupRequest::Describe);
            let offset = world.committed("t");
            let stable = matches!(&described, Ok(GroupReply::Describe(group))
                if group.state == GroupState::Stable);
            let mut again = Coordinator::new(world.config.clone(), catalog(), world.now, 9);
            for record in &world.log {
                again.replay(&record.key, record.value.as_deref()).expect("our own record");
            }
            let live = std::mem::replace(&mut world.coordinator, again);
            prop_assert_eq!(world.committed("t"), offset);
            if stable {
                prop_assert_eq!(world.call(GroupRequest::Describe), described);
            }
            world.coordinator = live;
        }
        for _ in 0..20 {
            world.pass(60_000);
        }
        let answered = std::mem::take(&mut world.answers);
        let silent: Vec<_> = asked.iter().filter(|token| !answered.contains_key(token)).collect();
        prop_assert!(silent.is_empty(), "{silent:?} were never answered");
    }
}
