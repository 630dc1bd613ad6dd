//! Appending: in the order of the offers, once each, and as far as there is room.

use super::append::{AppendError, Appended, Offered};
use super::outcome::Outcome;
use super::overflow::Fit;
use super::partition::Partition;
use crate::record::{Batch, RecompressError, TargetCompression, with_log_append_time};
use crate::storage::call::DiskCall;
use crate::storage::producer_state::SequenceCheck;
use crate::topic::{Durability, TimestampSource};
use crate::types::{AppendToken, Now, Offset, Timestamp};
use std::time::Duration;

/// How long data that nobody waits for may stay less than durable, and so unreadable, with
/// `durability=fsync`.
const FLUSH_AFTER: Duration = Duration::from_millis(5);
/// How long it may stay un-synced with `durability=relaxed`.
const FLUSH_RELAXED_AFTER: Duration = Duration::from_secs(1);

/// How many bytes may stay un-synced with `durability=relaxed` before a sync begins.
const SYNC_RELAXED_BYTES: u64 = 32 * 1024 * 1024;

impl Partition {
    /// Offers a batch. Its answer comes in an [`Outcome`], this one's or a later one's.
    pub fn append(&mut self, offered: Offered, now: Now, outcome: &mut Outcome) {
        if self.is_blocked_up() {
            let refused = (offered.token, Err(AppendError::TimedOut));
            return outcome.answers.push(refused);
        }
        self.waiting_for_room.push_back(offered);
        self.admit(now, outcome);
    }

    /// Goes on with an outcome that was left unfinished.
    pub fn resume(&mut self, now: Now, outcome: &mut Outcome) {
        self.admit(now, outcome);
    }

    /// Appends what waits, in order, as far as there is room.
    pub(super) fn admit(&mut self, now: Now, outcome: &mut Outcome) {
        self.expires_at = None;
        while let Some(offered) = self.waiting_for_room.pop_front() {
            if outcome.append_bytes == 0 {
                self.waiting_for_room.push_front(offered);
                outcome.is_unfinished = true;
                break;
            }
            if let Some(failure) = self.failure() {
                let error = AppendError::Storage(failure.to_owned());
                outcome.answers.push((offered.token, Err(error)));
                continue;
            }
            if let Some(waiting) = self.admit_next(offered, now, outcome) {
                self.waiting_for_room.push_front(waiting);
                break;
            }
        }
        self.commit_for_waiters(outcome);
    }

    /// Appends or answers the next batch, or gives it back as it has to wait.
    fn admit_next(&mut self, offered: Offered, now: Now, outcome: &mut Outcome) -> Option<Offered> {
        let check = self.producers.check(offered.batch.header());
        if let Ok(SequenceCheck::Duplicate {
            base_offset,
            last_offset,
            timestamp,
        }) = check
        {
            let by_broker = self.config.timestamp_source == TimestampSource::LogAppendTime;
            let original = self.appended(base_offset, by_broker.then_some(timestamp));
            let Offered { token, durable, .. } = offered;
            self.answer_when_durable(token, last_offset.next(), original, durable, outcome);
            return None;
        }
        let length = offered.batch.bytes().len();
        let target = self.other_compression(&offered.batch);
        // In another compression it may be of any size.
        let fit = self.fit(target.map_or(length as u64, |_| 1));
        // Before gaps in sequences, which are of batches that were refused for this.
        if fit == Fit::Refused {
            outcome
                .answers
                .push((offered.token, Err(AppendError::Full)));
            return None;
        }
        if let Err(error) = check {
            outcome.answers.push((offered.token, Err(error.into())));
            return None;
        }
        if fit == Fit::Waits {
            self.block(offered.deadline);
            return Some(offered);
        }
        if let Some(target) = target {
            self.recompress(&offered, target, outcome);
            return Some(offered);
        }
        if !self.log.make_room(length, now.wall, &mut outcome.calls) {
            return Some(offered);
        }
        outcome.append_bytes = outcome.append_bytes.saturating_sub(length as u64);
        self.write(offered, now, outcome);
        None
    }

    /// The compression that the batch is to be kept in, if it has another.
    fn other_compression(&self, batch: &Batch) -> Option<TargetCompression> {
        let target = self.config.compression;
        target.filter(|target| target.compression != batch.header().compression())
    }

    /// Begins to recompress the batch at the front, off the core, one at a time: what comes after it
    /// waits behind it, and memory for one result is enough.
    fn recompress(&mut self, front: &Offered, target: TargetCompression, outcome: &mut Outcome) {
        if self.recompressing.is_some() {
            return;
        }
        self.recompressing = Some(front.token);
        let call = DiskCall::Recompress {
            batch: front.batch.clone(),
            target,
            bytes_max: self.config.message_bytes_max,
        };
        outcome.recompression = Some((front.token, call));
    }

    /// A batch was recompressed, or cannot be.
    pub fn recompressed(
        &mut self,
        token: AppendToken,
        result: Result<Batch, RecompressError>,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let under_way = self.recompressing.take();
        assert_eq!(under_way, Some(token), "one batch at a time");
        // What waited may have been answered meanwhile, as the disk failed.
        if let Some(front) = self.waiting_for_room.front_mut()
            && front.token == token
        {
            match result {
                Ok(batch) => front.batch = batch,
                Err(error) => {
                    self.waiting_for_room.pop_front();
                    outcome.answers.push((token, Err(error.into())));
                }
            }
        }
        self.admit(now, outcome);
    }

    fn write(&mut self, offered: Offered, now: Now, outcome: &mut Outcome) {
        let Offered {
            token,
            batch,
            durable,
            ..
        } = offered;
        let (batch, log_append_time) = match self.config.timestamp_source {
            TimestampSource::CreateTime => (batch, None),
            TimestampSource::LogAppendTime => {
                (with_log_append_time(&batch, now.wall), Some(now.wall))
            }
        };
        let base_offset = match self.log.append(&batch, self.epoch, now.wall) {
            Ok(base_offset) => base_offset,
            Err(error) => {
                let reason = error.to_string();
                let error = AppendError::Storage(reason.clone());
                outcome.answers.push((token, Err(error)));
                if self.failure().is_some() {
                    self.failed(reason, outcome);
                }
                return;
            }
        };
        self.producers.record(batch.header(), base_offset, now.wall);
        self.log.write_behind(&mut outcome.calls);
        self.log
            .reserve_ahead(batch.bytes().len(), &mut outcome.calls);
        let patience = match self.config.durability {
            Durability::Fsync => FLUSH_AFTER,
            Durability::Relaxed => {
                self.high_watermark = self.log.end();
                if self.log.unsynced_bytes() >= SYNC_RELAXED_BYTES {
                    self.begin_sync(outcome);
                }
                FLUSH_RELAXED_AFTER
            }
        };
        let patience = self
            .config
            .flush_after
            .map_or(patience, |after| patience.min(after));
        let due = now.monotonic.after(patience);
        self.flush_at = Some(self.flush_at.map_or(due, |earlier| earlier.min(due)));
        let appended = self.appended(base_offset, log_append_time);
        self.answer_when_durable(token, self.log.end(), appended, durable, outcome);
    }

    fn answer_when_durable(
        &mut self,
        token: AppendToken,
        until: Offset,
        appended: Appended,
        durable: bool,
        outcome: &mut Outcome,
    ) {
        let waits = durable && self.config.durability == Durability::Fsync;
        if (waits || self.is_flush_due()) && self.log.durable() < until {
            self.waiting_for_disk.insert((until, token), appended);
        } else {
            outcome.answers.push((token, Ok(appended)));
        }
    }

    /// Whether so many records are less than durable that an append has to wait for them.
    fn is_flush_due(&self) -> bool {
        let undurable = self.log.end().since(self.log.durable());
        let most = self.config.flush_messages;
        most.is_some_and(|most| undurable >= most)
    }

    fn appended(&self, base_offset: Offset, log_append_time: Option<Timestamp>) -> Appended {
        Appended {
            base_offset,
            log_append_time,
            log_start: self.log.start(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PartitionConfig;
    use super::super::tests::{Bench, HASTY, PATIENT, batch, sequenced};
    use super::*;
    use crate::record::{BatchBuilder, Batches, Compression};
    use crate::types::{Instant, LeaderEpoch};

    fn kept_in(compression: Compression, message_bytes_max: usize) -> PartitionConfig {
        let level = None;
        PartitionConfig {
            durability: Durability::Relaxed,
            compression: Some(TargetCompression { compression, level }),
            message_bytes_max,
            ..PartitionConfig::default()
        }
    }

    fn bench(compression: Compression) -> Bench {
        Bench::with(kept_in(compression, 10_000))
    }

    #[test]
    fn an_append_past_flush_messages_waits_whatever_its_acks() {
        for durability in [Durability::Relaxed, Durability::Fsync] {
            let mut bench = Bench::with(PartitionConfig {
                durability,
                flush_messages: Some(4),
                ..PartitionConfig::default()
            });
            for token in 1..=3 {
                bench.append(token, batch(1), HASTY);
            }
            // No sync, as nobody waits yet.
            bench.end_calls("");
            assert_eq!(bench.answers(), [(1, Ok(0)), (2, Ok(1)), (3, Ok(2))]);
            bench.append(4, batch(1), HASTY);
            assert_eq!(bench.answers(), []);
            bench.settle();
            assert_eq!(bench.answers(), [(4, Ok(3))]);
            assert_eq!(bench.partition.synced(), Offset::new(4));
            bench.append(5, batch(3), HASTY);
            assert_eq!(bench.answers(), [(5, Ok(4))]);
        }
    }

    #[test]
    fn flush_ms_shortens_what_the_durability_allows() {
        for (durability, ms, due_ms) in [
            (Durability::Relaxed, 30, 30),
            (Durability::Relaxed, 7_000, 1_000),
            (Durability::Fsync, 30, 5),
            (Durability::Fsync, 2, 2),
        ] {
            let mut bench = Bench::with(PartitionConfig {
                durability,
                flush_after: Some(Duration::from_millis(ms)),
                ..PartitionConfig::default()
            });
            bench.append(1, batch(1), HASTY);
            bench.end_calls("");
            let due = bench.partition.due_at().expect("it is to be flushed");
            assert_eq!(due, Instant::new(due_ms * 1_000));
        }
    }

    impl Bench {
        fn finish(&mut self) {
            loop {
                self.settle();
                if !self.recompress() {
                    return;
                }
            }
        }

        /// The compression of each batch, and how many records it has.
        fn kept(&self) -> Vec<(Compression, i32)> {
            let read = self
                .partition
                .read(Offset::ZERO, LeaderEpoch::NONE, 1 << 20, true);
            let range = read.expect("it reads").range.expect("there is something");
            let mut bytes = vec![0; range.length() as usize];
            range
                .file
                .read_at(range.from, &mut bytes)
                .expect("it reads");
            let batches = Batches::new(bytes.into()).map(|batch| {
                let header = *batch.expect("sound").header();
                (header.compression(), header.record_count())
            });
            batches.collect()
        }
    }

    #[test]
    fn batches_are_kept_in_the_topics_compression_and_in_order() {
        let mut bench = bench(Compression::Lz4);
        for (token, records) in [(1, 1), (2, 2), (3, 3)] {
            bench.append(token, batch(records), PATIENT);
        }
        bench.settle();
        assert_eq!(bench.answers(), []);
        bench.finish();
        assert_eq!(bench.answers(), [(1, Ok(0)), (2, Ok(1)), (3, Ok(3))]);
        let kept = [1, 2, 3].map(|records| (Compression::Lz4, records));
        assert_eq!(bench.kept(), kept);
    }

    #[test]
    fn one_that_is_right_already_does_not_overtake() {
        let mut bench = bench(Compression::Gzip);
        bench.append(1, batch(1), PATIENT);
        let mut builder = BatchBuilder::new(Compression::Gzip, None);
        builder.append(Timestamp::new(1), None, None, &[]);
        let sent = Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap();
        bench.append(2, sent, PATIENT);
        bench.settle();
        assert_eq!(bench.answers(), []);
        bench.finish();
        assert_eq!(bench.answers(), [(1, Ok(0)), (2, Ok(1))]);
    }

    #[test]
    fn duplicates_and_gaps_are_told_in_turn_and_cost_no_recompression() {
        let mut bench = bench(Compression::Snappy);
        for (token, sequence) in [(1, 0), (2, 0), (3, 2), (4, 1)] {
            bench.append(token, sequenced(1, Some(sequence)), PATIENT);
        }
        bench.settle();
        assert!(bench.recompress(), "of the first");
        bench.settle();
        let gap = AppendError::OutOfOrderSequence;
        let told = [(1, Ok(0)), (2, Ok(0)), (3, Err(gap))];
        assert_eq!(bench.answers(), told);
        assert!(bench.recompress(), "of the last");
        bench.settle();
        assert_eq!(bench.answers(), [(4, Ok(1))]);
        assert!(!bench.recompress());
    }

    #[test]
    fn what_cannot_be_kept_is_refused_and_the_next_one_is_taken() {
        let mut bench = bench(Compression::None);
        let mut builder = BatchBuilder::new(Compression::Zstd, None);
        builder.append(Timestamp::new(1), None, Some(&[0; 20_000]), &[]);
        let large = Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap();
        bench.append(1, large, PATIENT);
        bench.append(2, batch(1), PATIENT);
        bench.finish();
        let answers = bench.answers();
        let [
            (1, Err(AppendError::TooLarge { limit: 10_000, .. })),
            (2, Ok(0)),
        ] = answers[..]
        else {
            panic!("{answers:?}");
        };
    }

    #[test]
    fn settings_may_change_and_disks_may_fail_meanwhile() {
        let mut bench = bench(Compression::Lz4);
        bench.append(1, batch(1), PATIENT);
        let mut outcome = Outcome::new(u64::MAX);
        let config = kept_in(Compression::Zstd, 10_000);
        bench.partition.configure(config, &mut outcome);
        bench.take(outcome);
        bench.finish();
        assert_eq!(bench.answers(), [(1, Ok(0))]);
        assert_eq!(bench.kept(), [(Compression::Zstd, 1)]);

        bench.append(2, batch(1), PATIENT);
        bench.append(3, batch(1), PATIENT);
        let mut outcome = Outcome::new(u64::MAX);
        bench.partition.journal_failed("injected", &mut outcome);
        bench.take(outcome);
        let failed = |(_, result): &(u64, _)| matches!(result, Err(AppendError::Storage(_)));
        let answers = bench.answers();
        assert!(answers.len() == 2 && answers.iter().all(failed));
        // The result comes all the same, and nobody waits for it.
        bench.finish();
        assert_eq!(bench.answers(), []);
    }
}
