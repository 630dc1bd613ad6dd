//! The Kafka codec against another implementation of it, the `kafka-protocol` crate, and against
//! bytes that mean harm.

mod draw;
mod hostile;
mod oracle;
mod records;
mod versions;

use bytes::Bytes;
use corelane::wire::{Chunk, EncodeError, Message, Writer};

/// Writes a message whole.
pub(crate) fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    let chunks = writer.finish()?;
    Ok(match chunks.as_slice() {
        [] => Bytes::new(),
        [Chunk::Bytes(bytes)] => bytes.clone(),
        other => panic!("no record data was referred to: {other:?}"),
    })
}
