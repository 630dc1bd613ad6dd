//! One file of a partition's log, and what is known of it in memory.
//!
//! Invariants: `synced <= size <= reserved` while it is active, and `journaled <= size`; batches are
//! dense from `base` to `end` unless compaction wrote them, and then the last one ends at `end`; bytes
//! below `size` are whole batches and never change.

use super::call::SegmentFiles;
use super::chunk_checksums::ChunkChecksums;
use super::compaction::swap::{CLEANED, SWAP};
use super::disk::FileRef;
use super::index::{IndexMark, SegmentIndex};
use super::journal::UNRECOVERED_NAME;
use super::range_set::RangeSet;
use crate::types::{Offset, Timestamp};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Whether a segment is still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentState {
    /// The last one; batches are appended to it.
    Active,
    /// Not written any more; its indexes are to be written.
    Ended,
    /// Not written any more; its indexes are on their way to the disk.
    Sealing,
    /// Not written any more; its indexes are on the disk, or stay in memory where that failed.
    Sealed,
}

#[derive(Debug)]
pub(super) struct Segment {
    /// The first offset.
    pub(super) base: Offset,
    /// The offset after the last.
    pub(super) end: Offset,
    pub(super) file: FileRef,
    /// Valid bytes.
    pub(super) size: u64,
    /// Bytes that can be written without asking for space.
    pub(super) reserved: u64,
    /// Bytes known to be on the device.
    pub(super) synced: u64,
    /// Bytes that a journal has made durable, or fewer: what was synced before that is not counted.
    pub(super) journaled: u64,
    /// Whether it was cut since the last sync began: until the cut is durable as well, a power cut
    /// brings back what was cut off.
    pub(super) is_cut: bool,
    /// Bytes whose writeback was started.
    pub(super) behind: u64,
    /// When its first batch was appended, as far as is known: segments roll by age.
    pub(super) begun: Option<Timestamp>,
    /// The largest timestamp and the last offset of its batch.
    pub(super) max: Option<(Timestamp, Offset)>,
    pub(super) state: SegmentState,
    /// Whether compaction wrote it: offsets may be missing between its batches and before the first,
    /// but not behind the last.
    pub(super) is_cleaned: bool,
    /// Replaced while reading if it turns out to lie.
    pub(super) index: RefCell<SegmentIndex>,
    /// What of it the index files had when it was active, as the last checkpoint says.
    pub(super) index_mark: IndexMark,
    pub(super) populated: RangeSet,
    /// Of all its bytes, if this process wrote them all.
    pub(super) checksums: ChunkChecksums,
}

impl Segment {
    /// A segment without bytes.
    pub(super) fn empty(base: Offset, file: FileRef, reserved: u64, index: SegmentIndex) -> Self {
        Self {
            base,
            end: base,
            file,
            size: 0,
            reserved,
            synced: 0,
            journaled: 0,
            is_cut: false,
            behind: 0,
            begun: None,
            max: None,
            state: SegmentState::Active,
            is_cleaned: false,
            index: RefCell::new(index),
            index_mark: IndexMark::default(),
            populated: RangeSet::default(),
            checksums: ChunkChecksums::default(),
        }
    }

    /// Takes in what was appended, unless earlier bytes are not known.
    pub(super) fn checksum(&mut self, parts: [&[u8]; 2]) {
        if self.checksums.length() == self.size {
            parts.iter().for_each(|part| self.checksums.push(part));
        }
    }

    /// The checksums of all its bytes; `None` if they would have to be read for that.
    pub(super) fn known_checksums(&self) -> Option<Vec<u32>> {
        (self.checksums.length() == self.size).then(|| self.checksums.finish())
    }

    /// Whether an index would grow past so many bytes with another entry.
    pub(super) fn is_index_full(&self, bytes_max: u64) -> bool {
        match &*self.index.borrow() {
            SegmentIndex::Memory(index) => index.is_full(bytes_max),
            SegmentIndex::Stored(_) => false,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.state == SegmentState::Active
    }

    /// Bytes that are durable here or in a journal.
    pub(super) fn durable(&self) -> u64 {
        self.synced.max(self.journaled)
    }

    /// Whether nothing more will be written to it, and all of it is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.state == SegmentState::Sealed && !self.is_dirty()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.synced < self.size || self.is_cut
    }
}

/// The files of a segment.
pub(super) fn segment_files(directory: &Path, base: Offset) -> SegmentFiles {
    let file = |extension| segment_path(directory, base, extension);
    SegmentFiles {
        log: file("log"),
        index: file("index"),
        time_index: file("timeindex"),
        summary: file("summary"),
    }
}

/// A segment's file with another extension.
pub(super) fn segment_path(directory: &Path, base: Offset, extension: &str) -> PathBuf {
    directory.join(format!("{:020}.{extension}", base.get()))
}

/// Reads the base offset off the name of a segment's file with this extension.
pub(super) fn base_of(name: &str, extension: &str) -> Option<Offset> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    let is_base = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_base
        .then(|| digits.parse().ok().map(Offset::new))
        .flatten()
}

/// Whether a name in a partition's directory is of a file that this engine makes there.
pub(super) fn is_ours(name: &str) -> bool {
    let of_segment = ["log", "index", "timeindex", "summary", CLEANED, SWAP];
    let of_partition = [
        CHECKPOINT_NAME,
        "checkpoint.tmp",
        UNRECOVERED_NAME,
        "unrecovered.tmp",
    ];
    of_partition.contains(&name)
        || of_segment
            .iter()
            .any(|extension| base_of(name, extension).is_some())
}

/// The name of a partition's checkpoint in its directory.
pub(super) const CHECKPOINT_NAME: &str = "checkpoint";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_twenty_digits() {
        let files = segment_files(Path::new("d"), Offset::new(42));
        assert_eq!(files.log, Path::new("d/00000000000000000042.log"));
        assert_eq!(
            base_of("00000000000000000042.log", "log"),
            Some(Offset::new(42))
        );
        assert_eq!(base_of("42.log", "log"), None);
        assert_eq!(base_of("000000000000000000+2.log", "log"), None);
        assert_eq!(base_of("99999999999999999999.log", "log"), None);
    }

    #[test]
    fn only_files_that_we_make_are_ours() {
        assert!(is_ours("checkpoint"));
        assert!(is_ours("00000000000000000042.timeindex"));
        assert!(!is_ours("partition.metadata"));
        assert!(!is_ours("00000000000000000042.snapshot"));
    }
}
