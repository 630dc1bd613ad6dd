//! What the client asks: to make a topic, to append, and for everything that a partition serves.

use crate::broker::Broker;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse, ErrorCode, FetchPartition,
    FetchRequest, FetchResponse, FetchTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopic, PartitionProduceData, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use corelane::record::{Batch, Batches};
use corelane::wire::{Message, Reader, Records};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A partition as clients name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: &'static str,
    pub(crate) id: Uuid,
    pub(crate) index: i32,
}

/// What of a partition is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// The catalog does not know it.
    Unknown,
    /// It is offline.
    Offline,
    /// These offsets.
    Online(Content),
}

/// All that an online partition gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// The base offset of each batch and what its producer wrote of it.
    pub(crate) batches: Vec<(i64, Bytes)>,
    /// What a reader complains of, who gets no further.
    pub(crate) complaint: Option<String>,
}

impl Place {
    /// Whether an idempotent producer appends to it.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.topic == "a" && self.index == 0
    }

    /// Where its files lie.
    pub(crate) fn directory(&self) -> PathBuf {
        Path::new(crate::broker::DATA).join(format!("{}-{}", self.topic, self.index))
    }
}

impl Broker {
    /// Makes a topic and gives its id.
    pub(crate) fn create(
        &mut self,
        name: &'static str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Uuid {
        let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
            name,
            value: Some(value),
        });
        let topic = CreatableTopic {
            name,
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 7);
        let response: CreateTopicsResponse<'_> = decode(&body, 7);
        let created = response.topics.iter().next().expect("one was asked for");
        assert_eq!(created.error_code, 0, "{:?}", created.error_message);
        created.topic_id
    }

    /// Deletes a topic.
    pub(crate) fn delete(&mut self, id: Uuid) {
        let topic = DeleteTopicState {
            name: None,
            topic_id: id,
        };
        let request = DeleteTopicsRequest {
            topics: vec![topic].into(),
            timeout_ms: 1_000,
            ..Default::default()
        };
        let body = self.ask(&request, 6);
        let response: DeleteTopicsResponse<'_> = decode(&body, 6);
        let deleted = response.responses.iter().next().expect("one was asked for");
        assert_eq!(deleted.error_code, 0);
    }

    /// Appends a batch and gives its base offset, or the error's code.
    pub(crate) fn append(&mut self, place: &Place, batch: &Bytes, acks: i16) -> Result<i64, i16> {
        let partition = PartitionProduceData {
            index: place.index,
            records: Some(Records::Borrowed(batch)),
        };
        let topic = TopicProduceData {
            name: place.topic,
            topic_id: place.id,
            partition_data: vec![partition].into(),
        };
        let request = ProduceRequest {
            acks,
            timeout_ms: 1_000,
            topic_data: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 13);
        let response: ProduceResponse<'_> = decode(&body, 13);
        let topic = response.responses.iter().next().expect("one was asked for");
        let result = topic.partition_responses.iter().next();
        let result = result.expect("one was asked for");
        match result.error_code {
            0 => Ok(result.base_offset),
            code => Err(code),
        }
    }

    /// Reads all that a partition has.
    pub(crate) fn read(&mut self, place: &Place) -> Served {
        let (start, end) = match (self.offset(place, -2), self.offset(place, -1)) {
            (Ok(start), Ok(end)) => (start, end),
            (Err(code), Err(other)) if code == other => return absence(code),
            ends => panic!("{place:?}: {ends:?}"),
        };
        assert!(0 <= start && start <= end, "{place:?}: {start}..{end}");
        let mut content = Content {
            start,
            end,
            ..Content::default()
        };
        let mut next = start;
        while next < end && content.complaint.is_none() {
            let asked = next;
            match self.fetch(place, asked) {
                Ok(records) => next = content.take(&records, asked, end),
                Err(code) => {
                    assert_eq!(absence(code), Served::Offline, "{place:?}: {asked}");
                    content.complaint = Some("it cannot be read".to_owned());
                }
            }
            let goes_on = next > asked || content.complaint.is_some();
            assert!(goes_on, "{place:?}: nothing at {asked}, {end} is the end");
        }
        Served::Online(content)
    }

    /// The start for -2, the end for -1.
    fn offset(&mut self, place: &Place, timestamp: i64) -> Result<i64, i16> {
        let partition = ListOffsetsPartition {
            partition_index: place.index,
            timestamp,
            ..Default::default()
        };
        let topic = ListOffsetsTopic {
            name: place.topic,
            partitions: vec![partition].into(),
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 7);
        let response: ListOffsetsResponse<'_> = decode(&body, 7);
        let topic = response.topics.iter().next().expect("one was asked for");
        let result = topic.partitions.iter().next().expect("one was asked for");
        match result.error_code {
            0 => Ok(result.offset),
            code => Err(code),
        }
    }

    fn fetch(&mut self, place: &Place, offset: i64) -> Result<Bytes, i16> {
        let partition = FetchPartition {
            partition: place.index,
            fetch_offset: offset,
            partition_max_bytes: 10_000,
            ..Default::default()
        };
        let topic = FetchTopic {
            topic: place.topic,
            topic_id: place.id,
            partitions: vec![partition].into(),
        };
        let request = FetchRequest {
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 13);
        let response: FetchResponse<'_> = decode(&body, 13);
        let topic = response.responses.iter().next().expect("one was asked for");
        let result = topic.partitions.iter().next().expect("one was asked for");
        match (result.error_code, result.records) {
            (0, Some(records @ Records::Borrowed(_))) => Ok(records.share(&body)),
            (0, _) => Ok(Bytes::new()),
            (code, _) => Err(code),
        }
    }
}

impl Content {
    /// Takes what was read from `asked` on, as far as it holds; gives the offset after.
    fn take(&mut self, records: &Bytes, asked: i64, end: i64) -> i64 {
        let (mut next, mut length) = (None, 0);
        for batch in Batches::new(records.clone()) {
            let Ok(batch) = batch else { break };
            let (base, last) = (batch.header().base_offset(), batch.header().last_offset());
            let fits = match next {
                None => base.get() <= asked && asked <= last.get(),
                Some(next) => base.get() == next,
            };
            if !fits {
                break;
            }
            length += batch.bytes().len();
            next = Some(last.get() + 1);
            self.batches.push((base.get(), written(&batch)));
        }
        if length < records.len() {
            self.complaint = Some(format!("at {next:?} follows no whole batch of that offset"));
        }
        let next = next.unwrap_or(asked);
        assert!(next <= end, "{next} is beyond the high watermark {end}");
        next
    }
}

/// What the producer wrote of a batch, all of which its checksum covers.
pub(crate) fn written(batch: &Batch) -> Bytes {
    batch.bytes().slice(16..)
}

fn absence(code: i16) -> Served {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::KafkaStorageError) => Served::Offline,
        Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId) => Served::Unknown,
        other => panic!("error {code}: {other:?}"),
    }
}

fn decode<'a, M: Message<'a>>(body: &'a Bytes, version: i16) -> M {
    M::decode(&mut Reader::new(body), version).expect("a response is decoded")
}
