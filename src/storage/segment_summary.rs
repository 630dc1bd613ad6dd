//! The sidecar of a segment that is not written any more: what a start needs to know of it, and
//! checksums of its bytes, since base offset and leader epoch lie outside the batches' own.
//!
//! A hint: rebuilt when lost or when it contradicts the segment.

use super::disk::File;
use crate::types::{Offset, Position, Timestamp};
use std::io;

/// Log bytes per checksum.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

const MAGIC: [u8; 8] = *b"corelsum";
const VERSION: u32 = 1;
/// Bytes before the table of checksums.
pub(super) const HEADER_BYTES: usize = 80;

/// What is known of a segment, and the indexes that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentSummary {
    /// Valid bytes.
    pub(super) length: u64,
    /// The offset after its last.
    pub(super) next: Offset,
    /// The largest timestamp and the last offset of its batch; `None` if it has no batch.
    pub(super) max: Option<(Timestamp, Offset)>,
    /// The leader epoch of its last batch is not kept here: the checkpoint has them all.
    pub(super) index_crc: u32,
    pub(super) time_index_crc: u32,
    /// Whether compaction wrote the segment.
    pub(super) is_cleaned: bool,
}

impl SegmentSummary {
    /// The header of a sidecar followed by `chunks` checksums.
    pub(super) fn encode(&self, base: Offset, chunks: &[u32]) -> Vec<u8> {
        let (max, max_offset) = self.max.unwrap_or((Timestamp::NONE, Offset::new(-1)));
        let table: Vec<u8> = chunks.iter().flat_map(|crc| crc.to_be_bytes()).collect();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + table.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&(CHUNK_BYTES as u32).to_be_bytes());
        bytes.extend_from_slice(&base.get().to_be_bytes());
        bytes.extend_from_slice(&self.next.get().to_be_bytes());
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&max.get().to_be_bytes());
        bytes.extend_from_slice(&max_offset.get().to_be_bytes());
        bytes.extend_from_slice(&self.index_crc.to_be_bytes());
        bytes.extend_from_slice(&self.time_index_crc.to_be_bytes());
        bytes.extend_from_slice(&(chunks.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&table).to_be_bytes());
        bytes.extend_from_slice(&u32::from(self.is_cleaned).to_be_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        debug_assert_eq!(bytes.len(), HEADER_BYTES);
        bytes.extend_from_slice(&table);
        bytes
    }

    /// With the checksums of a sealed segment's bytes, read from `log`.
    pub(super) fn encode_sealed(&self, base: Offset, log: &dyn File) -> io::Result<Vec<u8>> {
        let mut chunks = Vec::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut at = 0;
        while at < self.length {
            let wanted = (self.length - at).min(CHUNK_BYTES as u64) as usize;
            let chunk = &mut buffer[..wanted];
            if log.read_at(Position::new(at), chunk)? < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            chunks.push(crc32c::crc32c(chunk));
            at += wanted as u64;
        }
        Ok(self.encode(base, &chunks))
    }

    /// Reads a sidecar's header; `None` if it is damaged or of another segment.
    pub(super) fn decode(base: Offset, bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let stored = u32_at(header, HEADER_BYTES - 4)?;
        let computed = crc32c::crc32c(header.get(..HEADER_BYTES - 4)?);
        let known = header.starts_with(&MAGIC) && u32_at(header, 8)? == VERSION;
        if stored != computed || !known || i64_at(header, 16)? != base.get() {
            return None;
        }
        let max = Timestamp::new(i64_at(header, 40)?);
        let max_offset = Offset::new(i64_at(header, 48)?);
        Some(Self {
            next: Offset::new(i64_at(header, 24)?),
            length: i64_at(header, 32)?.cast_unsigned(),
            max: (max_offset >= base).then_some((max, max_offset)),
            index_crc: u32_at(header, 56)?,
            time_index_crc: u32_at(header, 60)?,
            is_cleaned: u32_at(header, 72)? & 1 != 0,
        })
    }
}

/// The checksums of a sealed segment's bytes, one per [`CHUNK_BYTES`]; `None` if they are damaged.
pub(super) fn decode_chunks(bytes: &[u8]) -> Option<Vec<u32>> {
    let (header, table) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (chunks, rest) = table.as_chunks::<4>();
    let count = u32_at(header, 64)? as usize;
    if !rest.is_empty() || chunks.len() != count || u32_at(header, 68)? != crc32c::crc32c(table) {
        return None;
    }
    Some(chunks.iter().map(|crc| u32::from_be_bytes(*crc)).collect())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| i64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_header_makes_it_worthless() {
        let summary = SegmentSummary {
            length: 77,
            next: Offset::new(9),
            max: Some((Timestamp::new(5), Offset::new(8))),
            index_crc: 1,
            time_index_crc: 2,
            is_cleaned: true,
        };
        let bytes = summary.encode(Offset::new(3), &[]);
        assert_eq!(
            SegmentSummary::decode(Offset::new(3), &bytes),
            Some(summary)
        );
        assert_eq!(SegmentSummary::decode(Offset::new(4), &bytes), None);
        assert_eq!(decode_chunks(&bytes), Some(vec![]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                SegmentSummary::decode(Offset::new(3), &flipped),
                None,
                "bit {bit}"
            );
        }
    }
}
