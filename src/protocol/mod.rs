//! Wire protocols.

pub mod kafka;
