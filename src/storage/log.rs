//! stub
use super::call::*;
use super::*;
use crate::record::Batch;
use crate::types::*;
use std::io;
use std::path::PathBuf;
#[derive(Debug)]
pub struct Log;
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogConfig {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    pub index_interval_bytes: u32,
    pub retention_ms: Option<i64>,
    pub retention_bytes: Option<u64>,
    pub x: u8,
}
#[derive(Debug)]
pub enum Completed {
    Synced(Offset),
    Failed { what: String },
    RoomMade,
    Nothing,
}
#[derive(Debug, Clone)]
pub struct FileRange;
impl PartialEq for FileRange {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl FileRange {
    pub fn length(&self) -> u64 {
        0
    }
    pub fn from(&self) -> Position {
        Position::ZERO
    }
    pub fn into_file(self) -> FileRef {
        todo!()
    }
    pub fn is_populated(&self) -> bool {
        true
    }
    pub fn populate(&self) -> DiskCall {
        todo!()
    }
}
#[derive(Debug)]
pub struct Recovered {
    pub log: Log,
    pub producers: producer_state::ProducerState,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct RecoveryError;
impl Log {
    pub fn new(_d: PathBuf, _c: LogConfig) -> Log {
        Log
    }
    pub fn recover(
        _k: &dyn Disk,
        _d: PathBuf,
        _c: LogConfig,
        _t: TopicPartition,
    ) -> Result<Recovered, RecoveryError> {
        Err(RecoveryError)
    }
    pub fn start(&self) -> Offset {
        Offset::ZERO
    }
    pub fn end(&self) -> Offset {
        Offset::ZERO
    }
    pub fn synced(&self) -> Offset {
        Offset::ZERO
    }
    pub fn unsynced_bytes(&self) -> u64 {
        0
    }
    pub fn make_room(&mut self, _l: usize, _n: Timestamp, _c: &mut Calls) -> bool {
        true
    }
    pub fn append(&mut self, _b: &Batch, _e: LeaderEpoch, _n: Timestamp) -> io::Result<Offset> {
        Ok(Offset::ZERO)
    }
    pub fn read(&self, _f: Offset, _u: Offset, _b: u32, _a: bool) -> io::Result<Option<FileRange>> {
        Ok(None)
    }
    pub fn offset_for_timestamp(
        &self,
        _t: Timestamp,
        _u: Offset,
    ) -> io::Result<Option<(Offset, Timestamp)>> {
        Ok(None)
    }
    pub fn largest_timestamp(&self, _u: Offset) -> io::Result<Option<(Offset, Timestamp)>> {
        Ok(None)
    }
    pub fn begin_sync(&mut self, _c: &mut Calls) -> bool {
        true
    }
    pub fn write_behind(&mut self, _c: &mut Calls) {}
    pub fn completed(
        &mut self,
        _t: Ticket,
        _r: io::Result<DiskReply>,
        _c: &mut Calls,
    ) -> Completed {
        Completed::Nothing
    }
    pub fn configure(&mut self, _c: LogConfig) {}
    pub fn populated(&mut self, _r: &FileRange) {}
    pub fn directory_on_disk(&self) -> Option<PathBuf> {
        None
    }
    pub fn close(&mut self, _c: &mut Calls) {}
}
