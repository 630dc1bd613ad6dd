//! What wraps a FlatBuffers file on disk: magic, format version, length and checksum, so that a
//! torn, foreign or newer file is told apart before anything in it is believed.
//!
//! Big endian: magic (8 bytes), version (u32), payload length (u32), CRC-32C of the 16 bytes before
//! and the payload (u32), zero (u32), payload.

use thiserror::Error;

/// The bytes before the payload; a multiple of 8, which keeps the payload aligned.
pub(super) const HEADER_BYTES: usize = 24;

/// The largest file read.
pub(super) const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileKind {
    pub(super) magic: [u8; 8],
    /// The version written, and the newest that is read.
    pub(super) version: u32,
}

/// Why a file of ours cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It is shorter than it says.
    #[error("the file ends after {available} of {needed} bytes")]
    Truncated {
        /// How many bytes it should have.
        needed: usize,
        /// How many it has.
        available: usize,
    },
    /// It does not begin like such a file.
    #[error("the file is of another kind")]
    Magic,
    /// A newer release wrote it.
    #[error(
        "the file has version {found}, this release knows up to {known}; use the newer release"
    )]
    NewerVersion {
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Its bytes changed.
    #[error("the file's checksum is {computed:#010x}, it says {stored:#010x}")]
    ChecksumMismatch {
        /// The checksum it carries.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// Its content is impossible although its checksum holds.
    #[error("the file's content is invalid: {0}")]
    Content(String),
}

/// Wraps a payload.
pub(super) fn seal(kind: FileKind, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("files of ours stay far below 4 GiB");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&kind.magic);
    bytes.extend_from_slice(&kind.version.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), payload);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Checks a file and gives its payload, copied to where it is aligned.
pub(super) fn open(kind: FileKind, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let available = bytes.len();
    let truncated = |needed| DecodeError::Truncated { needed, available };
    let (header, payload) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(truncated(HEADER_BYTES))?;
    let [magic @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *header;
    if magic != kind.magic {
        return Err(DecodeError::Magic);
    }
    let field = |at: usize| {
        let bytes = header
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok());
        u32::from_be_bytes(bytes.expect("the header has all fields"))
    };
    let (found, length, stored) = (field(8), field(12) as usize, field(16));
    if found > kind.version || found == 0 {
        return Err(DecodeError::NewerVersion {
            found,
            known: kind.version,
        });
    }
    if payload.len() != length {
        return Err(truncated(HEADER_BYTES + length));
    }
    let covered = header.get(..16).expect("the header has all fields");
    let computed = crc32c::crc32c_append(crc32c::crc32c(covered), payload);
    if computed != stored {
        return Err(DecodeError::ChecksumMismatch { stored, computed });
    }
    Ok(payload.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: FileKind = FileKind {
        magic: *b"testtest",
        version: 1,
    };

    #[test]
    fn what_is_sealed_opens() {
        assert_eq!(open(KIND, &seal(KIND, b"payload")).unwrap(), b"payload");
        assert_eq!(open(KIND, &seal(KIND, b"")).unwrap(), b"");
    }

    #[test]
    fn any_cut_and_any_flipped_bit_is_noticed() {
        let sealed = seal(KIND, b"payload");
        for length in 0..sealed.len() {
            assert!(open(KIND, &sealed[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..20 * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(KIND, &flipped).is_err(), "bit {bit}");
        }
        for bit in HEADER_BYTES * 8..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(KIND, &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let newer = FileKind { version: 2, ..KIND };
        let expected = DecodeError::NewerVersion { found: 2, known: 1 };
        assert_eq!(open(KIND, &seal(newer, b"x")), Err(expected));
    }
}
