//! A disk over another one: what is written is kept in memory and forgotten at the end, so that
//! recovery can be tried without a change to the disk below.

use super::disk::{DirectoryEntry, Disk, File, FileRef, OpenMode, Volume};
use crate::types::Position;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct ScratchDisk<'a> {
    below: &'a dyn Disk,
    /// Files that were opened or made here, and names that were removed.
    names: Mutex<BTreeMap<PathBuf, Option<Arc<ScratchFile>>>>,
}

impl<'a> ScratchDisk<'a> {
    /// As yet the same as the disk below.
    pub fn new(below: &'a dyn Disk) -> Self {
        let names = Mutex::default();
        Self { below, names }
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<Arc<ScratchFile>>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of this name, as it is here.
    fn find(&self, path: &Path) -> io::Result<Arc<ScratchFile>> {
        if let Some(known) = self.names().get(path) {
            return known.clone().ok_or(io::ErrorKind::NotFound.into());
        }
        let below = self.below.open(path, OpenMode::ReadOnly)?;
        let length = below.length()?.get();
        let file = ScratchFile::new(Content {
            below: Some((below, length)),
            length,
            written: Vec::new(),
        });
        self.names().insert(path.to_path_buf(), Some(file.clone()));
        Ok(file)
    }
}

impl Disk for ScratchDisk<'_> {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<FileRef> {
        let found = self.find(path);
        let makes = matches!(mode, OpenMode::CreateNew | OpenMode::Direct);
        match found {
            Ok(_) if mode == OpenMode::CreateNew => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if makes && error.kind() == io::ErrorKind::NotFound => {
                let made = ScratchFile::new(Content::default());
                self.names().insert(path.to_path_buf(), Some(made.clone()));
                Ok(made)
            }
            found => Ok(found?),
        }
    }

    fn create_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut entries = match self.below.list(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?,
        };
        for (file, content) in self.names().iter() {
            let Some(name) = file.file_name().filter(|_| file.parent() == Some(path)) else {
                continue;
            };
            let name = name.to_string_lossy().into_owned();
            entries.retain(|entry| entry.name != name);
            entries.extend(content.as_ref().map(|_| DirectoryEntry {
                name,
                is_directory: false,
            }));
        }
        entries.sort();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from)?;
        let mut names = self.names();
        names.insert(from.to_path_buf(), None);
        names.insert(to.to_path_buf(), Some(file));
        Ok(())
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let (first, second) = (self.find(one)?, self.find(other)?);
        let mut names = self.names();
        names.insert(one.to_path_buf(), Some(second));
        names.insert(other.to_path_buf(), Some(first));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.names().insert(path.to_path_buf(), None);
        Ok(())
    }

    fn remove_directory(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn volume(&self, path: &Path) -> io::Result<Volume> {
        self.below.volume(path)
    }
}

#[derive(Debug)]
struct ScratchFile {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    /// The file below, and how many of its bytes still count.
    below: Option<(FileRef, u64)>,
    length: u64,
    /// What was written here and where, oldest first.
    written: Vec<(u64, Vec<u8>)>,
}

impl ScratchFile {
    fn new(content: Content) -> Arc<Self> {
        let content = Mutex::new(content);
        Arc::new(Self { content })
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.length.saturating_sub(at).min(buffer.len() as u64);
        let buffer = &mut buffer[..count as usize];
        buffer.fill(0);
        if let Some((below, upto)) = &self.below {
            let kept = upto.saturating_sub(at).min(count) as usize;
            below.read_at(Position::new(at), &mut buffer[..kept])?;
        }
        for (from, bytes) in &self.written {
            let (first, end) = (at.max(*from), (at + count).min(from + bytes.len() as u64));
            if first < end {
                let piece = &bytes[(first - from) as usize..(end - from) as usize];
                buffer[(first - at) as usize..(end - at) as usize].copy_from_slice(piece);
            }
        }
        Ok(buffer.len())
    }

    fn truncate(&mut self, length: u64) {
        self.length = length;
        if let Some((_, upto)) = &mut self.below {
            *upto = length.min(*upto);
        }
        for (from, bytes) in &mut self.written {
            bytes.truncate(length.saturating_sub(*from) as usize);
        }
    }
}

impl File for ScratchFile {
    fn write_at(&self, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut content = self.content();
        content.length = content.length.max(position.get() + bytes.len() as u64);
        content.written.push((position.get(), bytes));
        Ok(())
    }

    fn read_at(&self, position: Position, buffer: &mut [u8]) -> io::Result<usize> {
        self.content().read(position.get(), buffer)
    }

    fn reserve(&self, _upto: Position) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, length: Position) -> io::Result<()> {
        self.content().truncate(length.get());
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_behind(&self, _from: Position, _upto: Position) -> io::Result<()> {
        Ok(())
    }

    fn write_back(&self, _from: Position, _upto: Position) -> io::Result<()> {
        Ok(())
    }

    fn forget_cached(&self) -> io::Result<()> {
        match &self.content().below {
            Some((below, _)) => below.forget_cached(),
            None => Ok(()),
        }
    }

    fn length(&self) -> io::Result<Position> {
        Ok(Position::new(self.content().length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryDisk;
    use crate::storage::disk::{read_whole, replace_file, replace_in_turn, write_all};

    fn names(disk: &dyn Disk) -> Vec<String> {
        let entries = disk.list(Path::new("d")).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn changes_are_seen_here_and_never_below() {
        let below = MemoryDisk::new(1);
        let (a, b, c) = (Path::new("d/a"), Path::new("d/b"), Path::new("d/c"));
        below.write_file(a, b"0123456789").unwrap();
        below.write_file(b, b"b").unwrap();
        let operations = below.operations();

        let disk = ScratchDisk::new(&below);
        let whole = |path| read_whole(&disk, path, 100);
        let file = disk.open(a, OpenMode::ReadWrite).unwrap();
        write_all(&*file, Position::new(8), b"abcd").unwrap();
        write_all(&*file, Position::new(9), b"X").unwrap();
        assert_eq!(whole(a).unwrap(), b"01234567aXcd");
        let mut middle = [0; 4];
        assert_eq!(file.read_at(Position::new(7), &mut middle).unwrap(), 4);
        assert_eq!(&middle, b"7aXc");
        file.truncate(Position::new(9)).unwrap();
        file.truncate(Position::new(11)).unwrap();
        assert_eq!(whole(a).unwrap(), b"01234567a\0\0");
        file.truncate(Position::new(3)).unwrap();
        write_all(&*file, Position::new(5), b"!").unwrap();
        assert_eq!(whole(a).unwrap(), b"012\0\0!");
        disk.remove_file(b).unwrap();
        replace_file(&disk, c, b"new").unwrap();
        assert_eq!(whole(c).unwrap(), b"new");
        replace_in_turn(&disk, c, b"newer").unwrap();
        assert_eq!(whole(c).unwrap(), b"newer");
        assert_eq!(whole(Path::new("d/c.tmp")).unwrap(), b"new");
        assert_eq!(whole(b).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(disk.open(a, OpenMode::CreateNew).is_err());
        assert_eq!(names(&disk), ["a", "c", "c.tmp"]);

        assert_eq!(below.operations(), operations, "nothing was even tried");
        assert_eq!(names(&below), ["a", "b"]);
        assert_eq!(below.read_file(a).unwrap(), b"0123456789");
    }
}
