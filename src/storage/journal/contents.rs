//! What a journal's file holds, for whoever looks into it.

use super::file::FileHeader;
use super::replay::{JournalError, Journaled, ReadFile, StoredEntry};
use crate::storage::disk::Disk;
use crate::types::{Offset, Position, TopicPartition};
use std::collections::BTreeMap;
use std::path::Path;

/// What is in a file that was put to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContents {
    /// What it says of itself.
    pub header: FileHeader,
    /// The number that the block after its last one has.
    pub next_sequence: u64,
    /// Where its blocks end.
    pub end: Position,
    /// What it says of each partition.
    pub partitions: BTreeMap<TopicPartition, Held>,
}

/// What is held of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Entries with batches.
    pub entries: u64,
    /// Entries without.
    pub marks: u64,
    /// Bytes of batches.
    pub bytes: u64,
    /// The offsets of those, each range with the offset after its last; ranges do not touch.
    pub ranges: Vec<(Offset, Offset)>,
    /// Everything below was durable.
    pub durable_upto: Offset,
}

impl Held {
    fn add(&mut self, entry: &StoredEntry) {
        self.durable_upto = self.durable_upto.max(entry.end);
        if entry.length == 0 {
            self.marks += 1;
            return;
        }
        self.entries += 1;
        self.bytes += entry.length as u64;
        match self.ranges.last_mut() {
            Some((_, end)) if *end == entry.base => *end = entry.end,
            _ => self.ranges.push((entry.base, entry.end)),
        }
    }
}

impl From<&Journaled> for Held {
    fn from(journaled: &Journaled) -> Self {
        let mut held = Self::default();
        journaled.entries.iter().for_each(|entry| held.add(entry));
        held.durable_upto = journaled.durable_upto();
        held
    }
}

/// Reads one journal file; `None` if it was never put to use. Damage is what [`Replay::read`] takes
/// for that in a single file.
///
/// [`Replay::read`]: super::Replay::read
pub fn read_file(
    disk: &dyn Disk,
    path: &Path,
    void_below: u64,
) -> Result<Option<FileContents>, JournalError> {
    let Some(file) = ReadFile::open(disk, path, void_below)? else {
        return Ok(None);
    };
    let mut partitions: BTreeMap<TopicPartition, Held> = BTreeMap::new();
    for (partition, entry) in &file.entries {
        partitions.entry(*partition).or_default().add(entry);
    }
    Ok(Some(FileContents {
        header: file.header,
        next_sequence: file.next_sequence,
        end: file.end,
        partitions,
    }))
}
