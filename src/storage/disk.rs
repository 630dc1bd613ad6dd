//! What storage asks of a disk, and nothing more, so that a test can stand one in that loses
//! un-synced writes, tears sectors and fails on demand.
//!
//! Every method blocks. On a serving core only [`File::write_at`] into reserved space and reads of
//! resident ranges are called directly; all else is wrapped in a
//! [`DiskCall`](super::call::DiskCall) and performed off the core.

use crate::types::Position;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file, shared by its log and by the readers that were lent ranges of it.
pub type FileRef = Arc<dyn File>;

/// Position, length and address of what is written to a file that is open as [`OpenMode::Direct`]
/// are multiples of this.
pub const DIRECT_ALIGNMENT: usize = 4096;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Must not exist yet.
    CreateNew,
    /// Must exist; read and written.
    ReadWrite,
    /// Must exist; read only.
    ReadOnly,
    /// Made if it is missing, though its name is not durable then; read and written. A write is
    /// durable when it returns, data and length; one that the power cuts leaves any of its sectors
    /// old or new. Reads are cached and of any alignment: a file is read before it is first written
    /// through any handle of this process, as one that mixes both may read what was there before.
    Direct,
}

impl OpenMode {
    /// Whether files opened so can be written.
    pub(super) fn writes(self) -> bool {
        self != Self::ReadOnly
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryEntry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_directory: bool,
}

/// How large a file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// All its bytes.
    pub total_bytes: u64,
    /// Bytes that can still be written.
    pub usable_bytes: u64,
}

/// A file system. Paths are absolute or relative to the process; nothing escapes the data directory.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<FileRef>;
    /// Makes a directory and its missing parents; not an error if it exists.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;
    /// Atomically renames a file or directory, replacing a file of the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Atomically gives each of two files of a directory the other's name. An error of kind
    /// [`io::ErrorKind::InvalidInput`] or [`io::ErrorKind::Unsupported`] where the file system
    /// cannot.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;
    /// Unlinks a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Unlinks a file whose bytes nobody needs any more but who has it open. Once it is closed they
    /// go, from the end on, whether or not a power cut brings the name back.
    fn discard_file(&self, path: &Path) -> io::Result<()> {
        self.remove_file(path)
    }
    /// Removes an empty directory.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in this directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// The file system that holds this directory.
    fn volume(&self, path: &Path) -> io::Result<Volume>;
    /// Called between steps of some 0.1 ms by work that nobody waits for: who has worked for a while
    /// sleeps for a moment, so that others get the processor. Nothing is done by default.
    fn give_way(&self) {}
}

/// An open file. One that nothing is sent from leaves the mapping's methods as they are here.
pub trait File: Send + Sync + Debug {
    /// Writes all parts, one after the other, from `position` on.
    fn write_at(&self, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()>;
    /// Reads into `buffer` from `position` on; fewer bytes only at the end of the file.
    fn read_at(&self, position: Position, buffer: &mut [u8]) -> io::Result<usize>;
    /// Reserves space for bytes up to `upto` without changing the length.
    fn reserve(&self, upto: Position) -> io::Result<()>;
    /// Sets the length, giving back whatever was reserved past it.
    fn truncate(&self, length: Position) -> io::Result<()>;
    /// Makes data and length durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Starts writing a range back without waiting and without any promise.
    fn write_behind(&self, from: Position, upto: Position) -> io::Result<()>;
    /// Writes a range back and waits until the device has taken it, without any promise: so that a
    /// later sync has little to do, and the device is not kept busy for long.
    fn write_back(&self, from: Position, upto: Position) -> io::Result<()>;
    /// Drops what memory holds of the file beside the device, as far as it counts as written, so
    /// that reading shows what the device has. After a failed sync the two differ, and no later
    /// sync tells.
    fn forget_cached(&self) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<Position>;
    /// Makes a range resident and mapped, so that it can be sent without a page fault.
    fn populate(&self, _from: Position, _upto: Position) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Whether [`File::populate`] of this range would not wait for the device.
    fn is_resident(&self, _from: Position, _upto: Position) -> bool {
        false
    }
    /// The bytes of a range as memory to send from; `None` if this disk has no mappings.
    fn mapped(&self, _from: Position, _upto: Position) -> Option<super::mapping::MappedRange> {
        None
    }
}

/// Writes one run of bytes from `position` on.
pub fn write_all(file: &dyn File, position: Position, bytes: &[u8]) -> io::Result<()> {
    file.write_at(position, &[IoSlice::new(bytes)])
}

/// Refuses what cannot be written to a file that is open as [`OpenMode::Direct`].
pub(super) fn check_alignment(position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
    let aligned = |part: &IoSlice<'_>| {
        part.as_ptr().addr().is_multiple_of(DIRECT_ALIGNMENT)
            && part.len().is_multiple_of(DIRECT_ALIGNMENT)
    };
    let fits = position.get().is_multiple_of(DIRECT_ALIGNMENT as u64) && parts.iter().all(aligned);
    fits.then_some(()).ok_or(rustix::io::Errno::INVAL.into())
}

/// Reads a whole file of at most `bytes_max` bytes; a larger one is an error of kind
/// [`io::ErrorKind::FileTooLarge`].
pub fn read_whole(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    read_all(&*disk.open(path, OpenMode::ReadOnly)?, bytes_max)
}

/// The same of a file that is open.
pub fn read_all(file: &dyn File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let length = file.length()?.get();
    if length > bytes_max {
        let message = format!("{length} bytes, where {bytes_max} are the most there can be");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(Position::ZERO, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Unlinks a file; not an error if there is none.
pub fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    unless_missing(disk.remove_file(path))
}

/// [`Disk::discard_file`]; not an error if there is none.
pub(super) fn discard_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    unless_missing(disk.discard_file(path))
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Replaces a file atomically and durably: a temporary beside it, synced, then renamed over it, and
/// the directory synced. The temporary is `path` with `.tmp` added.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = &temporary_of(path);
    remove_if_there(disk, temporary)?;
    let file = disk.open(temporary, OpenMode::CreateNew)?;
    write_all(&*file, Position::ZERO, bytes)?;
    file.sync()?;
    disk.rename(temporary, path)?;
    disk.sync_directory(parent_of(path))
}

/// The same of a file that is replaced again and again: two take turns, as making and freeing one
/// each time costs a file system more than the bytes do. What `path` held becomes the temporary,
/// and is written over the next time.
///
/// Only for a caller whose last replacement of `path` succeeded: after a failed one, or one of
/// another process, what a power cut leaves under the name `path` may be the temporary of now.
pub fn replace_in_turn(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = &temporary_of(path);
    let file = match disk.open(temporary, OpenMode::ReadWrite) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.open(temporary, OpenMode::CreateNew)?
        }
        opened => opened?,
    };
    write_all(&*file, Position::ZERO, bytes)?;
    let length = Position::new(bytes.len() as u64);
    if file.length()? != length {
        file.truncate(length)?;
    }
    file.sync()?;
    match disk.exchange(temporary, path) {
        Err(error) if cannot_exchange(&error) => disk.rename(temporary, path)?,
        exchanged => exchanged?,
    }
    disk.sync_directory(parent_of(path))
}

/// The directory that a path is in, as far as the path tells.
pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn temporary_of(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    temporary.into()
}

fn cannot_exchange(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}
