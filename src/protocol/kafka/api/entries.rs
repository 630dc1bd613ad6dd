use super::Malformed;
use crate::wire::{Array, Value};

/// How many topics, partitions and the like one request may name in all. What is kept of one is
/// larger than what it takes on the wire (some 100 bytes against 3), so that the frame's size
/// alone is no bound.
pub(super) const ENTRIES_MAX: usize = 1 << 18;

/// What is left of [`ENTRIES_MAX`] while a request is read.
#[derive(Debug)]
pub(super) struct Entries {
    left: usize,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self { left: ENTRIES_MAX }
    }

    /// Converts an array, if the request may have that many more entries.
    pub(super) fn list<'a, T: Value<'a> + Clone, U>(
        &mut self,
        array: &Array<'a, T>,
        mut convert: impl FnMut(&mut Self, T) -> Result<U, Malformed>,
    ) -> Result<Vec<U>, Malformed> {
        let left = self.left.checked_sub(array.len());
        self.left = left.ok_or(Malformed::TooManyEntries)?;
        let mut list = Vec::with_capacity(array.len());
        for element in array {
            list.push(convert(self, element)?);
        }
        Ok(list)
    }
}
