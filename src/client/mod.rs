//! A Kafka client: sans-IO cores, and blocking sockets under them.
//!
//! - [`connection`]: one connection's requests and answers, versions negotiated (KIP-511);
//! - [`metadata`]: which broker leads which partition;
//! - [`producer`]: batches, sequences, retries that keep order;
//! - [`consumer`]: positions, fetches, leader changes;
//! - [`admin`]: topics and their settings;
//! - [`groups`]: groups of consumers and their offsets;
//! - [`transport`]: sockets, time and threads, which nothing else here knows.
//!
//! The cores take events (an answer, a lost connection, the time) and yield calls to make. So every
//! order of events, also the rare ones, is a plain unit test.
//!
//! Invariants: a length that a broker sends is bounded before memory follows it; whatever is sent
//! for a partition keeps its order through retries and changes of leader.

pub mod admin;
mod broker_error;
pub mod connection;
pub mod consumer;
mod error;
pub mod groups;
pub mod metadata;
pub mod producer;
mod request;
pub mod transport;
mod versions;

pub use broker_error::BrokerCode;
pub use error::ClientError;
pub use request::Request;
pub use versions::Versions;
