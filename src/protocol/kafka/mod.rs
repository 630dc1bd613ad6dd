//! The Apache Kafka protocol.

pub mod messages;
