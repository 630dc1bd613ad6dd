//! Members of groups: they join, read what they are assigned, as far as they are told that it can be
//! read, commit that, and go, die or sleep too long.

mod admin;
mod assigning;
mod classic;
mod consumer;
pub(crate) mod offsets;
mod reading;

use super::{Client, Context};
use crate::group_plan::{GroupPlan, GroupsPlan, Protocol};
use crate::history::{History, Membership, Spot};
use crate::topics::Stage;
use admin::GroupAdmin;
use classic::ClassicMember;
use consumer::ConsumerMember;
use corelane::protocol::kafka::messages::ErrorCode;
use corelane::types::Instant;
use std::time::Duration;

fn code_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or_else(|| panic!("unknown error code {code}"))
}

fn after(now: Instant, ms: i32) -> Instant {
    now.after(Duration::from_millis(ms as u64))
}

/// Topics that a member subscribes to from now on: most want the lasting ones.
fn draw_subscription(context: &mut Context<'_>) -> Vec<String> {
    let draining = context.draining;
    let mut topics = Vec::new();
    for topic in &context.topics.all {
        let wanted = topic.lasting || (!draining && context.rng.u8(..3) == 0);
        if topic.stage == Stage::Live && wanted && topics.len() < 3 {
            topics.push(topic.name.clone());
        }
    }
    topics.sort();
    topics
}

/// The partitions of a live topic.
pub(crate) fn spots_of(name: &str, topics: &crate::topics::Topics) -> Vec<Spot> {
    let Some(at) = topics.live_named(name) else {
        return Vec::new();
    };
    let partitions = topics.all[at].partitions;
    (0..partitions).map(|index| (at, index)).collect()
}

/// Something that befalls a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// Its process dies; another takes its place.
    Death,
    /// It leaves, and comes back.
    Leave,
    /// It is stopped for that many milliseconds.
    Sleep(i32),
    /// Its connection breaks.
    Break,
}

impl Fit {
    fn draw(plan: &GroupPlan, context: &mut Context<'_>) -> Option<Self> {
        let often = if plan.stormy { 25 } else { 90 };
        if context.draining || context.rng.u32(..often) > 0 {
            return None;
        }
        Some(match context.rng.u8(..5) {
            0 => Self::Death,
            1 => Self::Leave,
            2 | 3 => {
                let most = plan.session_ms.max(plan.rebalance_ms) * 2;
                Self::Sleep(context.rng.i32(100..most))
            }
            _ => Self::Break,
        })
    }
}

/// The members of groups, and who looks after them.
pub(crate) fn add_members(
    plan: &GroupsPlan,
    clients: &mut Vec<Box<dyn Client>>,
    history: &mut History,
    rng: &mut fastrand::Rng,
) {
    for group in &plan.groups {
        for _ in 0..group.members {
            let client = clients.len();
            clients.push(match group.protocol {
                Protocol::Consumer => Box::new(ConsumerMember::new(client, group, rng)),
                _ => Box::new(ClassicMember::new(client, group, rng)),
            });
        }
        let has_epochs = group.protocol == Protocol::Consumer;
        let membership = Membership::new(has_epochs, plan.expires);
        history.members.push(membership);
    }
    history.commits.expire = plan.expires;
    clients.push(Box::new(GroupAdmin::new(clients.len(), plan)));
}
