use super::Shard;
use super::effect::Effect;
use super::in_flight::InFlight;
use super::watches::Watcher;
use crate::broker::{BrokerError, CoreReply};
use crate::partition::DeleteError;
use crate::types::{DeletionToken, Offset, TopicPartition};

/// Deletions of records that are not all answered yet.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    pending: InFlight<Watcher, Pending>,
    tokens: InFlight<DeletionToken, (Watcher, usize)>,
    next_token: DeletionToken,
}

/// The deletions of one request.
#[derive(Debug)]
struct Pending {
    results: Vec<Result<Offset, BrokerError>>,
    missing: usize,
}

impl Shard {
    /// Deletes the records below an offset, or all, in each of some partitions.
    pub(super) fn delete_records(
        &mut self,
        asker: Watcher,
        items: Vec<(TopicPartition, Option<Offset>)>,
        effects: &mut Vec<Effect>,
    ) {
        let pending = Pending {
            missing: items.len(),
            results: items.iter().map(|_| Err(BrokerError::TimedOut)).collect(),
        };
        self.deletions.pending.insert(asker, pending);
        for (index, (partition, to)) in items.into_iter().enumerate() {
            let token = self.deletions.next_token.take();
            self.deletions.tokens.insert(token, (asker, index));
            match self.host(partition) {
                Ok(()) => self.with_partition(partition, effects, |partition, outcome| {
                    partition.delete_records(token, to, outcome);
                }),
                Err(error) => self.deleted(token, Err(error), effects),
            }
        }
    }

    /// A partition answered.
    pub(super) fn records_deleted(
        &mut self,
        token: DeletionToken,
        result: Result<Offset, DeleteError>,
        effects: &mut Vec<Effect>,
    ) {
        self.deleted(token, result.map_err(BrokerError::from), effects);
    }

    /// One deletion is answered; with the last one of its request the asker is.
    fn deleted(
        &mut self,
        token: DeletionToken,
        result: Result<Offset, BrokerError>,
        effects: &mut Vec<Effect>,
    ) {
        let deletions = &mut self.deletions;
        let place = deletions.tokens.remove(&token);
        let (asker, index) = place.expect("a deletion is answered once");
        let pending = deletions.pending.get_mut(&asker);
        let pending = pending.expect("it lives as long as its tokens");
        let slot = pending.results.get_mut(index);
        *slot.expect("one result per deletion") = result;
        pending.missing -= 1;
        if pending.missing == 0 {
            let pending = deletions.pending.remove(&asker);
            let results = pending.expect("looked up just now").results;
            self.answer(asker, CoreReply::RecordsDeleted(results), effects);
        }
    }
}
