//! What a codec of the Kafka protocol needs, and nothing of any message.
//!
//! - [`Reader`] walks bytes that a peer sent; every length and count is checked against the bytes
//!   that are left *before* anything is done with it, and nothing is copied.
//! - [`Writer`] lays out a message around record data that stays where it is: a message becomes a
//!   list of [`Chunk`]s.
//! - `message!` turns a list of fields, types and version ranges into a struct that decodes and
//!   encodes itself in every version of the API.
//!
//! Invariants: decoding takes no memory at all; an [`Array`] that was decoded has been walked to
//! its end, so iterating over it cannot fail.

mod array;
mod error;
mod message;
mod reader;
mod records;
mod value;
mod writer;

pub use array::{Array, ArrayIter};
pub use error::{EncodeError, WireError};
pub use message::Message;
pub(crate) use message::message;
pub use reader::Reader;
pub use records::Records;
pub use value::{Format, Struct, Value};
pub use writer::{Chunk, Writer};
