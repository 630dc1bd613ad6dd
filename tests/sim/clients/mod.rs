//! The clients: each does one thing at a time when it is its turn, and takes what arrives.

mod admin;
mod consumer;
mod deletion;
mod groups;
mod hostile;
mod link;
mod producer;
mod session;
mod verdict;

pub(crate) use admin::Admin;
pub(crate) use consumer::{Consumer, read_records};
pub(crate) use groups::offsets::{Fetching, by_topic};
pub(crate) use groups::{add_members, spots_of};
pub(crate) use hostile::Hostile;
pub(crate) use link::{Answer, Link, encode};
pub(crate) use producer::Producer;

use crate::disturbance::Trouble;
use crate::history::History;
use crate::network::{Delivery, Network};
use crate::topics::Topics;
use corelane::config::Nodes;
use corelane::types::{Instant, Now};
use std::fmt::Debug;

/// What a client may look at and touch when it is its turn.
pub(crate) struct Context<'a> {
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) now: Now,
    pub(crate) network: &'a mut Network,
    pub(crate) history: &'a mut History,
    pub(crate) topics: &'a mut Topics,
    pub(crate) nodes: Nodes,
    /// Nothing new is to be begun.
    pub(crate) draining: bool,
    pub(crate) trouble: Trouble,
}

pub(crate) trait Client: Debug {
    /// Does the next thing.
    fn act(&mut self, context: &mut Context<'_>);
    /// Takes a response.
    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>);
    /// The connection is gone, and with it what was asked for.
    fn hung_up(&mut self, context: &mut Context<'_>);
    /// Why this client is not content although the broker has nothing left to do and no time
    /// passes, if so.
    fn complaint(&self, context: &mut Context<'_>) -> Option<String>;
    /// Whether it has nothing left to do once [`Context::draining`] is set.
    fn is_done(&self) -> bool;
    /// When it wants to act at the latest.
    fn alarm(&self) -> Option<Instant> {
        None
    }
}
