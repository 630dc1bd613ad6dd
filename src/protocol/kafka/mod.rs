//! The Apache Kafka protocol: [`messages`] says how its messages lie on the wire, [`api`] what a
//! broker does with them.

pub mod api;
pub mod messages;
