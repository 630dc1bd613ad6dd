//! A broker inside this process, on a free port of the loopback interface, in a directory that goes
//! away with it.

use super::super::CliError;
use std::path::Path;
use tempfile::TempDir;

/// A running broker; dropping it stops it and removes its data.
#[derive(Debug)]
pub(super) struct Embedded {
    address: String,
    _data: TempDir,
}

impl Embedded {
    /// Starts a broker whose data lies under `directory`, or where temporary files lie.
    pub(super) fn start(directory: Option<&Path>) -> Result<Self, CliError> {
        let _ = directory;
        Err(CliError::Message(
            "the embedded broker is not part of this build".into(),
        ))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        self.address.clone()
    }
}
