//! One journal file: a header that says how its blocks are told from older ones, then blocks.

use super::{DIRECT_BYTES, JOURNAL_DIRECTORY};
use crate::storage::aligned::AlignedBuffer;
use crate::storage::disk::{Disk, FileRef, OpenMode, parent_of, remove_if_there};
use crate::types::{CoreId, Position};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"coreljnl";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 52;

/// Bytes before the first block.
pub(super) const HEADER_SIZE: usize = DIRECT_BYTES;

/// A file takes at most one part in so many of the free space: what little is left is for segments.
const SHARE_OF_FREE: u64 = 4;

/// Zeros are written through in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// What a file says of its blocks. Written when the file is put to use, before the first of them;
/// it fits a sector, so it is either the old or the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// Whose journal.
    pub core: CoreId,
    /// Of which start.
    pub incarnation: u64,
    /// Seeds the blocks' checksums.
    pub salt: u64,
    /// The number of the first block; each next one has the next number.
    pub sequence: u64,
    /// The oldest block that was still needed then: from there on none may be missing.
    pub needed_from: u64,
}

/// What the beginning of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// It was made and never put to use.
    Unused,
    /// It was put to use.
    Used(FileHeader),
    /// A newer release wrote it.
    Newer(u32),
    /// None of these.
    Damaged,
}

impl FileHeader {
    /// The bytes to write at the file's beginning.
    pub fn encode(&self) -> AlignedBuffer {
        let mut buffer = AlignedBuffer::zeroed(HEADER_SIZE);
        let bytes = buffer.as_mut_slice();
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_be_bytes());
        bytes[12..16].copy_from_slice(&u32::from(self.core.get()).to_be_bytes());
        bytes[16..24].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_be_bytes());
        bytes[32..40].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[40..48].copy_from_slice(&self.needed_from.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[..48]);
        bytes[48..52].copy_from_slice(&crc.to_be_bytes());
        buffer
    }

    pub(super) fn decode(bytes: &[u8]) -> Beginning {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Beginning::Unused;
        };
        if header.iter().all(|byte| *byte == 0) {
            return Beginning::Unused;
        }
        let u32_at = |at: usize| {
            header[at..]
                .first_chunk()
                .map(|bytes| u32::from_be_bytes(*bytes))
        };
        let u64_at = |at: usize| {
            header[at..]
                .first_chunk()
                .map(|bytes| u64::from_be_bytes(*bytes))
        };
        let holds = header.starts_with(&MAGIC) && u32_at(48) == Some(crc32c::crc32c(&header[..48]));
        if !holds {
            return Beginning::Damaged;
        }
        match u32_at(8) {
            Some(VERSION) => {}
            Some(version) => return Beginning::Newer(version),
            None => return Beginning::Damaged,
        }
        let fields = || {
            Some(Self {
                core: CoreId::new(u16::try_from(u32_at(12)?).ok()?),
                incarnation: u64_at(16)?,
                salt: u64_at(24)?,
                sequence: u64_at(32)?,
                needed_from: u64_at(40)?,
            })
        };
        fields().map_or(Beginning::Damaged, Beginning::Used)
    }
}

/// Where a core's journal files lie.
pub(super) fn core_directory(data: &Path, core: CoreId) -> PathBuf {
    data.join(JOURNAL_DIRECTORY).join(core.to_string())
}

/// The name of a file: the start that made it, and its number among those.
pub(super) fn file_name(incarnation: u64, number: u32) -> String {
    format!("{incarnation:020}-{number:05}.journal")
}

/// The start that made the file of this name; `None` if it is not a journal's.
pub(super) fn incarnation_of(name: &str) -> Option<u64> {
    let (incarnation, number) = name.strip_suffix(".journal")?.split_once('-')?;
    let is_number =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(incarnation, 20) && is_number(number, 5))
        .then(|| incarnation.parse().ok())
        .flatten()
}

/// Makes a journal file of `bytes` zeros, its name durable, so that later writes into it change
/// nothing but the blocks they write. Blocks.
pub fn prepare(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<FileRef> {
    let directory = parent_of(path);
    let journals = parent_of(directory);
    disk.create_directory(directory)?;
    if disk.volume(directory)?.usable_bytes / SHARE_OF_FREE < bytes {
        let problem = format!("too little space is free for a journal file of {bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::StorageFull, problem));
    }
    remove_if_there(disk, path)?;
    let file = disk.open(path, OpenMode::Direct)?;
    let filled = write_zeros(&*file, bytes)
        .and_then(|()| file.sync())
        .and_then(|()| disk.sync_directory(directory))
        .and_then(|()| disk.sync_directory(journals))
        .and_then(|()| disk.sync_directory(parent_of(journals)));
    if let Err(error) = filled {
        // Half a file holds no block; the next start removes it if this does not.
        let _ = disk.remove_file(path);
        return Err(error);
    }
    Ok(file)
}

fn write_zeros(file: &dyn crate::storage::File, bytes: u64) -> io::Result<()> {
    file.reserve(Position::new(bytes))?;
    let zeros = AlignedBuffer::zeroed(PIECE_BYTES.min(bytes as usize));
    let mut at = 0;
    while at < bytes {
        let piece = &zeros.as_slice()[..(bytes - at).min(PIECE_BYTES as u64) as usize];
        file.write_at(Position::new(at), &[IoSlice::new(piece)])?;
        at += piece.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: FileHeader = FileHeader {
        core: CoreId::new(3),
        incarnation: 4,
        salt: 5,
        sequence: 6,
        needed_from: 2,
    };

    #[test]
    fn a_header_comes_back_and_damage_is_noticed() {
        let bytes = HEADER.encode();
        assert_eq!(
            FileHeader::decode(bytes.as_slice()),
            Beginning::Used(HEADER)
        );
        for bit in 0..HEADER_BYTES * 8 {
            let mut changed = bytes.as_slice().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                FileHeader::decode(&changed),
                Beginning::Damaged,
                "bit {bit}"
            );
        }
        assert_eq!(FileHeader::decode(&[0; 4096]), Beginning::Unused);
        assert_eq!(FileHeader::decode(b"short"), Beginning::Unused);
    }

    #[test]
    fn names_are_told_from_others() {
        assert_eq!(incarnation_of(&file_name(42, 7)), Some(42));
        for name in [
            "1-2.journal",
            "lock",
            "00000000000000000042-00007.journal.tmp",
        ] {
            assert_eq!(incarnation_of(name), None, "{name}");
        }
    }
}
