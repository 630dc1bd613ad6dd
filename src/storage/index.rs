//! Offset index and time index of a segment, in Kafka's layout.
//!
//! Both are hints: an entry is used only if the batch at its position says the same. Built by the
//! same code when written and when rebuilt, so that both come out equal.
//!
//! Invariants: offsets and positions grow strictly; timestamps grow strictly and each is the
//! largest up to its entry.

mod mark;
mod stored;

pub(super) use mark::IndexPiece;
pub use mark::{FilePrefix, IndexMark};
pub(super) use stored::StoredIndex;

use super::disk::FileRef;
use crate::record::BatchHeader;
use crate::types::{Offset, Position, Timestamp};
use std::io;

/// Bytes of an entry of the offset index: relative last offset (i32), position (i32).
pub(super) const OFFSET_ENTRY_BYTES: usize = 8;
/// Bytes of an entry of the time index: timestamp (i64), relative offset (i32).
pub(super) const TIME_ENTRY_BYTES: usize = 12;

/// A batch's last offset, relative to the segment's base, and where the batch starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    pub(super) relative: u32,
    pub(super) position: u32,
}

/// The largest timestamp so far, and the last offset of the batch that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp: Timestamp,
    pub(super) relative: u32,
}

impl OffsetEntry {
    fn encode(self) -> [u8; OFFSET_ENTRY_BYTES] {
        (u64::from(self.relative) << 32 | u64::from(self.position)).to_be_bytes()
    }

    fn decode(bytes: [u8; OFFSET_ENTRY_BYTES]) -> Self {
        let both = u64::from_be_bytes(bytes);
        Self {
            relative: (both >> 32) as u32,
            position: both as u32,
        }
    }

    /// The last of the entries in these bytes.
    pub(super) fn last_of(bytes: &[u8]) -> Option<Self> {
        bytes.last_chunk().copied().map(Self::decode)
    }
}

impl TimeEntry {
    fn encode(self) -> [u8; TIME_ENTRY_BYTES] {
        let both = i128::from(self.timestamp.get()) << 32 | i128::from(self.relative);
        let [_, _, _, _, bytes @ ..] = both.to_be_bytes();
        bytes
    }

    fn decode(bytes: [u8; TIME_ENTRY_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, relative @ ..] = bytes;
        let timestamp = Timestamp::new(i64::from_be_bytes([a, b, c, d, e, f, g, h]));
        Self {
            timestamp,
            relative: u32::from_be_bytes(relative),
        }
    }
}

/// The indexes of a segment that still grows, or that were rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexBuilder {
    base: Offset,
    interval: u64,
    /// Bytes from the batch of the last entry on.
    since_entry: u64,
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    /// The largest timestamp and the last offset of its batch.
    max: Option<(Timestamp, Offset)>,
}

impl IndexBuilder {
    pub(super) fn new(base: Offset, interval_bytes: u32) -> Self {
        Self {
            base,
            interval: u64::from(interval_bytes),
            since_entry: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            max: None,
        }
    }

    /// Takes up what index files hold, up to the batch of the last entry. Its size says how much
    /// has come since; `None` without an entry, or if the entries do not follow each other.
    pub(super) fn restore(
        base: Offset,
        interval_bytes: u32,
        (offsets, times): (&[u8], &[u8]),
        last_batch_bytes: u64,
    ) -> Option<Self> {
        let (offsets, rest) = offsets.as_chunks::<OFFSET_ENTRY_BYTES>();
        let (times, rest_of_times) = times.as_chunks::<TIME_ENTRY_BYTES>();
        let offsets: Vec<_> = offsets.iter().copied().map(OffsetEntry::decode).collect();
        let times: Vec<_> = times.iter().copied().map(TimeEntry::decode).collect();
        let grow = offsets.is_sorted_by(|a, b| a.relative < b.relative && a.position < b.position)
            && times.is_sorted_by(|a, b| a.relative < b.relative && a.timestamp < b.timestamp);
        if !rest.is_empty() || !rest_of_times.is_empty() || offsets.is_empty() || !grow {
            return None;
        }
        // An entry of the offset index brings one of the time index if the largest timestamp grew.
        let max = times.last().map(|entry| {
            let offset = base.advanced(i64::from(entry.relative));
            (entry.timestamp, offset)
        });
        Some(Self {
            base,
            interval: u64::from(interval_bytes),
            since_entry: last_batch_bytes,
            offsets,
            times,
            max,
        })
    }

    /// Takes a batch in, at `position`, of `size` bytes.
    pub(super) fn push(&mut self, position: Position, size: u64, last: Offset, max: Timestamp) {
        if self.max.is_none_or(|(largest, _)| max > largest) {
            self.max = Some((max, last));
        }
        if self.since_entry > self.interval {
            // What Kafka's layout cannot say is left out: an entry more or less only makes a walk
            // longer. A forged record count gets there within two batches.
            let position = i32::try_from(position.get()).ok();
            if let (Some(relative), Some(position)) = (self.relative(last), position) {
                self.offsets.push(OffsetEntry {
                    relative,
                    position: position.cast_unsigned(),
                });
                self.push_time();
                self.since_entry = 0;
            }
        }
        self.since_entry += size;
    }

    /// The same, by a batch's header. One without records has no timestamp: what it says was the
    /// largest is gone.
    pub(super) fn push_header(&mut self, position: Position, header: &BatchHeader) {
        let max = match header.record_count() {
            0 => Timestamp::NONE,
            _ => header.max_timestamp(),
        };
        self.push(position, header.size() as u64, header.last_offset(), max);
    }

    fn push_time(&mut self) {
        let Some((timestamp, offset)) = self.max else {
            return;
        };
        let Some(relative) = self.relative(offset) else {
            return;
        };
        let is_later = |last: &TimeEntry| last.timestamp < timestamp;
        if self.times.last().is_none_or(is_later) {
            self.times.push(TimeEntry {
                timestamp,
                relative,
            });
        }
    }

    /// An offset as the entries have it, if they can.
    fn relative(&self, offset: Offset) -> Option<u32> {
        let relative = i32::try_from(offset.since(self.base)).ok()?;
        Some(relative.cast_unsigned())
    }

    /// The largest timestamp and the last offset of its batch.
    pub(super) fn max_timestamp(&self) -> Option<(Timestamp, Offset)> {
        self.max
    }

    /// Whether an index would grow past so many bytes with another entry; the time index gets one
    /// when the segment is sealed.
    pub(super) fn is_full(&self, bytes_max: u64) -> bool {
        let offsets = (self.offsets.len() + 1) * OFFSET_ENTRY_BYTES;
        let times = (self.times.len() + 2) * TIME_ENTRY_BYTES;
        offsets.max(times) as u64 > bytes_max
    }

    /// Adds the entry that closes the time index of a sealed segment.
    pub(super) fn finish(&mut self) {
        self.push_time();
    }

    /// The bytes of the offset index and of the time index.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        (encode_offsets(&self.offsets), encode_times(&self.times))
    }
}

fn encode_offsets(entries: &[OffsetEntry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.encode()).collect()
}

fn encode_times(entries: &[TimeEntry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.encode()).collect()
}

/// A segment's indexes, wherever they are.
#[derive(Debug)]
pub(super) enum SegmentIndex {
    Memory(IndexBuilder),
    Stored(StoredIndex),
}

impl SegmentIndex {
    /// Whether it may be searched. Reads a stored one through once.
    pub(super) fn is_sound(&self) -> io::Result<bool> {
        match self {
            Self::Memory(_) => Ok(true),
            Self::Stored(index) => index.is_sound(),
        }
    }

    /// Takes a batch in; see [`IndexBuilder::push`]. Only the active segment grows.
    pub(super) fn push(&mut self, position: Position, size: u64, last: Offset, max: Timestamp) {
        match self {
            Self::Memory(index) => index.push(position, size, last, max),
            Self::Stored(_) => unreachable!("the active segment's index is in memory"),
        }
    }

    /// The last entry whose offset is at or below `relative`.
    pub(super) fn floor_offset(&self, relative: u32) -> io::Result<Option<OffsetEntry>> {
        self.last_offset_entry(|entry| entry.relative <= relative)
    }

    /// The last entry whose position is at or below `position`.
    pub(super) fn floor_position(&self, position: u32) -> io::Result<Option<OffsetEntry>> {
        self.last_offset_entry(|entry| entry.position <= position)
    }

    /// The last entry whose timestamp is below `timestamp`: no batch up to it has a later one.
    pub(super) fn before_time(&self, timestamp: Timestamp) -> io::Result<Option<TimeEntry>> {
        let early = |entry: &TimeEntry| entry.timestamp < timestamp;
        match self {
            Self::Memory(index) => last_where(
                index.times.len() as u64,
                |at| Ok(index.times[at as usize]),
                early,
            ),
            Self::Stored(index) => {
                let entry = |at| read_entry(&index.times, at).map(TimeEntry::decode);
                last_where(index.time_count, entry, early)
            }
        }
    }

    fn last_offset_entry(
        &self,
        holds: impl Fn(&OffsetEntry) -> bool,
    ) -> io::Result<Option<OffsetEntry>> {
        match self {
            Self::Memory(index) => last_where(
                index.offsets.len() as u64,
                |at| Ok(index.offsets[at as usize]),
                holds,
            ),
            Self::Stored(index) => {
                let entry = |at| read_entry(&index.offsets, at).map(OffsetEntry::decode);
                last_where(index.offset_count, entry, holds)
            }
        }
    }
}

fn read_entry<const N: usize>(file: &FileRef, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let read = file.read_at(Position::new(at * N as u64), &mut bytes)?;
    if read == N {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// The last of `count` entries that holds, if those that hold come first.
fn last_where<E>(
    count: u64,
    entry: impl Fn(u64) -> io::Result<E>,
    holds: impl Fn(&E) -> bool,
) -> io::Result<Option<E>> {
    let (mut low, mut high) = (0, count);
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        let candidate = entry(middle)?;
        if holds(&candidate) {
            found = Some(candidate);
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn built() -> IndexBuilder {
        let mut index = IndexBuilder::new(Offset::new(1000), 100);
        let times = [5, 9, 7, 7, 12, 11];
        for (i, time) in times.into_iter().enumerate() {
            let position = Position::new(i as u64 * 60);
            let last = Offset::new(1000 + i as i64 * 10 + 9);
            index.push(position, 60, last, Timestamp::new(time));
        }
        index
    }

    #[test]
    fn entries_come_once_per_interval() {
        let index = SegmentIndex::Memory(built());
        assert_eq!(index.floor_offset(28).unwrap(), None);
        let entry = OffsetEntry {
            relative: 29,
            position: 120,
        };
        assert_eq!(index.floor_offset(29).unwrap(), Some(entry));
        assert_eq!(index.floor_offset(48).unwrap(), Some(entry));
        assert_eq!(index.floor_position(239).unwrap(), Some(entry));
        let entry = OffsetEntry {
            relative: 49,
            position: 240,
        };
        assert_eq!(index.floor_offset(1000).unwrap(), Some(entry));
    }

    #[test]
    fn layout_is_kafkas() {
        let mut index = built();
        index.finish();
        let (offsets, times) = index.encode();
        assert_eq!(
            offsets,
            [0, 0, 0, 29, 0, 0, 0, 120, 0, 0, 0, 49, 0, 0, 0, 240]
        );
        let first = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 19];
        let second = [0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 49];
        assert_eq!(times, [first, second].concat());
        assert_eq!(TimeEntry::decode(second).timestamp, Timestamp::new(12));
        let negative = TimeEntry {
            timestamp: Timestamp::NONE,
            relative: 3,
        };
        assert_eq!(TimeEntry::decode(negative.encode()), negative);
    }

    #[test]
    fn the_entry_before_a_time_has_no_later_one_below_it() {
        let index = SegmentIndex::Memory(built());
        assert_eq!(index.before_time(Timestamp::new(9)).unwrap(), None);
        let found = index.before_time(Timestamp::new(10)).unwrap().unwrap();
        assert_eq!((found.timestamp, found.relative), (Timestamp::new(9), 19));
    }

    #[test]
    fn a_restored_builder_goes_on_as_the_first() {
        let mut index = built();
        let (offsets, times) = index.encode();
        let entries = (offsets.as_slice(), times.as_slice());
        let mut restored = IndexBuilder::restore(Offset::new(1000), 100, entries, 60).unwrap();
        // The batch after that of the last entry, and a few more.
        for number in 5..9 {
            let last = Offset::new(1000 + number * 10 + 9);
            let (position, time) = (
                Position::new(number as u64 * 60),
                Timestamp::new(20 + number),
            );
            if number > 5 {
                index.push(position, 60, last, time);
            }
            let time = if number > 5 { time } else { Timestamp::new(11) };
            restored.push(position, 60, last, time);
        }
        assert_eq!(restored, index);
    }

    #[test]
    fn entries_that_go_back_are_not_taken_up() {
        let (offsets, times) = built().encode();
        let restore = |offsets: &[u8], times: &[u8]| {
            IndexBuilder::restore(Offset::new(1000), 100, (offsets, times), 60)
        };
        assert!(restore(&offsets, &times).is_some());
        assert!(restore(&[&offsets[..], &offsets].concat(), &times).is_none());
        assert!(restore(&offsets, &[&times[..], &times].concat()).is_none());
        assert!(restore(&offsets[1..], &times).is_none());
        assert!(restore(&[], &[]).is_none());
    }
}
