//! A producer: idempotent or plain, with any acks, up to five batches per partition under way.
//!
//! It keeps the rules that make order and idempotence possible: what is not acknowledged is sent
//! again in order, and nothing of a partition is sent while an earlier batch has failed.

use super::verdict::{Verdict, judge};
use super::{Client, Context, Link, link::Answer};
use crate::history::{StreamKind, When};
use crate::keyed::append;
use crate::network::Delivery;
use crate::topics::Place;
use crate::value::ValueId;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ErrorCode, InitProducerIdRequest, InitProducerIdResponse, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use corelane::record::{BatchBuilder, Compression};
use corelane::types::{Offset, ProducerEpoch, ProducerId, Sequence};
use corelane::wire::Records;
use std::collections::VecDeque;

/// Batches of one partition that may be under way.
const IN_FLIGHT_MAX: usize = 5;

#[derive(Debug)]
pub(crate) struct Producer {
    link: Link<Asked>,
    kind: StreamKind,
    acks: i16,
    version: i16,
    record_bytes_max: usize,
    /// New batches that may still be made.
    budget: u32,
    id: Option<i64>,
    /// The era in which the id was given.
    era: u64,
    lanes: Vec<Lane>,
    failures: u64,
}

/// What is sent to one partition.
#[derive(Debug)]
struct Lane {
    place: Place,
    stream: u32,
    next_number: u32,
    next_sequence: i32,
    unacked: VecDeque<Unacked>,
    gone: bool,
}

#[derive(Debug)]
struct Unacked {
    first: u32,
    count: u32,
    bytes: Bytes,
    state: State,
    /// As of its last sending.
    durable_since: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    ToSend,
    InFlight,
    Failed,
}

#[derive(Debug, Clone)]
enum Asked {
    Id,
    /// Lanes and the first number of their batch, in the order of the request.
    Append(Vec<(usize, u32)>),
}

impl Producer {
    pub(crate) fn new(
        client: usize,
        batches: u32,
        record_bytes_max: usize,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let (kind, acks) = match rng.u8(..8) {
            0 => (StreamKind::Unacknowledged, 0),
            1 => (StreamKind::Plain, 1),
            2 => (StreamKind::Plain, -1),
            _ => (StreamKind::Idempotent, -1),
        };
        Self {
            link: Link::new(client),
            kind,
            acks,
            version: rng.i16(3..=13),
            record_bytes_max,
            budget: batches,
            id: None,
            era: 0,
            lanes: Vec::new(),
            failures: 0,
        }
    }

    /// Takes up partitions that it does not write to yet.
    fn choose_lane(&mut self, context: &mut Context<'_>) {
        let mut places = context.topics.places(self.version < 13);
        places.retain(|place| self.lanes.iter().all(|lane| lane.place != *place));
        if places.is_empty() {
            return;
        }
        let place = places.swap_remove(context.rng.usize(..places.len()));
        let stream = context.history.stream(Some(place.id()), self.kind);
        self.lanes.push(Lane {
            place,
            stream,
            next_number: 0,
            next_sequence: 0,
            unacked: VecDeque::new(),
            gone: false,
        });
    }

    fn is_idempotent(&self) -> bool {
        self.kind == StreamKind::Idempotent
    }

    fn ask_id(&mut self, context: &mut Context<'_>) {
        if self.link.pending() == 0 {
            let request = InitProducerIdRequest {
                transaction_timeout_ms: 1_000,
                ..Default::default()
            };
            self.link.send(&request, 2, Some(Asked::Id), context);
        }
    }

    /// Makes or takes up the next batch of a lane, if it may have one under way.
    fn next_batch(&mut self, at: usize, context: &mut Context<'_>) -> Option<u32> {
        let lane = &mut self.lanes[at];
        if lane.gone
            || lane
                .unacked
                .iter()
                .any(|batch| batch.state == State::Failed)
        {
            return None;
        }
        let waiting = lane
            .unacked
            .iter_mut()
            .find(|batch| batch.state == State::ToSend);
        let durable_since = context.history.durable_since(lane.place.id());
        if let Some(batch) = waiting {
            batch.state = State::InFlight;
            batch.durable_since = durable_since;
            return Some(batch.first);
        }
        let full = lane.unacked.len() >= IN_FLIGHT_MAX;
        if full || self.budget == 0 || context.draining {
            return None;
        }
        self.budget -= 1;
        let count = context.rng.u32(1..=5);
        let compression = match context.rng.u8(..12) {
            0 => Compression::Lz4,
            1 if self.version >= 7 => Compression::Zstd,
            _ => Compression::None,
        };
        let is_compacted = context.history.promise(lane.place.id()).compacted;
        let mut builder = BatchBuilder::new(compression, None);
        for number in lane.next_number..lane.next_number + count {
            let value = ValueId {
                stream: lane.stream,
                number,
            };
            let time = context.now.wall.get() + context.rng.i64(-2_000..2_000);
            context.history.sending(value, time);
            let filler = context.rng.usize(..=self.record_bytes_max);
            append(&mut builder, value, time, filler, is_compacted);
        }
        if self.kind == StreamKind::Idempotent {
            let id = ProducerId::new(self.id.expect("an idempotent producer has an id"));
            let sequence = Sequence::new(lane.next_sequence);
            builder.set_producer(id, ProducerEpoch::new(0), sequence);
        }
        let bytes = builder.build(Offset::ZERO).expect("a batch");
        let first = lane.next_number;
        lane.next_number += count;
        lane.next_sequence += count as i32;
        let state = State::InFlight;
        lane.unacked.push_back(Unacked {
            first,
            count,
            bytes,
            state,
            durable_since,
        });
        Some(first)
    }

    fn produce(&mut self, context: &mut Context<'_>) {
        let mut chosen = Vec::new();
        for at in 0..self.lanes.len() {
            if context.rng.u8(..3) > 0
                && let Some(first) = self.next_batch(at, context)
            {
                chosen.push((at, first));
            }
        }
        if chosen.is_empty() {
            return;
        }
        // A request names a topic once.
        chosen.sort_by_key(|(at, _)| self.lanes[*at].place.topic);
        let lanes = &self.lanes;
        let topics = chosen.chunk_by(|a, b| lanes[a.0].place.topic == lanes[b.0].place.topic);
        let topics = topics.map(|chosen| {
            let place = &lanes[chosen[0].0].place;
            let partitions = chosen.iter().map(|(at, first)| {
                let batch = lanes[*at]
                    .unacked
                    .iter()
                    .find(|batch| batch.first == *first);
                let bytes = &batch.expect("chosen just now").bytes;
                let index = lanes[*at].place.index;
                PartitionProduceData {
                    index,
                    records: Some(Records::Borrowed(bytes)),
                }
            });
            TopicProduceData {
                name: &place.name,
                topic_id: place.uuid,
                partition_data: partitions.collect(),
            }
        });
        let topic_data = topics.collect();
        let request = ProduceRequest {
            acks: self.acks,
            timeout_ms: 30_000,
            topic_data,
            ..Default::default()
        };
        let asked = (self.acks != 0).then(|| Asked::Append(chosen.clone()));
        self.link.send(&request, self.version, asked, context);
        if self.acks == 0 {
            for (at, _) in chosen {
                self.lanes[at].unacked.clear();
            }
        }
    }

    fn appended(
        &mut self,
        chosen: &[(usize, u32)],
        answer: &Answer<Asked>,
        when: When,
        context: &mut Context<'_>,
    ) {
        let response: ProduceResponse<'_> = Answer::<Asked>::decode(&answer.body, answer.version);
        let topics: Vec<_> = response.responses.iter().collect();
        let results = topics
            .iter()
            .flat_map(|topic| topic.partition_responses.iter());
        let results: Vec<_> = results.collect();
        assert_eq!(results.len(), chosen.len(), "one result per batch");
        for ((at, first), result) in chosen.iter().zip(results) {
            assert_eq!(
                result.index, self.lanes[*at].place.index,
                "results come as asked"
            );
            self.settle(*at, *first, &result, when, context);
        }
        for lane in &mut self.lanes {
            let in_flight = |batch: &Unacked| batch.state == State::InFlight;
            if !lane.unacked.iter().any(in_flight) {
                for batch in &mut lane.unacked {
                    batch.state = State::ToSend;
                }
            }
        }
    }

    fn settle(
        &mut self,
        at: usize,
        first: u32,
        result: &PartitionProduceResponse<'_>,
        when: When,
        context: &mut Context<'_>,
    ) {
        let all = self.acks == -1;
        let lane = &mut self.lanes[at];
        let position = lane.unacked.iter().position(|batch| batch.first == first);
        // A reset forgot it.
        let Some(position) = position else { return };
        let batch = &mut lane.unacked[position];
        let code = ErrorCode::from_code(result.error_code);
        if let Some(ErrorCode::OutOfOrderSequenceNumber | ErrorCode::DuplicateSequenceNumber) = code
        {
            batch.state = State::Failed;
            return self.out_of_sequence(at, position, context);
        }
        let full = code == Some(ErrorCode::KafkaStorageError) && context.trouble.full;
        let verdict = match full {
            true => Verdict::Retry,
            false => judge(result.error_code, &lane.place, context),
        };
        match verdict {
            Verdict::Fine => {
                let stream = lane.stream;
                let numbers = batch.first..batch.first + batch.count;
                let values = numbers.map(|number| ValueId { stream, number });
                let partition = lane.place.id();
                assert!(
                    result.base_offset >= 0,
                    "{partition}: an ack without an offset"
                );
                let (base, since) = (result.base_offset, batch.durable_since);
                context
                    .history
                    .acked(partition, base, values, all, since, when);
                lane.unacked.remove(position);
            }
            Verdict::Retry => {
                self.failures += 1;
                batch.state = State::Failed;
            }
            Verdict::Gone => {
                lane.gone = true;
                lane.unacked.clear();
            }
        }
    }

    /// The broker misses what came before a batch. That is so while an earlier one has failed, and
    /// when it has lost what it never promised to keep.
    fn out_of_sequence(&mut self, at: usize, position: usize, context: &mut Context<'_>) {
        let lane = &self.lanes[at];
        let place = &lane.place;
        let who = format!("{}-{} stream {}", place.name, place.index, lane.stream);
        assert!(
            self.kind == StreamKind::Idempotent,
            "{who}: a sequence without a producer id"
        );
        let earlier = lane.unacked.iter().take(position);
        if earlier
            .into_iter()
            .any(|batch| batch.state == State::Failed)
        {
            return;
        }
        let promise = context.history.promise(place.id());
        let lost = !promise.durable && self.era != context.history.now.era;
        assert!(
            lost || context.history.disk_failed,
            "{who}: batch at {} is out of sequence, though nothing is missing",
            lane.unacked[position].first
        );
        // Whether the batches under way are in the log is not known: they are not sent again. They
        // may still arrive, and between two producer ids no order is promised.
        self.id = None;
        for lane in &mut self.lanes {
            lane.unacked.clear();
            lane.stream = context.history.stream(Some(lane.place.id()), self.kind);
            lane.next_number = 0;
            lane.next_sequence = 0;
        }
        self.link.disconnect(context);
    }
}

impl Client for Producer {
    fn act(&mut self, context: &mut Context<'_>) {
        if self.is_done() && context.draining {
            return;
        }
        if !self.link.is_connected() {
            return self.link.connect(context);
        }
        let wants_lane =
            self.lanes.is_empty() || (self.lanes.len() < 4 && context.rng.u8(..50) == 0);
        if wants_lane && !context.draining {
            self.choose_lane(context);
        }
        let misplaced = self.failures > 3;
        if misplaced || (!context.draining && context.rng.u8(..200) == 0) {
            self.failures = 0;
            self.link.disconnect(context);
            return self.connection_lost();
        }
        if self.is_idempotent() && self.id.is_none() {
            return self.ask_id(context);
        }
        if self.link.pending() < IN_FLIGHT_MAX {
            self.produce(context);
        }
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        match &answer.asked {
            Asked::Id => {
                let response: InitProducerIdResponse =
                    Answer::<Asked>::decode(&answer.body, answer.version);
                match ErrorCode::from_code(response.error_code) {
                    Some(ErrorCode::None) => {
                        context.history.producer_id(response.producer_id);
                        self.id = Some(response.producer_id);
                        self.era = context.history.now.era;
                    }
                    Some(ErrorCode::KafkaStorageError) if context.trouble.hinders_writes() => {}
                    // The broker is stopping.
                    Some(ErrorCode::CoordinatorLoadInProgress) => {}
                    other => panic!("a producer id was asked for: {other:?}"),
                }
            }
            Asked::Append(chosen) => {
                let chosen = chosen.clone();
                self.appended(&chosen, &answer, delivery.when, context);
            }
        }
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.link.hung_up();
        self.connection_lost();
    }

    fn complaint(&self, _context: &mut Context<'_>) -> Option<String> {
        let pending = self.link.pending();
        (pending > 0).then(|| {
            format!(
                "a producer waits for {pending} answers: {:?}",
                self.link.asked().next()
            )
        })
    }

    fn is_done(&self) -> bool {
        self.lanes.iter().all(|lane| lane.unacked.is_empty()) && self.link.pending() == 0
    }
}

impl Producer {
    fn connection_lost(&mut self) {
        for batch in self.lanes.iter_mut().flat_map(|lane| &mut lane.unacked) {
            batch.state = State::ToSend;
        }
    }
}
