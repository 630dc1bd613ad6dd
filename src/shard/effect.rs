//! What a shard wants done.

use super::message::Message;
use crate::broker::Part;
use crate::storage::call::DiskCall;
use crate::types::{ConnectionId, CoreId, IoId, SlotId};

/// One thing to do; the runtime does it, the simulator pretends to.
#[derive(Debug)]
pub enum Effect {
    /// Read the body of the frame announced last on this connection. Memory for it is reserved.
    Admit {
        /// Where.
        connection: ConnectionId,
        /// The slot to hand back with the frame.
        slot: SlotId,
        /// The checked length in bytes.
        length: u32,
    },
    /// Write these parts, which include the length prefix. Emitted in slot order per connection.
    /// Empty for a request that gets no answer; `Event::Sent` follows all the same.
    Respond {
        /// Where.
        connection: ConnectionId,
        /// Whose response.
        slot: SlotId,
        /// The bytes, in order.
        parts: Vec<Part>,
    },
    /// End the connection once everything responded before is written. `Event::Closed` follows.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why, for the log.
        reason: String,
    },
    /// Hand a message to another core. Never waits; FIFO per pair of cores.
    Send {
        /// The receiver, never the sender itself.
        to: CoreId,
        /// What to say.
        message: Message,
    },
    /// Perform a disk call off the core. `Event::DiskDone` follows, in any order.
    Disk {
        /// Names the call in its completion.
        io: IoId,
        /// What to do.
        call: DiskCall,
    },
    /// Let others have their turn. `Event::Resume` follows soon.
    Yield,
    /// Everything is flushed; nothing follows.
    Stopped,
}
