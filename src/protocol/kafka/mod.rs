//! The Apache Kafka protocol.
