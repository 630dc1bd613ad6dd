//! Blocking sockets, threads and clocks under the client's cores.
//!
//! A [`Cluster`] holds one connection per broker: the caller's thread writes, one thread per
//! connection reads, so a broker that answers slowly never stops another, and a peer that does not
//! read what we send never deadlocks with us. All answers meet in one channel.

#![expect(
    clippy::disallowed_methods,
    reason = "the client's place of clocks, threads and sockets"
)]

mod admin;
mod clock;
mod cluster;
mod consumer;
mod groups;
mod link;
mod producer;
mod refresh;

pub use admin::LogEnd;
pub use clock::Clock;
pub use cluster::{Cluster, ClusterConfig, Event};
pub use consumer::BlockingConsumer;
pub use producer::BlockingProducer;
