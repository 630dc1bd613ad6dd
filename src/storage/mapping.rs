//! (to be written)

/// A mapped range.
#[derive(Debug)]
pub struct MappedRange;
