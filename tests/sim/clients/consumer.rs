//! A consumer: reads some partitions from where it is, with long polls and small limits, and
//! checks every record on the way.

use super::session::{Read, Session, topics};
use super::verdict::{Verdict, judge};
use super::{Client, Context, Link, link::Answer};
use crate::history::{Floor, Seen, When};
use crate::keyed::name_of;
use crate::network::Delivery;
use crate::topics::Place;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ErrorCode, FetchPartition, FetchRequest, FetchResponse, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, PartitionData,
};
use corelane::record::{Batches, DecompressionLimits};
use corelane::types::Offset;
use corelane::wire::Records;

/// Partitions that one consumer reads at most.
const LANES_MAX: usize = 5;

#[derive(Debug)]
pub(crate) struct Consumer {
    link: Link<Asked>,
    version: i16,
    lanes: Vec<Lane>,
    misplaced: bool,
    /// The broker's leader epoch, as of this connection.
    epoch: i32,
    session: Option<Session>,
}

#[derive(Debug)]
struct Lane {
    place: Place,
    position: i64,
    /// The era in which the position was right.
    era: u64,
    /// The position is out of range: ask where the partition begins.
    lost: bool,
    gone: bool,
}

#[derive(Debug)]
enum Asked {
    Fetch {
        bytes_min: i32,
        bytes_max: i32,
        items: Vec<Item>,
    },
    /// Where a partition begins.
    Start { at: usize, floor: Floor },
}

/// One partition of a fetch.
#[derive(Debug, Clone, Copy)]
struct Item {
    at: usize,
    offset: i64,
    /// The epoch that the broker is said to have, or -1.
    epoch: i32,
    floor: Floor,
}

impl Consumer {
    pub(crate) fn new(client: usize, rng: &mut fastrand::Rng) -> Self {
        let version = rng.i16(4..=18);
        Self {
            link: Link::new(client),
            version,
            lanes: Vec::new(),
            misplaced: false,
            epoch: 0,
            session: (version >= 7 && rng.bool()).then(Session::new),
        }
    }

    fn disconnect(&mut self, context: &mut Context<'_>) {
        self.link.disconnect(context);
        self.session.iter_mut().for_each(Session::disconnected);
    }

    fn choose_lane(&mut self, context: &mut Context<'_>) {
        let mut places = context.topics.places(self.version < 13);
        places.retain(|place| self.lanes.iter().all(|lane| lane.place != *place));
        if !places.is_empty() {
            let place = places.swap_remove(context.rng.usize(..places.len()));
            self.lanes.push(Lane {
                place,
                position: 0,
                era: 0,
                lost: false,
                gone: false,
            });
        }
    }

    fn fetch(&mut self, context: &mut Context<'_>) {
        let mut chosen: Vec<usize> = (0..self.lanes.len()).collect();
        chosen.retain(|at| !self.lanes[*at].gone && (context.draining || context.rng.u8(..4) > 0));
        if chosen.is_empty() {
            return;
        }
        chosen.sort_by_key(|at| self.lanes[*at].place.topic);
        let rng = &mut *context.rng;
        let bytes_min = [0, 1, 1, 1, 2_000][rng.usize(..5)];
        let bytes_max = [1, 500, 8_000, 1 << 20][rng.usize(..4)];
        let wait = [0, 10, 500, 60_000][rng.usize(..4)];
        let partition_max_bytes = [1, 700, 10_000, 1 << 20][rng.usize(..4)];
        let epoch = match rng.u8(..40) {
            _ if self.version < 9 => -1,
            0 => self.epoch + 1,
            1 if self.epoch > 0 => self.epoch - 1,
            2..=20 => self.epoch,
            _ => -1,
        };
        let item = |at: &usize| {
            let lane = &self.lanes[*at];
            Item {
                at: *at,
                offset: lane.position,
                epoch,
                floor: context.history.floor(lane.place.id()),
            }
        };
        let items: Vec<Item> = chosen.iter().map(item).collect();
        let read = |item: &Item| {
            let place = self.lanes[item.at].place.clone();
            let read = FetchPartition {
                partition: place.index,
                fetch_offset: item.offset,
                current_leader_epoch: item.epoch,
                partition_max_bytes,
                ..Default::default()
            };
            (place, read)
        };
        let reads: Vec<Read> = items.iter().map(read).collect();
        let request = FetchRequest {
            max_wait_ms: wait,
            min_bytes: bytes_min,
            max_bytes: bytes_max,
            ..Default::default()
        };
        let asked = Asked::Fetch {
            bytes_min,
            bytes_max,
            items,
        };
        let (link, version) = (&mut self.link, self.version);
        match &mut self.session {
            Some(session) => session.ask(reads, &request, |request| {
                link.send(request, version, Some(asked), context);
            }),
            None => {
                let topics = topics(&reads.iter().collect::<Vec<_>>());
                let request = FetchRequest { topics, ..request };
                link.send(&request, version, Some(asked), context);
            }
        }
    }

    fn ask_start(&mut self, at: usize, context: &mut Context<'_>) {
        let place = &self.lanes[at].place;
        let floor = context.history.floor(place.id());
        let partition = ListOffsetsPartition {
            partition_index: place.index,
            timestamp: -2,
            ..Default::default()
        };
        let partitions = vec![partition].into();
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: &place.name,
                partitions,
            }]
            .into(),
            ..Default::default()
        };
        self.link
            .send(&request, 7, Some(Asked::Start { at, floor }), context);
    }

    fn fetched(
        &mut self,
        items: &[Item],
        bytes_max: i32,
        answer: &Answer<Asked>,
        when: When,
        context: &mut Context<'_>,
    ) {
        let response: FetchResponse<'_> = Answer::<Asked>::decode(&answer.body, answer.version);
        let is_whole = self
            .session
            .as_ref()
            .is_none_or(|session| !session.goes_on());
        match &mut self.session {
            Some(session) => session.answered(response.error_code, response.session_id),
            None => assert_eq!(response.error_code, 0, "the fetch as a whole failed"),
        }
        let topics: Vec<_> = response.responses.iter().collect();
        let results = topics.iter().flat_map(|topic| {
            let results = topic.partitions.iter();
            results.map(|result| (topic.topic, topic.topic_id, result))
        });
        let results: Vec<_> = results.collect();
        let is_complete = !is_whole || results.len() == items.len() || response.error_code != 0;
        assert!(is_complete, "one result per partition");
        let mut bytes = 0;
        let mut left = items.iter();
        for (name, uuid, result) in &results {
            let is_of = |item: &&Item| {
                let place = &self.lanes[item.at].place;
                (place.name == *name || place.uuid == *uuid)
                    && place.index == result.partition_index
            };
            // In a session they come in any order, and only those with something new.
            let item = if is_whole {
                left.next().filter(is_of)
            } else {
                items.iter().find(is_of)
            };
            let item = item.expect("results come as asked");
            let length = result.records.map_or(0, |records| records.length());
            let allowed = length == 0 || bytes == 0 || bytes + length <= bytes_max as usize;
            bytes += length;
            assert!(
                allowed,
                "a fetch of {bytes_max} bytes was answered with {bytes}"
            );
            if result.error_code == ErrorCode::UnsupportedCompressionType.code() {
                assert!(answer.version < 10, "zstandard may be read by then");
                self.version = self.version.max(10);
                continue;
            }
            self.take(item, result, &answer.body, when, context);
        }
    }

    fn take(
        &mut self,
        item: &Item,
        result: &PartitionData<'_>,
        body: &Bytes,
        when: When,
        context: &mut Context<'_>,
    ) {
        let lane = &mut self.lanes[item.at];
        let partition = lane.place.id();
        if result.error_code == ErrorCode::OffsetOutOfRange.code() {
            lane.lost = true;
            return;
        }
        let code = ErrorCode::from_code(result.error_code);
        if item.epoch >= 0 && item.epoch != self.epoch {
            let (told, ours) = (item.epoch, self.epoch);
            let newer = code == Some(ErrorCode::UnknownLeaderEpoch) && told > ours;
            let older = code == Some(ErrorCode::FencedLeaderEpoch) && told < ours;
            let served = code == Some(ErrorCode::None);
            assert!(!served, "{partition}: epoch {told} was taken for {ours}");
            if newer || older {
                return;
            }
        }
        match judge(result.error_code, &lane.place, context) {
            Verdict::Fine => {}
            Verdict::Retry => {
                self.misplaced = true;
                return;
            }
            Verdict::Gone => {
                lane.gone = true;
                return;
            }
        }
        let start = (result.log_start_offset >= 0).then_some(result.log_start_offset);
        let watermark = result.high_watermark;
        context
            .history
            .told(partition, Some(watermark), start, item.floor, when);
        let Some(records @ Records::Borrowed(bytes)) = result.records else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        let is_compacted = context.history.promise(partition).compacted;
        let read = read_records(&records.share(body), item.offset, is_compacted);
        let (read, next) = read.unwrap_or_else(|fault| panic!("{partition}: {fault}"));
        for seen in &read {
            assert!(
                seen.offset < watermark,
                "{partition}: {} is past {watermark}",
                seen.offset
            );
            let (epoch, ours) = (seen.epoch, self.epoch);
            assert!(
                epoch <= ours,
                "{partition}: a batch of epoch {epoch} in {ours}"
            );
            context.history.read(partition, seen, when);
        }
        assert!(
            is_compacted || read.last().is_none_or(|last| last.offset + 1 == next),
            "{partition}: records are missing before {next}"
        );
        lane.position = next;
        lane.era = when.era;
    }

    /// The start of a partition whose position was out of range.
    fn start_known(
        &mut self,
        at: usize,
        floor: Floor,
        answer: &Answer<Asked>,
        when: When,
        context: &mut Context<'_>,
    ) {
        let response: ListOffsetsResponse<'_> =
            Answer::<Asked>::decode(&answer.body, answer.version);
        let topic = response
            .topics
            .iter()
            .next()
            .expect("one topic was asked for");
        let result = topic
            .partitions
            .iter()
            .next()
            .expect("one partition was asked for");
        let lane = &mut self.lanes[at];
        match judge(result.error_code, &lane.place, context) {
            Verdict::Fine => {}
            Verdict::Retry => return self.misplaced = true,
            Verdict::Gone => return lane.gone = true,
        }
        let partition = lane.place.id();
        context
            .history
            .told(partition, None, Some(result.offset), floor, when);
        let promise = context.history.promise(partition);
        let lost = !promise.durable && lane.era != context.history.now.era;
        assert!(
            lost || result.offset > lane.position,
            "{partition}: {} was out of range, but the log starts at {}",
            lane.position,
            result.offset
        );
        lane.position = result.offset;
        lane.era = when.era;
        lane.lost = false;
    }
}

/// The records of a response from `offset` on, and the offset after them; what comes before it in the
/// first batch is left out.
pub(crate) fn read_records(
    bytes: &Bytes,
    offset: i64,
    is_compacted: bool,
) -> Result<(Vec<Seen>, i64), String> {
    let limits = DecompressionLimits::default();
    let (mut next, mut length) = (None, 0);
    let mut read = Vec::new();
    for batch in Batches::new(bytes.clone()) {
        let batch = batch.map_err(|error| format!("a batch is damaged: {error}"))?;
        length += batch.bytes().len();
        let header = *batch.header();
        let base = header.base_offset().get();
        let first_fits = (base <= offset || is_compacted) && offset <= header.last_offset().get();
        let follows = |next| next == base || (is_compacted && next < base);
        if !next.map_or(first_fits, follows) {
            return Err(format!(
                "{offset} was asked for, {next:?} is next, and a batch has {base}"
            ));
        }
        next = Some(header.next_offset().get());
        let records = batch.records(&limits).map_err(|error| error.to_string())?;
        for record in records.iter() {
            let record = record.map_err(|error| error.to_string())?;
            let value = name_of(&record);
            let value = value.ok_or_else(|| format!("{} has a torn value", record.offset))?;
            let epoch = header.leader_epoch().get();
            let timestamp = record.timestamp.get();
            if record.offset >= Offset::new(offset) {
                read.push(Seen {
                    offset: record.offset.get(),
                    epoch,
                    value,
                    timestamp,
                    is_tombstone: record.value.is_none(),
                });
            }
        }
    }
    if length != bytes.len() {
        return Err(format!(
            "{} bytes hold {length} bytes of batches",
            bytes.len()
        ));
    }
    Ok((read, next.unwrap_or(offset)))
}

impl Client for Consumer {
    fn act(&mut self, context: &mut Context<'_>) {
        if !self.link.is_connected() {
            self.epoch = context.network.epoch;
            return self.link.connect(context);
        }
        if self.link.pending() > 0 {
            if context.rng.u8(..200) == 0 {
                self.disconnect(context);
            }
            return;
        }
        if std::mem::take(&mut self.misplaced) {
            return self.disconnect(context);
        }
        let wants_lane = self.lanes.len() < LANES_MAX && context.rng.u8(..20) == 0;
        if self.lanes.is_empty() || wants_lane {
            self.choose_lane(context);
        }
        self.lanes.retain(|lane| !lane.gone);
        if let Some(at) = self.lanes.iter().position(|lane| lane.lost) {
            return self.ask_start(at, context);
        }
        if context.rng.u8(..100) == 0
            && let Some(lane) = self.lanes.first_mut()
        {
            lane.position = context.rng.i64(..=lane.position);
        }
        self.fetch(context);
    }

    fn receive(&mut self, delivery: Delivery, context: &mut Context<'_>) {
        let answer = self.link.receive(delivery.frame);
        match &answer.asked {
            Asked::Fetch {
                bytes_max, items, ..
            } => {
                self.fetched(items, *bytes_max, &answer, delivery.when, context);
            }
            Asked::Start { at, floor } => {
                self.start_known(*at, *floor, &answer, delivery.when, context);
            }
        }
    }

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.link.hung_up();
        self.session.iter_mut().for_each(Session::disconnected);
    }

    fn complaint(&self, context: &mut Context<'_>) -> Option<String> {
        match self.link.asked().next()? {
            Asked::Start { .. } => Some("a consumer waits for a partition's start".into()),
            Asked::Fetch { bytes_min, .. } if *bytes_min > 1 || context.trouble.failed => None,
            Asked::Fetch { items, .. } => items.iter().find_map(|item| {
                let place = &self.lanes[item.at].place;
                let (end, offset) = (context.history.visible_end(place.id()), item.offset);
                let deleted = context.topics.is_deleted(place);
                let stuck = end > offset || deleted;
                let partition = place.id();
                stuck.then(|| {
                    format!(
                        "a fetch of {partition} at {offset} waits, though it has {end} ({deleted})"
                    )
                })
            }),
        }
    }

    fn is_done(&self) -> bool {
        true
    }
}
