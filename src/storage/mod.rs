//! Files: segments, indexes, log, recovery, retention, checkpoints.

pub mod call;
pub mod catalog_file;
pub mod disk;
pub mod log;
pub mod mapping;
pub mod producer_state;

pub use disk::{Disk, File, FileRef, OpenMode};
pub use log::FileRange;
