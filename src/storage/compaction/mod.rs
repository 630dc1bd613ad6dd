//! Log compaction: of every key the newest record stays, older ones go, offsets are kept.
//!
//! - [`OffsetMap`] knows the newest offset of every key, within a budget of bytes.
//! - [`BatchFilter`] turns a batch into what stays of it. It touches no file.
//! - [`Compaction`] is a run over sealed segments, in bounded pieces performed off the core.
//! - [`swap`] puts a cleaned segment in the place of those that it was made of, such that a crash at
//!   any step leaves either those or the new one.
//!
//! Invariants: a record goes only if a later one of its key stays in the log, or if it is a tombstone
//! whose delete horizon has passed; survivors keep their offsets and their order; the last batch of
//! every cleaned segment stays, if need be without records, so that a segment tells where it ends.

mod filter;
mod offset_map;
mod output;
mod run;
mod source;
pub(in crate::storage) mod swap;

pub use filter::{BatchFilter, Cleaned, CompactionTerms};
pub use offset_map::{KeyHash, OffsetMap};
pub(in crate::storage) use output::Output;
pub(in crate::storage) use run::{CleanedSegment, Replacement};
pub use run::{Compaction, CompactionStage};
pub(in crate::storage) use source::Source;
