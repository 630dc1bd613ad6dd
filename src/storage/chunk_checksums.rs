//! The checksums of a segment's sidecar, gathered while the segment is written: reading it back at
//! its sealing would cost as much again as writing it did, and would vouch for what was read
//! instead of what was meant.

use super::segment_summary::CHUNK_BYTES;

/// Checksums of bytes that come one after the other, one per chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChunkChecksums {
    whole: Vec<u32>,
    /// Of the chunk that is not full yet.
    last: u32,
    last_bytes: usize,
}

impl ChunkChecksums {
    /// Takes in the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - self.last_bytes;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.last = crc32c::crc32c_append(self.last, now);
            self.last_bytes += now.len();
            if self.last_bytes == CHUNK_BYTES {
                self.whole.push(std::mem::take(&mut self.last));
                self.last_bytes = 0;
            }
            bytes = later;
        }
    }

    /// How many bytes were taken in.
    pub(super) fn length(&self) -> u64 {
        (self.whole.len() * CHUNK_BYTES + self.last_bytes) as u64
    }

    /// All checksums, that of the last chunk included.
    pub(super) fn finish(&self) -> Vec<u32> {
        let mut all = self.whole.clone();
        if self.last_bytes > 0 {
            all.push(self.last);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_have_the_checksums_of_the_whole() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 100).map(|i| (i * 7) as u8).collect();
        let expected: Vec<u32> = bytes.chunks(CHUNK_BYTES).map(crc32c::crc32c).collect();
        for piece in [
            61,
            4096,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            bytes.len(),
        ] {
            let mut checksums = ChunkChecksums::default();
            bytes.chunks(piece).for_each(|piece| checksums.push(piece));
            assert_eq!(checksums.finish(), expected, "pieces of {piece}");
            assert_eq!(checksums.length(), bytes.len() as u64);
        }
        assert!(ChunkChecksums::default().finish().is_empty());
    }
}
