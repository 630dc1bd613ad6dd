//! The end of a run: disturbances cease, everybody finishes, and then the whole content of every
//! partition is read and judged, twice, with a restart between.

use crate::clients::{encode, read_records};
use crate::history::{Floor, Seen};
use crate::network::Key;
use crate::topics::{Place, Stage};
use crate::world::World;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ApiKey, FetchPartition, FetchRequest, FetchResponse, FetchTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, ResponseHeader,
};
use corelane::wire::{Message, Reader, Records};

/// Rounds within which everybody must be content.
const ROUNDS_MAX: usize = 3_000;

/// The number of the client that audits; its answers lie in [`World::replies`].
pub(crate) const AUDITOR: usize = usize::MAX;

impl World {
    /// Lets everybody finish, then audits.
    pub(crate) fn finish(&mut self) {
        self.calm_down();
        self.audit();
        match self.rng.u8(..3) {
            0 => self.crash(false),
            1 => self.crash(true),
            _ => {
                self.begin_stop();
                self.settle();
                assert!(self.process.is_none(), "the broker does not stop");
            }
        }
        self.start();
        self.audit();
    }

    fn calm_down(&mut self) {
        self.trace.note(format_args!("drain"));
        self.draining = true;
        if self.disk_failed {
            self.crash(false);
        }
        // No crash is to come any more.
        self.disk.crash_after(u64::MAX / 2);
        for _ in 0..ROUNDS_MAX {
            if self.process.is_none() {
                self.start();
            }
            for at in 0..self.clients.len() {
                self.client_acts(at);
            }
            self.check_quiet();
            let content = self.clients.iter().all(|client| client.is_done());
            self.pass_to_deadline();
            if content && self.process.is_some() {
                return;
            }
        }
        let unfinished = self.clients.iter().filter(|client| !client.is_done());
        let unfinished: Vec<_> = unfinished.collect();
        panic!("after {ROUNDS_MAX} rounds without disturbance: {unfinished:#?}");
    }

    /// Reads everything there is.
    fn audit(&mut self) {
        self.trace.note(format_args!("audit"));
        // What nobody waits for is flushed by its deadline.
        for _ in 0..5 {
            self.pass_to_deadline();
            self.settle();
        }
        let core = self.rng.u16(..self.network.cores);
        let key = self
            .network
            .connect(AUDITOR, core, false)
            .expect("the broker is up");
        let live = self
            .topics
            .all
            .iter()
            .filter(|topic| topic.stage == Stage::Live);
        let mut places: Vec<Place> = Vec::new();
        for (topic, partitions) in live
            .map(|topic| (topic.id, topic.partitions))
            .collect::<Vec<_>>()
        {
            let at = self.topics.all.iter().position(|known| known.id == topic);
            let at = at.expect("found just now");
            places.extend((0..partitions).map(|index| self.topics.place(at, index)));
        }
        for place in places {
            self.audit_partition(key, &place);
        }
        self.network.disconnect(key);
        self.settle();
    }

    fn audit_partition(&mut self, key: Key, place: &Place) {
        let (partition, when) = (place.id(), self.history.now);
        let floor = self.history.floor(partition);
        let start = self.ask_offset(key, place, -2);
        let end = self.ask_offset(key, place, -1);
        self.history
            .told(partition, Some(end), Some(start), floor, when);
        let mut log: Vec<Seen> = Vec::new();
        let mut position = start;
        while position < end {
            let read = self.ask_records(key, place, position, floor);
            assert!(
                !read.is_empty(),
                "{partition}: nothing at {position}, and {end} is the end"
            );
            position += read.len() as i64;
            log.extend(read);
        }
        for seen in &log {
            self.history.read(partition, seen, when);
        }
        self.history.audit(partition, start, &log);
    }

    fn ask_offset(&mut self, key: Key, place: &Place, timestamp: i64) -> i64 {
        let partition = ListOffsetsPartition {
            partition_index: place.index,
            timestamp,
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
        let body = self.ask(key, &request, 7);
        let response = ListOffsetsResponse::decode(&mut Reader::new(&body), 7);
        let response = response.expect("a response");
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
        assert_eq!(
            result.error_code,
            0,
            "{}: an offset was asked for",
            place.id()
        );
        result.offset
    }

    fn ask_records(&mut self, key: Key, place: &Place, offset: i64, floor: Floor) -> Vec<Seen> {
        let partition = FetchPartition {
            partition: place.index,
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let topic = FetchTopic {
            topic: &place.name,
            topic_id: place.uuid,
            partitions: vec![partition].into(),
        };
        let topics = vec![topic].into();
        let request = FetchRequest {
            min_bytes: 1,
            topics,
            ..Default::default()
        };
        let body = self.ask(key, &request, 13);
        let response = FetchResponse::decode(&mut Reader::new(&body), 13).expect("a response");
        let topic = response
            .responses
            .iter()
            .next()
            .expect("one topic was asked for");
        let result = topic
            .partitions
            .iter()
            .next()
            .expect("one partition was asked for");
        let partition = place.id();
        assert_eq!(result.error_code, 0, "{partition}: {offset} was asked for");
        let (watermark, start) = (result.high_watermark, result.log_start_offset);
        let when = self.history.now;
        self.history
            .told(partition, Some(watermark), Some(start), floor, when);
        let Some(records @ Records::Borrowed(_)) = result.records else {
            return Vec::new();
        };
        let read = read_records(&records.share(&body), offset);
        read.unwrap_or_else(|fault| panic!("{partition}: {fault}"))
    }

    /// Sends a request and waits for its answer; gives the answer's body.
    fn ask<'a, M: Message<'a>>(&mut self, key: Key, request: &M, version: i16) -> Bytes {
        self.network.write(key, &encode(request, version, 1));
        self.settle();
        let frame = self
            .replies
            .pop()
            .unwrap_or_else(|| panic!("{} is not answered", M::NAME));
        let api = ApiKey::from_code(M::KEY).expect("an API that is served");
        let mut reader = Reader::new(&frame);
        ResponseHeader::decode(&mut reader, api, version).expect("a response has a header");
        frame.slice(reader.position()..)
    }
}
