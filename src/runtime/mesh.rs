//! How other threads reach a core: one inbox each, FIFO per sender, awaited by one task.

use crate::shard::Message;
use crate::storage::call::DiskReply;
use crate::types::{ConnectionId, CoreId, IoId};
use async_channel::{Receiver, Sender};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What arrives at a core from outside its thread.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A message of another core's lane.
    FromCore { from: CoreId, message: Message },
    /// A client connected and this core is to serve it.
    Accepted(Accepted),
    /// Connections that wait together have something to read.
    Spoke(Vec<ConnectionId>),
    /// A disk call ended.
    DiskDone {
        io: IoId,
        result: io::Result<DiskReply>,
    },
    /// The lane gave its turn to whatever else waited here.
    Resume,
    /// The process ends: tell the lane.
    Stop,
    /// Every lane has stopped: end the connections and return.
    AllStopped,
}

/// A connection on its way from the acceptor to its core.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) socket: OwnedFd,
    pub(super) peer: SocketAddr,
    /// Whether the client came to the core's own address.
    pub(super) own_node: bool,
}

/// The way to every core's inbox.
#[derive(Debug, Clone)]
pub(super) struct Mesh {
    inboxes: Arc<[Sender<Inbound>]>,
}

impl Mesh {
    /// Makes the inboxes of all cores: the way to them, and their receiving ends in core order.
    pub(super) fn new(cores: u16) -> (Self, Vec<Receiver<Inbound>>) {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..cores).map(|_| async_channel::unbounded()).unzip();
        let mesh = Self {
            inboxes: senders.into(),
        };
        (mesh, receivers)
    }

    /// Puts something into a core's inbox. Never waits: what lanes send each other is bounded by
    /// the requests they admit. A core that has ended takes nothing any more.
    pub(super) fn send(&self, to: CoreId, inbound: Inbound) {
        let inbox = self
            .inboxes
            .get(to.index())
            .expect("lanes address cores that exist");
        if inbox.try_send(inbound).is_err() {
            log::debug!("core {to} has ended and takes nothing any more");
        }
    }

    /// Puts the same thing into every inbox.
    pub(super) fn broadcast(&self, inbound: fn() -> Inbound) {
        for core in 0..self.inboxes.len() {
            self.send(CoreId::new(core as u16), inbound());
        }
    }
}
