//! Files: segments, indexes, log, recovery, retention, checkpoints.

pub mod disk;
pub mod mapping;

pub use disk::{Disk, File, FileRef, OpenMode};
