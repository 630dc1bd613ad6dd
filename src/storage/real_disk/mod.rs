//! The file system of the machine.
//!
//! Mappings are made when first sent from and live in a bounded set; the one not used for longest
//! goes first. A mapping that was given up is unmapped by the next populate, off the core, once no
//! reader holds a range of it: unmapping a gigabyte takes milliseconds.
//!
//! What a removed file took is given back little by little: see [`reclaimer`].

#![expect(clippy::disallowed_methods, reason = "the place of files")]

mod direct;
mod give_way;
mod reclaimer;

use super::disk::{DirectoryEntry, Disk, File, FileRef, OpenMode, Volume};
use super::mapping::{self, MappedRange, Mapping};
use crate::types::Position;
use direct::DirectFile;
use reclaimer::Reclaimer;
use rustix::fs::{Advice, CWD, FallocateFlags, RenameFlags};
use std::collections::VecDeque;
use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Mappings at a time: half of what Linux allows a process by default (`vm.max_map_count` 65530).
const MAPPINGS_MAX: usize = 32_768;

/// The real file system; clones share the bookkeeping of mappings and of removed files.
#[derive(Debug, Clone)]
pub struct RealDisk {
    mappings: Arc<MappingSet>,
    reclaimer: Arc<Reclaimer>,
}

impl RealDisk {
    /// The machine's file system.
    pub fn new() -> Self {
        Self::with_mappings_max(MAPPINGS_MAX)
    }

    fn with_mappings_max(limit: usize) -> Self {
        let (slots, retired) = (Mutex::default(), Mutex::default());
        Self {
            mappings: Arc::new(MappingSet {
                limit,
                slots,
                retired,
            }),
            reclaimer: Arc::default(),
        }
    }
}

impl Default for RealDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<FileRef> {
        if mode == OpenMode::Direct {
            return Ok(Arc::new(DirectFile::open(path)?));
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(mode.writes());
        options.create_new(mode == OpenMode::CreateNew);
        let file = options.open(path)?;
        reclaimer::share(&file);
        let (slot, mappings) = (Arc::default(), Arc::clone(&self.mappings));
        Ok(Arc::new(RealFile {
            file,
            slot,
            mappings,
        }))
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            entries.push(DirectoryEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_directory: entry.file_type()?.is_dir(),
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let exchange = RenameFlags::EXCHANGE;
        Ok(rustix::fs::renameat_with(CWD, one, CWD, other, exchange)?)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn discard_file(&self, path: &Path) -> io::Result<()> {
        let held = Reclaimer::hold(path);
        fs::remove_file(path)?;
        if let Some(file) = held {
            self.reclaimer.take(file);
        }
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        fs::File::open(path)?.sync_all()
    }

    fn volume(&self, path: &Path) -> io::Result<Volume> {
        let statistics = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(statistics.f_frsize);
        Ok(Volume {
            total_bytes: bytes(statistics.f_blocks),
            usable_bytes: bytes(statistics.f_bavail),
        })
    }

    fn give_way(&self) {
        give_way::give_way();
    }
}

#[derive(Debug)]
struct RealFile {
    file: fs::File,
    slot: Arc<MappingSlot>,
    mappings: Arc<MappingSet>,
}

impl RealFile {
    /// The file's mapping, made now if it has none that reaches `upto`.
    fn mapping(&self, upto: Position) -> io::Result<Arc<Mapping>> {
        self.slot.used.store(true, Ordering::Relaxed);
        let mut held = locked(&self.slot.mapping);
        if let Some(mapping) = held.as_ref().filter(|mapping| mapping.covers(upto)) {
            return Ok(Arc::clone(mapping));
        }
        let mapping = Mapping::new(&self.file, upto)?;
        let outgrown = held.replace(Arc::clone(&mapping));
        drop(held);
        match outgrown {
            Some(outgrown) => locked(&self.mappings.retired).push(outgrown),
            None => self.mappings.enter(&self.slot),
        }
        Ok(mapping)
    }
}

impl File for RealFile {
    fn write_at(&self, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
        write_parts(&self.file, position, parts)
    }

    fn read_at(&self, position: Position, buffer: &mut [u8]) -> io::Result<usize> {
        read_upto(&self.file, position, buffer)
    }

    fn reserve(&self, upto: Position) -> io::Result<()> {
        reserve(&self.file, upto)
    }

    fn truncate(&self, length: Position) -> io::Result<()> {
        self.file.set_len(length.get())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write_behind(&self, from: Position, upto: Position) -> io::Result<()> {
        mapping::start_writeback(&self.file, from, upto)
    }

    fn write_back(&self, from: Position, upto: Position) -> io::Result<()> {
        mapping::write_back(&self.file, from, upto)
    }

    fn forget_cached(&self) -> io::Result<()> {
        forget_cached(&self.file)
    }

    fn length(&self) -> io::Result<Position> {
        length_of(&self.file)
    }

    fn populate(&self, from: Position, upto: Position) -> io::Result<()> {
        self.mappings.unmap_retired();
        self.mapping(upto)?.populate(from, upto)
    }

    fn is_resident(&self, from: Position, upto: Position) -> bool {
        self.mapping(upto)
            .is_ok_and(|mapping| mapping.is_resident(from, upto))
    }

    fn mapped(&self, from: Position, upto: Position) -> Option<MappedRange> {
        let mapping = self.mapping(upto).ok()?;
        MappedRange::new(&mapping, from, upto)
    }
}

fn write_parts(file: &fs::File, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut written = 0;
    while written < total {
        let rest = parts_after(parts, written);
        let at = position.advanced(written as u64);
        match rustix::io::pwritev(file, &rest, at.get()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn read_upto(file: &fs::File, position: Position, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], position.get() + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn reserve(file: &fs::File, upto: Position) -> io::Result<()> {
    let length = length_of(file)?;
    if length >= upto {
        return Ok(());
    }
    let flags = FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, length.get(), upto.since(length)) {
        // A file system without preallocation: a full disk then shows when appending.
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        result => Ok(result?),
    }
}

fn forget_cached(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?)
}

fn length_of(file: &fs::File) -> io::Result<Position> {
    Ok(Position::new(file.metadata()?.len()))
}

/// What is left of `parts` after their first `skipped` bytes.
fn parts_after<'a>(parts: &'a [IoSlice<'a>], mut skipped: usize) -> Vec<IoSlice<'a>> {
    let mut rest = Vec::with_capacity(parts.len());
    for part in parts {
        let gone = skipped.min(part.len());
        skipped -= gone;
        if gone < part.len() {
            rest.push(IoSlice::new(&part[gone..]));
        }
    }
    rest
}

/// Where a file keeps its mapping.
#[derive(Debug, Default)]
struct MappingSlot {
    mapping: Mutex<Option<Arc<Mapping>>>,
    /// Set by use, cleared when the mapping is passed over once.
    used: AtomicBool,
}

/// All mappings of a disk, bounded.
#[derive(Debug)]
struct MappingSet {
    limit: usize,
    slots: Mutex<VecDeque<Weak<MappingSlot>>>,
    /// Given up, but perhaps still lent.
    retired: Mutex<Vec<Arc<Mapping>>>,
}

impl MappingSet {
    fn enter(&self, slot: &Arc<MappingSlot>) {
        let mut slots = locked(&self.slots);
        slots.push_back(Arc::downgrade(slot));
        let mut passes = 2 * slots.len();
        while slots.len() > self.limit && passes > 0 {
            passes -= 1;
            let Some(oldest) = slots.pop_front() else {
                return;
            };
            let Some(held) = oldest.upgrade() else {
                continue;
            };
            if held.used.swap(false, Ordering::Relaxed) {
                slots.push_back(oldest);
            } else if let Some(mapping) = locked(&held.mapping).take() {
                locked(&self.retired).push(mapping);
            }
        }
    }

    fn unmap_retired(&self) {
        let mut retired = locked(&self.retired);
        if retired.is_empty() {
            return;
        }
        let all = std::mem::take(&mut *retired);
        let (lent, free) = all
            .into_iter()
            .partition(|mapping| Arc::strong_count(mapping) > 1);
        *retired = lent;
        drop::<MutexGuard<'_, Vec<_>>>(retired);
        drop::<Vec<Arc<Mapping>>>(free);
    }
}

/// Nothing here is left half done by a panic, so a poisoned lock is as good as any.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::{replace_file, replace_in_turn, write_all};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_written_reserved_mapped_and_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let disk = RealDisk::new();
        let file = disk.open(&path, OpenMode::CreateNew).unwrap();
        file.reserve(Position::new(1 << 16)).unwrap();
        assert_eq!(file.length().unwrap(), Position::ZERO);
        let parts = [IoSlice::new(b"head"), IoSlice::new(b"tail")];
        file.write_at(Position::ZERO, &parts).unwrap();
        file.sync().unwrap();
        file.write_behind(Position::ZERO, Position::new(8)).unwrap();
        file.populate(Position::ZERO, Position::new(8)).unwrap();
        assert!(file.is_resident(Position::ZERO, Position::new(8)));
        let range = file.mapped(Position::new(2), Position::new(8)).unwrap();
        assert_eq!(range.length(), 6);
        file.truncate(Position::new(4)).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(file.read_at(Position::ZERO, &mut buffer).unwrap(), 4);
        assert_eq!(&buffer[..4], b"head");
    }

    #[test]
    fn replacing_leaves_the_new_content_and_no_temporary() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let disk = RealDisk::new();
        replace_file(&disk, &path, b"one").unwrap();
        replace_file(&disk, &path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(disk.list(directory.path()).unwrap().len(), 1);
    }

    #[test]
    fn replacing_in_turn_goes_on_in_two_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let inode = || fs::metadata(&path).unwrap().ino();
        let disk = RealDisk::new();
        replace_file(&disk, &path, b"a long first one").unwrap();
        let first = inode();
        replace_in_turn(&disk, &path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_ne!(inode(), first);
        replace_in_turn(&disk, &path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(inode(), first);
    }

    #[test]
    fn mappings_are_bounded_and_lent_ranges_outlive_them() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::with_mappings_max(2);
        let mut files = Vec::new();
        for name in ["a", "b", "c", "d"] {
            let file = disk
                .open(&directory.path().join(name), OpenMode::CreateNew)
                .unwrap();
            write_all(&*file, Position::ZERO, b"x").unwrap();
            let range = file.mapped(Position::ZERO, Position::new(1)).unwrap();
            files.push((file, range));
        }
        assert_eq!(locked(&disk.mappings.slots).len(), 2);
        assert_eq!(locked(&disk.mappings.retired).len(), 2);
        files[3]
            .0
            .populate(Position::ZERO, Position::new(1))
            .unwrap();
        assert_eq!(locked(&disk.mappings.retired).len(), 2, "still lent");
        files.truncate(3);
        files.clear();
        disk.mappings.unmap_retired();
        assert_eq!(locked(&disk.mappings.retired).len(), 0);
    }
}
