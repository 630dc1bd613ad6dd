//! One block: what was pending on a core when its write began.

use super::DIRECT_BYTES;
use crate::storage::aligned::AlignedBuffer;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use std::io;
use std::ops::Range;

/// The largest block, padding included. What does not fit is synced where it lies instead: bulk is
/// not written twice.
pub const BLOCK_BYTES_MAX: usize = 256 * 1024;

/// Bytes of an entry before its batches.
pub const ENTRY_HEADER_BYTES: usize = 36;

const MAGIC: [u8; 4] = *b"cjbk";
const HEADER_BYTES: usize = 32;

/// Whose batches an entry holds, and where they belong.
///
/// It also says that everything below `base` is durable. An entry without batches says only that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader {
    /// Whose.
    pub partition: TopicPartition,
    /// The epoch they were appended under.
    pub epoch: LeaderEpoch,
    /// The offset of the first record.
    pub base: Offset,
}

/// A block that is being filled.
#[derive(Debug)]
pub struct BlockBuilder {
    buffer: AlignedBuffer,
    used: usize,
    entries: u32,
}

impl BlockBuilder {
    /// How many bytes of entries a block can hold.
    pub const CAPACITY: usize = BLOCK_BYTES_MAX - HEADER_BYTES;

    /// A block with room for so many bytes of entries, their headers included.
    pub fn with_capacity(bytes: usize) -> Self {
        assert!(bytes <= Self::CAPACITY, "a block is bounded");
        Self {
            buffer: AlignedBuffer::zeroed((HEADER_BYTES + bytes).next_multiple_of(DIRECT_BYTES)),
            used: HEADER_BYTES,
            entries: 0,
        }
    }

    /// Adds an entry of `length` bytes of batches, which `fill` writes. If that fails the block is
    /// as before.
    pub fn push(
        &mut self,
        header: &EntryHeader,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let end = self.used + ENTRY_HEADER_BYTES + length;
        let entry = &mut self.buffer.as_mut_slice()[self.used..end];
        let (fields, batches) = entry
            .split_first_chunk_mut::<ENTRY_HEADER_BYTES>()
            .expect("an entry has a header");
        fill(batches)?;
        *fields = header.encode(length as u32);
        self.used = end;
        self.entries += 1;
        Ok(())
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The bytes to write, a multiple of the direct unit.
    pub fn finish(mut self, incarnation: u64, sequence: u64, salt: u64) -> AlignedBuffer {
        let length = self.used;
        let bytes = self.buffer.as_mut_slice();
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&(length as u32).to_be_bytes());
        bytes[12..16].copy_from_slice(&self.entries.to_be_bytes());
        bytes[16..24].copy_from_slice(&incarnation.to_be_bytes());
        bytes[24..32].copy_from_slice(&sequence.to_be_bytes());
        let crc = checksum(salt, &bytes[12..length]);
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
        // What `fill` left behind when it failed is not part of the block.
        bytes[length..].fill(0);
        self.buffer.truncated(length.next_multiple_of(DIRECT_BYTES))
    }
}

impl EntryHeader {
    fn encode(&self, length: u32) -> [u8; ENTRY_HEADER_BYTES] {
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        bytes[..16].copy_from_slice(&self.partition.topic().to_bytes());
        bytes[16..20].copy_from_slice(&self.partition.partition().get().to_be_bytes());
        bytes[20..24].copy_from_slice(&self.epoch.get().to_be_bytes());
        bytes[24..32].copy_from_slice(&self.base.get().to_be_bytes());
        bytes[32..].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_HEADER_BYTES]) -> (Self, usize) {
        let topic: [u8; 16] = field(bytes, 0);
        let partition = PartitionIndex::new(i32::from_be_bytes(field(bytes, 16)));
        let header = Self {
            partition: TopicPartition::new(TopicId::from_bytes(topic), partition),
            epoch: LeaderEpoch::new(i32::from_be_bytes(field(bytes, 20))),
            base: Offset::new(i64::from_be_bytes(field(bytes, 24))),
        };
        (header, u32::from_be_bytes(field(bytes, 32)) as usize)
    }
}

/// A block that was read and whose checksum holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) incarnation: u64,
    pub(super) sequence: u64,
    /// Each entry and where its batches lie in the block.
    pub(super) entries: Vec<(EntryHeader, Range<usize>)>,
    /// Bytes it takes in the file.
    pub(super) size: usize,
}

impl Block {
    /// Reads the block that `bytes` begin with; `None` if none does.
    pub(super) fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let length = u32::from_be_bytes(field(header, 4)) as usize;
        let is_block =
            header.starts_with(&MAGIC) && (HEADER_BYTES..=BLOCK_BYTES_MAX).contains(&length);
        if !is_block {
            return None;
        }
        let whole = bytes.get(..length)?;
        if checksum(salt, whole.get(12..)?) != u32::from_be_bytes(field(header, 8)) {
            return None;
        }
        let mut entries = Vec::new();
        let mut at = HEADER_BYTES;
        for _ in 0..u32::from_be_bytes(field(header, 12)) {
            let fields = whole.get(at..)?.first_chunk::<ENTRY_HEADER_BYTES>()?;
            let (entry, bytes) = EntryHeader::decode(fields);
            at += ENTRY_HEADER_BYTES;
            let batches = at..at.checked_add(bytes)?;
            whole.get(batches.clone())?;
            at = batches.end;
            entries.push((entry, batches));
        }
        (at == length).then_some(Self {
            incarnation: u64::from_be_bytes(field(header, 16)),
            sequence: u64::from_be_bytes(field(header, 24)),
            entries,
            size: length.next_multiple_of(DIRECT_BYTES),
        })
    }
}

/// Seeded with the file's salt: what an earlier use of the file left behind is no block.
fn checksum(salt: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_be_bytes()), bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
    *field.expect("the header is long enough")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(partition: i32, base: i64) -> EntryHeader {
        EntryHeader {
            partition: TopicPartition::new(
                TopicId::from_bytes([7; 16]),
                PartitionIndex::new(partition),
            ),
            epoch: LeaderEpoch::new(3),
            base: Offset::new(base),
        }
    }

    fn fill(bytes: &'static [u8]) -> impl FnOnce(&mut [u8]) -> io::Result<()> {
        move |room| {
            room.copy_from_slice(bytes);
            Ok(())
        }
    }

    fn block() -> AlignedBuffer {
        let mut builder = BlockBuilder::with_capacity(1000);
        builder.push(&header(0, 10), 5, fill(b"first")).unwrap();
        let failed = builder.push(&header(1, 11), 6, |room| {
            room.fill(9);
            Err(io::ErrorKind::Other.into())
        });
        assert!(failed.is_err());
        builder.push(&header(2, 12), 0, |_| Ok(())).unwrap();
        builder.finish(4, 5, 6)
    }

    #[test]
    fn a_block_comes_back() {
        let bytes = block();
        assert_eq!(bytes.as_slice().len(), DIRECT_BYTES);
        let block = Block::decode(bytes.as_slice(), 6).unwrap();
        assert_eq!(
            (block.incarnation, block.sequence, block.size),
            (4, 5, DIRECT_BYTES)
        );
        let [(first, batches), (mark, nothing)] = block.entries.as_slice() else {
            panic!("two entries, not {:?}", block.entries);
        };
        assert_eq!((first, mark), (&header(0, 10), &header(2, 12)));
        assert_eq!(&bytes.as_slice()[batches.clone()], b"first");
        assert!(nothing.is_empty());
    }

    #[test]
    fn any_changed_bit_and_another_salt_are_noticed() {
        let bytes = block();
        let length = 32 + 2 * ENTRY_HEADER_BYTES + 5;
        assert_eq!(Block::decode(bytes.as_slice(), 7), None);
        for bit in 0..length * 8 {
            let mut changed = bytes.as_slice().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Block::decode(&changed, 6), None, "bit {bit}");
        }
        for cut in 0..length {
            assert_eq!(
                Block::decode(&bytes.as_slice()[..cut], 6),
                None,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn lying_lengths_are_refused() {
        let forged = |change: &dyn Fn(&mut [u8])| {
            let mut bytes = block().as_slice().to_vec();
            change(&mut bytes);
            let length = u32::from_be_bytes(field(&bytes, 4)) as usize;
            if let Some(covered) = bytes.get(12..length) {
                let crc = checksum(6, covered);
                bytes[8..12].copy_from_slice(&crc.to_be_bytes());
            }
            Block::decode(&bytes, 6)
        };
        assert!(forged(&|_| {}).is_some());
        assert_eq!(forged(&|bytes| bytes[12..16].fill(0xff)), None, "entries");
        assert_eq!(
            forged(&|bytes| bytes[64..68].fill(0xff)),
            None,
            "bytes of an entry"
        );
        assert_eq!(
            forged(&|bytes| bytes[4..8].fill(0xff)),
            None,
            "bytes of the block"
        );
    }
}
