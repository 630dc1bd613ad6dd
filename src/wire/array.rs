use super::value::required;
use super::{EncodeError, Format, Reader, Value, WireError, Writer};
use std::fmt;

/// An array of a message. What was decoded stays encoded and is decoded again element by element
/// while iterating, so that a frame of any shape takes no memory.
#[derive(Clone)]
pub struct Array<'a, T>(Repr<'a, T>);

#[derive(Clone)]
enum Repr<'a, T> {
    /// Bytes that hold `count` values, which were all read once.
    Encoded {
        reader: Reader<'a>,
        count: usize,
        format: Format,
    },
    /// Values to encode.
    Items(Vec<T>),
}

/// Yields an array's elements by value.
#[derive(Debug)]
pub struct ArrayIter<'s, 'a, T>(IterRepr<'s, 'a, T>);

#[derive(Debug)]
enum IterRepr<'s, 'a, T> {
    Encoded {
        reader: Reader<'a>,
        left: usize,
        format: Format,
    },
    Items(std::slice::Iter<'s, T>),
}

impl<'a, T> Array<'a, T> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Encoded { count, .. } => *count,
            Repr::Items(items) => items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in order.
    pub fn iter(&self) -> ArrayIter<'_, 'a, T> {
        ArrayIter(match &self.0 {
            Repr::Encoded {
                reader,
                count,
                format,
            } => IterRepr::Encoded {
                reader: reader.clone(),
                left: *count,
                format: *format,
            },
            Repr::Items(items) => IterRepr::Items(items.iter()),
        })
    }
}

impl<'a, T: Value<'a> + Clone> Iterator for ArrayIter<'_, 'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            IterRepr::Encoded {
                reader,
                left,
                format,
            } => {
                *left = left.checked_sub(1)?;
                Some(T::read(reader, *format).expect("walked when the array was decoded"))
            }
            IterRepr::Items(items) => items.next().cloned(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            IterRepr::Encoded { left, .. } => *left,
            IterRepr::Items(items) => items.len(),
        };
        (left, Some(left))
    }
}

impl<'a, T: Value<'a> + Clone> ExactSizeIterator for ArrayIter<'_, 'a, T> {}

impl<'s, 'a, T: Value<'a> + Clone> IntoIterator for &'s Array<'a, T> {
    type Item = T;
    type IntoIter = ArrayIter<'s, 'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Self(Repr::Items(Vec::new()))
    }
}

impl<T> From<Vec<T>> for Array<'_, T> {
    fn from(items: Vec<T>) -> Self {
        Self(Repr::Items(items))
    }
}

impl<T> FromIterator<T> for Array<'_, T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(Repr::Items(items.into_iter().collect()))
    }
}

impl<'a, T: Value<'a> + Clone + PartialEq> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a, T: Value<'a> + Clone + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Value<'a> + Clone> Value<'a> for Option<Array<'a, T>> {
    fn size_min(format: Format) -> usize {
        if format.flexible { 1 } else { 4 }
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        let position = reader.position();
        let Some(count) = reader.length(format.flexible)? else {
            return Ok(None);
        };
        // A value of no size would let a few bytes claim billions of elements.
        let size_min = T::size_min(format).max(1);
        if count > reader.remaining() / size_min {
            return Err(WireError::LengthTooLarge {
                position,
                length: count,
                remaining: reader.remaining(),
            });
        }
        let encoded = Repr::Encoded {
            reader: reader.clone(),
            count,
            format,
        };
        for _ in 0..count {
            T::read(reader, format)?;
        }
        Ok(Some(Array(encoded)))
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        match self {
            Some(array) => array.write(writer, format),
            None => writer.length(None, format.flexible),
        }
    }
}

impl<'a, T: Value<'a> + Clone> Value<'a> for Array<'a, T> {
    fn size_min(format: Format) -> usize {
        Option::<Self>::size_min(format)
    }

    fn read(reader: &mut Reader<'a>, format: Format) -> Result<Self, WireError> {
        let position = reader.position();
        required(Option::read(reader, format)?, position)
    }

    fn write(&self, writer: &mut Writer, format: Format) -> Result<(), EncodeError> {
        writer.length(Some(self.len()), format.flexible)?;
        match &self.0 {
            // By reference: a clone of a struct would copy its own arrays.
            Repr::Items(items) => items.iter().try_for_each(|v| v.write(writer, format)),
            Repr::Encoded { .. } => self.iter().try_for_each(|v| v.write(writer, format)),
        }
    }
}
