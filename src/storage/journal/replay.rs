//! The reading side: what the journals of earlier starts hold.

use super::block::Block;
use super::file::{Beginning, FileHeader, HEADER_SIZE, incarnation_of};
use super::{DIRECT_BYTES, JOURNAL_DIRECTORY};
use crate::record::BatchHeader;
use crate::storage::disk::{Disk, FileRef, OpenMode, read_all};
use crate::types::{Offset, Position, TopicPartition};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A journal file larger than this is not one of ours.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Why journals cannot be read. The start is refused: what they hold may be nowhere else.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A block that was followed by others does not hold.
    #[error(
        "{} is damaged at byte {position}; what was acknowledged last may be there and nowhere \
         else: restore it from a backup, or, to give up what only the journals hold, move the \
         directory `journal` away",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        position: Position,
    },
    /// A newer release wrote it.
    #[error("{} has version {version}; start the newer release that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// What the journals hold, by partition.
#[derive(Debug, Default)]
pub struct Replay {
    partitions: BTreeMap<TopicPartition, Journaled>,
}

/// What journals hold of one partition.
#[derive(Debug, Clone, Default)]
pub struct Journaled {
    /// In the order of their offsets, which do not overlap.
    pub(super) entries: Vec<StoredEntry>,
    durable_upto: Offset,
}

/// Batches in a journal.
#[derive(Debug, Clone)]
pub(super) struct StoredEntry {
    pub(super) base: Offset,
    /// The offset after the last.
    pub(super) end: Offset,
    pub(super) file: FileRef,
    pub(super) at: Position,
    pub(super) length: usize,
}

impl Replay {
    /// Reads all journals. Of those written by starts before `void_below` only counts what they
    /// say was durable.
    pub fn read(disk: &dyn Disk, data: &Path, void_below: u64) -> Result<Self, JournalError> {
        let mut replay = Self::default();
        for directory in core_directories(disk, data)? {
            let mut used = Vec::new();
            for (path, _) in journal_files(disk, &directory)? {
                used.extend(ReadFile::open(disk, &path, void_below)?);
            }
            used.sort_by_key(|file| (file.header.incarnation, file.header.sequence));
            replay.take(&used, void_below)?;
        }
        for journaled in replay.partitions.values_mut() {
            journaled.entries.sort_by_key(|entry| entry.base);
        }
        Ok(replay)
    }

    fn take(&mut self, files: &[ReadFile], void_below: u64) -> Result<(), JournalError> {
        let is_one_start =
            |a: &ReadFile, b: &ReadFile| a.header.incarnation == b.header.incarnation;
        for files in files.chunk_by(is_one_start) {
            let is_void = files
                .iter()
                .any(|file| file.header.incarnation < void_below);
            if !is_void {
                check_nothing_is_missing(files)?;
            }
            for (partition, stored) in files.iter().flat_map(|file| &file.entries) {
                let journaled = self.partitions.entry(*partition).or_default();
                journaled.raise(stored.end);
                if !is_void && stored.length > 0 {
                    journaled.entries.push(stored.clone());
                }
            }
        }
        Ok(())
    }

    /// What is known of a partition.
    pub fn of(&self, partition: TopicPartition) -> &Journaled {
        static NOTHING: Journaled = Journaled {
            entries: Vec::new(),
            durable_upto: Offset::ZERO,
        };
        self.partitions.get(&partition).unwrap_or(&NOTHING)
    }

    /// Partitions that have batches in a journal.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        let with_batches = self.partitions.iter();
        with_batches
            .filter(|(_, journaled)| !journaled.entries.is_empty())
            .map(|(partition, _)| *partition)
    }
}

impl Journaled {
    /// Everything below was durable.
    pub fn durable_upto(&self) -> Offset {
        self.durable_upto
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.durable_upto == Offset::ZERO
    }

    /// Where the first batches at or after `offset` begin: there itself, if they hold it.
    pub fn next_from(&self, offset: Offset) -> Option<Offset> {
        let first = self.reaching_past(offset)?;
        Some(first.base.max(offset))
    }

    /// The batches that begin at `offset`, up to the end of their entry; `None` if none does.
    pub fn batches_from(&self, offset: Offset) -> io::Result<Option<Vec<u8>>> {
        let holder = self.reaching_past(offset);
        let Some(entry) = holder.filter(|entry| entry.base <= offset) else {
            return Ok(None);
        };
        let bytes = entry.read()?;
        let mut rest = bytes.as_slice();
        while let Ok(header) = BatchHeader::read(rest) {
            if header.base_offset() == offset {
                return Ok(Some(rest.to_vec()));
            }
            rest = rest.get(header.size()..).unwrap_or_default();
        }
        Ok(None)
    }

    /// The first entry that ends after `offset`.
    fn reaching_past(&self, offset: Offset) -> Option<&StoredEntry> {
        let before = self.entries.partition_point(|entry| entry.end <= offset);
        self.entries.get(before)
    }

    /// Adds what else is known of the partition.
    pub(super) fn merge(&mut self, other: Self) {
        self.durable_upto = self.durable_upto.max(other.durable_upto);
        self.entries.extend(other.entries);
        self.entries.sort_by_key(|entry| entry.base);
        self.entries.dedup_by_key(|entry| entry.base);
    }

    pub(super) fn raise(&mut self, durable_upto: Offset) {
        self.durable_upto = self.durable_upto.max(durable_upto);
    }
}

impl StoredEntry {
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length];
        if self.file.read_at(self.at, &mut bytes)? < self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }
}

/// Of the blocks that were still needed when the newest file was put to use, none may be missing.
fn check_nothing_is_missing(files: &[ReadFile]) -> Result<(), JournalError> {
    let Some(newest) = files.last() else {
        return Ok(());
    };
    let needed = files
        .iter()
        .skip_while(|file| file.next_sequence <= newest.header.needed_from);
    let mut next = newest.header.needed_from;
    let mut before: Option<&ReadFile> = None;
    for file in needed {
        if file.header.sequence > next {
            let cut_short = before.unwrap_or(file);
            return Err(JournalError::Damaged {
                path: cut_short.path.clone(),
                position: before.map_or(Position::ZERO, |before| before.end),
            });
        }
        next = file.next_sequence;
        before = Some(file);
    }
    Ok(())
}

/// A file that was put to use, read up to where its blocks end.
pub(super) struct ReadFile {
    path: PathBuf,
    pub(super) header: FileHeader,
    pub(super) entries: Vec<(TopicPartition, StoredEntry)>,
    pub(super) end: Position,
    pub(super) next_sequence: u64,
}

impl ReadFile {
    /// Reads a file; `None` if it was never put to use.
    pub(super) fn open(
        disk: &dyn Disk,
        path: &Path,
        void_below: u64,
    ) -> Result<Option<Self>, JournalError> {
        let io = |source| JournalError::Io {
            path: path.to_path_buf(),
            source,
        };
        let damaged = |position| JournalError::Damaged {
            path: path.to_path_buf(),
            position,
        };
        let file = disk.open(path, OpenMode::ReadOnly).map_err(io)?;
        let bytes = read_all(&*file, FILE_BYTES_MAX).map_err(io)?;
        let header = match FileHeader::decode(&bytes) {
            // One that was used and has lost its header holds blocks.
            Beginning::Unused if bytes.iter().any(|byte| *byte != 0) => {
                return Err(damaged(Position::ZERO));
            }
            Beginning::Unused => return Ok(None),
            Beginning::Used(header) => header,
            Beginning::Newer(version) => {
                let path = path.to_path_buf();
                return Err(JournalError::Newer { path, version });
            }
            Beginning::Damaged => return Err(damaged(Position::ZERO)),
        };
        let mut at = HEADER_SIZE;
        let mut next_sequence = header.sequence;
        let mut entries = Vec::new();
        while let Some(block) = block_at(&bytes, at, &header, next_sequence) {
            for (entry, batches) in block.entries {
                let base = entry.base;
                let held = bytes.get(at..).and_then(|block| block.get(batches.clone()));
                let end =
                    end_of(base, held.unwrap_or_default()).ok_or_else(|| damaged(place(at)))?;
                let stored = StoredEntry {
                    base,
                    end,
                    file: file.clone(),
                    at: place(at + batches.start),
                    length: batches.len(),
                };
                entries.push((entry.partition, stored));
            }
            // Past the last number there is none for another block.
            next_sequence = next_sequence
                .checked_add(1)
                .ok_or_else(|| damaged(place(at)))?;
            at += block.size;
        }
        // Blocks are written one at a time, so nothing follows the last one.
        let is_void = header.incarnation < void_below;
        let mut later = (at..bytes.len()).step_by(DIRECT_BYTES).skip(1);
        if !is_void && later.any(|later| Block::decode(&bytes[later..], header.salt).is_some()) {
            return Err(damaged(place(at)));
        }
        Ok(Some(Self {
            path: path.to_path_buf(),
            header,
            entries,
            end: place(at),
            next_sequence,
        }))
    }
}

fn place(at: usize) -> Position {
    Position::new(at as u64)
}

fn block_at(bytes: &[u8], at: usize, header: &FileHeader, sequence: u64) -> Option<Block> {
    let block = Block::decode(bytes.get(at..)?, header.salt)?;
    (block.incarnation == header.incarnation && block.sequence == sequence).then_some(block)
}

/// The offset after the last of these batches; `None` if they do not follow each other from `base`.
pub(super) fn end_of(base: Offset, mut batches: &[u8]) -> Option<Offset> {
    let mut next = base;
    while !batches.is_empty() {
        let header = BatchHeader::read(batches).ok()?;
        if header.base_offset() != next {
            return None;
        }
        next = header.next_offset();
        batches = batches.get(header.size()..)?;
    }
    Some(next)
}

fn core_directories(disk: &dyn Disk, data: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let journals = data.join(JOURNAL_DIRECTORY);
    let entries = match disk.list(&journals) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| JournalError::Io {
            path: journals.clone(),
            source,
        })?,
    };
    let cores = entries
        .iter()
        .filter(|entry| entry.is_directory && entry.name.parse::<u16>().is_ok());
    Ok(cores.map(|entry| journals.join(&entry.name)).collect())
}

/// Journal files, with the start that made each.
fn journal_files(disk: &dyn Disk, directory: &Path) -> Result<Vec<(PathBuf, u64)>, JournalError> {
    let entries = disk.list(directory).map_err(|source| JournalError::Io {
        path: directory.to_path_buf(),
        source,
    })?;
    let files = entries.iter().filter(|entry| !entry.is_directory);
    let journals = files.filter_map(|entry| {
        let incarnation = incarnation_of(&entry.name)?;
        Some((directory.join(&entry.name), incarnation))
    });
    Ok(journals.collect())
}

/// Removes the journals of all starts before `below`.
pub fn remove_journals(disk: &dyn Disk, data: &Path, below: u64) -> Result<(), JournalError> {
    for directory in core_directories(disk, data)? {
        for (path, incarnation) in journal_files(disk, &directory)? {
            if incarnation < below {
                let removed = disk.remove_file(&path);
                removed.map_err(|source| JournalError::Io { path, source })?;
            }
        }
    }
    Ok(())
}
