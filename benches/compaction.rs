//! Log compaction: what learning a batch's keys and taking out what was overtaken cost, per byte of
//! uncompressed records. Batches are of 100 records of 100 bytes, or uncompressed also of 8 000, as
//! shippers send them; every second record is overtaken by a later one of its key.
//!
//! Under `cargo test --benches` each runs once. The hashes printed are of the results, so a run
//! that is faster because it does something else shows.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's hash is for whoever ran it"
)]

use corelane::record::{Batch, BatchBuilder, Compression, DecompressionLimits};
use corelane::storage::compaction::{BatchFilter, Cleaned, CompactionTerms, OffsetMap};
use corelane::types::{Offset, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustc_hash::FxHashMap;
use std::hint::black_box;

const RECORD_BYTES: usize = 100;
/// Of all batches. Where it is only tried, as many as are done with in a second or two.
const RECORDS: usize = if cfg!(debug_assertions) {
    200_000
} else {
    1_600_000
};
const MAP_BYTES: usize = 32 << 20;
const NOW: i64 = 1_700_000_000_000;

/// Batches of which every second record is overtaken, in no order that a cache foresees.
fn batches(compression: Compression, batch_records: usize) -> Vec<Batch> {
    let mut keys: Vec<usize> = (0..RECORDS).map(|number| number % (RECORDS / 2)).collect();
    let mut random = fastrand::Rng::with_seed(7);
    random.shuffle(&mut keys);
    let mut builder = BatchBuilder::new(compression, None);
    let mut batches = Vec::new();
    for (number, keys) in keys.chunks(batch_records).enumerate() {
        for key in keys {
            let key = format!("entity-{key:012}");
            let mut value = b"level=info path=/orders/".to_vec();
            while value.len() < RECORD_BYTES {
                value.push(random.digit(16) as u8);
            }
            builder.append(Timestamp::new(NOW), Some(key.as_bytes()), Some(&value), &[]);
        }
        let bytes = builder.build(Offset::new((number * batch_records) as i64));
        batches.push(Batch::validate_stored(bytes.expect("builds")).expect("valid"));
    }
    batches
}

fn filter() -> BatchFilter {
    let terms = CompactionTerms {
        now: Timestamp::new(NOW),
        delete_retention_ms: 1_000,
        limits: DecompressionLimits::default(),
        producers: FxHashMap::default(),
    };
    BatchFilter::new(terms, OffsetMap::new(MAP_BYTES, 7))
}

fn learn(batches: &[Batch]) -> BatchFilter {
    let mut filter = filter();
    for batch in batches {
        assert!(filter.learn(batch, Offset::ZERO, &|| ()), "the keys fit");
    }
    filter
}

/// Checks and cleans every batch, as a run does with what it read. Gives the checksum of the result
/// and how many batches changed.
fn clean(filter: &mut BatchFilter, batches: &[Batch]) -> (u32, usize) {
    let mut output = Vec::with_capacity(1 << 20);
    let (mut crc, mut changed) = (0, 0);
    for batch in batches {
        let batch = Batch::validate_stored(batch.bytes().clone()).expect("valid");
        let cleaned = filter.clean(&batch, false, &mut output, &|| ());
        changed += usize::from(cleaned != Cleaned::Kept);
        if output.len() > 1 << 20 {
            crc = crc32c::crc32c_append(crc, &output);
            output.clear();
        }
    }
    (crc32c::crc32c_append(crc, &output), changed)
}

fn compaction(criterion: &mut Criterion) {
    for (compression, batch_records) in [
        (Compression::None, 8_000),
        (Compression::None, 100),
        (Compression::Lz4, 100),
        (Compression::Zstd, 100),
    ] {
        let batches = batches(compression, batch_records);
        let bytes: usize = batches
            .iter()
            .map(|batch| batch.records(&DecompressionLimits::default()))
            .map(|records| records.expect("valid").bytes().len())
            .sum();
        let mut group =
            criterion.benchmark_group(format!("compaction {compression} {batch_records}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(bytes as u64));
        let (crc, changed) = clean(&mut learn(&batches), &batches);
        println!("{compression} {batch_records}: hash {crc:08x}, {changed} batches changed");
        group.bench_function("learn", |b| b.iter(|| learn(black_box(&batches)).keys()));
        let mut filter = learn(&batches);
        group.bench_function("clean", |b| {
            b.iter(|| clean(&mut filter, black_box(&batches)));
        });
        group.bench_function("both", |b| {
            b.iter(|| clean(&mut learn(black_box(&batches)), &batches));
        });
        group.finish();
    }
}

criterion_group!(benches, compaction);
criterion_main!(benches);
