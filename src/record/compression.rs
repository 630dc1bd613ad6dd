//! Which compressions a batch may have, and the limits within which one is undone.
//!
//! The framing of each is in the file of its name. A decompression never takes more memory than
//! [`DecompressionLimits::output_max`] for the result plus a constant for the codec.

use super::error::BatchError;
use super::{gzip, lz4, snappy, zstandard};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use thiserror::Error;

/// How the records of a batch are compressed, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy, in the block framing of xerial's snappy-java.
    Snappy,
    /// The LZ4 frame format (KIP-57).
    Lz4,
    /// Zstandard (KIP-110, RFC 8878).
    Zstd,
}

/// A name that is no compression's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown compression {0:?}; choose none, gzip, snappy, lz4 or zstd")]
pub struct CompressionNameError(String);

/// Why records do not decompress.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecompressError {
    /// The bytes are not what the codec says they are.
    #[error("the records do not decompress ({compression}): {reason}")]
    Corrupt {
        /// The codec.
        compression: Compression,
        /// What the codec found.
        reason: String,
    },
    /// The records would unfold past the limits.
    #[error(
        "{compressed} bytes of {compression} unfold to more than {limit}; \
         send smaller batches or raise the limits of decompression"
    )]
    TooLarge {
        /// The codec.
        compression: Compression,
        /// How many compressed bytes there are.
        compressed: usize,
        /// How many bytes they may unfold to.
        limit: usize,
    },
}

/// Up to what size compressed records are unfolded: at most `bytes_max` in any case, and at most
/// `ratio_max` times the compressed size once that is past [`RATIO_FREE_BYTES`](Self::RATIO_FREE_BYTES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressionLimits {
    bytes_max: usize,
    ratio_max: usize,
}

impl DecompressionLimits {
    /// Up to this size the ratio does not matter: a batch of equal records may shrink a
    /// thousandfold, and so little memory harms nobody.
    pub const RATIO_FREE_BYTES: usize = 1024 * 1024;

    /// Limits in bytes, and in unfolded bytes per compressed byte.
    pub const fn new(bytes_max: usize, ratio_max: usize) -> Self {
        Self {
            bytes_max,
            ratio_max,
        }
    }

    /// How many bytes `compressed` bytes may unfold to.
    pub fn output_max(&self, compressed: usize) -> usize {
        compressed
            .saturating_mul(self.ratio_max)
            .max(Self::RATIO_FREE_BYTES)
            .min(self.bytes_max)
    }
}

impl Default for DecompressionLimits {
    /// 64 MiB, a thousandfold.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024, 1000)
    }
}

impl Compression {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The compression that a batch's attributes name (their lowest three bits).
    ///
    /// # Errors
    ///
    /// [`BatchError::UnknownCompression`] for the codes 5 to 7.
    pub const fn from_attributes(attributes: i16) -> Result<Self, BatchError> {
        match attributes & 0x07 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            code => Err(BatchError::UnknownCompression(code as u8)),
        }
    }

    /// The code in a batch's attributes.
    pub const fn to_attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The levels it can be told, those of Kafka's settings (KIP-390); none where there are no
    /// levels. The LZ4 encoder here has one strength only: it takes the levels and ignores them.
    pub const fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = CompressionNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or_else(|| CompressionNameError(name.to_owned()))
    }
}

/// Appends `input`, compressed, to `output`. A `level` of none is the codec's default.
///
/// # Errors
///
/// What the codec says; none does for plain memory and a level in range.
pub fn compress(
    compression: Compression,
    level: Option<i32>,
    input: &[u8],
    output: &mut Vec<u8>,
) -> Result<(), String> {
    match compression {
        Compression::None => output.extend_from_slice(input),
        Compression::Gzip => gzip::compress(level, input, output)?,
        Compression::Snappy => snappy::compress(input, output)?,
        Compression::Lz4 => lz4::compress(input, output)?,
        Compression::Zstd => zstandard::compress(level, input, output)?,
    }
    Ok(())
}

/// Undoes a compression within `limits`.
///
/// # Errors
///
/// [`DecompressError::TooLarge`] as soon as the result is known to be past the limits, before
/// memory is taken for it; [`DecompressError::Corrupt`] if it is no such compression.
pub fn decompress(
    compression: Compression,
    input: &[u8],
    limits: &DecompressionLimits,
) -> Result<Vec<u8>, DecompressError> {
    let limit = limits.output_max(input.len());
    let result = match compression {
        Compression::None if input.len() > limit => Err(Refusal::TooLarge),
        Compression::None => Ok(input.to_vec()),
        Compression::Gzip => gzip::decompress(input, limit),
        Compression::Snappy => snappy::decompress(input, limit),
        Compression::Lz4 => lz4::decompress(input, limit),
        Compression::Zstd => zstandard::decompress(input, limit),
    };
    result.map_err(|refusal| match refusal {
        Refusal::Corrupt(reason) => DecompressError::Corrupt {
            compression,
            reason,
        },
        Refusal::TooLarge => DecompressError::TooLarge {
            compression,
            compressed: input.len(),
            limit,
        },
    })
}

/// What a codec says of bytes that it does not unfold.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// They are no such compression.
    Corrupt(String),
    /// They unfold past the limit.
    TooLarge,
}

impl Refusal {
    pub(super) fn corrupt(reason: impl fmt::Display) -> Self {
        Self::Corrupt(reason.to_string())
    }
}

/// Reads a decoder to its end, or to one byte past `limit`. The result grows with what was really
/// decoded, so it is never more than twice that large.
pub(super) fn read_within(
    decoder: &mut impl std::io::Read,
    guess: usize,
    limit: usize,
) -> Result<Vec<u8>, Refusal> {
    use std::io::Read;

    let mut output = Vec::with_capacity(guess.min(limit));
    decoder
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut output)
        .map_err(Refusal::corrupt)?;
    if output.len() > limit {
        return Err(Refusal::TooLarge);
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_kafkas() {
        for (code, compression) in (0..).zip(Compression::ALL) {
            assert_eq!(Compression::from_attributes(code), Ok(compression));
            assert_eq!(compression.to_attributes(), code);
            assert_eq!(compression.name().parse(), Ok(compression));
        }
        // Higher attribute bits are not part of the code.
        assert_eq!(Compression::from_attributes(0x7c), Ok(Compression::Zstd));
        assert_eq!(
            Compression::from_attributes(5),
            Err(BatchError::UnknownCompression(5))
        );
        assert!("zip".parse::<Compression>().is_err());
    }

    #[test]
    fn limits_are_the_smaller_of_bytes_and_ratio() {
        let limits = DecompressionLimits::new(10_000_000, 100);
        assert_eq!(limits.output_max(10), DecompressionLimits::RATIO_FREE_BYTES);
        assert_eq!(limits.output_max(50_000), 5_000_000);
        assert_eq!(limits.output_max(1_000_000), 10_000_000);
        assert_eq!(limits.output_max(usize::MAX), 10_000_000);
        assert_eq!(DecompressionLimits::new(7, 100).output_max(50), 7);
    }

    #[test]
    fn every_codec_undoes_itself_and_respects_the_limit() {
        let input: Vec<u8> = (0..200_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        for compression in Compression::ALL {
            let mut output = b"before".to_vec();
            compress(compression, None, &input, &mut output).unwrap();
            let compressed = output.strip_prefix(b"before").unwrap();
            let exact = DecompressionLimits::new(input.len(), 1000);
            let result = decompress(compression, compressed, &exact);
            assert_eq!(result.as_deref(), Ok(&input[..]), "{compression}");
            let less = DecompressionLimits::new(input.len() - 1, 1000);
            let refusal = decompress(compression, compressed, &less).unwrap_err();
            assert!(
                matches!(refusal, DecompressError::TooLarge { .. }),
                "{compression}: {refusal}"
            );
        }
    }

    #[test]
    fn cut_and_damaged_input_is_refused_or_differs() {
        let input = b"a record that is long enough to be compressed, compressed, compressed";
        for compression in Compression::ALL.into_iter().skip(1) {
            let mut whole = Vec::new();
            compress(compression, None, input, &mut whole).unwrap();
            for length in 0..whole.len() {
                let cut = decompress(compression, &whole[..length], &Default::default());
                assert!(
                    cut.is_err() || cut.is_ok_and(|output| output.len() <= input.len()),
                    "{compression} cut to {length}"
                );
            }
        }
    }
}
