//! Which leader epoch began at which offset (KIP-101): what a client that knows an older epoch needs
//! in order to notice that a tail was cut.
//!
//! Invariant: epochs and starts both grow strictly.

use crate::types::{LeaderEpoch, Offset};

/// The starts of a partition's leader epochs, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EpochHistory {
    starts: Vec<(LeaderEpoch, Offset)>,
}

impl EpochHistory {
    /// Restores a history, dropping what contradicts the entry before it.
    pub fn restore(starts: impl IntoIterator<Item = (LeaderEpoch, Offset)>) -> Self {
        let mut history = Self::default();
        for (epoch, start) in starts {
            history.record(epoch, start);
        }
        history
    }

    /// Notes that `offset` is written under `epoch`.
    pub fn record(&mut self, epoch: LeaderEpoch, offset: Offset) {
        match self.starts.last() {
            Some((last, _)) if *last >= epoch => {}
            Some((_, start)) if *start >= offset => {
                // Nothing was written under the epoch before.
                self.starts.pop();
                self.record(epoch, offset);
            }
            _ => self.starts.push((epoch, offset)),
        }
    }

    /// The newest epoch that wrote something.
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|(epoch, _)| *epoch)
    }

    /// The greatest epoch at or below `epoch`, and where it ended: where the next one begins, or the
    /// log's `end`. `None` if all that wrote something are newer.
    pub fn end_of(&self, epoch: LeaderEpoch, end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let newer = self.starts.partition_point(|(start, _)| *start <= epoch);
        let (found, _) = self.starts.get(newer.checked_sub(1)?)?;
        let next = self.starts.get(newer).map_or(end, |(_, start)| *start);
        Some((*found, next))
    }

    /// Forgets epochs that ended before the log's new start.
    pub fn forget_below(&mut self, start: Offset) {
        let ended = self.starts.partition_point(|(_, begun)| *begun <= start);
        self.starts.drain(..ended.saturating_sub(1));
    }

    /// Forgets what began at or past the log's new end.
    pub fn forget_from(&mut self, end: Offset) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// The starts, oldest first.
    pub fn starts(&self) -> &[(LeaderEpoch, Offset)] {
        &self.starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(starts: &[(i32, i64)]) -> EpochHistory {
        let starts = starts
            .iter()
            .map(|(e, s)| (LeaderEpoch::new(*e), Offset::new(*s)));
        EpochHistory::restore(starts)
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let history = history(&[(0, 0), (2, 10), (5, 30)]);
        let end_of = |epoch| history.end_of(LeaderEpoch::new(epoch), Offset::new(40));
        assert_eq!(end_of(0), Some((LeaderEpoch::new(0), Offset::new(10))));
        assert_eq!(end_of(1), Some((LeaderEpoch::new(0), Offset::new(10))));
        assert_eq!(end_of(4), Some((LeaderEpoch::new(2), Offset::new(30))));
        assert_eq!(end_of(9), Some((LeaderEpoch::new(5), Offset::new(40))));
        assert_eq!(end_of(-1), None);
    }

    #[test]
    fn epochs_that_wrote_nothing_leave_no_trace() {
        let mut history = history(&[(0, 0), (1, 10), (2, 10)]);
        assert_eq!(history.starts().len(), 2);
        assert_eq!(history.latest(), Some(LeaderEpoch::new(2)));
        history.record(LeaderEpoch::new(1), Offset::new(20));
        assert_eq!(history.starts().len(), 2);
    }

    #[test]
    fn forgetting_keeps_the_epoch_that_the_start_lies_in() {
        let mut history = history(&[(0, 0), (2, 10), (5, 30)]);
        history.forget_below(Offset::new(15));
        assert_eq!(history.starts()[0].0, LeaderEpoch::new(2));
        history.forget_from(Offset::new(30));
        assert_eq!(history.latest(), Some(LeaderEpoch::new(2)));
    }
}
