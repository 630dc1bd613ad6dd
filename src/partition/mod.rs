//! One partition's rules over its log: what an ack means, what may be read, whose sequence is next.
//!
//! Invariants:
//! - An ack says what was asked: a durable append is answered only when a sync that began after it
//!   has ended well.
//! - The high watermark never moves back; with `durability=fsync` it never passes what is synced.
//! - Batches are appended in the order they were offered, waiting ones included, so one producer's
//!   batches keep theirs.
//! - A duplicate is answered with its original's offset, and not before the original is durable.
//! - A deletion of records is answered once the log's new start is durable.
//! - After a failed sync the partition takes nothing more.

mod admission;
mod append;
mod delete_error;
mod deletions;
mod outcome;
mod overflow;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the layer is named for"
)]
mod partition;
mod read;
#[cfg(test)]
mod tests;
mod upkeep;

pub use append::{AppendError, Appended, Offered};
pub use delete_error::DeleteError;
pub use outcome::Outcome;
pub use partition::{Partition, PartitionConfig};
pub use read::{ReadError, ReadRange, SeekTarget};
