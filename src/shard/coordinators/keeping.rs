use super::Shard;
use super::hosted::{Active, Answer, Stage};
use crate::broker::{Appended, BrokerError, CoreRequest};
use crate::coordinator::{GroupError, OffsetsRecord, Outcome};
use crate::record::{Batch, BatchBuilder, Compression};
use crate::shard::{Effect, Message};
use crate::types::{Now, Offset, Timestamp, TopicPartition};
use std::time::Duration;

/// About how many bytes of records share a batch; what one step led to is never split.
const BATCH_BYTES: usize = 512 * 1024;
/// How long a coordinator that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Shard {
    /// Carries out what follows from a coordinator's step.
    pub(super) fn absorb(
        &mut self,
        id: TopicPartition,
        outcome: Outcome,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let due = match &mut self.hosted(id).stage {
            Stage::Active(active) => active.absorb(outcome),
            other => unreachable!("{other:?} takes no steps"),
        };
        for answer in due {
            self.settle_question(answer, effects);
        }
        self.keep_next(id, now, effects);
        self.coordinators.note_deadline(id);
    }

    /// Appends what waits if nothing is under way.
    fn keep_next(&mut self, id: TopicPartition, now: Now, effects: &mut Vec<Effect>) {
        let Stage::Active(active) = &mut self.hosted(id).stage else {
            return;
        };
        if active.under_way.is_some() || active.unsent.is_empty() {
            return;
        }
        let batch = next_batch(active, now.wall);
        let request = CoreRequest::Append {
            durable: true,
            wait_max: Duration::ZERO,
            items: vec![(id, batch)],
        };
        self.ask_self(id, request, effects);
    }

    /// Asks this core something for a coordinator.
    pub(super) fn ask_self(
        &mut self,
        id: TopicPartition,
        request: CoreRequest,
        effects: &mut Vec<Effect>,
    ) {
        let request_id = self.next_request.take();
        self.coordinators.under_way.insert(request_id, id);
        let message = Message::Request {
            id: request_id,
            request,
        };
        self.send(self.core, message, effects);
    }

    /// A coordinator's batch is durable, or is lost.
    pub(super) fn kept(
        &mut self,
        id: TopicPartition,
        result: Result<Appended, BrokerError>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Stage::Active(active) = &mut self.hosted(id).stage else {
            unreachable!("only an active coordinator keeps records");
        };
        if let Err(error) = result {
            return self.fail_coordinator(id, &error.to_string(), now, effects);
        }
        let answers = active.under_way.take().expect("one batch is under way");
        for answer in answers {
            self.settle_question(answer, effects);
        }
        self.keep_next(id, now, effects);
    }

    /// A coordinator's log cannot be read or written: what it knows may be more than what is kept.
    pub(super) fn fail_coordinator(
        &mut self,
        id: TopicPartition,
        reason: &str,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_stopping() {
            log::error!("the coordinator of {id} fails, and its log is read again later: {reason}");
        }
        let retry_at = now.monotonic.after(RETRY_AFTER);
        let hosted = self.hosted(id);
        let stage = std::mem::replace(&mut hosted.stage, Stage::Failed { retry_at });
        let waiting = std::mem::take(&mut hosted.waiting);
        let mut unanswered: Vec<_> = waiting.into_iter().map(|(token, ..)| token).collect();
        if let Stage::Active(active) = stage {
            unanswered.extend(active.unanswered());
        }
        for token in unanswered {
            let answer: Answer = (token, Err(GroupError::NotAvailable));
            self.settle_question(answer, effects);
        }
        self.coordinators.note_deadline(id);
    }
}

/// The next batch of records; the answers that wait for it are told when it is durable.
fn next_batch(active: &mut Active, now: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    let mut answers = Vec::new();
    let mut bytes = 0;
    let fits =
        |bytes: usize, next: &Outcome| bytes == 0 || bytes + size(&next.records) <= BATCH_BYTES;
    while active.unsent.front().is_some_and(|next| fits(bytes, next))
        && let Some(outcome) = active.unsent.pop_front()
    {
        bytes += size(&outcome.records);
        for OffsetsRecord { key, value } in &outcome.records {
            builder.append(now, Some(key), value.as_deref(), &[]);
        }
        answers.extend(outcome.answers);
    }
    active.under_way = Some(answers);
    let batch = builder.build(Offset::ZERO);
    let batch = batch.expect("a group's state is bounded far below a batch's size");
    Batch::validate(batch).expect("built just now")
}

fn size(records: &[OffsetsRecord]) -> usize {
    let sizes = records.iter().map(|record| {
        let value = record.value.as_ref().map_or(0, |value| value.len());
        record.key.len() + value
    });
    sizes.sum()
}
