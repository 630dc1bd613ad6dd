//! The writing side: one file is written, the full ones wait until their segments are synced, the
//! others are ready.
//!
//! Invariants: a written block is never written again; a file is used again only once everything
//! in it is durable in its segment, and what it said of partitions is said again in a later one.

use super::block::{BLOCK_BYTES_MAX, BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader};
use super::file::{FileHeader, HEADER_SIZE, core_directory, file_name};
use crate::storage::call::{DiskCall, DiskReply};
use crate::storage::disk::{Disk, FileRef};
use crate::types::{CoreId, Offset, Position, TopicPartition};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;

/// How large a core's journal is. Tests run with tiny ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalConfig {
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Files at most; while all are full durable appends wait for segments to be synced.
    pub files_max: usize,
    /// Bytes of a block at most.
    pub block_bytes_max: usize,
}

/// One core's journal.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    core: CoreId,
    incarnation: u64,
    config: JournalConfig,
    salts: fastrand::Rng,
    active: Option<Active>,
    /// Prepared, or used and free again; the one used longest ago first.
    ready: VecDeque<FileRef>,
    /// Full, oldest first.
    retired: VecDeque<Retired>,
    /// Their partitions failed: recovery needs them.
    held: Vec<FileRef>,
    next_sequence: u64,
    next_number: u32,
    preparing: bool,
    /// Whether there was no room for another file a moment ago.
    is_disk_full: bool,
}

#[derive(Debug)]
struct Active {
    file: FileRef,
    first_sequence: u64,
    salt: u64,
    position: u64,
    contents: Contents,
}

/// Up to where a file holds each partition's batches.
type Contents = BTreeMap<TopicPartition, Offset>;

#[derive(Debug)]
struct Retired {
    file: FileRef,
    first_sequence: u64,
    /// What is not known to be synced yet.
    contents: Contents,
    is_held: bool,
}

/// What putting another file to use needs.
#[derive(Debug)]
pub enum Rotation {
    /// This write, after which blocks go to the new file.
    Begin(DiskCall),
    /// This file, handed to [`Journal::prepared`].
    Prepare(DiskCall),
    /// Segments synced, so that a full file is free; or the file that is being prepared.
    Wait,
    /// There is no file and there will be none soon: segments are synced instead.
    Unavailable,
}

/// How far a partition's segments are synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Up to this offset.
    Synced(Offset),
    /// It was deleted.
    Gone,
    /// Never again before the next start.
    Failed,
}

impl Journal {
    /// The journal of a core for one start. Nothing is on the disk before it is written to.
    pub fn new(
        data: &std::path::Path,
        core: CoreId,
        incarnation: u64,
        config: JournalConfig,
        seed: u64,
    ) -> Self {
        assert!(
            config.block_bytes_max <= BLOCK_BYTES_MAX
                && config.file_bytes >= (HEADER_SIZE + config.block_bytes_max) as u64
                && config.files_max >= 2,
            "a file holds a block, and one is written while another waits"
        );
        Self {
            directory: core_directory(data, core),
            core,
            incarnation,
            config,
            salts: fastrand::Rng::with_seed(seed),
            active: None,
            ready: VecDeque::new(),
            retired: VecDeque::new(),
            held: Vec::new(),
            next_sequence: 1,
            next_number: 0,
            preparing: false,
            is_disk_full: false,
        }
    }

    /// Says durably what these marks say, before the journals of earlier starts, which say it now,
    /// are removed. False if there is no space for a journal. Blocks.
    pub fn state(&mut self, disk: &dyn Disk, marks: &[EntryHeader]) -> io::Result<bool> {
        let mut marks = marks;
        while !marks.is_empty() {
            let Some(room) = self.block_room() else {
                match self.rotate() {
                    Rotation::Begin(call) => call.perform(disk)?,
                    Rotation::Prepare(call) => {
                        match call.perform(disk) {
                            Ok(DiskReply::File(file)) => self.prepared(file),
                            Ok(other) => unreachable!("a journal file was answered by {other:?}"),
                            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                                self.prepare_failed();
                                return Ok(false);
                            }
                            Err(error) => return Err(error),
                        }
                        continue;
                    }
                    Rotation::Wait | Rotation::Unavailable => {
                        let problem = "the journal is too small for the partitions of a core";
                        return Err(io::Error::new(io::ErrorKind::StorageFull, problem));
                    }
                };
                continue;
            };
            let count = marks.len().min(room / ENTRY_HEADER_BYTES);
            let (now, later) = marks.split_at(count);
            let mut block = BlockBuilder::with_capacity(count * ENTRY_HEADER_BYTES);
            for mark in now {
                block.push(mark, 0, |_| Ok(()))?;
            }
            self.write(block, []).perform(disk)?;
            marks = later;
        }
        Ok(true)
    }

    /// How many bytes of entries the next block may hold; `None` if another file must be put to
    /// use first.
    pub fn block_room(&self) -> Option<usize> {
        let most = self.config.block_bytes_max;
        let has_room = |active: &Active| active.position + most as u64 <= self.config.file_bytes;
        let spare = BLOCK_BYTES_MAX - BlockBuilder::CAPACITY;
        self.active
            .as_ref()
            .is_some_and(has_room)
            .then_some(most - spare)
    }

    /// Puts another file to use.
    pub fn rotate(&mut self) -> Rotation {
        if let Some(file) = self.ready.pop_front() {
            self.retire_active();
            let oldest = self.retired.front().map(|oldest| oldest.first_sequence);
            let header = FileHeader {
                core: self.core,
                incarnation: self.incarnation,
                salt: self.salts.u64(..),
                sequence: self.next_sequence,
                needed_from: oldest.unwrap_or(self.next_sequence),
            };
            self.active = Some(Active {
                file: file.clone(),
                first_sequence: header.sequence,
                salt: header.salt,
                position: HEADER_SIZE as u64,
                contents: Contents::new(),
            });
            return Rotation::Begin(DiskCall::WriteJournal {
                file,
                position: Position::ZERO,
                bytes: header.encode(),
            });
        }
        match self.prepare_ahead() {
            Some(call) => Rotation::Prepare(call),
            None if self.preparing || !self.retired.is_empty() => Rotation::Wait,
            None => Rotation::Unavailable,
        }
    }

    fn retire_active(&mut self) {
        let retired = self.active.take().map(|active| Retired {
            file: active.file,
            first_sequence: active.first_sequence,
            contents: active.contents,
            is_held: false,
        });
        self.retired.extend(retired);
    }

    /// One more file, if none is ready and there may be more.
    pub fn prepare_ahead(&mut self) -> Option<DiskCall> {
        let is_wanted = self.ready.is_empty() && !self.preparing && !self.is_disk_full;
        if !is_wanted || self.files() >= self.config.files_max {
            return None;
        }
        self.preparing = true;
        let name = file_name(self.incarnation, self.next_number);
        self.next_number += 1;
        Some(DiskCall::PrepareJournal {
            path: self.directory.join(name),
            bytes: self.config.file_bytes,
        })
    }

    /// Files that take turns. Held ones count once they are as many again.
    fn files(&self) -> usize {
        let turning = usize::from(self.active.is_some()) + self.ready.len() + self.retired.len();
        turning + self.held.len().saturating_sub(self.config.files_max)
    }

    /// A file was made.
    pub fn prepared(&mut self, file: FileRef) {
        self.preparing = false;
        self.ready.push_back(file);
    }

    /// A file could not be made.
    pub fn prepare_failed(&mut self) {
        self.preparing = false;
        self.is_disk_full = true;
    }

    /// A file that could not be made is tried again.
    pub fn retry(&mut self) {
        self.is_disk_full = false;
    }

    /// The write of a block that holds batches of these partitions up to these offsets.
    ///
    /// # Panics
    ///
    /// If [`Journal::block_room`] did not say that there is room.
    pub fn write(
        &mut self,
        block: BlockBuilder,
        contents: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> DiskCall {
        let active = self.active.as_mut().expect("there is room for a block");
        let bytes = block.finish(self.incarnation, self.next_sequence, active.salt);
        let position = active.position;
        active.position += bytes.as_slice().len() as u64;
        assert!(
            active.position <= self.config.file_bytes,
            "there is room for a block"
        );
        active.contents.extend(contents);
        self.next_sequence += 1;
        DiskCall::WriteJournal {
            file: active.file.clone(),
            position: Position::new(position),
            bytes,
        }
    }

    /// Takes in how far segments are synced and frees full files, the oldest first. Gives the next
    /// partition whose segments hold one up, and the offset up to which they should be synced.
    /// `may_free` is false while what the oldest file says of partitions has not been said again.
    pub fn settle(
        &mut self,
        may_free: bool,
        progress: impl Fn(TopicPartition) -> Progress,
    ) -> Option<(TopicPartition, Offset)> {
        while let Some(oldest) = self.retired.front_mut() {
            while let Some(entry) = oldest.contents.first_entry() {
                let (partition, needed) = (*entry.key(), *entry.get());
                match progress(partition) {
                    Progress::Synced(upto) if upto < needed => return Some((partition, needed)),
                    Progress::Failed => oldest.is_held = true,
                    Progress::Synced(_) | Progress::Gone => {}
                }
                entry.remove();
            }
            if !may_free {
                return None;
            }
            let freed = self.retired.pop_front().expect("looked at just now");
            if freed.is_held {
                self.held.push(freed.file);
            } else {
                self.ready.push_back(freed.file);
            }
        }
        None
    }

    /// Whether a file can be put to use at once.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many files can still be filled before durable appends wait.
    pub fn slack(&self) -> usize {
        self.ready.len() + self.config.files_max.saturating_sub(self.files())
    }
}
