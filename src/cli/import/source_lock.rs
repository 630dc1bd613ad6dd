//! That no Kafka runs on a directory, and none starts while it is read.

use super::super::CliError;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

/// Kafka holds its `.lock` by a lock of POSIX; a shared one needs no right to write.
#[derive(Debug)]
pub(super) struct SourceLock {
    /// The lock lives as long as this descriptor; `None` if no Kafka ever ran there.
    _file: Option<File>,
}

impl SourceLock {
    pub(super) fn take(directory: &Path) -> Result<Self, CliError> {
        let path = directory.join(".lock");
        let failed = |error: io::Error| CliError::io(path.display().to_string(), error);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { _file: None });
            }
            file => file.map_err(failed)?,
        };
        match fcntl_lock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(Errno::AGAIN | Errno::ACCESS) => Err(CliError::Message(format!(
                "a Kafka runs on {}; stop it first",
                directory.display()
            ))),
            Err(error) => Err(failed(error.into())),
        }
    }
}
