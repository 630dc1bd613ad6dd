use crate::storage::FileRef;
use crate::types::Position;
use bytes::Bytes;

/// A piece of a response on its way to a socket.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a segment, sent from its mapping without a copy. The range is populated.
    File {
        /// The segment; its mapping lives at least as long as this part.
        file: FileRef,
        /// The first byte.
        position: Position,
        /// How many bytes.
        length: u32,
    },
}

impl Part {
    /// How many bytes this part adds to the response.
    pub fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File { length, .. } => *length as usize,
        }
    }
}
