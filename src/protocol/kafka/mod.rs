//! The Apache Kafka protocol.

pub mod api;
pub mod messages;
