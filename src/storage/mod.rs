//! Files: segments of record batches as they came, their indexes, checkpoints, and what brings a
//! partition back after any stop. `FORMAT.md` beside this file specifies every byte on disk.
//!
//! - [`disk`] is what the storage asks of a file system; [`real_disk`] is the machine's,
//!   [`memory_disk`] one for tests that loses what was not synced, [`scratch_disk`] one that forgets
//!   what is written to it.
//! - [`call`] holds what may block, as values: performed off the core, completed in any order.
//! - [`journal`] makes what was appended durable before its segment is.
//! - [`compaction`] keeps the newest record of each key.
//! - [`log`] is one partition's log: it appends, reads, syncs, rolls, expires and recovers.
//! - [`log_copy`] writes one out of segments that another broker left.
//! - [`producer_state`] keeps idempotent producers from appending twice.
//!
//! Nothing here knows a clock, a thread or a socket; time comes as an argument.

pub mod aligned;
mod batch_walk;
pub mod call;
pub mod catalog_file;
pub mod checkpoint;
mod chunk_checksums;
pub mod compaction;
pub mod data_directory;
pub mod disk;
mod envelope;
pub mod epoch_history;
mod generated;
mod index;
pub mod journal;
pub mod log;
pub mod log_copy;
pub mod mapping;
pub mod memory_disk;
pub mod producer_state;
mod range_set;
pub mod real_disk;
pub mod scratch_disk;
mod segment;
mod segment_summary;

pub use self::log::{Completed, FileRange, Log, LogConfig, ReadError, Recovered, RecoveryError};
pub use aligned::AlignedBuffer;
pub use call::{Calls, DiskCall, DiskReply, Ticket};
pub use catalog_file::{CatalogSnapshot, CatalogTombstone, CatalogTopic};
pub use data_directory::{DataDirectory, DataDirectoryError};
pub use disk::{Disk, File, FileRef, OpenMode, Volume};
pub use envelope::DecodeError;
pub use memory_disk::MemoryDisk;
pub use producer_state::{ProducerState, SequenceCheck, SequenceError};
pub use real_disk::RealDisk;
