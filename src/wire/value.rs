use super::{EncodeError, Reader, WireError, Writer};
use uuid::Uuid;

/// Which of a message's forms is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The API version.
    pub version: i16,
    /// Whether lengths are varints and structs end with tagged fields (KIP-482).
    pub flexible: bool,
}

/// Anything that a field of a message may hold: numbers, strings, structs, arrays of those.
pub trait Value<'a>: Sized {
    /// The smallest number of bytes that a value takes. A declared count of values is refused
    /// when the bytes left cannot hold that many.
    fn size_min(format: Format) -> usize;

    /// Reads a value; borrows from the frame, takes no memory.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError>;

    /// Writes the value.
    ///
    /// # Errors
    /// What the format cannot express.
    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError>;
}

/// Values of fixed size that a reader and a writer know by the same name.
macro_rules! fixed {
    ($($type:ty: $name:ident),*) => {$(
        impl Value<'_> for $type {
            fn size_min(_: Format) -> usize {
                size_of::<Self>()
            }

            fn read(reader: &mut Reader<'_>, _: Format) -> Result<Self, WireError> {
                reader.$name()
            }

            fn write(&self, writer: &mut Writer, _: Format) -> Result<(), EncodeError> {
                writer.$name(*self);
                Ok(())
            }
        }
    )*};
}
fixed!(i8: i8, i16: i16, u16: u16, i32: i32, u32: u32, i64: i64, f64: f64, Uuid: uuid);

impl Value<'_> for bool {
    fn size_min(_: Format) -> usize {
        1
    }

    fn read(reader: &mut Reader<'_>, _: Format) -> Result<Self, WireError> {
        reader.bool()
    }

    fn write(&self, writer: &mut Writer, _: Format) -> Result<(), EncodeError> {
        writer.i8(i8::from(*self));
        Ok(())
    }
}

/// Null where none is allowed is refused.
pub(super) fn required<T>(value: Option<T>, position: usize) -> Result<T, WireError> {
    value.ok_or(WireError::UnexpectedNull { position })
}

impl<'a> Value<'a> for Option<&'a str> {
    fn size_min(format: Format) -> usize {
        if format.flexible { 1 } else { 2 }
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        match reader.string_length(format.flexible)? {
            Some(length) => reader.text(length).map(Some),
            None => Ok(None),
        }
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        writer.string_length(self.map(str::len), format.flexible)?;
        writer.bytes(self.unwrap_or_default().as_bytes());
        Ok(())
    }
}

impl<'a> Value<'a> for &'a str {
    fn size_min(format: Format) -> usize {
        Option::<Self>::size_min(format)
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        let position = reader.position();
        required(Option::read(reader, format)?, position)
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        Some(*self).write(writer, format)
    }
}

impl<'a> Value<'a> for Option<&'a [u8]> {
    fn size_min(format: Format) -> usize {
        if format.flexible { 1 } else { 4 }
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        match reader.length(format.flexible)? {
            Some(length) => reader.bytes(length).map(Some),
            None => Ok(None),
        }
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        writer.length(self.map(<[u8]>::len), format.flexible)?;
        writer.bytes(self.unwrap_or_default());
        Ok(())
    }
}

impl<'a> Value<'a> for &'a [u8] {
    fn size_min(format: Format) -> usize {
        Option::<Self>::size_min(format)
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        let position = reader.position();
        required(Option::read(reader, format)?, position)
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        Some(*self).write(writer, format)
    }
}

/// A struct of a message: what `message!` declares.
pub trait Struct {}

/// A struct that may be null: a byte before it tells, -1 for null and 1 for a struct (KIP-893).
impl<'a, T: Struct + Value<'a>> Value<'a> for Option<T> {
    fn size_min(_: Format) -> usize {
        1
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        if reader.i8()? < 0 {
            return Ok(None);
        }
        T::read(reader, format).map(Some)
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        match self {
            None => {
                writer.i8(-1);
                Ok(())
            }
            Some(value) => {
                writer.i8(1);
                value.write(writer, format)
            }
        }
    }
}
