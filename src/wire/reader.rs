use super::WireError;
use uuid::Uuid;

/// Walks bytes that a peer sent. Never reads past the end, never copies, never takes memory.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    position: usize,
}

/// The longest string in bytes, in every version.
pub(super) const STRING_LENGTH_MAX: usize = i16::MAX as usize;

/// Reads of integers: big endian, fixed size.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident -> $type:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`WireError::Truncated`].
        pub fn $name(&mut self) -> Result<$type, WireError> {
            Ok(<$type>::from_be_bytes(self.fixed()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            position: 0,
        }
    }

    /// How many bytes were read.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The bytes that are left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    fixed! {
        /// A signed byte.
        i8 -> i8;
        /// A byte.
        u8 -> u8;
        /// A signed 16-bit integer.
        i16 -> i16;
        /// An unsigned 16-bit integer.
        u16 -> u16;
        /// A signed 32-bit integer.
        i32 -> i32;
        /// An unsigned 32-bit integer.
        u32 -> u32;
        /// A signed 64-bit integer.
        i64 -> i64;
        /// A double.
        f64 -> f64;
    }

    /// A byte of which every value but 0 means true.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn bool(&mut self) -> Result<bool, WireError> {
        Ok(self.u8()? != 0)
    }

    /// 16 bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn uuid(&mut self) -> Result<Uuid, WireError> {
        Ok(Uuid::from_bytes(self.fixed()?))
    }

    /// An unsigned LEB128 integer of at most 32 bits (KIP-482).
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::VarintTooLong`].
    pub fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        let position = self.position;
        let value = self.leb128(5)?;
        u32::try_from(value).map_err(|_| WireError::VarintTooLong { position })
    }

    /// A zigzag LEB128 integer of at most 32 bits, as records hold them.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::VarintTooLong`].
    pub fn varint(&mut self) -> Result<i32, WireError> {
        let folded = self.unsigned_varint()?;
        Ok((folded >> 1) as i32 ^ -((folded & 1) as i32))
    }

    /// A zigzag LEB128 integer of at most 64 bits, as records hold them.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::VarintTooLong`].
    pub fn varlong(&mut self) -> Result<i64, WireError> {
        let folded = self.leb128(10)?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// The next `length` bytes, a length that a peer declared.
    ///
    /// # Errors
    /// [`WireError::LengthTooLarge`].
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(WireError::LengthTooLarge {
                position: self.position,
                length,
                remaining: self.rest.len(),
            });
        };
        self.rest = rest;
        self.position += length;
        Ok(taken)
    }

    /// The next `length` bytes as text.
    ///
    /// # Errors
    /// [`WireError::LengthTooLarge`], [`WireError::InvalidUtf8`].
    pub fn text(&mut self, length: usize) -> Result<&'a str, WireError> {
        let position = self.position;
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| WireError::InvalidUtf8 { position })
    }

    /// The length of a string, `None` for null: 16 bits, or a varint of length plus one.
    ///
    /// # Errors
    /// Any of the lengths' errors.
    pub fn string_length(&mut self, flexible: bool) -> Result<Option<usize>, WireError> {
        let position = self.position;
        if !flexible {
            let length = i32::from(self.i16()?);
            return Self::nullable_length(position, length);
        }
        // What one form allows, an answer in the other must be able to repeat.
        match self.compact_length()? {
            Some(length) if length > STRING_LENGTH_MAX => {
                Err(WireError::StringTooLong { position, length })
            }
            length => Ok(length),
        }
    }

    /// The length of bytes or the count of an array, `None` for null: 32 bits, or a varint of
    /// length plus one.
    ///
    /// # Errors
    /// Any of the lengths' errors.
    pub fn length(&mut self, flexible: bool) -> Result<Option<usize>, WireError> {
        if flexible {
            return self.compact_length();
        }
        let position = self.position;
        let length = self.i32()?;
        Self::nullable_length(position, length)
    }

    /// The tagged fields at the end of a struct (KIP-482). `known` reads the value of a tag that
    /// it knows and returns `true`; what it does not know is skipped.
    ///
    /// # Errors
    /// Malformed fields, and whatever `known` returns.
    pub fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, WireError>,
    ) -> Result<(), WireError> {
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            let position = self.position;
            let mut value = Self {
                rest: self.bytes(size)?,
                position,
            };
            if known(tag, &mut value)? && value.remaining() != 0 {
                return Err(WireError::TagTooLong {
                    tag,
                    position: value.position,
                    excess: value.remaining(),
                });
            }
        }
        Ok(())
    }

    fn compact_length(&mut self) -> Result<Option<usize>, WireError> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }

    fn nullable_length(position: usize, length: i32) -> Result<Option<usize>, WireError> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(WireError::NegativeLength { position, length }),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(WireError::Truncated {
                position: self.position,
                needed: N,
                remaining: self.rest.len(),
            });
        };
        self.rest = rest;
        self.position += N;
        Ok(*taken)
    }

    /// Reads groups of seven bits, lowest first, up to `groups` bytes; what does not fit into 64
    /// bits is refused.
    fn leb128(&mut self, groups: u32) -> Result<u64, WireError> {
        let position = self.position;
        let mut value = 0_u64;
        for group in 0..groups {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * group);
            if shifted >> (7 * group) != bits {
                break;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::VarintTooLong { position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_decode_at_their_limits() {
        let read = |bytes: &[u8]| Reader::new(bytes).unsigned_varint();
        assert_eq!(read(&[0x00]), Ok(0));
        assert_eq!(read(&[0xac, 0x02]), Ok(300));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        let too_long = Err(WireError::VarintTooLong { position: 0 });
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x1f]), too_long);
        assert_eq!(read(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), too_long);
        assert!(matches!(read(&[0x80]), Err(WireError::Truncated { .. })));

        let mut longest = [0xff; 10];
        longest[9] = 0x01;
        assert_eq!(Reader::new(&longest).varlong(), Ok(i64::MIN));
        longest[9] = 0x02;
        assert_eq!(
            Reader::new(&longest).varlong(),
            Err(WireError::VarintTooLong { position: 0 })
        );
        assert_eq!(Reader::new(&[0x03]).varint(), Ok(-2));
        assert_eq!(Reader::new(&[0x04]).varint(), Ok(2));
    }

    #[test]
    fn lengths_tell_null_from_negative() {
        let old = |bytes: &[u8]| Reader::new(bytes).string_length(false);
        assert_eq!(old(&[0xff, 0xff]), Ok(None));
        assert_eq!(old(&[0x00, 0x02]), Ok(Some(2)));
        assert_eq!(
            old(&[0xff, 0xfe]),
            Err(WireError::NegativeLength {
                position: 0,
                length: -2
            })
        );
        assert_eq!(Reader::new(&[0]).length(true), Ok(None));
        assert_eq!(Reader::new(&[1]).length(true), Ok(Some(0)));
    }

    #[test]
    fn strings_are_no_longer_than_their_old_form_can_say() {
        let read = |bytes: &[u8]| Reader::new(bytes).string_length(true);
        assert_eq!(read(&[0x80, 0x80, 0x02]), Ok(Some(0x7fff)));
        assert_eq!(
            read(&[0x81, 0x80, 0x02]),
            Err(WireError::StringTooLong {
                position: 0,
                length: 0x8000
            })
        );
    }

    #[test]
    fn a_failed_read_names_the_place() {
        let mut reader = Reader::new(&[0, 1, 2, 0xff]);
        assert_eq!(reader.i16(), Ok(1));
        assert_eq!(
            reader.i32(),
            Err(WireError::Truncated {
                position: 2,
                needed: 4,
                remaining: 2
            })
        );
        assert_eq!(reader.text(2), Err(WireError::InvalidUtf8 { position: 2 }));
    }

    #[test]
    fn unknown_tags_are_skipped_and_known_ones_must_fit() {
        // Two fields: tag 7 of two bytes, tag 1 of one byte.
        let bytes = [2, 7, 2, 0xaa, 0xbb, 1, 1, 0x05, 0x99];
        let mut reader = Reader::new(&bytes);
        let mut seen = None;
        let result = reader.tagged_fields(|tag, value| {
            if tag != 1 {
                return Ok(false);
            }
            seen = Some(value.i8()?);
            Ok(true)
        });
        assert_eq!((result, seen, reader.remaining()), (Ok(()), Some(5), 1));

        let result = Reader::new(&bytes).tagged_fields(|_, value| value.u8().map(|_| true));
        assert_eq!(
            result,
            Err(WireError::TagTooLong {
                tag: 7,
                position: 4,
                excess: 1
            })
        );
    }
}
