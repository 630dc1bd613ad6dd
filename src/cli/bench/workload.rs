use super::super::CliError;
use crate::record::{BatchBuilder, Compression};
use crate::types::{Offset, Timestamp};
use bytes::Bytes;
use clap::Args;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is shipped.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkloadArgs {
    /// Bytes of a record's value
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    record_bytes: u32,

    /// Bytes of a batch, about
    #[arg(long, value_name = "N", default_value_t = 131_072)]
    #[arg(value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    batch_bytes: u32,

    /// How batches are compressed
    #[arg(long, value_name = "CODEC", default_value = "none", value_parser = |name: &str| name.parse::<Compression>())]
    compression: Compression,
}

/// A prepared batch. The same bytes are shipped again and again: a broker looks at a batch's
/// header, checksum and sizes, which are the same work every time.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) records: u64,
}

impl WorkloadArgs {
    /// Records and batches of so many bytes.
    pub(super) fn uncompressed(record_bytes: u32, batch_bytes: u32) -> Self {
        Self {
            record_bytes,
            batch_bytes,
            compression: Compression::None,
        }
    }

    pub(super) fn batch(&self) -> Result<Batch, CliError> {
        // Of today, or the topic's retention would take the records away.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = Timestamp::new(now.unwrap_or_default().as_millis() as i64);
        let mut random = fastrand::Rng::with_seed(1);
        let mut builder = BatchBuilder::new(self.compression, None);
        let mut value = vec![0; self.record_bytes as usize];
        loop {
            value.fill_with(|| random.alphanumeric() as u8);
            builder.append(now, None, Some(&value), &[]);
            if builder.encoded_len() + value.len() >= self.batch_bytes as usize {
                break;
            }
        }
        let records = builder.len() as u64;
        let bytes = builder
            .build(Offset::ZERO)
            .map_err(|error| CliError::Usage(format!("no such batch can be made: {error}")))?;
        Ok(Batch { bytes, records })
    }
}
