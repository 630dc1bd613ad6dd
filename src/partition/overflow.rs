//! A partition that holds `retention.bytes` and does not drop old records for new ones: it refuses
//! batches, or lets them wait until DeleteRecords, `retention.ms` or compaction make room.

use super::{AppendError, Outcome, Partition};
use crate::types::{Instant, Now};

/// How many batches wait in a full partition: each keeps a piece of the core's memory for requests,
/// and the request that makes room needs some, too.
const BLOCKED_BATCHES_MAX: usize = 32;

/// Whether there is room for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Fits,
    /// Not now.
    Waits,
    /// Never, or nobody is to wait.
    Refused,
}

impl Partition {
    /// When [`Partition::tick`] is due.
    pub fn due_at(&self) -> Option<Instant> {
        let times = [self.flush_at, self.expires_at];
        times.into_iter().flatten().min()
    }

    /// Does what is due: makes durable what nobody waits for, ends the waiting for room.
    pub fn tick(&mut self, now: Now, outcome: &mut Outcome) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.monotonic);
        if is_due(self.flush_at) {
            self.flush(outcome);
        }
        if is_due(self.expires_at) {
            self.expire(now, outcome);
        }
    }

    /// Whether the partition takes so many bytes more.
    pub(super) fn fit(&self, length: u64) -> Fit {
        match self.config.capacity {
            Some(capacity) if self.log.kept_bytes() + length > capacity.bytes_max => {
                if capacity.blocks && length <= capacity.bytes_max {
                    Fit::Waits
                } else {
                    Fit::Refused
                }
            }
            _ => Fit::Fits,
        }
    }

    /// Whether no more batches may wait.
    pub(super) fn is_blocked_up(&self) -> bool {
        self.expires_at.is_some() && self.waiting_for_room.len() >= BLOCKED_BATCHES_MAX
    }

    /// The batch at the front waits, and with it all others.
    pub(super) fn block(&mut self, front: Instant) {
        let others = self.waiting_for_room.iter();
        let others = others.map(|offered| offered.deadline);
        self.expires_at = others.chain([front]).min();
    }

    fn expire(&mut self, now: Now, outcome: &mut Outcome) {
        let answers = &mut outcome.answers;
        self.waiting_for_room.retain(|offered| {
            let stays = offered.deadline > now.monotonic;
            if !stays {
                answers.push((offered.token, Err(AppendError::TimedOut)));
            }
            stays
        });
        // A smaller one may fit.
        self.admit(now, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, HASTY, batch, sequenced};
    use super::super::{PartitionConfig, *};
    use super::*;
    use crate::topic::{Capacity, Durability};
    use crate::types::{DeletionToken, Offset};

    /// Room for `batches` of one record each.
    fn config(batches: u64, blocks: bool) -> PartitionConfig {
        let bytes_max = batches * sequenced(1, Some(0)).bytes().len() as u64;
        PartitionConfig {
            durability: Durability::Relaxed,
            capacity: Some(Capacity { bytes_max, blocks }),
            ..PartitionConfig::default()
        }
    }

    impl Bench {
        fn delete_below(&mut self, to: i64) {
            let mut outcome = Outcome::new(u64::MAX);
            let token = DeletionToken::new(to as u64);
            self.partition
                .delete_records(token, Some(Offset::new(to)), &mut outcome);
            self.take(outcome);
            self.settle();
        }

        /// Lets so many seconds pass, in all.
        fn tick_at(&mut self, seconds: u64) {
            self.now.monotonic = Instant::new(seconds * 1_000_000);
            let mut outcome = Outcome::new(u64::MAX);
            self.partition.tick(self.now, &mut outcome);
            self.take(outcome);
            self.settle();
        }
    }

    #[test]
    fn a_full_partition_refuses_until_records_are_deleted() {
        let mut bench = Bench::with(config(3, false));
        for token in 0..3 {
            bench.append(token, sequenced(1, Some(token as i32)), HASTY);
        }
        bench.settle();
        assert_eq!(bench.answers(), [(0, Ok(0)), (1, Ok(1)), (2, Ok(2))]);
        bench.append(3, sequenced(1, Some(3)), HASTY);
        // Not a gap, as it would be a mistake of the producer.
        bench.append(4, sequenced(1, Some(4)), HASTY);
        // What is there already needs no room.
        bench.append(5, sequenced(1, Some(2)), HASTY);
        let full = || Err(AppendError::Full);
        assert_eq!(bench.answers(), [(3, full()), (4, full()), (5, Ok(2))]);
        bench.delete_below(2);
        for (token, sequence) in [(6, 3), (7, 4), (8, 5)] {
            bench.append(token, sequenced(1, Some(sequence)), HASTY);
        }
        assert_eq!(bench.answers(), [(6, Ok(3)), (7, Ok(4)), (8, full())]);
        bench.delete_below(5);
        bench.append(9, sequenced(1, Some(5)), HASTY);
        assert_eq!(bench.answers(), [(9, Ok(5))], "nothing was kept");
        bench.append(10, sequenced(1, Some(6)), HASTY);
        bench.append(11, sequenced(1, Some(7)), HASTY);
        bench.append(12, sequenced(1, Some(8)), HASTY);
        assert_eq!(bench.answers(), [(10, Ok(6)), (11, Ok(7)), (12, full())]);
    }

    #[test]
    fn batches_wait_for_room_in_order() {
        let mut bench = Bench::with(config(2, true));
        for token in 1..=5 {
            bench.append(token, sequenced(1, Some(token as i32 - 1)), HASTY);
        }
        bench.settle();
        assert_eq!(bench.answers(), [(1, Ok(0)), (2, Ok(1))]);
        bench.delete_below(1);
        assert_eq!(bench.answers(), [(3, Ok(2))]);
        let mut outcome = Outcome::new(u64::MAX);
        bench.partition.configure(config(9, true), &mut outcome);
        assert!(outcome.is_unfinished, "there is more room");
        bench.take(outcome);
        assert!(!bench.resume(u64::MAX));
        assert_eq!(bench.answers(), [(4, Ok(3)), (5, Ok(4))]);
    }

    #[test]
    fn those_whose_time_is_up_are_told_and_nothing_goes_over_the_gap() {
        let mut bench = Bench::with(config(1, true));
        for token in 0..=3 {
            bench.append(token, sequenced(1, Some(token as i32)), HASTY);
        }
        bench.settle();
        assert_eq!(bench.answers(), [(0, Ok(0))]);
        bench.tick_at(1);
        let late = || Err(AppendError::TimedOut);
        let gap = || Err(AppendError::OutOfOrderSequence);
        assert_eq!(bench.answers(), [(1, late()), (2, gap()), (3, gap())]);
        bench.append(4, sequenced(1, Some(1)), HASTY);
        bench.append(6, batch(1), HASTY);
        bench.append(5, batch(1), HASTY);
        assert_eq!(bench.partition.due_at(), Some(Instant::new(4_000_000)));
        bench.tick_at(4);
        assert_eq!(bench.answers(), [(4, late())]);
        bench.tick_at(5);
        assert_eq!(bench.answers(), [(5, late())]);
        bench.delete_below(1);
        assert_eq!(bench.answers(), [(6, Ok(1))]);
    }

    #[test]
    fn what_never_fits_is_refused_and_only_so_many_wait() {
        let mut bench = Bench::with(config(1, true));
        bench.append(1, batch(100), HASTY);
        assert_eq!(bench.answers(), [(1, Err(AppendError::Full))]);
        bench.append(2, batch(1), HASTY);
        bench.settle();
        assert_eq!(bench.answers(), [(2, Ok(0))]);
        let waiting = BLOCKED_BATCHES_MAX as u64;
        for token in 3..3 + waiting {
            bench.append(token, batch(1), HASTY);
        }
        assert_eq!(bench.answers(), []);
        bench.append(99, batch(1), HASTY);
        assert_eq!(bench.answers(), [(99, Err(AppendError::TimedOut))]);
        bench.delete_below(1);
        assert_eq!(bench.answers(), [(3, Ok(1))]);
    }
}
