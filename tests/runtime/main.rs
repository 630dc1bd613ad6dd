//! The runtime with a lane that stands in for the shard: sockets, order, backpressure, time and
//! the end. Only loopback; nothing here asserts on a duration but for generous upper bounds.

#![expect(
    clippy::disallowed_methods,
    reason = "clients have sockets, threads and clocks"
)]
#![expect(clippy::unwrap_used, reason = "a test that fails names its line")]

mod client;
mod echo;
mod echo_lane;
mod files;
mod lifecycle;
mod pressure;
mod quiet;
mod timing;
