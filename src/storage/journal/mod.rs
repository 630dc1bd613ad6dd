//! The journal: what makes acknowledgements durable at one direct write per core, however many
//! partitions they are of.
//!
//! Each core appends blocks to a ring of files, each block holding what the core's partitions
//! appended since the last one. Behind that, gently, segments are synced themselves, after which
//! the file is used again. So a journal file holds nothing that matters but what is not yet
//! durable in its segment.
//!
//! - [`block`] and [`file`] are the bytes; `FORMAT.md` specifies them.
//! - [`ring`] is the writing side: which file is written, which wait for their segments.
//! - [`replay`] is the reading side: what recovery finds in the journals of earlier starts.
//! - [`contents`] is what a file holds, for people.
//! - [`unrecovered`] keeps what a damaged partition has in a journal until it is mended.
//!
//! Every start writes under a new *incarnation*. Once a start has recovered every partition it
//! declares those before it void: an entry that was rightly dropped after one crash would
//! otherwise fit again after the next, and come back.

mod block;
mod contents;
mod file;
mod replay;
mod ring;
mod unrecovered;

pub use block::{BLOCK_BYTES_MAX, BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader};
pub use contents::{FileContents, Held, read_file};
pub use file::{FileHeader, prepare};
pub use replay::{JournalError, Journaled, Replay, remove_journals};
pub use ring::{Journal, JournalConfig, Progress, Rotation};
pub use unrecovered::{UNRECOVERED_NAME, forget_unrecovered, keep_unrecovered, with_unrecovered};

/// Positions, lengths and buffers of direct writes are multiples of this.
pub(super) use crate::storage::disk::DIRECT_ALIGNMENT as DIRECT_BYTES;

/// The directory of all journals in the data directory.
pub const JOURNAL_DIRECTORY: &str = "journal";
