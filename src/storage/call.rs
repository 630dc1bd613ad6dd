//! stub
use super::{Disk, FileRef};
use crate::types::Position;
use bytes::Bytes;
use std::io;
use std::path::PathBuf;
#[derive(Debug)]
pub enum DiskCall {
    Populate {
        file: FileRef,
        from: Position,
        upto: Position,
    },
    ReplaceFile {
        path: PathBuf,
        bytes: Bytes,
    },
    BuryDirectory {
        from: PathBuf,
        to: PathBuf,
    },
    RemoveDirectory {
        path: PathBuf,
    },
}
#[derive(Debug)]
pub enum DiskReply {
    Done,
}
impl DiskCall {
    pub fn perform(self, _d: &dyn Disk) -> io::Result<DiskReply> {
        Ok(DiskReply::Done)
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u64);
pub type Calls = Vec<(Ticket, DiskCall)>;
