//! Disk calls that may block, as values: the shard emits them, the runtime performs them off the
//! core, the simulator performs, delays, reorders or fails them.

use super::{Disk, FileRef};
use crate::types::Position;
use std::io;

/// One call.
#[derive(Debug)]
pub enum DiskCall {
    /// Makes a range resident.
    Populate {
        /// File.
        file: FileRef,
        /// From.
        from: Position,
        /// Upto.
        upto: Position,
    },
}

/// Its answer.
#[derive(Debug)]
pub enum DiskReply {
    /// Nothing to say.
    Done,
}

impl DiskCall {
    /// Performs.
    pub fn perform(self, _disk: &dyn Disk) -> io::Result<DiskReply> {
        let Self::Populate { file, from, upto } = self;
        file.populate(from, upto)?;
        Ok(DiskReply::Done)
    }
}
