//! Random histories against a list of values: what a log may lose, and what never.

use crate::partition::*;
use corelane::storage::{LogConfig, SequenceCheck};
use corelane::types::{Offset, Timestamp};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    /// Values of these lengths in one batch.
    Append(Vec<u16>),
    BeginSync,
    /// Performs one of the calls that wait.
    Perform(usize),
    Drain,
    Checkpoint,
    WriteBehind,
    Expire(i64),
    /// Retention of everything, in so many rounds of sync, checkpoint and expire.
    ExpireAll(u8),
    DeleteRecords(u8),
    Read(u16, u16),
    Close,
    Crash,
    PowerCut,
    /// The process dies in the middle of a call.
    CrashWithin(u8, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => prop::collection::vec(0_u16..120, 1..4).prop_map(Op::Append),
        1 => prop::collection::vec(800_u16..2000, 1..3).prop_map(Op::Append),
        4 => Just(Op::BeginSync),
        8 => (0_usize..4).prop_map(Op::Perform),
        2 => Just(Op::Drain),
        3 => Just(Op::Checkpoint),
        1 => Just(Op::WriteBehind),
        2 => (0_i64..150).prop_map(Op::Expire),
        2 => (1_u8..5).prop_map(Op::ExpireAll),
        1 => any::<u8>().prop_map(Op::DeleteRecords),
        3 => (any::<u16>(), 0_u16..2000).prop_map(|(from, bytes)| Op::Read(from, bytes)),
        1 => Just(Op::Close),
        1 => Just(Op::Crash),
        1 => Just(Op::PowerCut),
        2 => (0_u8..12, any::<bool>()).prop_map(|(after, power)| Op::CrashWithin(after, power)),
    ]
}

struct Model {
    partition: Partition<corelane::storage::MemoryDisk>,
    /// The value at each offset.
    values: Vec<Vec<u8>>,
    /// The start that the last durable checkpoint is known to have.
    durable_start: Offset,
    now: i64,
    /// The next sequence of the one idempotent producer, and its last batch.
    sequence: i32,
    last: Option<(corelane::record::Batch, Offset)>,
}

impl Model {
    fn new(config: LogConfig, seed: u64) -> Self {
        Self {
            partition: Partition::new(config, seed),
            values: Vec::new(),
            durable_start: Offset::ZERO,
            now: NOW.get(),
            sequence: 0,
            last: None,
        }
    }

    fn run(&mut self, op: &Op) {
        let partition = &mut self.partition;
        match op {
            Op::Append(lengths) => self.append(lengths),
            Op::BeginSync => {
                partition.log.begin_sync(&mut partition.calls);
            }
            Op::Perform(index) => partition.perform(*index),
            Op::Drain => partition.drain(),
            Op::Checkpoint => {
                // Whole, so that the model knows which start is durable.
                partition.checkpoint();
                if !partition.disk_names("log").is_empty() {
                    self.durable_start = partition.log.start();
                }
            }
            Op::WriteBehind => partition.log.write_behind(&mut partition.calls),
            Op::Expire(later) => {
                self.now += later;
                let limit = partition.log.synced();
                let before = partition.log.start();
                let now = Timestamp::new(self.now);
                let moved = partition.log.expire(now, limit, &mut partition.calls);
                assert_eq!(partition.log.start(), before, "not before it is durable");
                assert!(moved.is_none_or(|moved| moved > before && moved <= limit.max(before)));
            }
            Op::ExpireAll(rounds) => {
                self.now += 200;
                for _ in 0..*rounds {
                    let partition = &mut self.partition;
                    partition.sync();
                    partition.checkpoint();
                    let limit = partition.log.end();
                    let now = Timestamp::new(self.now);
                    partition.log.expire(now, limit, &mut partition.calls);
                    partition.drain();
                }
                self.durable_start = self.partition.log.start();
            }
            Op::DeleteRecords(share) => {
                let (start, synced) = (partition.log.start(), partition.log.synced());
                let to = start.advanced(synced.since(start) * i64::from(*share) / 1000);
                partition.log.truncate_start(to);
            }
            Op::Read(from, bytes) => self.read(*from, u32::from(*bytes)),
            Op::Close => self.close(),
            Op::Crash => {
                let end = partition.log.end();
                partition.crash();
                assert_eq!(partition.log.end(), end, "the page cache survives");
                self.check_restarted(end);
            }
            Op::PowerCut => {
                let synced = partition.log.synced();
                partition.power_cut();
                self.check_restarted(synced);
            }
            Op::CrashWithin(after, power) => self.crash_within(*after, *power),
        }
        self.check();
    }

    fn append(&mut self, lengths: &[u16]) {
        let partition = &mut self.partition;
        let first = self.values.len();
        let value = |(i, length): (usize, &u16)| vec![(first + i) as u8; *length as usize];
        let values: Vec<Vec<u8>> = lengths.iter().enumerate().map(value).collect();
        let batch = batch_from(9, 0, self.sequence, &values);
        let base = partition
            .try_append(&batch, Timestamp::new(self.now))
            .expect("appends");
        assert_eq!(base.get(), first as i64);
        self.sequence += values.len() as i32;
        self.values.extend(values);
        self.last = Some((batch, base));
    }

    fn read(&self, from: u16, bytes_max: u32) {
        let (start, end) = (self.partition.log.start(), self.partition.log.end());
        let length = end.since(start);
        if length == 0 {
            return;
        }
        let from = start.advanced(i64::from(from) % length);
        let read = self.partition.values_from(from, bytes_max);
        assert_eq!(read, self.values[from.get() as usize..]);
    }

    fn close(&mut self) {
        self.partition.close();
        self.durable_start = self.partition.log.start();
        let end = self.partition.log.end();
        let (clean, report) = self.partition.crash();
        assert!(clean);
        assert_eq!((report.bytes_scanned, report.bytes_cut), (0, 0));
        // A power cut may take hints, and nothing else.
        let (clean, report) = self.partition.power_cut();
        assert!(clean);
        assert_eq!(report.bytes_cut, 0);
        assert_eq!(self.partition.log.end(), end);
        self.check_restarted(end);
    }

    /// The process dies somewhere in what the next calls do; recovery is cut short too, until it
    /// gets through.
    fn crash_within(&mut self, after: u8, power: bool) {
        let partition = &mut self.partition;
        let end = partition.log.end();
        let mut synced = partition.log.synced();
        partition.disk.crash_after(u64::from(after));
        partition.log.begin_sync(&mut partition.calls);
        partition
            .log
            .checkpoint(partition.epoch, &partition.producers, &mut partition.calls);
        while !partition.calls.is_empty() {
            partition.perform(usize::from(after));
            synced = partition.log.synced();
        }
        let disk = partition.disk.clone();
        for operations in 0.. {
            if power {
                disk.power_cut()
            } else {
                disk.process_crash()
            }
            disk.crash_after(operations);
            let recovered = recover(&disk, &partition.directory, &partition.config);
            match recovered {
                Ok(_) => break,
                Err(error) => assert!(disk.is_crashed(), "{error}"),
            }
        }
        if power {
            disk.power_cut()
        } else {
            disk.process_crash()
        }
        partition.restart();
        if !power {
            assert_eq!(partition.log.end(), end, "the page cache survives");
        }
        self.check_restarted(synced);
    }

    /// After a start: nothing that was durable is gone, the rest is gone from the end only.
    fn check_restarted(&mut self, synced: Offset) {
        let partition = &self.partition;
        let end = partition.log.end();
        assert!(end >= synced, "{end} after {synced} was durable");
        assert!(end.get() <= self.values.len() as i64);
        assert_eq!(partition.log.synced(), end);
        assert!(partition.log.start() >= self.durable_start);
        self.durable_start = partition.log.start();
        self.values.truncate(end.get() as usize);
        self.check_producer();
    }

    fn check_producer(&mut self) {
        let end = self.partition.log.end();
        if let Some((batch, base)) = &self.last {
            let next = base.advanced(batch.header().record_count().into());
            let check = self.partition.producers.check(batch.header());
            let known = self.partition.log.start() <= *base;
            if next <= end && known {
                let last_offset = next.advanced(-1);
                let timestamp = batch.header().max_timestamp();
                let duplicate = SequenceCheck::Duplicate {
                    base_offset: *base,
                    last_offset,
                    timestamp,
                };
                assert_eq!(check, Ok(duplicate));
            } else if next > end {
                assert_eq!(
                    check.ok(),
                    None.or(check.ok()),
                    "a lost batch is no duplicate"
                );
                assert!(!matches!(check, Ok(SequenceCheck::Duplicate { .. })));
            }
        }
        // The sequence goes on from what the log has; it begins anew with another epoch otherwise.
        self.sequence = self.values.len() as i32;
        self.last = None;
    }

    fn check(&self) {
        let log = &self.partition.log;
        assert_eq!(log.end().get(), self.values.len() as i64);
        assert!(log.start() <= log.end() && log.synced() <= log.end());
        assert!(log.failure().is_none());
        let read = self.partition.values_from(log.start(), 500);
        assert_eq!(read, self.values[log.start().get() as usize..]);
    }
}

fn config(retention: u8) -> LogConfig {
    LogConfig {
        retention_bytes: (retention & 1 == 1).then_some(3000),
        retention_ms: (retention & 2 == 2).then_some(100),
        ..tiny()
    }
}

proptest! {
    #[test]
    fn a_log_behaves_like_a_list(
        seed in any::<u64>(),
        retention in 0_u8..4,
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut model = Model::new(config(retention), seed);
        for op in &ops {
            model.run(op);
        }
        model.run(&Op::PowerCut);
    }
}
