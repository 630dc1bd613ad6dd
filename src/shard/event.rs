//! What happens to a shard.

use super::message::Message;
use crate::storage::call::DiskReply;
use crate::types::{ConnectionId, CoreId, IoId, SlotId};
use bytes::Bytes;
use std::io;

/// One thing that happened; the runtime or the simulator hands it to `Shard::step`.
#[derive(Debug)]
pub enum Event {
    /// A client connected; the executor chose an id that it never uses again.
    Opened {
        /// The new connection.
        connection: ConnectionId,
        /// The peer's address, for messages to people.
        peer: String,
        /// The address of ours that the client connected to tells which node it believes to talk
        /// to: `false` on the shared listener, `true` on this core's own (`--nodes per-core`).
        own_node: bool,
    },
    /// The four length bytes of a frame arrived. Its body is not read before `Effect::Admit`.
    Announced {
        /// Where.
        connection: ConnectionId,
        /// The length as sent, not checked yet.
        length: i32,
    },
    /// The body of an admitted frame arrived.
    Frame {
        /// Where.
        connection: ConnectionId,
        /// The slot given by `Effect::Admit`.
        slot: SlotId,
        /// The frame without its length prefix.
        bytes: Bytes,
    },
    /// A response left for the socket whole.
    Sent {
        /// Where.
        connection: ConnectionId,
        /// Whose response.
        slot: SlotId,
    },
    /// The connection is gone, whichever side ended it. Last event of a connection.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A message from another core (FIFO per pair of cores).
    FromCore {
        /// The sender.
        from: CoreId,
        /// What it says.
        message: Message,
    },
    /// A disk call ended.
    DiskDone {
        /// Which.
        io: IoId,
        /// How.
        result: io::Result<DiskReply>,
    },
    /// The turn that `Effect::Yield` gave away has come back.
    Resume,
    /// Time passed: `Shard::next_deadline` was reached.
    Tick,
    /// The process ends: flush, write checkpoints, then answer with `Effect::Stopped`.
    Stop,
}
