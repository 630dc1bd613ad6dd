//! A producer snapshot (`<offset>.snapshot`): what Kafka knew of idempotent producers at an offset.
//!
//! Big endian: version i16, 1; CRC-32C u32 of all that follows; count i32; per producer 46 bytes: id
//! i64, epoch i16, last sequence i32, last offset i64, its distance from the batch's first offset i32,
//! timestamp i64, coordinator epoch i32 (-1 without a transaction marker), first offset of the open
//! transaction i64 (-1 without one).

use crate::storage::producer_state::{ProducerBatch, ProducerSnapshot};
use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::wire::{Reader, WireError};
use thiserror::Error;

const VERSION: i16 = 1;
const ENTRY_BYTES: usize = 46;

/// What is known of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The producer and its last batch.
    pub producer: ProducerSnapshot,
    /// Whether it ever ended a transaction here, or has one open.
    pub is_transactional: bool,
}

/// Why a snapshot cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The bytes end early.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A version of the future.
    #[error("version {0} is not known")]
    Version(i16),
    /// The bytes are not those that were written.
    #[error("the checksum is {computed:#010x}, the file says {stored:#010x}")]
    Checksum {
        /// In the file.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The count is not that of the entries.
    #[error("{0} bytes are not as many producers as it says")]
    Count(usize),
    /// An entry contradicts itself.
    #[error("producer {0} has a batch that cannot be")]
    Entry(ProducerId),
}

/// Reads a snapshot.
pub fn decode(bytes: &[u8]) -> Result<Vec<SnapshotEntry>, SnapshotError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    let stored = reader.u32()?;
    let computed = crc32c::crc32c(reader.rest());
    if stored != computed {
        return Err(SnapshotError::Checksum { stored, computed });
    }
    let count = usize::try_from(reader.i32()?).unwrap_or(usize::MAX);
    if count.checked_mul(ENTRY_BYTES) != Some(reader.remaining()) {
        return Err(SnapshotError::Count(reader.remaining()));
    }
    (0..count).map(|_| entry(&mut reader)).collect()
}

fn entry(reader: &mut Reader<'_>) -> Result<SnapshotEntry, SnapshotError> {
    let id = ProducerId::new(reader.i64()?);
    let epoch = ProducerEpoch::new(reader.i16()?);
    let last_sequence = reader.i32()?;
    let last_offset = reader.i64()?;
    let delta = reader.i32()?;
    let timestamp = Timestamp::new(reader.i64()?);
    let coordinator_epoch = reader.i32()?;
    let open_from = reader.i64()?;
    // One that only ended transactions has no batch.
    let batch = (last_sequence >= 0).then(|| {
        let base_offset = last_offset.checked_sub(i64::from(delta))?;
        let base_sequence = i64::from(last_sequence) - i64::from(delta);
        let base_sequence = i32::try_from(base_sequence.rem_euclid(1 << 31)).ok()?;
        let is_sound = delta >= 0 && base_offset >= 0 && id > ProducerId::NONE && epoch.get() >= 0;
        is_sound.then_some(ProducerBatch {
            base_sequence: Sequence::new(base_sequence),
            last_sequence: Sequence::new(last_sequence),
            base_offset: Offset::new(base_offset),
            timestamp,
        })
    });
    let batches = match batch {
        None => Vec::new(),
        Some(Some(batch)) => vec![batch],
        Some(None) => return Err(SnapshotError::Entry(id)),
    };
    Ok(SnapshotEntry {
        producer: ProducerSnapshot {
            id,
            epoch,
            last_used: timestamp,
            batches,
        },
        is_transactional: coordinator_epoch >= 0 || open_from >= 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(last_sequence: i32, delta: i32, coordinator_epoch: i32) -> Vec<u8> {
        let mut body = 1_i32.to_be_bytes().to_vec();
        body.extend(7_i64.to_be_bytes());
        body.extend(2_i16.to_be_bytes());
        body.extend(last_sequence.to_be_bytes());
        body.extend(100_i64.to_be_bytes());
        body.extend(delta.to_be_bytes());
        body.extend(55_i64.to_be_bytes());
        body.extend(coordinator_epoch.to_be_bytes());
        body.extend((-1_i64).to_be_bytes());
        let mut bytes = 1_i16.to_be_bytes().to_vec();
        bytes.extend(crc32c::crc32c(&body).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_last_batch_is_what_it_was() {
        let entries = decode(&snapshot(9, 4, -1)).expect("sound");
        let [entry] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert!(!entry.is_transactional);
        let batch = entry.producer.batches[0];
        assert_eq!(
            (batch.base_sequence, batch.last_sequence),
            (Sequence::new(5), Sequence::new(9))
        );
        assert_eq!(
            (batch.base_offset, batch.last_offset()),
            (Offset::new(96), Offset::new(100))
        );
        let wrapped = decode(&snapshot(1, 3, -1)).expect("sound");
        assert_eq!(
            wrapped[0].producer.batches[0].base_sequence,
            Sequence::new(i32::MAX - 1)
        );
        assert_eq!(
            wrapped[0].producer.batches[0].last_offset(),
            Offset::new(100)
        );
    }

    #[test]
    fn transactions_show() {
        assert!(decode(&snapshot(9, 4, 0)).expect("sound")[0].is_transactional);
        let only_marker = decode(&snapshot(-1, 0, 3)).expect("sound");
        assert!(only_marker[0].producer.batches.is_empty());
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let bytes = snapshot(9, 4, -1);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(decode(&snapshot(9, -4, -1)).is_err());
        assert!(decode(&snapshot(9, 101, -1)).is_err());
    }
}
