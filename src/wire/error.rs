use thiserror::Error;

/// Why bytes from a peer are not the message they should be. Positions count from the first byte
/// that the reader was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end inside a value of fixed size.
    #[error("truncated at byte {position}: {needed} bytes needed, {remaining} left")]
    Truncated {
        /// Where the value begins.
        position: usize,
        /// The value's size in bytes.
        needed: usize,
        /// How many bytes there are.
        remaining: usize,
    },
    /// A length or count below zero that does not mean null.
    #[error("negative length {length} at byte {position}")]
    NegativeLength {
        /// Where the length lies.
        position: usize,
        /// The length as sent.
        length: i32,
    },
    /// A length or count that the bytes left cannot hold.
    #[error("length {length} at byte {position} cannot fit into the {remaining} bytes left")]
    LengthTooLarge {
        /// Where the length lies.
        position: usize,
        /// The length in bytes, or the count of elements.
        length: usize,
        /// How many bytes are left.
        remaining: usize,
    },
    /// A string of more than 32767 bytes.
    #[error("the string at byte {position} has {length} bytes; at most 32767 are allowed")]
    StringTooLong {
        /// Where the length lies.
        position: usize,
        /// The length in bytes.
        length: usize,
    },
    /// A string that is not UTF-8.
    #[error("the string at byte {position} is not valid UTF-8")]
    InvalidUtf8 {
        /// Where the string's text begins.
        position: usize,
    },
    /// A variable-length integer that does not end, or does not fit its type.
    #[error("the variable-length integer at byte {position} is too long")]
    VarintTooLong {
        /// Where it begins.
        position: usize,
    },
    /// A null where this version of the message allows none.
    #[error("null at byte {position}, where a value is required")]
    UnexpectedNull {
        /// Where the value would begin.
        position: usize,
    },
    /// A tagged field that is longer than its value (KIP-482).
    #[error("{excess} bytes too many in the tagged field {tag} that ends at byte {position}")]
    TagTooLong {
        /// The field's tag.
        tag: u32,
        /// Where the field's value ended.
        position: usize,
        /// How many bytes follow it.
        excess: usize,
    },
    /// A version in which the message does not exist.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}

/// Why a message cannot be written. Each is a mistake of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A version in which the message does not exist.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is set that this version lacks and that must not be dropped in silence.
    #[error("{message} cannot carry {field} in version {version}")]
    UnsupportedField {
        /// The struct's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null in a version that allows no null there.
    #[error("{field} of {message} cannot be null in version {version}")]
    NullField {
        /// The struct's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string, array or frame whose length does not fit its length field.
    #[error("a length of {length} is more than the limit of {limit}")]
    TooLong {
        /// The length.
        length: usize,
        /// The largest that can be written.
        limit: usize,
    },
}
