//! Executes the effects of shards, and nothing else: executors, sockets, the mesh between cores,
//! disk calls and the clock. The only folder that knows glommio.
//!
//! One thread and one io_uring executor per core. Everything of a core (its lane, its connections,
//! its alarm) is touched by that thread alone; other threads reach it through one inbox, which a
//! task of a queue of its own empties, so that a busy core hears them within its latency goal.
//!
//! What holds throughout:
//! - a lane is stepped by one call at a time and never from within a step;
//! - no wait on a socket is abandoned: a connection ends by `shutdown`, which completes the waits,
//!   and its tasks run to their end before the executor stops (pending ones would leak);
//! - every loop gives way after each request and after at most 256 KiB;
//! - memory follows the bytes that arrived, never the length that a peer announced.

#![expect(
    clippy::disallowed_methods,
    reason = "the place of clocks, threads and sockets"
)]

mod acceptor;
mod alarm;
mod broker;
mod clock;
mod connection;
mod core;
mod disk_pool;
mod engine;
mod error;
mod executor;
mod incoming;
mod lane;
mod listeners;
mod local_wake;
mod mesh;
mod outgoing;
mod quiet;
mod run_queue;
mod signals;
mod socket;
mod stats;
mod watchdog;

pub use broker::{Broker, Settings, StopHandle};
pub use engine::{Engine, EngineError};
pub use error::StartError;
pub use lane::Lane;
pub use listeners::{Addresses, Listeners};
pub use signals::on_stop_signal;
pub use stats::{CoreStats, CoreStatsSnapshot};
