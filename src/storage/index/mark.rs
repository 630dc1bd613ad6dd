//! The index files of a segment that still grows: written piece by piece, each before the checkpoint
//! that vouches for it.

use super::{IndexBuilder, OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use super::{encode_offsets, encode_times};
use crate::record::HEADER_BYTES;
use crate::storage::call::SegmentFiles;
use crate::storage::disk::{Disk, OpenMode, write_all};
use crate::types::Position;
use std::io;
use std::path::Path;

/// The first entries of an index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilePrefix {
    /// How many.
    pub entries: u32,
    /// The CRC-32C of their bytes.
    pub crc: u32,
}

/// What the index files of a segment that grows hold, as far as its checkpoint vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexMark {
    /// Of the offset index.
    pub offsets: FilePrefix,
    /// Of the time index.
    pub times: FilePrefix,
}

/// Entries that the index files of a segment that grows get.
#[derive(Debug)]
pub struct IndexPiece {
    files: SegmentFiles,
    /// What the files have before.
    mark: IndexMark,
    offsets: Vec<u8>,
    times: Vec<u8>,
}

impl IndexPiece {
    /// Writes the entries, without a sync, and gives what the files hold then. Done again, or on
    /// files that were sealed meanwhile, it comes to the same, as entries never change.
    pub(in crate::storage) fn write(&self, disk: &dyn Disk) -> io::Result<IndexMark> {
        let (files, mark) = (&self.files, self.mark);
        Ok(IndexMark {
            offsets: extend(
                disk,
                &files.index,
                mark.offsets,
                &self.offsets,
                OFFSET_ENTRY_BYTES,
            )?,
            times: extend(
                disk,
                &files.time_index,
                mark.times,
                &self.times,
                TIME_ENTRY_BYTES,
            )?,
        })
    }
}

fn extend(
    disk: &dyn Disk,
    path: &Path,
    before: FilePrefix,
    bytes: &[u8],
    entry_bytes: usize,
) -> io::Result<FilePrefix> {
    if bytes.is_empty() {
        return Ok(before);
    }
    let file = match disk.open(path, OpenMode::ReadWrite) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && before.entries == 0 => {
            disk.open(path, OpenMode::CreateNew)?
        }
        opened => opened?,
    };
    let position = u64::from(before.entries) * entry_bytes as u64;
    write_all(&*file, Position::new(position), bytes)?;
    Ok(FilePrefix {
        entries: before.entries + (bytes.len() / entry_bytes) as u32,
        crc: crc32c::crc32c_append(before.crc, bytes),
    })
}

impl IndexMark {
    /// Reads what it speaks of: the bytes of the entries of both files, if they are as it says. No
    /// more memory is taken than `segment_bytes` allow entries.
    pub(in crate::storage) fn read(
        self,
        disk: &dyn Disk,
        files: &SegmentFiles,
        segment_bytes: u64,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let entries_max = segment_bytes / HEADER_BYTES as u64;
        let read = |path, prefix: FilePrefix, entry_bytes| {
            if u64::from(prefix.entries) > entries_max {
                return None;
            }
            let mut bytes = vec![0; prefix.entries as usize * entry_bytes];
            let file = disk.open(path, OpenMode::ReadOnly).ok()?;
            let read = file.read_at(Position::ZERO, &mut bytes).ok()?;
            (read == bytes.len() && crc32c::crc32c(&bytes) == prefix.crc).then_some(bytes)
        };
        let offsets = read(&files.index, self.offsets, OFFSET_ENTRY_BYTES)?;
        let times = read(&files.time_index, self.times, TIME_ENTRY_BYTES)?;
        Some((offsets, times))
    }
}

impl IndexBuilder {
    /// The entries of batches below `upto` that come after those which files have, by their `mark`.
    pub(in crate::storage) fn piece(
        &self,
        files: SegmentFiles,
        mark: IndexMark,
        upto: Position,
    ) -> IndexPiece {
        let below = |entry: &OffsetEntry| u64::from(entry.position) < upto.get();
        let offsets = &self.offsets[..self.offsets.partition_point(below)];
        let last = offsets.last().map(|entry| entry.relative);
        let covered = |entry: &TimeEntry| last.is_some_and(|last| entry.relative <= last);
        let times = &self.times[..self.times.partition_point(covered)];
        IndexPiece {
            files,
            mark,
            offsets: encode_offsets(offsets.get(mark.offsets.entries as usize..).unwrap_or(&[])),
            times: encode_times(times.get(mark.times.entries as usize..).unwrap_or(&[])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::built;
    use super::*;
    use crate::storage::segment::segment_files;
    use crate::types::Offset;

    #[test]
    fn pieces_add_up_to_the_whole() {
        let index = built();
        let files = segment_files(Path::new(""), Offset::new(1000));
        let first = index.piece(files.clone(), IndexMark::default(), Position::new(240));
        assert_eq!((first.offsets.len(), first.times.len()), (8, 12));
        let one = |bytes: &[u8]| FilePrefix {
            entries: 1,
            crc: crc32c::crc32c(bytes),
        };
        let mark = IndexMark {
            offsets: one(&first.offsets),
            times: one(&first.times),
        };
        let second = index.piece(files, mark, Position::new(241));
        let whole = index.encode();
        assert_eq!([first.offsets, second.offsets].concat(), whole.0);
        assert_eq!([first.times, second.times].concat(), whole.1);
    }
}
