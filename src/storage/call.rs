//! Disk calls that may block, as values: the shard emits them, the runtime performs them off the
//! core, the simulator performs, delays, reorders or fails them.
//!
//! Every call may be performed while others are under way, in any order; the log that issued it
//! sees to it that no two contradict each other.

mod hints;

pub use hints::Hints;
pub(super) use hints::write_hints;

use super::aligned::AlignedBuffer;
use super::checkpoint::Checkpoint;
use super::compaction::Compaction;
use super::disk::{
    Disk, FileRef, OpenMode, Volume, discard_if_there, parent_of, replace_file, replace_in_turn,
};
use super::index::{IndexMark, IndexPiece, StoredIndex};
use super::journal;
use super::log::{Scrubbed, SealedSegment};
use super::segment::{base_of, is_ours};
use crate::record::{Batch, RecompressError, TargetCompression, recompress};
use crate::types::Position;
use std::io;
use std::path::{Path, PathBuf};

/// Names a call within the log that issued it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// Calls that a log wants performed, in any order.
pub type Calls = Vec<(Ticket, DiskCall)>;

/// The files of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFiles {
    /// Batches.
    pub log: PathBuf,
    /// Offset index.
    pub index: PathBuf,
    /// Time index.
    pub time_index: PathBuf,
    /// What a start needs to know, and checksums.
    pub summary: PathBuf,
}

/// Something to do with a disk that may take long.
#[derive(Debug)]
pub enum DiskCall {
    /// Makes a segment, its space and its name durable.
    CreateSegment {
        /// The partition's directory.
        directory: PathBuf,
        /// The segment's file in it.
        path: PathBuf,
        /// Bytes to reserve.
        reserve: Position,
        /// For the first segment: the checkpoint that makes the directory a partition's.
        checkpoint: Option<Vec<u8>>,
    },
    /// Reserves space up to a position.
    Reserve {
        /// Where.
        file: FileRef,
        /// Up to where.
        upto: Position,
    },
    /// Cuts off what a failed append left behind.
    Cut {
        /// Where.
        file: FileRef,
        /// What stays.
        length: Position,
    },
    /// Makes files durable, in this order; the first failure ends it.
    Sync {
        /// Which.
        files: Vec<FileRef>,
    },
    /// Starts writing a range back.
    WriteBehind {
        /// Where.
        file: FileRef,
        /// The first byte.
        from: Position,
        /// Past the last byte.
        upto: Position,
    },
    /// Cuts a segment that is not written any more to its end and writes its hints.
    Seal {
        /// The segment.
        file: FileRef,
        /// Its valid bytes.
        length: Position,
        /// What to write beside it.
        hints: Box<Hints>,
    },
    /// Replaces a partition's checkpoint, atomically and durably.
    WriteCheckpoint {
        /// Which.
        path: PathBuf,
        /// What it is to say, but for what the piece adds.
        checkpoint: Box<Checkpoint>,
        /// What the index files of its segment get first.
        index: Option<IndexPiece>,
        /// Whether this process wrote the one before, so that two files can take turns.
        in_turn: bool,
    },
    /// Replaces a file atomically and durably.
    ReplaceFile {
        /// Which.
        path: PathBuf,
        /// Its new content.
        bytes: Vec<u8>,
    },
    /// Makes a range resident and mapped.
    Populate {
        /// Where.
        file: FileRef,
        /// The first byte.
        from: Position,
        /// Past the last byte.
        upto: Position,
    },
    /// Unlinks files, those that exist, and closes handles.
    Remove {
        /// Handles to close where waiting is allowed.
        files: Vec<FileRef>,
        /// What to unlink, in this order.
        paths: Vec<PathBuf>,
    },
    /// Renames a deleted topic's directory out of the way, durably; not an error if it is gone.
    BuryDirectory {
        /// The partition's directory.
        from: PathBuf,
        /// Its new name, in the same parent.
        to: PathBuf,
    },
    /// Removes a buried directory with the files in it that this engine makes. One with others in
    /// it stays, with those.
    RemoveDirectory {
        /// Which.
        path: PathBuf,
    },
    /// Makes a journal file of zeros, durably.
    PrepareJournal {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// Writes to a journal, durably.
    WriteJournal {
        /// Where.
        file: FileRef,
        /// Where in it.
        position: Position,
        /// What.
        bytes: AlignedBuffer,
    },
    /// Compares a piece of a segment with its checksums.
    Scrub {
        /// Which.
        segment: SealedSegment,
        /// The first chunk.
        first: usize,
        /// How many chunks at most.
        count: usize,
    },
    /// Looks how large the file system of a directory is.
    Volume {
        /// The directory.
        path: PathBuf,
    },
    /// Performs a piece of a compaction.
    Compact {
        /// The run.
        run: Box<Compaction>,
        /// About how many bytes to read.
        bytes_max: usize,
    },
    /// Puts a batch into another compression. It needs no disk, but takes as long as one.
    Recompress {
        /// The batch as it was sent.
        batch: Batch,
        /// What it is to be kept in.
        target: TargetCompression,
        /// The largest batch that is of use, in bytes.
        bytes_max: usize,
    },
    /// Ends a log cleanly: sync, cut, and then the checkpoint that says so.
    Close {
        /// What to sync first, in this order.
        files: Vec<FileRef>,
        /// The active segment: its file and its valid bytes.
        active: Option<(FileRef, Position)>,
        /// The checkpoint's file.
        path: PathBuf,
        /// Its content, but for what the piece adds.
        checkpoint: Box<Checkpoint>,
        /// What the index files of the active segment get before.
        index: Option<IndexPiece>,
    },
}

/// What a call gave.
#[derive(Debug)]
pub enum DiskReply {
    /// It is done.
    Done,
    /// The new segment or journal file.
    File(FileRef),
    /// The sealed segment's indexes.
    Sealed(SealedIndex),
    /// The checkpoint is there, and vouches for so much of the index files.
    Checkpointed(Option<IndexMark>),
    /// What the file system holds.
    Volume(Volume),
    /// What a comparison showed.
    Scrubbed(Scrubbed),
    /// The batch in its other compression.
    Recompressed(Result<Batch, RecompressError>),
    /// The run, a piece further.
    Compacted(Box<Compaction>),
}

/// The open indexes of a sealed segment.
#[derive(Debug)]
pub struct SealedIndex(pub(super) StoredIndex);

impl DiskCall {
    /// Does it. Blocks.
    pub fn perform(self, disk: &dyn Disk) -> io::Result<DiskReply> {
        match self {
            Self::CreateSegment {
                directory,
                path,
                reserve,
                checkpoint,
            } => create_segment(disk, &directory, &path, reserve, checkpoint.as_deref())
                .map(DiskReply::File),
            Self::Seal {
                file,
                length,
                hints,
            } => {
                file.truncate(length)?;
                let index = write_hints(disk, &hints, length, &file)?;
                Ok(DiskReply::Sealed(SealedIndex(index)))
            }
            Self::WriteCheckpoint {
                path,
                checkpoint,
                index,
                in_turn,
            } => {
                let replace = if in_turn {
                    replace_in_turn
                } else {
                    replace_file
                };
                write_checkpoint(disk, &path, *checkpoint, index, replace)
                    .map(DiskReply::Checkpointed)
            }
            Self::PrepareJournal { path, bytes } => {
                journal::prepare(disk, &path, bytes).map(DiskReply::File)
            }
            Self::Scrub {
                segment,
                first,
                count,
            } => segment.scrub(disk, first, count).map(DiskReply::Scrubbed),
            Self::Volume { path } => disk.volume(&path).map(DiskReply::Volume),
            Self::Compact { run, bytes_max } => {
                let run = run.perform(disk, bytes_max)?;
                Ok(DiskReply::Compacted(Box::new(run)))
            }
            Self::Recompress {
                batch,
                target,
                bytes_max,
            } => Ok(DiskReply::Recompressed(recompress(
                &batch, &target, bytes_max,
            ))),
            call => call.perform_plain(disk).map(|()| DiskReply::Done),
        }
    }

    fn perform_plain(self, disk: &dyn Disk) -> io::Result<()> {
        match self {
            Self::CreateSegment { .. }
            | Self::Seal { .. }
            | Self::WriteCheckpoint { .. }
            | Self::PrepareJournal { .. }
            | Self::Scrub { .. }
            | Self::Compact { .. }
            | Self::Recompress { .. }
            | Self::Volume { .. } => unreachable!("these have replies"),
            Self::WriteJournal {
                file,
                position,
                bytes,
            } => file.write_at(position, &[io::IoSlice::new(bytes.as_slice())]),
            Self::Reserve { file, upto } => file.reserve(upto),
            Self::Cut { file, length } => file.truncate(length),
            Self::Sync { files } => files.iter().try_for_each(|file| file.sync()),
            Self::WriteBehind { file, from, upto } => file.write_behind(from, upto),
            Self::ReplaceFile { path, bytes } => replace_file(disk, &path, &bytes),
            Self::Populate { file, from, upto } => file.populate(from, upto),
            Self::Remove { files, paths } => {
                paths
                    .iter()
                    .try_for_each(|path| discard_if_there(disk, path))?;
                drop(files);
                Ok(())
            }
            Self::BuryDirectory { from, to } => match disk.rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
                Ok(()) => disk.sync_directory(parent_of(&to)),
            },
            Self::RemoveDirectory { path } => remove_directory(disk, &path),
            Self::Close {
                files,
                active,
                path,
                checkpoint,
                index,
            } => {
                files.iter().try_for_each(|file| file.sync())?;
                if let Some((file, length)) = active {
                    file.truncate(length)?;
                    file.sync()?;
                }
                write_checkpoint(disk, &path, *checkpoint, index, replace_file).map(drop)
            }
        }
    }

    /// What the call does and to what, for messages to people.
    pub fn describe(&self) -> String {
        match self {
            Self::CreateSegment { path, .. } => format!("creating {}", path.display()),
            Self::Reserve { upto, .. } => format!("reserving space up to byte {upto}"),
            Self::Cut { length, .. } => format!("cutting a segment to {length} bytes"),
            Self::Sync { files } => format!("syncing {} segments", files.len()),
            Self::WriteBehind { from, upto, .. } => format!("writing back bytes {from} to {upto}"),
            Self::Seal { hints, .. } => format!("sealing {}", hints.files.log.display()),
            Self::WriteCheckpoint { path, .. } => format!("replacing {}", path.display()),
            Self::ReplaceFile { path, .. } => format!("replacing {}", path.display()),
            Self::Populate { from, upto, .. } => format!("reading bytes {from} to {upto}"),
            Self::Remove { paths, .. } => match paths.first() {
                Some(path) => format!("removing {}", path.display()),
                None => "closing files".to_owned(),
            },
            Self::BuryDirectory { from, .. } => format!("renaming {}", from.display()),
            Self::RemoveDirectory { path } => format!("removing {}", path.display()),
            Self::PrepareJournal { path, .. } => format!("preparing {}", path.display()),
            Self::WriteJournal {
                position, bytes, ..
            } => format!(
                "writing {} bytes of a journal at {position}",
                bytes.as_slice().len()
            ),
            Self::Scrub { segment, .. } => format!("checking {}", segment.path.display()),
            Self::Volume { path } => format!("looking at the volume of {}", path.display()),
            Self::Compact { run, .. } => format!("compacting {}", run.directory().display()),
            Self::Recompress { target, .. } => format!("recompressing to {}", target.compression),
            Self::Close { path, .. } => format!("closing the log of {}", path.display()),
        }
    }
}

fn create_segment(
    disk: &dyn Disk,
    directory: &Path,
    path: &Path,
    reserve: Position,
    checkpoint: Option<&[u8]>,
) -> io::Result<FileRef> {
    if let Some(bytes) = checkpoint {
        disk.create_directory(directory)?;
        refuse_strangers(disk, directory)?;
        disk.sync_directory(parent_of(directory))?;
        replace_file(
            disk,
            &directory.join(super::segment::CHECKPOINT_NAME),
            bytes,
        )?;
    }
    let file = match disk.open(path, OpenMode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left by an attempt that failed half-way; anything with bytes in it is not ours to take.
            let file = disk.open(path, OpenMode::ReadWrite)?;
            if file.length()? > Position::ZERO {
                return Err(error);
            }
            file
        }
        opened => opened?,
    };
    let prepared = file
        .reserve(reserve)
        .and_then(|()| disk.sync_directory(directory));
    if let Err(error) = prepared {
        // It is empty; the next attempt takes it up if it cannot be unlinked.
        let _ = disk.remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// A deleted topic whose directory could not be renamed is not to become part of the one that has
/// its name now, as it would under the new one's checkpoint.
fn refuse_strangers(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    for entry in disk.list(directory)? {
        let path = directory.join(&entry.name);
        if base_of(&entry.name, "log").is_some()
            && disk.open(&path, OpenMode::ReadOnly)?.length()? > Position::ZERO
        {
            let message = format!("{} was left by a deleted topic", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
    }
    Ok(())
}

/// The index files come first, as the checkpoint vouches for them. They are hints: where they cannot
/// be written it vouches for what they had before, and the next start walks more headers.
fn write_checkpoint(
    disk: &dyn Disk,
    path: &Path,
    mut checkpoint: Checkpoint,
    index: Option<IndexPiece>,
    replace: impl FnOnce(&dyn Disk, &Path, &[u8]) -> io::Result<()>,
) -> io::Result<Option<IndexMark>> {
    if let Some(piece) = index {
        match piece.write(disk) {
            Ok(mark) => checkpoint.index = Some(mark),
            Err(error) => log::warn!("writing the indexes beside {}: {error}", path.display()),
        }
    }
    replace(disk, path, &checkpoint.encode())?;
    Ok(checkpoint.index)
}

fn remove_directory(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let entries = match disk.list(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut foreign = false;
    for entry in entries {
        if entry.is_directory || !is_ours(&entry.name) {
            foreign = true;
        } else {
            discard_if_there(disk, &path.join(&entry.name))?;
        }
    }
    if foreign {
        log::warn!("{} stays: it holds files that are not ours", path.display());
        return Ok(());
    }
    disk.remove_directory(path)?;
    disk.sync_directory(parent_of(path))
}

#[cfg(test)]
mod tests;
