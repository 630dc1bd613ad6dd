//! A client that asks one thing after another, each once nothing else happens.

use crate::clients::encode;
use crate::network::Key;
use crate::topics::Place;
use crate::world::World;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    ApiKey, FetchPartition, FetchRequest, FetchResponse, FetchTopic, ListOffsetsPartition,
    ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, ResponseHeader,
};
use corelane::wire::{Message, Reader, Records};

/// The number of the client that audits; its answers lie in [`World::replies`].
pub(crate) const AUDITOR: usize = usize::MAX;

impl World {
    pub(crate) fn connect_auditor(&mut self) -> Key {
        let core = self.rng.u16(..self.network.cores);
        let key = self.network.connect(AUDITOR, core, false);
        key.expect("the broker is up")
    }

    /// The error code, and the offset: the start for -2, the end for -1.
    pub(crate) fn ask_offset(&mut self, key: Key, place: &Place, timestamp: i64) -> (i16, i64) {
        let partition = ListOffsetsPartition {
            partition_index: place.index,
            timestamp,
            ..Default::default()
        };
        let topic = ListOffsetsTopic {
            name: &place.name,
            partitions: vec![partition].into(),
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(key, &request, 7);
        let response = ListOffsetsResponse::decode(&mut Reader::new(&body), 7);
        let response = response.expect("a response");
        let topic = response.topics.iter().next();
        let topic = topic.expect("one topic was asked for");
        let result = topic.partitions.iter().next();
        let result = result.expect("one partition was asked for");
        (result.error_code, result.offset)
    }

    /// The error code, and batches.
    pub(crate) fn ask_records(&mut self, key: Key, place: &Place, offset: i64) -> (i16, Bytes) {
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
        let request = FetchRequest {
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(key, &request, 13);
        let response = FetchResponse::decode(&mut Reader::new(&body), 13).expect("a response");
        let topic = response.responses.iter().next();
        let topic = topic.expect("one topic was asked for");
        let result = topic.partitions.iter().next();
        let result = result.expect("one partition was asked for");
        let records = match result.records {
            Some(records @ Records::Borrowed(_)) => records.share(&body),
            _ => Bytes::new(),
        };
        (result.error_code, records)
    }

    /// Sends a request and waits for its answer; gives the answer's body.
    pub(crate) fn ask<'a, M: Message<'a>>(&mut self, key: Key, request: &M, version: i16) -> Bytes {
        self.network.write(key, &encode(request, version, 1));
        self.settle();
        let frame = self.replies.pop();
        let frame = frame.unwrap_or_else(|| panic!("{} is not answered", M::NAME));
        let api = ApiKey::from_code(M::KEY).expect("an API that is served");
        let mut reader = Reader::new(&frame);
        ResponseHeader::decode(&mut reader, api, version).expect("a response has a header");
        frame.slice(reader.position()..)
    }
}
