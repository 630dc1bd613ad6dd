//! Record batches against real clients' bytes, against another implementation, and against damage.

#![expect(clippy::disallowed_methods, reason = "reads fixtures")]

mod bombs;
mod clients;
mod damage;
mod oracle;
mod round_trip;
mod stored;

use bytes::Bytes;
use corelane::record::{Batch, BatchBuilder, Compression, Record};
use corelane::types::{Offset, Timestamp};

/// A record as a test compares it, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl From<Record<'_>> for Owned {
    fn from(record: Record<'_>) -> Self {
        Self {
            offset: record.offset.get(),
            timestamp: record.timestamp.get(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers()
                .map(|header| {
                    let value = header.value.map(<[u8]>::to_vec);
                    (header.name_lossy().into_owned(), value)
                })
                .collect(),
        }
    }
}

impl Owned {
    fn append_to(&self, builder: &mut BatchBuilder) {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        builder.append(
            Timestamp::new(self.timestamp),
            self.key.as_deref(),
            self.value.as_deref(),
            &headers,
        );
    }
}

fn read_all(batch: &Batch) -> Vec<Owned> {
    let records = batch.records(&Default::default()).expect("decompresses");
    let owned = records.iter().map(|record| record.expect("decodes").into());
    owned.collect()
}

/// A batch of `count` small records at offset 0, a second apart.
fn sample(compression: Compression, count: i64) -> Bytes {
    let mut builder = BatchBuilder::new(compression, None);
    for number in 0..count {
        let key = format!("key-{number}");
        let value = format!("value-{number}");
        builder.append(
            Timestamp::new(1_700_000_000_000 + number * 1000),
            Some(key.as_bytes()),
            Some(value.as_bytes()),
            &[("h", Some(b"x"))],
        );
    }
    builder.build(Offset::ZERO).expect("builds")
}

/// `batch` with other bytes at `at`, and the checksum that goes with them.
fn with_bytes(batch: &[u8], at: usize, bytes: &[u8]) -> Bytes {
    let mut changed = batch.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    fix_crc(&mut changed);
    changed.into()
}

fn fix_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}
