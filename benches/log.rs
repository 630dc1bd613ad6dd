//! One partition's log on this machine's disk: what an append costs beside a bare write of the same
//! bytes, what planning a fetch costs (finding a batch by the index, then whole batches), and
//! what finding an offset by time costs.
//!
//! Under `cargo test --benches` each runs once. The hashes printed are of the results, so a run
//! that is faster because it does something else shows.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's hash is for whoever ran it"
)]

use bytes::Bytes;
use corelane::record::{Batch, BatchBuilder, Compression};
use corelane::storage::{Calls, Disk, Log, LogConfig, OpenMode, RealDisk};
use corelane::types::{LeaderEpoch, Offset, PartitionIndex, Position, Timestamp, TopicId};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::IoSlice;
use tempfile::TempDir;

/// Small ones, so that the index has entries: one for every four batches.
const RECORDS: usize = 10;
const RECORD_BYTES: usize = 100;
const BATCHES: i64 = 20_000;
const NOW: Timestamp = Timestamp::new(1_700_000_000_000);

fn batch(time: i64) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for _ in 0..RECORDS {
        builder.append(Timestamp::new(time), None, Some(&[b'x'; RECORD_BYTES]), &[]);
    }
    Batch::validate(builder.build(Offset::ZERO).expect("builds")).expect("valid")
}

/// A log whose disk calls are performed at once.
struct Bench {
    disk: RealDisk,
    log: Log,
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let (topic, partition) = (TopicId::from_bytes([1; 16]), PartitionIndex::new(0));
        let path = directory.path().join("orders-0");
        Self {
            disk: RealDisk::new(),
            log: Log::new(path, LogConfig::default(), topic, partition),
            directory,
        }
    }

    fn perform(&mut self, mut calls: Calls) {
        while let Some((ticket, call)) = calls.pop() {
            let result = call.perform(&self.disk);
            self.log.completed(ticket, result, &mut calls);
        }
    }

    fn append(&mut self, batch: &Batch) -> Offset {
        loop {
            let mut calls = Calls::new();
            let has_room = self.log.make_room(batch.bytes().len(), NOW, &mut calls);
            self.perform(calls);
            if has_room {
                let appended = self.log.append(batch, LeaderEpoch::FIRST, NOW);
                return appended.expect("the disk takes it");
            }
        }
    }

    /// A log with a batch per millisecond.
    fn filled() -> Self {
        let mut bench = Self::new();
        for number in 0..BATCHES {
            bench.append(&batch(NOW.get() + number));
        }
        bench
    }
}

fn append(criterion: &mut Criterion) {
    let batch = batch(NOW.get());
    let bytes: Bytes = batch.bytes().clone();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let mut bench = Bench::new();
    let path = bench.directory.path().join("bare");
    let file = bench.disk.open(&path, OpenMode::CreateNew).expect("made");
    let wrapped = 64 << 20;
    file.reserve(Position::new(wrapped)).expect("reserved");
    let mut position = 0;
    group.bench_function("base: bare write", |b| {
        b.iter(|| {
            let slices = [IoSlice::new(&bytes)];
            file.write_at(Position::new(position), &slices)
                .expect("written");
            position = (position + bytes.len() as u64) % (wrapped - (1 << 20));
        });
    });
    group.bench_function("log", |b| b.iter(|| bench.append(black_box(&batch))));
    group.finish();
    let records = bench.log.end().get() % RECORDS as i64;
    println!(
        "append: hash {:08x}",
        crc32c::crc32c(&records.to_be_bytes())
    );
}

/// Offsets all over the log, in an order that no cache foresees.
fn offsets(bench: &Bench) -> impl FnMut() -> Offset + use<> {
    let mut random = fastrand::Rng::with_seed(7);
    let end = bench.log.end().get();
    move || Offset::new(random.i64(0..end))
}

fn fetch_planning(criterion: &mut Criterion) {
    let mut bench = Bench::filled();
    let end = bench.log.end();
    let mut group = criterion.benchmark_group("fetch planning");
    for (name, bytes_max) in [("one batch", 1), ("1 MiB", 1 << 20)] {
        let mut next = offsets(&bench);
        group.bench_function(name, |b| {
            b.iter(|| {
                let range = bench
                    .log
                    .read(next(), end, bytes_max, true)
                    .expect("readable");
                range.expect("there is data").length()
            });
        });
    }
    group.finish();
    let mut next = offsets(&bench);
    let planned: u64 = (0..1000)
        .filter_map(|_| bench.log.read(next(), end, 1, true).expect("readable"))
        .map(|range| range.from.get())
        .sum();
    println!(
        "fetch planning: hash {:08x}",
        crc32c::crc32c(&planned.to_be_bytes())
    );
    let mut calls = Calls::new();
    bench.log.begin_sync(&mut calls);
    bench.perform(calls);
}

fn index_lookup(criterion: &mut Criterion) {
    let bench = Bench::filled();
    let end = bench.log.end();
    let mut random = fastrand::Rng::with_seed(7);
    let mut next = move || Timestamp::new(NOW.get() + random.i64(0..BATCHES));
    let find = |time| {
        let found = bench.log.offset_for_timestamp(time, end).expect("readable");
        found.expect("every time has a record").0
    };
    criterion.bench_function("index lookup: offset for a time", |b| {
        b.iter(|| find(next()))
    });
    let times = (0..BATCHES)
        .step_by(97)
        .map(|number| Timestamp::new(NOW.get() + number));
    let sum: i64 = times.map(|time| find(time).get()).sum();
    println!(
        "index lookup: hash {:08x}",
        crc32c::crc32c(&sum.to_be_bytes())
    );
}

criterion_group!(benches, append, fetch_planning, index_lookup);
criterion_main!(benches);
