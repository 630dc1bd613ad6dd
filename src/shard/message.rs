//! What cores say to each other.

/// A message from one core to another.
#[derive(Debug)]
pub enum Message {
    /// Placeholder.
    Bytes(bytes::Bytes),
}
