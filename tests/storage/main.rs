//! The storage layer from outside: one partition's log on simulated and real disks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compacted;
mod compaction;
mod compaction_faults;
mod faults;
mod format;
mod journal;
mod journaled;
mod log;
mod model;
mod partition;
mod recovery;
mod replay;
mod retention;
mod ring;
mod rolling;
