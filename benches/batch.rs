//! Record batches: what checking one costs beside its checksum alone, what reading and building
//! its records costs. A batch is of 1 000 records of 100 bytes, some 107 KB.
//!
//! Under `cargo test --benches` each runs once. The hashes printed are of the results, so a run
//! that is faster because it does something else shows.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's hash is for whoever ran it"
)]

use bytes::Bytes;
use corelane::record::{
    Batch, BatchBuilder, Compression, DecompressionLimits, validate_slice, with_log_append_time,
};
use corelane::types::{Offset, Timestamp};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const RECORDS: usize = 1000;
const RECORD_BYTES: usize = 100;

/// Values like log lines: some text that repeats, some digits that don't.
fn values() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..RECORDS)
        .map(|number| {
            let mut value = format!("level=info entity={number} path=/orders/").into_bytes();
            while value.len() < RECORD_BYTES {
                value.push(random.digit(16) as u8);
            }
            value
        })
        .collect()
}

fn append_all(builder: &mut BatchBuilder, values: &[Vec<u8>]) {
    for (time, value) in (1_700_000_000_000..).zip(values) {
        builder.append(Timestamp::new(time), None, Some(value), &[]);
    }
}

fn build(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression, None);
    append_all(&mut builder, &values());
    builder.build(Offset::ZERO).expect("builds")
}

/// The sum of what iterating has seen.
fn iterate(batch: &Batch, limits: &DecompressionLimits) -> i64 {
    let records = batch.records(limits).expect("decompresses");
    records.iter().fold(0, |sum, record| {
        let record = record.expect("decodes");
        let bytes = record.value.map_or(0, <[u8]>::len) as i64;
        sum + bytes + record.offset.get() + record.timestamp.get()
    })
}

fn validate(criterion: &mut Criterion) {
    let bytes = build(Compression::None);
    println!("validate: hash {:08x}", crc32c::crc32c(&bytes));
    let mut group = criterion.benchmark_group("validate");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("base: checksum alone", |b| {
        b.iter(|| crc32c::crc32c(black_box(&bytes[21..])));
    });
    group.bench_function("batch", |b| {
        b.iter(|| Batch::validate(black_box(bytes.clone())));
    });
    group.bench_function("slice", |b| b.iter(|| validate_slice(black_box(&bytes))));
    let batch = Batch::validate(bytes.clone()).expect("a valid batch");
    group.bench_function("log append time", |b| {
        b.iter(|| with_log_append_time(black_box(&batch), Timestamp::new(1)));
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read records");
    let limits = DecompressionLimits::default();
    for compression in Compression::ALL {
        let batch = Batch::validate(build(compression)).expect("a valid batch");
        println!("read {compression}: hash {:x}", iterate(&batch, &limits));
        group.throughput(Throughput::Elements(RECORDS as u64));
        group.bench_function(compression.name(), |b| {
            b.iter(|| iterate(black_box(&batch), &limits));
        });
    }
    group.finish();
}

fn build_batches(criterion: &mut Criterion) {
    let values = values();
    let mut group = criterion.benchmark_group("build");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for compression in Compression::ALL {
        let hash = crc32c::crc32c(&build(compression));
        println!("build {compression}: hash {hash:08x}");
        let mut builder = BatchBuilder::new(compression, None);
        group.bench_function(compression.name(), |b| {
            b.iter(|| {
                append_all(&mut builder, black_box(&values));
                builder.build(Offset::ZERO)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, validate, read, build_batches);
criterion_main!(benches);
