//! Keeps a batch's records in another compression than the one they came in, as Kafka's
//! `compression.type` of topics asks.
//!
//! Offsets, timestamps, producer and sequence stay what they were.

use super::batch::Batch;
use super::builder::BuildError;
use super::compression::{Compression, DecompressionLimits, compress};
use super::error::BatchError;
use super::header::{HEADER_BYTES, HeaderFields};
use super::survivors::{fields_of, finish};
use thiserror::Error;

/// A batch's attributes but for its compression.
const OTHER_ATTRIBUTES: i16 = !0x07;

/// A compression, and how hard it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetCompression {
    /// Which.
    pub compression: Compression,
    /// One of its [levels](Compression::levels); none is the codec's default.
    pub level: Option<i32>,
}

/// Why a batch cannot be kept in another compression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecompressError {
    /// It does not decode, or unfolds past all limits.
    #[error(transparent)]
    Undecodable(#[from] BatchError),
    /// The codec failed, or the result is no batch.
    #[error(transparent)]
    Unbuildable(#[from] BuildError),
    /// The result is larger than wanted.
    #[error("recompressed the batch has {size} bytes, of at most {limit}")]
    TooLarge {
        /// The result's size in bytes.
        size: usize,
        /// The most that was wanted, in bytes.
        limit: usize,
    },
}

/// The batch in the target compression, at most `bytes_max` bytes long. Every record is decoded, so
/// what comes out can be read.
///
/// # Errors
///
/// See [`RecompressError`].
pub fn recompress(
    batch: &Batch,
    target: &TargetCompression,
    bytes_max: usize,
) -> Result<Batch, RecompressError> {
    let records = batch.records(&DecompressionLimits::default())?;
    records.iter().try_for_each(|record| record.map(drop))?;
    let TargetCompression { compression, level } = *target;
    let mut output = vec![0; HEADER_BYTES];
    compress(compression, level, records.bytes(), &mut output).map_err(|reason| {
        BuildError::Compress {
            compression,
            reason,
        }
    })?;
    if output.len() > bytes_max {
        return Err(RecompressError::TooLarge {
            size: output.len(),
            limit: bytes_max,
        });
    }
    let others = batch.header().attributes() & OTHER_ATTRIBUTES;
    let fields = HeaderFields {
        attributes: others | compression.to_attributes(),
        ..fields_of(batch.header())
    };
    finish(&mut output, 0, &fields)?;
    Ok(Batch::written(output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, DecompressError};
    use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

    fn batch(compression: Compression, value: &[u8]) -> Batch {
        let mut builder = BatchBuilder::new(compression, None);
        for (time, key) in [(7, Some(&b"a"[..])), (3, None)] {
            let headers: [(&str, Option<&[u8]>); 1] = [("h", None)];
            builder.append(Timestamp::new(time), key, Some(value), &headers);
        }
        builder.set_producer(ProducerId::new(9), ProducerEpoch::new(2), Sequence::new(5));
        let bytes = builder.build(Offset::ZERO).unwrap();
        Batch::validate(bytes).unwrap()
    }

    fn to(compression: Compression) -> TargetCompression {
        let level = None;
        TargetCompression { compression, level }
    }

    #[test]
    fn any_compression_becomes_any_other_and_nothing_else_changes() {
        for from in Compression::ALL {
            let sent = batch(from, &[7; 3_000]);
            for target in Compression::ALL {
                let kept = recompress(&sent, &to(target), usize::MAX).unwrap();
                // A producer's batch, checksum and all.
                let kept = Batch::validate(kept.into_bytes()).unwrap();
                let (old, new) = (sent.header(), kept.header());
                assert_eq!(new.compression(), target);
                assert_eq!(new.attributes() & !7, old.attributes() & !7);
                assert_eq!(new.base_timestamp(), old.base_timestamp());
                assert_eq!(new.max_timestamp(), old.max_timestamp());
                assert_eq!(new.producer_id(), old.producer_id());
                assert_eq!(new.producer_epoch(), old.producer_epoch());
                assert_eq!(new.last_sequence(), old.last_sequence());
                let limits = DecompressionLimits::default();
                let (old, new) = (sent.records(&limits), kept.records(&limits));
                assert_eq!(old.unwrap().bytes(), new.unwrap().bytes());
            }
        }
    }

    #[test]
    fn levels_make_a_difference() {
        let value: Vec<u8> = (0..60_000u32)
            .flat_map(|n| (n.wrapping_mul(n) >> 9).to_le_bytes())
            .collect();
        let sent = batch(Compression::None, &value);
        for (compression, low, high) in [(Compression::Gzip, 1, 9), (Compression::Zstd, -50, 19)] {
            let size = |level| {
                let level = Some(level);
                let target = TargetCompression { compression, level };
                recompress(&sent, &target, usize::MAX)
                    .unwrap()
                    .bytes()
                    .len()
            };
            assert!(size(high) < size(low), "{compression}");
        }
    }

    #[test]
    fn what_does_not_decode_or_gets_too_large_is_refused() {
        let sent = batch(Compression::Gzip, &[7; 3_000]);
        let refused = recompress(&sent, &to(Compression::None), 3_000);
        let size = sent
            .records(&DecompressionLimits::default())
            .unwrap()
            .size()
            + HEADER_BYTES;
        let limit = 3_000;
        assert_eq!(refused, Err(RecompressError::TooLarge { size, limit }));

        let bomb = batch(Compression::Zstd, &vec![0; 40 << 20]);
        let refused = recompress(&bomb, &to(Compression::None), usize::MAX);
        assert!(matches!(
            refused,
            Err(RecompressError::Undecodable(BatchError::Decompress(
                DecompressError::TooLarge { .. }
            )))
        ));

        // The checksum is right, the records are none.
        let mut fields = fields_of(sent.header());
        for compression in Compression::ALL {
            fields.attributes = compression.to_attributes();
            let mut bytes = vec![0; HEADER_BYTES];
            bytes.extend_from_slice(b"no records at all");
            finish(&mut bytes, 0, &fields).unwrap();
            let forged = Batch::validate(bytes.into()).unwrap();
            let refused = recompress(&forged, &to(Compression::Snappy), usize::MAX);
            assert!(
                matches!(refused, Err(RecompressError::Undecodable(_))),
                "{compression}: {refused:?}"
            );
        }
    }
}
