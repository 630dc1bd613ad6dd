//! The files of the loop on a bounded disk. Nothing of them holds up the core: the next one is made
//! before it is needed, a full one is written back, the oldest ones are removed.

use crate::shard::Effect;
use crate::storage::FileRef;
use crate::storage::call::{DiskCall, DiskReply};
use crate::types::{IoId, Position};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// The size of one.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// The segments of one core.
#[derive(Debug)]
pub(super) struct Segments {
    directory: PathBuf,
    /// The bytes of each.
    bytes: u64,
    /// How many full ones stay.
    kept: usize,
    active: Option<(PathBuf, FileRef)>,
    end: Position,
    next: Option<(PathBuf, FileRef)>,
    /// One that is being made.
    making: Option<(IoId, PathBuf)>,
    full: VecDeque<(PathBuf, FileRef)>,
    next_io: IoId,
}

impl Segments {
    /// Segments in a directory, none of them larger than all that is to be written, `bytes`.
    pub(super) fn new(directory: PathBuf, bytes: u64, kept: usize) -> Self {
        Self {
            directory,
            bytes: bytes.min(SEGMENT_BYTES_MAX),
            kept,
            active: None,
            end: Position::ZERO,
            next: None,
            making: None,
            full: VecDeque::new(),
            next_io: IoId::default(),
        }
    }

    /// Where the next `length` bytes go; `None` if the segment for them is not there yet.
    pub(super) fn place(
        &mut self,
        length: u64,
        effects: &mut Vec<Effect>,
    ) -> Option<(&FileRef, Position)> {
        // One that is larger than a segment has one of its own.
        let is_full = self.end > Position::ZERO && self.end.get() + length > self.bytes;
        if self.active.is_none() || is_full {
            self.roll(length, effects)?;
        } else if self.end.get() >= self.bytes / 2 && self.bytes == SEGMENT_BYTES_MAX {
            self.make_next(self.bytes, effects);
        }
        let position = self.end;
        self.end = self.end.advanced(length);
        let (_, file) = self.active.as_ref()?;
        Some((file, position))
    }

    /// A call ended.
    pub(super) fn done(&mut self, io: IoId, result: io::Result<DiskReply>) -> io::Result<()> {
        let made = self.making.take_if(|(making, _)| *making == io);
        if let (Some((_, path)), DiskReply::File(file)) = (made, result?) {
            self.next = Some((path, file));
        }
        Ok(())
    }

    fn roll(&mut self, length: u64, effects: &mut Vec<Effect>) -> Option<()> {
        let Some(next) = self.next.take() else {
            self.make_next(self.bytes.max(length), effects);
            return None;
        };
        self.end = Position::ZERO;
        if let Some((path, file)) = self.active.replace(next) {
            // A file that is removed before it was written back would cost the device nothing.
            let files = vec![file.clone()];
            self.call(DiskCall::Sync { files }, effects);
            self.full.push_back((path, file));
        }
        while self.full.len() > self.kept
            && let Some((path, file)) = self.full.pop_front()
        {
            let (files, paths) = (vec![file], vec![path]);
            self.call(DiskCall::Remove { files, paths }, effects);
        }
        Some(())
    }

    fn make_next(&mut self, bytes: u64, effects: &mut Vec<Effect>) {
        if self.next.is_some() || self.making.is_some() {
            return;
        }
        let path = self.directory.join(self.next_io.to_string());
        self.making = Some((self.next_io, path.clone()));
        let call = DiskCall::CreateSegment {
            directory: self.directory.clone(),
            path,
            reserve: Position::new(bytes),
            checkpoint: None,
        };
        self.call(call, effects);
    }

    fn call(&mut self, call: DiskCall, effects: &mut Vec<Effect>) {
        let io = self.next_io.take();
        effects.push(Effect::Disk { io, call });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Disk, MemoryDisk};
    use std::path::Path;

    /// Asks for a place and performs what follows; says whether there was one.
    fn place(segments: &mut Segments, length: u64, disk: &MemoryDisk) -> bool {
        let mut effects = Vec::new();
        let is_placed = segments.place(length, &mut effects).is_some();
        for effect in effects {
            let Effect::Disk { io, call } = effect else {
                panic!("{effect:?}");
            };
            let result = call.perform(disk);
            segments.done(io, result).expect("there is space");
        }
        is_placed
    }

    #[test]
    fn a_long_load_stays_on_a_bounded_disk() {
        let disk = MemoryDisk::new(1);
        disk.create_directory(Path::new("0")).expect("new");
        let mut segments = Segments::new("0".into(), 10 * SEGMENT_BYTES_MAX, 2);
        let mut waits = 0;
        for _ in 0..40 {
            let is_placed = place(&mut segments, SEGMENT_BYTES_MAX / 4, &disk);
            waits += usize::from(!is_placed);
            let files = disk.list(Path::new("0")).expect("there").len();
            assert!(files <= 4, "two full ones, the active, the next: {files}");
        }
        assert_eq!(waits, 1, "for the first one");
    }

    #[test]
    fn a_short_load_reserves_no_more_than_it_writes() {
        let disk = MemoryDisk::new(1);
        disk.create_directory(Path::new("0")).expect("new");
        disk.set_capacity(Some(1_000));
        let mut segments = Segments::new("0".into(), 1_000, 8);
        for _ in 0..11 {
            place(&mut segments, 100, &disk);
        }
        assert_eq!(segments.end, Position::new(1_000));
    }
}
