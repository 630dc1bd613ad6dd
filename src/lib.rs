//! corelane: a log-streaming engine that speaks the Kafka protocol.
//!
//! One idea: **one core, one lane.** A partition belongs to exactly one core for as long as the
//! process lives. That core alone owns its files, its indexes, its watermark and its waiting
//! readers. Nothing is shared, so nothing is locked.
//!
//! # Map
//!
//! Lowest first. A layer uses those under it, never one above (`tests/tidy` holds that).
//!
//! | module | one responsibility |
//! |---|---|
//! | [`types`] | the vocabulary: a type for every offset, id, epoch and time |
//! | [`config`] | every default and limit, checked once; any layer may use it |
//! | [`wire`] | bounded reader, vectored writer, the message macro |
//! | [`record`] | record batches: checked view, builder, iterator, compression |
//! | [`storage`] | files: segments, indexes, log, recovery, checkpoints; disks real and in memory |
//! | [`topic`] | which topics exist, how they are set, which core owns which partition |
//! | [`partition`] | rules over a log: acks, high watermark, idempotence |
//! | [`broker`] | operations in no protocol's words: request, split over cores, merged response |
//! | [`protocol`] | Kafka's messages, and their translation to operations |
//! | [`client`] | sans-IO clients, and sockets under them |
//! | [`shard`] | one core's whole state: `step(event) -> effects` |
//! | [`import`] | takes over the data directory of an Apache Kafka |
//! | [`runtime`] | executes effects: executors, sockets, mesh, disk calls, clock |
//! | [`cli`] | one subcommand each |
//!
//! # A request's way
//!
//! `runtime` reads a frame's length, and its body once the shard has reserved memory for it. The
//! shard has `protocol::kafka::api` turn the bytes into a [`broker::Request`], starts the
//! operation, and sends its questions to the cores that own the partitions: by a message to
//! another core, by its own queue to itself. There `partition` appends to or plans a read of its
//! `storage` log. The replies are merged, the response leaves in its slot's turn, and record bytes
//! in it are ranges of mapped segments that no one copied.
//!
//! # What always holds
//!
//! - An ack says what was asked: durable means on the device, received means in the page cache.
//! - The high watermark never moves back, and an offset below it is never given twice.
//! - Batches of one producer to one partition keep their order; duplicates get the original's
//!   offset, once the original is durable.
//! - After a failed sync a partition takes nothing until the next start: a second sync would lie.
//! - Every length, count and compression ratio from outside is bounded before memory is taken.
//! - Below `runtime` everything is synchronous, single-threaded and free of clocks, randomness,
//!   sockets and threads, so that a simulator can run it by seed.

pub mod broker;
pub mod cli;
pub mod client;
pub mod config;
pub mod coordinator;
pub mod import;
pub mod partition;
pub mod protocol;
pub mod record;
pub mod runtime;
pub mod shard;
pub mod storage;
pub mod topic;
pub mod types;
pub mod wire;
