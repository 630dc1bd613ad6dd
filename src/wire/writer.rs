use super::EncodeError;
use super::reader::STRING_LENGTH_MAX;
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

/// A piece of an encoded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes that the codec wrote.
    Bytes(Bytes),
    /// Record data that the codec never saw: the caller puts its own bytes here.
    External {
        /// What the caller calls the data.
        index: usize,
        /// Its length in bytes.
        length: u32,
    },
}

/// Lays out a message; record data is referred to, not copied.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
    externals: Vec<External>,
    framed: bool,
}

/// Data of the caller that belongs between the bytes before `at` and those from it on.
#[derive(Debug)]
struct External {
    at: usize,
    index: usize,
    length: u32,
}

/// The size of the length that precedes every request and response.
const PREFIX_SIZE: usize = 4;

impl Writer {
    /// A writer of a bare message.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer of a frame: a message after its length, which [`Self::finish`] fills in.
    pub fn framed() -> Self {
        let mut buffer = BytesMut::with_capacity(256);
        buffer.extend_from_slice(&[0; PREFIX_SIZE]);
        Self {
            buffer,
            externals: Vec::new(),
            framed: true,
        }
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes a signed byte.
    pub fn i8(&mut self, value: i8) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a signed 16-bit integer.
    pub fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes an unsigned 16-bit integer.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a signed 32-bit integer.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes an unsigned 32-bit integer.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a signed 64-bit integer.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes a double.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Writes 16 bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.bytes(value.as_bytes());
    }

    /// Writes an unsigned LEB128 integer (KIP-482).
    pub fn unsigned_varint(&mut self, value: u32) {
        self.leb128(u64::from(value));
    }

    /// Writes a zigzag LEB128 integer, as records hold them.
    pub fn varint(&mut self, value: i32) {
        self.unsigned_varint(((value << 1) ^ (value >> 31)) as u32);
    }

    /// Writes a zigzag LEB128 integer, as records hold them.
    pub fn varlong(&mut self, value: i64) {
        self.leb128(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Writes the length of a string, `None` for null: 16 bits, or a varint of length plus one.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn string_length(
        &mut self,
        length: Option<usize>,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        // The flexible form could say more, but no receiver takes it.
        let length = checked_length(length, STRING_LENGTH_MAX)?;
        if flexible {
            self.unsigned_varint((length as u32).wrapping_add(1));
        } else {
            self.i16(length as i16);
        }
        Ok(())
    }

    /// Writes the length of bytes or the count of an array, `None` for null: 32 bits, or a varint
    /// of length plus one.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn length(&mut self, length: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        let length = checked_length(length, i32::MAX as usize)?;
        if flexible {
            self.unsigned_varint((length as u32).wrapping_add(1));
        } else {
            self.i32(length);
        }
        Ok(())
    }

    /// Puts `length` bytes of the caller's here without seeing them.
    pub fn external(&mut self, index: usize, length: u32) {
        self.externals.push(External {
            at: self.buffer.len(),
            index,
            length,
        });
    }

    /// Writes a tagged field (KIP-482): its tag, its size, and its value.
    ///
    /// # Errors
    /// Whatever `value` returns.
    pub fn tagged_field(
        &mut self,
        tag: u32,
        value: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.unsigned_varint(tag);
        let start = self.buffer.len();
        let externals = self.externals.len();
        value(self)?;
        assert_eq!(externals, self.externals.len(), "no record data in a tag");
        // The size comes first but is known last: write it behind the value and turn them round.
        let end = self.buffer.len();
        self.unsigned_varint((end - start) as u32);
        let size_length = self.buffer.len() - end;
        self.buffer[start..].rotate_right(size_length);
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when a frame is longer than its length can say.
    pub fn finish(mut self) -> Result<Vec<Chunk>, EncodeError> {
        if self.framed {
            let external: usize = self.externals.iter().map(|e| e.length as usize).sum();
            let length = self.buffer.len() - PREFIX_SIZE + external;
            let length = checked_length(Some(length), i32::MAX as usize)?;
            self.buffer[..PREFIX_SIZE].copy_from_slice(&length.to_be_bytes());
        }
        let mut rest = self.buffer.freeze();
        let mut taken = 0;
        let mut chunks = Vec::with_capacity(self.externals.len() * 2 + 1);
        for External { at, index, length } in self.externals {
            let before = rest.split_to(at - taken);
            taken = at;
            if !before.is_empty() {
                chunks.push(Chunk::Bytes(before));
            }
            chunks.push(Chunk::External { index, length });
        }
        if !rest.is_empty() {
            chunks.push(Chunk::Bytes(rest));
        }
        Ok(chunks)
    }

    /// The bytes of a bare message that has no record data.
    pub fn into_bytes(self) -> Bytes {
        assert!(self.externals.is_empty(), "no record data in bare bytes");
        assert!(!self.framed, "a frame's length is filled in by `finish`");
        self.buffer.freeze()
    }

    fn leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.bytes(&[value as u8]);
    }
}

/// A length as it is written, -1 for null.
fn checked_length(length: Option<usize>, limit: usize) -> Result<i32, EncodeError> {
    match length {
        None => Ok(-1),
        Some(length) if length <= limit => Ok(length as i32),
        Some(length) => Err(EncodeError::TooLong { length, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;
    use proptest::prelude::*;

    fn whole(writer: Writer) -> Bytes {
        let chunks = writer.finish().expect("small");
        match chunks.as_slice() {
            [Chunk::Bytes(bytes)] => bytes.clone(),
            other => panic!("one chunk expected, not {other:?}"),
        }
    }

    #[test]
    fn a_frame_counts_the_data_it_refers_to() {
        let mut writer = Writer::framed();
        writer.i16(7);
        writer.external(3, 100);
        writer.external(4, 10);
        writer.i8(1);
        let chunks = writer.finish().expect("small");
        assert_eq!(
            chunks,
            [
                Chunk::Bytes(Bytes::from_static(&[0, 0, 0, 113, 0, 7])),
                Chunk::External {
                    index: 3,
                    length: 100
                },
                Chunk::External {
                    index: 4,
                    length: 10
                },
                Chunk::Bytes(Bytes::from_static(&[1])),
            ]
        );
    }

    #[test]
    fn a_frame_beyond_its_length_field_is_refused() {
        let mut writer = Writer::framed();
        writer.external(0, u32::MAX);
        assert!(matches!(writer.finish(), Err(EncodeError::TooLong { .. })));
    }

    #[test]
    fn a_tagged_value_of_any_size_follows_its_size() {
        for size in [0, 1, 127, 128, 300, 20_000] {
            let value = vec![0xab; size];
            let mut writer = Writer::new();
            let written = writer.tagged_field(9, |writer| {
                writer.bytes(&value);
                Ok(())
            });
            assert_eq!(written, Ok(()));
            let bytes = whole(writer);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.unsigned_varint(), Ok(9));
            assert_eq!(reader.unsigned_varint(), Ok(size as u32));
            assert_eq!(reader.rest(), value);
        }
    }

    proptest! {
        #[test]
        fn variable_length_integers_come_back(unsigned: u32, short: i32, long: i64) {
            let mut writer = Writer::new();
            writer.unsigned_varint(unsigned);
            writer.varint(short);
            writer.varlong(long);
            let bytes = whole(writer);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned_varint(), Ok(unsigned));
            prop_assert_eq!(reader.varint(), Ok(short));
            prop_assert_eq!(reader.varlong(), Ok(long));
            prop_assert_eq!(reader.remaining(), 0);
        }
    }
}
