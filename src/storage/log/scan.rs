//! Reading a segment through: to check it, and to rebuild what is known of it.

use crate::record::BatchHeader;
use crate::storage::batch_walk::{BatchWalk, WINDOW_HEADERS_BYTES, WINDOW_SCAN_BYTES, WalkError};
use crate::storage::disk::File;
use crate::storage::index::IndexBuilder;
use crate::storage::segment::Segment;
use crate::types::{Offset, Position};
use std::io;

/// How far a segment holds.
#[derive(Debug)]
pub(super) struct ScanEnd {
    /// Past the last good batch.
    pub(super) position: Position,
    /// The offset after it.
    pub(super) next: Offset,
    /// What is wrong with what follows, if anything does.
    pub(super) damage: Option<String>,
}

/// What is read through, and how thoroughly.
pub(super) struct Scan<'a> {
    pub(super) file: &'a dyn File,
    pub(super) from: Position,
    pub(super) upto: Position,
    /// The offset of the first record at `from`.
    pub(super) expected: Offset,
    /// Whether checksums are verified.
    pub(super) validate: bool,
    /// Below this offset a batch may begin behind the one that is next, as compaction leaves it.
    pub(super) gaps_below: Offset,
    /// Where to stop, if a batch begins there.
    pub(super) until: Option<Offset>,
}

impl Scan<'_> {
    /// Reads batch by batch until the end or until something does not hold.
    pub(super) fn run(&self, mut each: impl FnMut(Position, &BatchHeader)) -> io::Result<ScanEnd> {
        let window_bytes = if self.validate {
            WINDOW_SCAN_BYTES
        } else {
            WINDOW_HEADERS_BYTES
        };
        let mut walk = BatchWalk::new(self.file, self.from, self.upto, window_bytes);
        let mut next = self.expected;
        loop {
            let position = walk.position();
            if self.until == Some(next) {
                return Ok(ScanEnd {
                    position,
                    next,
                    damage: None,
                });
            }
            let step = if self.validate {
                walk.next_validated()
            } else {
                walk.next_header()
            };
            let damage = match step {
                Ok(None) => {
                    return Ok(ScanEnd {
                        position,
                        next,
                        damage: None,
                    });
                }
                Ok(Some((_, header))) if self.follows(&header, next) => {
                    each(position, &header);
                    next = header.next_offset();
                    continue;
                }
                Ok(Some((_, header))) => {
                    format!(
                        "a batch of offset {} where {next} is next",
                        header.base_offset()
                    )
                }
                Err(WalkError::Io(error)) => return Err(error),
                Err(WalkError::Damaged { reason, .. }) => reason.to_string(),
                Err(mismatch @ WalkError::IndexMismatch { .. }) => mismatch.to_string(),
            };
            return Ok(ScanEnd {
                position,
                next,
                damage: Some(damage),
            });
        }
    }
}

impl Scan<'_> {
    fn follows(&self, header: &BatchHeader, next: Offset) -> bool {
        let base = header.base_offset();
        base == next || (next < base && base < self.gaps_below)
    }
}

/// The indexes of a segment, from its headers.
pub(super) fn rebuild_index(segment: &Segment, interval_bytes: u32) -> io::Result<IndexBuilder> {
    let mut index = IndexBuilder::new(segment.base, interval_bytes);
    let gaps_below = if segment.is_cleaned {
        segment.end
    } else {
        Offset::ZERO
    };
    let scan = Scan {
        file: &*segment.file,
        from: Position::ZERO,
        upto: Position::new(segment.size),
        expected: segment.base,
        validate: false,
        gaps_below,
        until: None,
    };
    let end = scan.run(|position, header| index.push_header(position, header))?;
    if let Some(damage) = end.damage {
        let message = format!("damaged at byte {}: {damage}", end.position);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    if !segment.is_active() {
        index.finish();
    }
    Ok(index)
}
