//! Files whose writes go past the page cache and are on the device when they return.

#![expect(clippy::disallowed_methods, reason = "the place of files")]

use super::{forget_cached, length_of, read_upto, reclaimer, reserve, write_parts};
use crate::storage::disk::{File, check_alignment};
use crate::storage::mapping;
use crate::types::Position;
use rustix::fs::OFlags;
use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Once;

/// An open file that is written with `O_DIRECT | O_DSYNC`, or with the latter alone where the file
/// system refuses the former. It is read through a descriptor of its own, as direct reads would ask
/// the reader for aligned memory.
#[derive(Debug)]
pub(super) struct DirectFile {
    writer: fs::File,
    reader: fs::File,
}

impl DirectFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let writer = match open_writer(path, OFlags::DIRECT | OFlags::DSYNC) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                static SAID: Once = Once::new();
                SAID.call_once(|| {
                    let path = path.display();
                    log::warn!("{path}: the file system has no direct I/O, so its cache is used");
                });
                open_writer(path, OFlags::DSYNC)
            }
            opened => opened,
        };
        let (writer, reader) = (writer?, fs::File::open(path)?);
        reclaimer::share(&writer);
        Ok(Self { writer, reader })
    }
}

fn open_writer(path: &Path, flags: OFlags) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

impl File for DirectFile {
    fn write_at(&self, position: Position, parts: &[IoSlice<'_>]) -> io::Result<()> {
        check_alignment(position, parts)?;
        write_parts(&self.writer, position, parts)
    }

    fn read_at(&self, position: Position, buffer: &mut [u8]) -> io::Result<usize> {
        read_upto(&self.reader, position, buffer)
    }

    fn reserve(&self, upto: Position) -> io::Result<()> {
        reserve(&self.writer, upto)
    }

    fn truncate(&self, length: Position) -> io::Result<()> {
        self.writer.set_len(length.get())
    }

    fn sync(&self) -> io::Result<()> {
        self.writer.sync_data()
    }

    fn write_behind(&self, from: Position, upto: Position) -> io::Result<()> {
        mapping::start_writeback(&self.writer, from, upto)
    }

    fn write_back(&self, from: Position, upto: Position) -> io::Result<()> {
        mapping::write_back(&self.writer, from, upto)
    }

    fn forget_cached(&self) -> io::Result<()> {
        forget_cached(&self.reader)
    }

    fn length(&self) -> io::Result<Position> {
        length_of(&self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RealDisk;
    use super::*;
    use crate::storage::AlignedBuffer;
    use crate::storage::disk::{Disk, OpenMode, write_all};

    /// On the target directory's file system, and on the one of temporary files, which is often
    /// one in memory.
    #[test]
    fn a_direct_file_is_made_written_aligned_and_read_anyhow() {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR"));
        for parent in [beside, &std::env::temp_dir()] {
            let directory = tempfile::tempdir_in(parent).unwrap();
            let path = directory.path().join("f");
            let disk = RealDisk::new();
            let mut block = AlignedBuffer::zeroed(8192);
            block.as_mut_slice().fill(7);
            let file = disk.open(&path, OpenMode::Direct).unwrap();
            file.reserve(Position::new(65_536)).unwrap();
            let parts = block.as_slice().split_at(4096);
            let parts = [IoSlice::new(parts.0), IoSlice::new(parts.1)];
            file.write_at(Position::new(4096), &parts).unwrap();
            assert_eq!(file.length().unwrap(), Position::new(12_288));
            let file = disk.open(&path, OpenMode::Direct).unwrap();
            let mut read = [1; 10];
            assert_eq!(file.read_at(Position::new(4091), &mut read).unwrap(), 10);
            assert_eq!(read, [0, 0, 0, 0, 0, 7, 7, 7, 7, 7]);
            for (position, part) in [(1, 0..4096), (0, 0..4095), (0, 1..4097)] {
                let part = &block.as_slice()[part];
                let error = write_all(&*file, Position::new(position), part).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            }
        }
    }
}
