//! The runtime with a lane that stands in for the shard: sockets, order, backpressure, time and
//! the end. Only loopback; nothing here asserts on a duration but for generous upper bounds.

mod client;
mod echo;
mod echo_lane;
mod lifecycle;
mod pressure;
mod timing;
