use super::Shard;
use super::hosted::{Active, Hosted, Loading, Stage};
use crate::broker::{
    BrokerError, CoreReply, CoreRequest, FoundOffset, OffsetTarget, ReadItem, ReadPart, SeekItem,
};
use crate::coordinator::{Coordinator, GroupConfig};
use crate::record::{Batches, DecompressionLimits};
use crate::shard::Effect;
use crate::storage::FileRange;
use crate::types::{LeaderEpoch, Now, RequestId, TopicPartition};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of a log that are read at a time; a tick lies between two reads.
const READ_BYTES: u32 = 1 << 20;
/// What a batch of the offsets' topic may unfold to, should another broker have compressed it.
const UNFOLDED: DecompressionLimits = DecompressionLimits::new(256 << 20, 1000);

impl Shard {
    /// Makes sure that a coordinator is there, or on its way.
    pub(super) fn ensure_hosted(&mut self, id: TopicPartition, now: Now) {
        let hosted = self.coordinators.hosted.get(&id);
        let is_there = hosted.is_some_and(|hosted| match hosted.stage {
            Stage::Failed { retry_at } => now.monotonic < retry_at,
            _ => true,
        });
        if is_there {
            return;
        }
        let seed = self.coordinators.random.u64(..);
        let config: GroupConfig = self.config.groups.clone();
        let coordinator = Coordinator::new(config, Arc::clone(&self.catalog), now, seed);
        let hosted = Hosted::loading(coordinator, now.monotonic);
        self.coordinators.hosted.insert(id, hosted);
        self.coordinators.note_deadline(id);
    }

    /// Coordinators whose time has come go on: they read their log, or members' sessions end.
    pub(in crate::shard) fn tick_coordinators(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_due = self
            .coordinators
            .deadline
            .is_some_and(|at| at <= now.monotonic);
        if !is_due || self.is_stopping() {
            return;
        }
        for id in self.coordinated() {
            self.ensure_hosted(id, now);
        }
        let due = self
            .coordinators
            .hosted
            .iter()
            .filter(|(_, hosted)| hosted.deadline().is_some_and(|at| at <= now.monotonic));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            match &mut self.hosted(id).stage {
                Stage::Loading(loading) => {
                    loading.read_at = None;
                    let request = next_read(id, loading);
                    self.ask_self(id, request, effects);
                }
                Stage::Active(active) => {
                    let outcome = active.coordinator.tick(now);
                    self.absorb(id, outcome, now, effects);
                }
                Stage::Failed { .. } => {}
            }
        }
        self.coordinators.find_deadline();
    }

    /// Whether a reply is for a coordinator; it is taken in if so.
    pub(in crate::shard) fn coordinator_reply(
        &mut self,
        id: RequestId,
        reply: CoreReply,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Option<CoreReply> {
        let Some(id) = self.coordinators.under_way.remove(&id) else {
            return Some(reply);
        };
        match reply {
            CoreReply::Append(results) => {
                let result = results.into_iter().next().expect("one batch was asked for");
                self.kept(id, result, now, effects);
            }
            CoreReply::Seek(results) => {
                let result = results
                    .into_iter()
                    .next()
                    .expect("one search was asked for");
                self.found_start(id, result, now, effects);
            }
            CoreReply::Read(results) => {
                let result = results.into_iter().next().expect("one read was asked for");
                self.read_log(id, result, now, effects);
            }
            other => unreachable!("no coordinator asks for {other:?}"),
        }
        None
    }

    fn found_start(
        &mut self,
        id: TopicPartition,
        result: Result<FoundOffset, BrokerError>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let start = match result {
            Ok(found) => found.offset,
            Err(error) => return self.fail_coordinator(id, &error.to_string(), now, effects),
        };
        let loading = self.loading(id);
        loading.next = Some(start);
        let request = next_read(id, loading);
        self.ask_self(id, request, effects);
    }

    fn read_log(
        &mut self,
        id: TopicPartition,
        result: Result<ReadPart, BrokerError>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let range = match result {
            Ok(part) => part.range,
            Err(error) => return self.fail_coordinator(id, &error.to_string(), now, effects),
        };
        let Some(range) = range else {
            return self.activate(id, now, effects);
        };
        let loading = self.loading(id);
        match replay(&mut loading.coordinator, &range) {
            Ok(()) => {
                loading.next = Some(range.next);
                loading.read_at = Some(now.monotonic);
                self.coordinators.note_deadline(id);
            }
            Err(reason) => self.fail_coordinator(id, &reason, now, effects),
        }
    }

    fn loading(&mut self, id: TopicPartition) -> &mut Loading {
        match &mut self.hosted(id).stage {
            Stage::Loading(loading) => loading,
            other => unreachable!("{other:?} reads no log"),
        }
    }

    fn activate(&mut self, id: TopicPartition, now: Now, effects: &mut Vec<Effect>) {
        let hosted = self.hosted(id);
        let failed = Stage::Failed {
            retry_at: now.monotonic,
        };
        let Stage::Loading(loading) = std::mem::replace(&mut hosted.stage, failed) else {
            unreachable!("only what was loaded becomes active");
        };
        let mut coordinator = loading.coordinator;
        let outcome = coordinator.activate(now);
        hosted.stage = Stage::Active(Box::new(Active::new(coordinator)));
        self.absorb(id, outcome, now, effects);
        self.ask_waiting(id, now, effects);
    }
}

fn next_read(id: TopicPartition, loading: &Loading) -> CoreRequest {
    let Some(offset) = loading.next else {
        return CoreRequest::Seek(vec![SeekItem {
            partition: id,
            leader_epoch: LeaderEpoch::NONE,
            target: OffsetTarget::Earliest,
        }]);
    };
    let item = ReadItem {
        partition: id,
        offset,
        bytes_max: READ_BYTES,
        leader_epoch: LeaderEpoch::NONE,
    };
    CoreRequest::Read {
        items: vec![item],
        bytes_max: READ_BYTES,
    }
}

/// Takes in the records of a piece of a log.
fn replay(coordinator: &mut Coordinator, range: &FileRange) -> Result<(), String> {
    let mut bytes = vec![0; usize::try_from(range.length()).map_err(|error| error.to_string())?];
    let read = range.file.read_at(range.from, &mut bytes);
    let read = read.map_err(|error| error.to_string())?;
    bytes.truncate(read);
    for batch in Batches::new(Bytes::from(bytes)) {
        let batch = batch.map_err(|error| error.to_string())?;
        let records = batch
            .records(&UNFOLDED)
            .map_err(|error| error.to_string())?;
        if batch.header().is_control() {
            continue;
        }
        for record in records.iter() {
            let record = record.map_err(|error| error.to_string())?;
            let replayed = record.key.map(|key| coordinator.replay(key, record.value));
            if let Some(Err(error)) = replayed {
                return Err(format!("the record at offset {}: {error}", record.offset));
            }
        }
    }
    Ok(())
}
