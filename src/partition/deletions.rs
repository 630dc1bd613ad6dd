//! Deleting records by request (KIP-107): the log's start moves up, durably, and then whoever asked
//! is told.
//!
//! A deletion takes two steps on the disk. What it deletes must be synced, since a checkpoint cannot
//! begin past what it covers; then a checkpoint makes the new start durable. Deletions share both
//! with others that wait, and with retention.

use super::{DeleteError, Outcome, Partition};
use crate::types::{DeletionToken, Offset};

impl Partition {
    /// Deletes the records below `to`, or all that may be read. The answer, which is the log's start
    /// from then on, comes in an [`Outcome`], this one's or a later one's.
    pub fn delete_records(
        &mut self,
        token: DeletionToken,
        to: Option<Offset>,
        outcome: &mut Outcome,
    ) {
        let to = to.unwrap_or(self.high_watermark);
        if to < Offset::ZERO || to > self.high_watermark {
            return outcome
                .deletions
                .push((token, Err(DeleteError::OutOfRange)));
        }
        self.deletions.insert((to, token));
        match self.failure().map(str::to_owned) {
            Some(reason) => self.fail_deletions(&reason, outcome),
            None => self.advance_deletions(outcome),
        }
    }

    /// Answers deletions whose start is durable, and takes the next step for the others.
    pub(super) fn advance_deletions(&mut self, outcome: &mut Outcome) {
        let start = self.log.start();
        while let Some((to, token)) = self.deletions.first().copied()
            && to <= start
        {
            self.deletions.pop_first();
            outcome.deletions.push((token, Ok(start)));
        }
        if self.failure().is_some() {
            return;
        }
        let synced = self.log.synced();
        let mut furthest = None;
        let mut waits_for_sync = false;
        for (to, _) in &self.deletions {
            if *to <= synced {
                furthest = Some(*to);
            } else {
                waits_for_sync = true;
            }
        }
        if waits_for_sync {
            self.sync(outcome);
        }
        if let Some(furthest) = furthest {
            self.log.truncate_start(furthest);
            // One that is under way is followed by another when it ends.
            self.checkpoint_if(true, outcome);
        }
    }

    /// The deletions that wait get an error; some may come true all the same.
    pub(super) fn fail_deletions(&mut self, reason: &str, outcome: &mut Outcome) {
        for (_, token) in std::mem::take(&mut self.deletions) {
            let error = DeleteError::Storage(reason.to_owned());
            outcome.deletions.push((token, Err(error)));
        }
    }

    /// The partition goes away.
    pub(super) fn dismiss_deletions(&mut self, outcome: &mut Outcome) {
        for (_, token) in std::mem::take(&mut self.deletions) {
            outcome.deletions.push((token, Err(DeleteError::Gone)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Bench, PATIENT, batch};
    use super::*;
    use crate::topic::Durability;

    impl Bench {
        fn delete(&mut self, token: u64, to: Option<i64>) {
            let mut outcome = Outcome::new(u64::MAX);
            let to = to.map(Offset::new);
            self.partition
                .delete_records(DeletionToken::new(token), to, &mut outcome);
            self.take(outcome);
        }

        fn deleted(&mut self) -> Vec<(u64, Result<i64, DeleteError>)> {
            std::mem::take(&mut self.deletions)
        }

        fn start(&self) -> i64 {
            self.partition.log.start().get()
        }
    }

    fn filled() -> Bench {
        let mut bench = Bench::new(Durability::Fsync);
        bench.append(1, batch(10), PATIENT);
        bench.settle();
        bench
    }

    #[test]
    fn the_start_moves_once_it_is_durable_and_then_the_answer_comes() {
        let mut bench = filled();
        bench.delete(1, Some(4));
        assert_eq!((bench.start(), bench.deleted()), (0, vec![]));
        bench.settle();
        assert_eq!((bench.start(), bench.deleted()), (4, vec![(1, Ok(4))]));
        // What is gone already is no error, and nothing is written for it.
        bench.delete(2, Some(3));
        assert!(bench.calls.is_empty());
        assert_eq!(bench.deleted(), [(2, Ok(4))]);
        bench.delete(3, None);
        bench.settle();
        assert_eq!((bench.start(), bench.deleted()), (10, vec![(3, Ok(10))]));
    }

    #[test]
    fn only_what_may_be_read_is_deleted() {
        let mut bench = filled();
        bench.append(2, batch(1), PATIENT);
        for (token, to) in [(1, 11), (2, -2), (3, i64::MAX)] {
            bench.delete(token, Some(to));
        }
        let refused = |token| (token, Err(DeleteError::OutOfRange));
        assert_eq!(bench.deleted(), [refused(1), refused(2), refused(3)]);
        let mut empty = Bench::new(Durability::Fsync);
        empty.delete(4, None);
        empty.delete(5, Some(0));
        assert_eq!(empty.deleted(), [(4, Ok(0)), (5, Ok(0))]);
    }

    #[test]
    fn deletions_share_checkpoints_and_those_under_way_are_followed_by_another() {
        let mut bench = filled();
        bench.delete(1, Some(2));
        bench.delete(2, Some(8));
        bench.delete(3, Some(5));
        assert_eq!(bench.calls.len(), 1, "one checkpoint at a time");
        bench.end_calls("");
        assert_eq!((bench.start(), bench.deleted()), (2, vec![(1, Ok(2))]));
        assert_eq!(bench.calls.len(), 1);
        bench.end_calls("");
        assert_eq!(bench.start(), 8);
        assert_eq!(bench.deleted(), [(3, Ok(8)), (2, Ok(8))]);
        assert!(bench.calls.is_empty());
    }

    #[test]
    fn what_is_readable_but_not_synced_is_synced_first() {
        let mut bench = Bench::new(Durability::Relaxed);
        bench.append(1, batch(3), PATIENT);
        while bench.partition.high_watermark() < Offset::new(3) {
            bench.end_calls("");
        }
        assert_eq!(bench.partition.synced(), Offset::ZERO);
        bench.delete(1, None);
        bench.settle();
        assert_eq!((bench.start(), bench.deleted()), (3, vec![(1, Ok(3))]));
        assert_eq!(bench.partition.synced(), Offset::new(3));
    }

    #[test]
    fn a_failed_checkpoint_is_told_and_the_next_deletion_may_succeed() {
        let mut bench = filled();
        bench.delete(1, Some(4));
        bench.end_calls("replacing");
        let [(1, Err(DeleteError::Storage(reason)))] = &bench.deleted()[..] else {
            panic!("an error is told");
        };
        assert!(reason.contains("checkpoint"), "{reason}");
        assert_eq!(bench.start(), 0);
        bench.delete(2, Some(2));
        bench.settle();
        // The first one came true with the second.
        assert_eq!((bench.start(), bench.deleted()), (4, vec![(2, Ok(4))]));
    }

    #[test]
    fn nothing_is_deleted_once_the_disk_failed() {
        let mut bench = Bench::new(Durability::Relaxed);
        bench.append(1, batch(3), PATIENT);
        while bench.partition.high_watermark() < Offset::new(3) {
            bench.end_calls("");
        }
        bench.delete(1, None);
        bench.end_calls("syncing");
        assert!(matches!(
            bench.deleted()[..],
            [(1, Err(DeleteError::Storage(_)))]
        ));
        bench.delete(2, None);
        assert!(matches!(
            bench.deleted()[..],
            [(2, Err(DeleteError::Storage(_)))]
        ));
    }

    #[test]
    fn a_partition_that_goes_away_answers() {
        let mut bench = filled();
        bench.delete(1, None);
        let mut outcome = Outcome::new(u64::MAX);
        bench.partition.dismiss(&mut outcome);
        bench.take(outcome);
        assert_eq!(bench.deleted(), [(1, Err(DeleteError::Gone))]);
    }
}
