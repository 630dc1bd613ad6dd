//! One core's whole state: `step(event) -> effects`.
//!
//! A shard owns its connections, the operations that its clients wait for, and the partitions that
//! are placed on its core. It is synchronous and knows no clock, no socket, no thread: the runtime
//! executes its effects on a real machine, the simulator on a pretended one, and both see the same
//! behaviour.
//!
//! Invariants:
//! - Responses leave a connection in the order of their requests.
//! - The body of a frame is read only when its memory is reserved; a core without any frame under
//!   way admits one of the largest size. A message to another core never waits. So no cycle of
//!   waiting exists.
//! - A step appends about `append_bytes_per_step_max`, whatever waits; what is over goes on in a
//!   later step, in order, before the shard stops.
//! - Work for a partition of this core takes the same path whether this or another core asks.

mod boot;
mod burials;
mod catalog;
mod commit;
mod compactor;
mod connections;
mod coordinators;
mod deadlines;
mod deletions;
mod disk;
mod effect;
mod event;
mod fetches;
mod in_flight;
mod inquiries;
mod memory;
mod message;
mod operations;
mod owner;
mod pace;
mod partition_config;
mod registrar;
mod rehearsal;
mod scrub;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the layer is named for"
)]
mod shard;
mod stop;
#[cfg(test)]
mod testing;
mod turn;
mod upkeep;
mod watches;

pub use crate::types::Now;
pub use boot::{Boot, BootError, read_catalog, write_catalog};
pub use effect::Effect;
pub use event::Event;
pub use message::Message;
pub use partition_config::partition_config;
pub use rehearsal::{Rehearsed, rehearse};
pub use shard::Shard;
