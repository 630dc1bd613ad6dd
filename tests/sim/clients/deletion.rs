//! Deleting records: what is asked for, and whether the answer can be true.

use super::Context;
use super::verdict::{Verdict, judge};
use crate::history::{Floor, When};
use crate::topics::Place;
use corelane::protocol::kafka::messages::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
    ErrorCode,
};

/// A deletion that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Deletion {
    place: Place,
    /// The first offset that stays; -1 deletes all that may be read.
    to: i64,
    floor: Floor,
}

impl Deletion {
    /// Chooses one. Half of the topics that keep all are left alone, as some things hold only for
    /// what begins at 0.
    pub(super) fn draw(context: &mut Context<'_>) -> Option<Self> {
        let mut places = context.topics.places(true);
        places.retain(|place| {
            let keeps_all = context.history.promise(place.id()).keeps_all;
            !keeps_all || place.uuid.as_u128() & 1 == 0
        });
        if places.is_empty() {
            return None;
        }
        let place = places.swap_remove(context.rng.usize(..places.len()));
        let floor = context.history.floor(place.id());
        let to = match context.rng.u8(..8) {
            0 => -1,
            1 => -2,
            // Perhaps more than there is.
            2 => floor.watermark + context.rng.i64(..20),
            _ => context
                .rng
                .i64(floor.start.min(floor.watermark)..=floor.watermark),
        };
        context.history.deletes(place.id(), to);
        Some(Self { place, to, floor })
    }

    pub(super) fn request(&self) -> DeleteRecordsRequest<'_> {
        let partition = DeleteRecordsPartition {
            partition_index: self.place.index,
            offset: self.to,
        };
        let topic = DeleteRecordsTopic {
            name: &self.place.name,
            partitions: vec![partition].into(),
        };
        DeleteRecordsRequest {
            topics: vec![topic].into(),
            timeout_ms: 1_000,
        }
    }

    pub(super) fn answered(
        &self,
        response: &DeleteRecordsResponse<'_>,
        when: When,
        context: &mut Context<'_>,
    ) -> Verdict {
        let topic = response
            .topics
            .iter()
            .next()
            .expect("one topic was asked for");
        let result = topic.partitions.iter().next();
        let result = result.expect("one partition was asked for");
        let partition = self.place.id();
        let floor = self.floor;
        // What was known to be readable, and still is.
        let is_current = floor.when == context.history.now && when == floor.when;
        let holds = is_current || context.history.promise(partition).durable;
        match ErrorCode::from_code(result.error_code) {
            Some(ErrorCode::OffsetOutOfRange) => {
                let (to, known) = (self.to, floor.watermark);
                let is_inside = to == -1 || (0..=known).contains(&to);
                assert!(
                    !(is_inside && holds),
                    "{partition}: {known} records could be read, but not deleted up to {to}"
                );
                return Verdict::Fine;
            }
            Some(ErrorCode::PolicyViolation) if context.history.promise(partition).compacted => {
                return Verdict::Fine;
            }
            Some(ErrorCode::KafkaStorageError) if context.trouble.hinders_writes() => {
                return Verdict::Retry;
            }
            _ => {}
        }
        let verdict = judge(result.error_code, &self.place, context);
        if verdict == Verdict::Fine {
            let start = result.low_watermark;
            let least = match self.to {
                -1 if holds => floor.watermark,
                to => to,
            };
            assert!(
                start >= least && self.to != -2,
                "{partition}: deleted up to {}, it begins at {start}, not at {least}",
                self.to
            );
            context
                .history
                .told(partition, None, Some(start), floor, when);
        }
        verdict
    }
}
