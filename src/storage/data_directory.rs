//! The broker's data directory: held by one process at a time, of a format that we know.

#![expect(
    clippy::disallowed_methods,
    reason = "comes before any disk: it decides whether there is one"
)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The format that this release writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// A data directory, locked until dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// The lock lives as long as this descriptor.
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub enum DataDirectoryError {
    /// Another process holds it.
    #[error(
        "the data directory {} is in use by another process; stop that one, or choose another \
         directory with --data",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The process may not write there.
    #[error(
        "the data directory {} cannot be written to ({source}); check its owner, its mode and \
         whether the file system is mounted read-only",
        path.display()
    )]
    ReadOnly {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer release wrote it.
    #[error(
        "the data directory {} has format {found}, this release knows up to {FORMAT_VERSION}; \
         start the newer release that wrote it",
        path.display()
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The version file does not say a version.
    #[error(
        "{} does not name a format (expected \"corelane <number>\"); if this is not a corelane \
         data directory, choose another with --data, else restore the file",
        path.display()
    )]
    UnknownFormat {
        /// The version file.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataDirectory {
    /// Locks a data directory and checks its format, making both where missing.
    pub fn open(path: &Path) -> Result<Self, DataDirectoryError> {
        fs::create_dir_all(path).map_err(|source| failure(path, path, source))?;
        let lock = lock(path)?;
        check_format(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(directory: &Path) -> Result<File, DataDirectoryError> {
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| failure(directory, &path, source))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DataDirectoryError::InUse {
            path: directory.to_path_buf(),
        }),
        Err(error) => Err(failure(directory, &path, error.into())),
    }
}

fn check_format(directory: &Path) -> Result<(), DataDirectoryError> {
    let path = directory.join("format");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write_format(directory, &path);
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(DataDirectoryError::UnknownFormat { path });
        }
        Err(source) => return Err(failure(directory, &path, source)),
    };
    let version = text
        .trim_end()
        .strip_prefix("corelane ")
        .and_then(|rest| rest.parse().ok());
    match version {
        None | Some(0) => Err(DataDirectoryError::UnknownFormat { path }),
        Some(found) if found > FORMAT_VERSION => Err(DataDirectoryError::NewerFormat {
            path: directory.to_path_buf(),
            found,
        }),
        Some(_) => Ok(()),
    }
}

fn write_format(directory: &Path, path: &Path) -> Result<(), DataDirectoryError> {
    let text = format!("corelane {FORMAT_VERSION}\n");
    let disk = super::real_disk::RealDisk::new();
    let written = super::disk::replace_file(&disk, path, text.as_bytes());
    written.map_err(|source| failure(directory, path, source))?;
    // The directory's own name must survive as what it will hold.
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all());
    synced.map_err(|source| failure(directory, directory, source))
}

fn failure(directory: &Path, path: &Path, source: io::Error) -> DataDirectoryError {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            DataDirectoryError::ReadOnly {
                path: directory.to_path_buf(),
                source,
            }
        }
        _ => DataDirectoryError::Io {
            path: path.to_path_buf(),
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let held = DataDirectory::open(&path).unwrap();
        assert_eq!(held.path(), path);
        let error = DataDirectory::open(&path).unwrap_err();
        assert!(matches!(error, DataDirectoryError::InUse { .. }), "{error}");
        drop(held);
        DataDirectory::open(&path).unwrap();
    }

    #[test]
    fn formats_that_are_newer_or_unknown_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let refuse = |text: &str| {
            fs::write(directory.path().join("format"), text).unwrap();
            DataDirectory::open(directory.path()).unwrap_err()
        };
        let error = refuse("corelane 2\n");
        assert!(
            matches!(error, DataDirectoryError::NewerFormat { found: 2, .. }),
            "{error}"
        );
        assert!(matches!(
            refuse("kafka"),
            DataDirectoryError::UnknownFormat { .. }
        ));
        assert!(matches!(
            refuse(""),
            DataDirectoryError::UnknownFormat { .. }
        ));
    }

    #[test]
    fn a_file_in_its_place_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        fs::write(&path, "").unwrap();
        let error = DataDirectory::open(&path).unwrap_err();
        assert!(error.to_string().contains("data"), "{error}");
    }
}
