//! A broker of one core on a disk in memory, asked over a connection.

use crate::broker::Part;
use crate::config::Settings;
use crate::protocol::kafka::messages::{
    ApiKey, ErrorCode, FindCoordinatorRequest, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchRequestGroup,
    OffsetFetchResponse, RequestHeader, ResponseHeader,
};
use crate::protocol::kafka::messages::{CreatableTopic, CreateTopicsRequest};
use crate::shard::{Boot, Effect, Event, Shard};
use crate::storage::memory_disk::{FaultKind, MemoryDisk, Operation};
use crate::types::{ConnectionId, CoreId, Instant, Now, Timestamp};
use crate::wire::{Message, Reader, Writer};
use bytes::Bytes;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const CONNECTION: ConnectionId = ConnectionId::new(1);

struct Broker {
    disk: MemoryDisk,
    shard: Shard,
    now: Now,
    events: VecDeque<Event>,
    response: Option<Bytes>,
}

impl Broker {
    fn start(disk: MemoryDisk) -> Self {
        let settings = Settings {
            data: Some("data".into()),
            ..Settings::default()
        };
        let config = Arc::new(settings.into_config(1).unwrap());
        let boot = Boot::load(&disk, config, 1).unwrap();
        let opened = Event::Opened {
            connection: CONNECTION,
            peer: "client:1".to_owned(),
            own_node: false,
        };
        Self {
            shard: boot.shard(&disk, CoreId::REGISTRAR).unwrap(),
            disk,
            now: Now {
                wall: Timestamp::new(1_000_000),
                monotonic: Instant::new(1),
            },
            events: [opened].into(),
            response: None,
        }
    }

    /// Goes on until nothing is left to do without time passing.
    fn settle(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let mut effects = Vec::new();
            self.shard.step(self.now, event, &mut effects);
            for effect in effects {
                self.carry_out(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Disk { io, call } => {
                let result = call.perform(&self.disk);
                self.events.push_back(Event::DiskDone { io, result });
            }
            Effect::Yield => self.events.push_back(Event::Resume),
            Effect::Respond { slot, parts, .. } => {
                let bytes = parts.iter().flat_map(|part| match part {
                    Part::Bytes(bytes) => bytes.to_vec(),
                    Part::File { .. } => unreachable!("no records are asked for"),
                });
                self.response = Some(bytes.collect());
                let connection = CONNECTION;
                self.events.push_back(Event::Sent { connection, slot });
            }
            Effect::Admit { .. } => {}
            other => unreachable!("{other:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.monotonic = self.now.monotonic.after(time);
        for _ in 0..20 {
            self.events.push_back(Event::Tick);
            self.settle();
        }
    }

    /// Asks, and gives the body of the answer.
    fn ask<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Bytes {
        let mut writer = Writer::new();
        let header = RequestHeader {
            api_key: M::KEY,
            api_version: version,
            correlation_id: 1,
            client_id: Some("test"),
        };
        header.encode(&mut writer).unwrap();
        request.encode(&mut writer, version).unwrap();
        let bytes = writer.into_bytes();
        let mut effects = Vec::new();
        let announced = Event::Announced {
            connection: CONNECTION,
            length: i32::try_from(bytes.len()).unwrap(),
        };
        self.settle();
        self.shard.step(self.now, announced, &mut effects);
        let slot = effects.iter().find_map(|effect| match effect {
            Effect::Admit { slot, .. } => Some(*slot),
            _ => None,
        });
        self.events.push_back(Event::Frame {
            connection: CONNECTION,
            slot: slot.expect("there is room"),
            bytes,
        });
        for _ in 0..50 {
            self.settle();
            if let Some(frame) = self.response.take() {
                let mut reader = Reader::new(&frame);
                reader.i32().unwrap();
                let api = ApiKey::from_code(M::KEY).unwrap();
                ResponseHeader::decode(&mut reader, api, version).unwrap();
                return frame.slice(reader.position()..);
            }
            self.pass(Duration::from_millis(5));
        }
        panic!("{} is not answered", M::NAME);
    }

    fn commit(&mut self, offset: i64) -> ErrorCode {
        let partition = OffsetCommitRequestPartition {
            committed_offset: offset,
            committed_metadata: Some(""),
            ..Default::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: "t",
            partitions: vec![partition].into(),
        };
        let request = OffsetCommitRequest {
            group_id: "g",
            topics: vec![topic].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 8);
        let response = OffsetCommitResponse::decode(&mut Reader::new(&body), 8).unwrap();
        let topic = response.topics.iter().next().unwrap();
        let code = topic.partitions.iter().next().unwrap().error_code;
        ErrorCode::from_code(code).unwrap()
    }

    fn committed(&mut self) -> Result<i64, ErrorCode> {
        let group = OffsetFetchRequestGroup {
            group_id: "g",
            member_epoch: -1,
            ..Default::default()
        };
        let request = OffsetFetchRequest {
            groups: vec![group].into(),
            ..Default::default()
        };
        let body = self.ask(&request, 9);
        let response = OffsetFetchResponse::decode(&mut Reader::new(&body), 9).unwrap();
        let group = response.groups.iter().next().unwrap();
        match ErrorCode::from_code(group.error_code).unwrap() {
            ErrorCode::None => {
                let topic = group.topics.iter().next().unwrap();
                Ok(topic.partitions.iter().next().unwrap().committed_offset)
            }
            error => Err(error),
        }
    }
}

fn with_a_commit() -> Broker {
    let disk = MemoryDisk::new(1);
    disk.write_file(Path::new("data/x"), &[]).unwrap();
    let mut broker = Broker::start(disk);
    let topic = CreatableTopic {
        name: "t",
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic].into(),
        ..Default::default()
    };
    broker.ask(&request, 7);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g"].into(),
        ..Default::default()
    };
    broker.ask(&request, 4);
    assert_eq!(broker.commit(1), ErrorCode::None);
    broker
}

#[test]
fn what_could_not_be_kept_is_not_told() {
    let mut broker = with_a_commit();
    broker
        .disk
        .fail_always(Operation::Write, 0, FaultKind::Device);
    assert_eq!(broker.commit(2), ErrorCode::CoordinatorNotAvailable);
    // What it knew is forgotten.
    assert_eq!(broker.committed(), Err(ErrorCode::CoordinatorNotAvailable));
    // What became of the second is not known; the first is not lost.
    broker.disk.heal();
    broker.disk.process_crash();
    let mut broker = Broker::start(broker.disk);
    let committed = broker.committed().unwrap();
    assert!(committed == 1 || committed == 2, "{committed}");
}

#[test]
fn a_coordinator_that_found_no_space_is_read_again_once_there_is_some() {
    let mut broker = with_a_commit();
    let used = broker.disk.space_used();
    broker.disk.set_capacity(Some(used));
    let refused = (2..5_000).find(|offset| broker.commit(*offset) != ErrorCode::None);
    let refused = refused.expect("space runs out");
    assert_eq!(broker.committed(), Err(ErrorCode::CoordinatorNotAvailable));
    broker.disk.set_capacity(None);
    broker.pass(Duration::from_secs(2));
    assert_eq!(broker.committed(), Ok(refused - 1));
    assert_eq!(broker.commit(refused), ErrorCode::None);
    assert_eq!(broker.committed(), Ok(refused));
}
