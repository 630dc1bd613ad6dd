//! The storage layer from outside: one partition's log on simulated and real disks.

mod faults;
mod format;
mod log;
mod model;
mod partition;
mod recovery;
