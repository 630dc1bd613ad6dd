//! corelane: a log-streaming engine that speaks the Kafka protocol.
//!
//! One idea: **one core, one lane.** A partition belongs to exactly one core for as long as the
//! process lives. That core alone owns its files, its indexes, its watermark and its waiting
//! readers. Nothing is shared, so nothing is locked.

pub mod broker;
pub mod cli;
pub mod client;
pub mod config;
pub mod coordinator;
pub mod partition;
pub mod protocol;
pub mod record;
pub mod runtime;
pub mod shard;
pub mod storage;
pub mod topic;
pub mod types;
pub mod wire;
