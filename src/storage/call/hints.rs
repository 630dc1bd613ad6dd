//! What is written beside a sealed segment.

use super::SegmentFiles;
use crate::storage::disk::{Disk, FileRef, OpenMode, remove_if_there, write_all};
use crate::storage::index::StoredIndex;
use crate::storage::segment_summary::SegmentSummary;
use crate::types::{Offset, Position, Timestamp};
use std::io;
use std::path::Path;

/// What is written beside a segment's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hints {
    pub(in crate::storage) files: SegmentFiles,
    pub(in crate::storage) base: Offset,
    pub(in crate::storage) index: Vec<u8>,
    pub(in crate::storage) time_index: Vec<u8>,
    pub(in crate::storage) next: Offset,
    pub(in crate::storage) max: Option<(Timestamp, Offset)>,
    /// Checksums of the segment, if it need not be read for them.
    pub(in crate::storage) chunks: Option<Vec<u32>>,
    /// Whether compaction wrote the segment.
    pub(in crate::storage) is_cleaned: bool,
}

/// Writes a sealed segment's indexes and its summary with the checksums of its bytes. Not synced:
/// they are hints.
pub(in crate::storage) fn write_hints(
    disk: &dyn Disk,
    hints: &Hints,
    length: Position,
    log: &FileRef,
) -> io::Result<StoredIndex> {
    let summary = SegmentSummary {
        length: length.get(),
        next: hints.next,
        max: hints.max,
        index_crc: crc32c::crc32c(&hints.index),
        time_index_crc: crc32c::crc32c(&hints.time_index),
        is_cleaned: hints.is_cleaned,
    };
    let summary = match &hints.chunks {
        Some(chunks) => summary.encode(hints.base, chunks),
        None => summary.encode_sealed(hints.base, &**log)?,
    };
    let index = write_anew(disk, &hints.files.index, &hints.index)?;
    let time_index = write_anew(disk, &hints.files.time_index, &hints.time_index)?;
    // Last, as it vouches for both.
    write_anew(disk, &hints.files.summary, &summary)?;
    StoredIndex::new(index, time_index, None)
}

fn write_anew(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<FileRef> {
    remove_if_there(disk, path)?;
    let file = disk.open(path, OpenMode::CreateNew)?;
    write_all(&*file, Position::ZERO, bytes)?;
    Ok(file)
}
