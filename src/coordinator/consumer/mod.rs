//! Groups of the consumer protocol (KIP-848): members tell what they want and have with every
//! heartbeat, the coordinator decides who gets what and moves partitions one member at a time.
//!
//! The group's epoch rises with what members want; a target assignment is computed for that
//! epoch; each member is led to its part of it in steps: what it is to give up first, then what
//! others have given up.
//!
//! Invariants:
//! - A partition is assigned to one member at a time, and counts as its own until the member has
//!   said that it gave it up, or is gone.
//! - Whatever a heartbeat changes is kept before it is answered.

mod assignment;
mod assignor;
mod group;
mod heartbeat;
mod member;
mod reconcile;
#[cfg(test)]
mod tests;

pub use assignment::Assignment;
pub use assignor::Assignor;
pub(super) use group::ConsumerGroup;
