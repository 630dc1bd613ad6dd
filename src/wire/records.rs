use super::{EncodeError, Format, Reader, Value, WireError, Writer};
use bytes::Bytes;

/// The record data of a message, never copied by the codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records<'a> {
    /// Part of the frame that was read. (Writing this form copies it; brokers never do.)
    Borrowed(&'a [u8]),
    /// Data of the caller's, put in place when the message is sent.
    External {
        /// What the caller calls the data; comes back in [`super::Chunk::External`].
        index: usize,
        /// Its length in bytes.
        length: u32,
    },
}

impl Records<'_> {
    /// The length in bytes.
    pub const fn length(&self) -> usize {
        match self {
            Self::Borrowed(bytes) => bytes.len(),
            Self::External { length, .. } => *length as usize,
        }
    }

    /// The data as a share of the frame it was read from, without a copy.
    ///
    /// # Panics
    /// If this is not what decoding `frame` yielded.
    pub fn share(&self, frame: &Bytes) -> Bytes {
        match self {
            Self::Borrowed(bytes) => frame.slice_ref(bytes),
            Self::External { .. } => panic!("only decoded records are part of a frame"),
        }
    }
}

impl<'a> Value<'a> for Option<Records<'a>> {
    fn size_min(format: Format) -> usize {
        Option::<&[u8]>::size_min(format)
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        let bytes: Option<&'a [u8]> = Value::read(reader, format)?;
        Ok(bytes.map(Records::Borrowed))
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        writer.length(self.map(|records| records.length()), format.flexible)?;
        match *self {
            None => {}
            Some(Records::Borrowed(bytes)) => writer.bytes(bytes),
            Some(Records::External { index, length }) => writer.external(index, length),
        }
        Ok(())
    }
}
