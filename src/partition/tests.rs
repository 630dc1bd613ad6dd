use super::*;
use crate::record::{Batch, BatchBuilder, Compression};
use crate::storage::call::{DiskCall, DiskReply, Ticket};
use crate::storage::memory_disk::{FaultKind, Operation};
use crate::storage::{Log, MemoryDisk, ProducerState};
use crate::topic::Durability;
use crate::types::{
    AppendToken, DeletionToken, Instant, LeaderEpoch, Now, Offset, PartitionIndex, ProducerEpoch,
    ProducerId, Sequence, Timestamp, TopicId,
};
use std::collections::VecDeque;
use std::io;

/// A partition over a disk in memory, whose calls end when the test says so.
pub(super) struct Bench {
    disk: MemoryDisk,
    pub(super) partition: Partition,
    pub(super) calls: Vec<(Ticket, DiskCall)>,
    recompressions: VecDeque<(AppendToken, DiskCall)>,
    answers: Vec<(u64, Result<i64, AppendError>)>,
    pub(super) deletions: Vec<(u64, Result<i64, DeleteError>)>,
    pub(super) now: Now,
}

pub(super) const PATIENT: bool = true;
pub(super) const HASTY: bool = false;

impl Bench {
    pub(super) fn new(durability: Durability) -> Self {
        let config = PartitionConfig {
            durability,
            ..PartitionConfig::default()
        };
        Self::with(config)
    }

    pub(super) fn with(config: PartitionConfig) -> Self {
        let (topic, index) = (TopicId::from_random_bytes([1; 16]), PartitionIndex::new(0));
        let log = Log::new("data/orders-0".into(), config.log.clone(), topic, index);
        let epoch = LeaderEpoch::FIRST;
        Self {
            disk: MemoryDisk::new(1),
            partition: Partition::new(log, ProducerState::default(), epoch, config),
            calls: Vec::new(),
            recompressions: VecDeque::new(),
            answers: Vec::new(),
            deletions: Vec::new(),
            now: Now {
                wall: Timestamp::new(1_000),
                monotonic: Instant::new(0),
            },
        }
    }

    pub(super) fn take(&mut self, outcome: Outcome) {
        self.calls.extend(outcome.calls);
        self.recompressions.extend(outcome.recompression);
        let plain = |(token, result): (AppendToken, Result<Appended, AppendError>)| {
            (
                token.get(),
                result.map(|appended| appended.base_offset.get()),
            )
        };
        self.answers.extend(outcome.answers.into_iter().map(plain));
        let deletions = outcome.deletions.into_iter();
        let plain = |(token, start): (DeletionToken, Result<Offset, DeleteError>)| {
            (token.get(), start.map(Offset::get))
        };
        self.deletions.extend(deletions.map(plain));
        if outcome.wants_commit {
            // As where there is no journal.
            let mut outcome = Outcome::new(u64::MAX);
            self.partition.bypass(&mut outcome);
            self.calls.extend(outcome.calls);
        }
    }

    pub(super) fn append(&mut self, token: u64, batch: Batch, durable: bool) {
        let mut outcome = Outcome::new(u64::MAX);
        let offered = Offered {
            token: AppendToken::new(token),
            batch,
            durable,
            deadline: Instant::new(token * 1_000_000),
        };
        self.partition.append(offered, self.now, &mut outcome);
        self.take(outcome);
    }

    /// Goes on, until about so many bytes are appended; says whether more wait.
    pub(super) fn resume(&mut self, append_bytes: u64) -> bool {
        let mut outcome = Outcome::new(append_bytes);
        self.partition.resume(self.now, &mut outcome);
        let is_unfinished = outcome.is_unfinished;
        self.take(outcome);
        is_unfinished
    }

    /// Ends the calls under way, those of `kind` with an error.
    pub(super) fn end_calls(&mut self, failing: &str) {
        for (ticket, call) in std::mem::take(&mut self.calls) {
            let result = if !failing.is_empty() && call.describe().starts_with(failing) {
                Err(io::Error::other("injected"))
            } else {
                call.perform(&self.disk)
            };
            let mut outcome = Outcome::new(u64::MAX);
            self.partition
                .completed(ticket, result, self.now, &mut outcome);
            self.take(outcome);
        }
    }

    /// Ends the recompression under way; false if there is none.
    pub(super) fn recompress(&mut self) -> bool {
        assert!(self.recompressions.len() <= 1, "one at a time");
        let Some((token, call)) = self.recompressions.pop_front() else {
            return false;
        };
        let Ok(DiskReply::Recompressed(result)) = call.perform(&self.disk) else {
            panic!("a recompression needs no disk");
        };
        let mut outcome = Outcome::new(u64::MAX);
        self.partition
            .recompressed(token, result, self.now, &mut outcome);
        self.take(outcome);
        true
    }

    pub(super) fn settle(&mut self) {
        while !self.calls.is_empty() {
            self.end_calls("");
        }
    }

    pub(super) fn answers(&mut self) -> Vec<(u64, Result<i64, AppendError>)> {
        std::mem::take(&mut self.answers)
    }

    fn readable(&self) -> i64 {
        self.partition.high_watermark().get()
    }
}

pub(super) fn batch(records: usize) -> Batch {
    sequenced(records, None)
}

pub(super) fn sequenced(records: usize, sequence: Option<i32>) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for _ in 0..records {
        builder.append(Timestamp::new(5), None, Some(b"value"), &[]);
    }
    if let Some(sequence) = sequence {
        let (id, epoch) = (ProducerId::new(7), ProducerEpoch::new(0));
        builder.set_producer(id, epoch, Sequence::new(sequence));
    }
    Batch::validate(builder.build(Offset::ZERO).expect("valid")).expect("valid")
}

/// A partition whose first segment exists.
fn begun(durability: Durability) -> Bench {
    let mut bench = Bench::new(durability);
    bench.append(0, batch(1), HASTY);
    bench.settle();
    assert_eq!(bench.answers(), [(0, Ok(0))]);
    let mut outcome = Outcome::new(u64::MAX);
    bench.partition.flush(&mut outcome);
    bench.take(outcome);
    bench.settle();
    assert_eq!(bench.readable(), 1);
    bench
}

#[test]
fn a_durable_ack_waits_for_a_sync_that_began_after_the_append() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(2), PATIENT);
    assert_eq!((bench.answers(), bench.readable()), (vec![], 1));
    bench.append(2, batch(1), PATIENT);
    bench.end_calls("");
    assert_eq!(
        (bench.answers(), bench.readable()),
        (vec![(1, Ok(1))], 3),
        "2 came too late"
    );
    bench.end_calls("");
    assert_eq!((bench.answers(), bench.readable()), (vec![(2, Ok(3))], 4));
}

#[test]
fn appends_during_a_sync_share_the_next_one() {
    let mut bench = begun(Durability::Fsync);
    for token in 1..=20 {
        bench.append(token, batch(1), PATIENT);
    }
    bench.end_calls("");
    assert_eq!(bench.answers().len(), 1);
    bench.end_calls("");
    assert_eq!(bench.answers().len(), 19, "one sync served all that waited");
}

#[test]
fn a_received_ack_is_given_at_once_but_nothing_is_readable_before_its_flush() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(3), HASTY);
    assert_eq!((bench.answers(), bench.readable()), (vec![(1, Ok(1))], 1));
    let due = bench.partition.due_at().expect("it is to become readable");
    assert_eq!(due, Instant::new(5_000));
    let mut outcome = Outcome::new(u64::MAX);
    bench.partition.flush(&mut outcome);
    bench.take(outcome);
    bench.end_calls("");
    assert_eq!((bench.readable(), bench.partition.due_at()), (4, None));
}

#[test]
fn relaxed_topics_answer_and_show_what_is_in_the_page_cache() {
    let mut bench = begun(Durability::Relaxed);
    bench.append(1, batch(3), PATIENT);
    assert_eq!((bench.answers(), bench.readable()), (vec![(1, Ok(1))], 4));
}

#[test]
fn a_duplicate_gets_its_originals_offset_once_that_is_durable() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, sequenced(2, Some(0)), PATIENT);
    bench.append(2, sequenced(2, Some(0)), PATIENT);
    assert_eq!(bench.answers(), vec![]);
    bench.end_calls("");
    assert_eq!(bench.answers(), vec![(1, Ok(1)), (2, Ok(1))]);
    bench.append(3, sequenced(2, Some(0)), PATIENT);
    assert_eq!(bench.answers(), vec![(3, Ok(1))]);
    bench.append(4, sequenced(1, Some(9)), PATIENT);
    assert_eq!(
        bench.answers(),
        vec![(4, Err(AppendError::OutOfOrderSequence))]
    );
    assert_eq!(bench.readable(), 3, "nothing was appended twice");
}

#[test]
fn batches_keep_their_order_while_they_wait_for_room() {
    let mut bench = Bench::new(Durability::Fsync);
    for (token, sequence) in [(1, 0), (2, 1), (3, 2)] {
        bench.append(token, sequenced(1, Some(sequence)), PATIENT);
    }
    assert_eq!(bench.answers(), vec![]);
    bench.settle();
    assert_eq!(bench.answers(), vec![(1, Ok(0)), (2, Ok(1)), (3, Ok(2))]);
}

#[test]
fn after_a_failed_sync_nothing_is_taken_and_only_synced_data_is_read() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    bench.append(2, batch(1), PATIENT);
    bench.end_calls("syncing");
    let answers = bench.answers();
    assert!(
        matches!(
            &answers[..],
            [(1, Err(AppendError::Storage(_))), (2, Err(_))]
        ),
        "{answers:?}"
    );
    assert!(bench.partition.failure().is_some());
    bench.append(3, batch(1), PATIENT);
    assert!(matches!(
        bench.answers()[..],
        [(3, Err(AppendError::Storage(_)))]
    ));
    assert_eq!(bench.readable(), 1);
    let read = bench
        .partition
        .read(Offset::ZERO, LeaderEpoch::NONE, 1 << 20, true);
    assert!(read.expect("it was synced").range.is_some());
}

#[test]
fn a_failed_creation_fails_what_waits_and_the_next_append_tries_again() {
    let mut bench = Bench::new(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    bench.end_calls("creating");
    assert!(matches!(
        bench.answers()[..],
        [(1, Err(AppendError::Storage(_)))]
    ));
    bench.append(2, batch(1), PATIENT);
    bench.settle();
    assert_eq!(bench.answers(), vec![(2, Ok(0))]);
}

#[test]
fn a_client_with_another_epoch_is_told() {
    let bench = begun(Durability::Fsync);
    let read = |epoch| {
        bench
            .partition
            .read(Offset::ZERO, LeaderEpoch::new(epoch), 100, true)
    };
    assert!(read(0).is_ok());
    assert!(matches!(read(1), Err(ReadError::UnknownEpoch)));
    let beyond = bench
        .partition
        .read(Offset::new(9), LeaderEpoch::NONE, 100, true);
    assert!(matches!(beyond, Err(ReadError::OutOfRange)));
}

#[test]
fn seeking_finds_both_ends_and_times() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(2), PATIENT);
    bench.settle();
    let seek = |target| {
        bench
            .partition
            .seek(target, LeaderEpoch::NONE)
            .expect("it can be read")
    };
    assert_eq!(
        seek(SeekTarget::Earliest),
        Some((Offset::ZERO, Timestamp::NONE))
    );
    assert_eq!(
        seek(SeekTarget::Latest),
        Some((Offset::new(3), Timestamp::NONE))
    );
    let time = Timestamp::new(5);
    assert_eq!(seek(SeekTarget::At(time)), Some((Offset::ZERO, time)));
    assert_eq!(seek(SeekTarget::At(Timestamp::new(6))), None);
    assert_eq!(
        seek(SeekTarget::LargestTimestamp),
        Some((Offset::ZERO, time))
    );
}

#[test]
fn a_failed_write_answers_those_that_wait_for_a_sync() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    bench.append(2, batch(1), PATIENT);
    bench.disk.fail_once(Operation::Write, 0, FaultKind::Device);
    bench.append(3, batch(1), PATIENT);
    let answered: Vec<u64> = bench.answers().iter().map(|(token, _)| *token).collect();
    assert_eq!(
        answered,
        [3, 1, 2],
        "no sync follows that could answer them"
    );
}

#[test]
fn what_waited_for_room_is_appended_in_portions() {
    let mut bench = Bench::new(Durability::Relaxed);
    for token in 0..6 {
        bench.append(token, batch(1), HASTY);
    }
    let (ticket, call) = bench.calls.pop().expect("the first segment");
    let result = call.perform(&bench.disk);
    let size = batch(1).bytes().len() as u64;
    let mut outcome = Outcome::new(size + 1);
    bench
        .partition
        .completed(ticket, result, bench.now, &mut outcome);
    assert!(outcome.is_unfinished);
    bench.take(outcome);
    assert_eq!(bench.answers(), [(0, Ok(0)), (1, Ok(1))]);
    assert!(bench.resume(1));
    // A newcomer does not overtake.
    bench.append(6, batch(1), HASTY);
    let tokens: Vec<u64> = bench.answers().iter().map(|answer| answer.0).collect();
    assert_eq!(tokens, [2, 3, 4, 5, 6]);
    assert!(!bench.resume(1));
}

#[test]
fn who_was_appended_is_synced_while_others_wait_for_room() {
    let mut bench = Bench::new(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    // More than the first segment reserves.
    bench.append(2, batch(100 << 10), PATIENT);
    bench.end_calls("");
    let asked: Vec<String> = bench
        .calls
        .iter()
        .map(|(_, call)| call.describe())
        .collect();
    assert!(asked.iter().any(|call| call.starts_with("reserving")));
    assert!(asked.iter().any(|call| call.starts_with("syncing")));
    bench.settle();
    assert_eq!(bench.answers(), [(1, Ok(0)), (2, Ok(1))]);
}

#[test]
fn a_flush_during_a_sync_follows_it_at_once() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    bench.append(2, batch(1), HASTY);
    let mut outcome = Outcome::new(u64::MAX);
    bench.partition.flush(&mut outcome);
    bench.take(outcome);
    bench.end_calls("");
    assert_eq!((bench.readable(), bench.calls.len()), (2, 1));
    bench.end_calls("");
    assert_eq!((bench.readable(), bench.calls.len()), (3, 0));
}

#[test]
fn the_epoch_in_force_ends_where_reading_does_and_newer_ones_are_not_known() {
    let mut bench = Bench::new(Durability::Fsync);
    bench.append(1, batch(3), PATIENT);
    bench.settle();
    bench.append(2, batch(2), PATIENT);
    let ask = |bench: &Bench, epoch, current| {
        let (epoch, current) = (LeaderEpoch::new(epoch), LeaderEpoch::new(current));
        let found = bench.partition.epoch_end(epoch, current);
        found.map(|found| found.map(|(epoch, end)| (epoch.get(), end.get())))
    };
    assert!(matches!(ask(&bench, 0, -1), Ok(Some((0, 3)))));
    bench.settle();
    assert!(matches!(ask(&bench, 0, 0), Ok(Some((0, 5)))));
    assert!(matches!(ask(&bench, 1, -1), Ok(None)));
    assert!(matches!(ask(&bench, -1, -1), Ok(None)));
    assert!(matches!(ask(&bench, 0, 1), Err(ReadError::UnknownEpoch)));
}

#[test]
fn an_older_epoch_ends_where_the_one_in_force_begins() {
    let mut bench = Bench::new(Durability::Fsync);
    bench.append(1, batch(3), PATIENT);
    bench.settle();
    bench.partition.epoch = LeaderEpoch::new(4);
    let end_of = |bench: &Bench, epoch| {
        let found = bench
            .partition
            .epoch_end(LeaderEpoch::new(epoch), LeaderEpoch::NONE);
        let (epoch, end) = found.expect("no epoch was claimed").expect("not newer");
        (epoch.get(), end.get())
    };
    // Nothing was written under epoch 4 yet.
    assert_eq!(end_of(&bench, 0), (0, 3));
    assert_eq!(end_of(&bench, 3), (0, 3));
    assert_eq!(end_of(&bench, 4), (4, 3));
    bench.append(2, batch(2), PATIENT);
    bench.settle();
    assert_eq!(end_of(&bench, 3), (0, 3));
    assert_eq!(end_of(&bench, 4), (4, 5));
    let fenced = bench
        .partition
        .epoch_end(LeaderEpoch::FIRST, LeaderEpoch::new(2));
    assert!(matches!(fenced, Err(ReadError::FencedEpoch)));
}

#[test]
fn what_is_to_be_flushed_while_segments_are_synced_wants_the_journal_after() {
    let mut bench = begun(Durability::Fsync);
    bench.append(1, batch(1), PATIENT);
    assert!(bench.partition.bypasses());
    bench.append(2, batch(1), HASTY);
    // The shard leaves out a partition that bypasses the journal.
    let mut outcome = Outcome::new(u64::MAX);
    bench.partition.flush(&mut outcome);
    assert!(outcome.wants_commit && outcome.calls.is_empty());
    let [(ticket, call)] = <[_; 1]>::try_from(std::mem::take(&mut bench.calls)).unwrap();
    let result = call.perform(&bench.disk);
    let mut outcome = Outcome::new(u64::MAX);
    bench
        .partition
        .completed(ticket, result, bench.now, &mut outcome);
    assert!(outcome.wants_commit && !bench.partition.bypasses());
    assert_eq!(bench.readable(), 2);
    bench.take(outcome);
    bench.settle();
    assert_eq!(bench.readable(), 3);
    let mut outcome = Outcome::new(u64::MAX);
    bench.partition.sync(&mut outcome);
    assert!(!outcome.wants_commit, "nothing is left");
}
