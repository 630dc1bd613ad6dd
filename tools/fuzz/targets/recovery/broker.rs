//! A broker on a disk in memory: its shards, and a client that asks one thing after another, each
//! once nothing else happens.

use bytes::{Bytes, BytesMut};
use corelane::broker::Part;
use corelane::config::{Config, Limits, Settings};
use corelane::protocol::kafka::messages::{ApiKey, RequestHeader, ResponseHeader};
use corelane::shard::{Boot, BootError, Effect, Event, Now, Shard};
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::{ConnectionId, CoreId, Instant, SlotId, Timestamp};
use corelane::wire::{Chunk, Message, Reader, Writer};
use std::collections::VecDeque;
use std::sync::Arc;

/// The data directory.
pub(crate) const DATA: &str = "data";

/// Events within which everything that a request leads to must end.
const EVENTS_MAX: usize = 100_000;

/// One life of a broker.
pub(crate) struct Broker {
    disk: MemoryDisk,
    shards: Vec<Shard>,
    now: Now,
    events: VecDeque<(CoreId, Event)>,
    connection: ConnectionId,
    /// The body of the frame that is announced.
    announced: Option<Bytes>,
    answer: Option<Bytes>,
    stopped: usize,
}

/// The settings of every start.
fn config(cores: u16) -> Arc<Config> {
    let settings = Settings {
        data: Some(DATA.into()),
        cores: Some(cores),
        auto_create_topics: Some(false),
        ..Settings::default()
    };
    let mut config = settings.into_config(cores).expect("they are in range");
    config.limits = Limits {
        frame_bytes_max: 64 * 1024,
        journal_file_bytes: 36 * 1024,
        journal_files_max: 3,
        journal_block_bytes_max: 8 * 1024,
        ..Limits::default()
    };
    Arc::new(config)
}

impl Broker {
    /// Recovers what is on the disk and serves it.
    pub(crate) fn start(disk: &MemoryDisk, cores: u16) -> Result<Self, BootError> {
        let boot = Boot::load(disk, config(cores), 1)?;
        let ids = (0..cores).map(CoreId::new);
        let shards = ids.map(|core| boot.shard(disk as &dyn Disk, core));
        let mut broker = Self {
            disk: disk.clone(),
            shards: shards.collect::<Result<_, _>>()?,
            now: Now {
                wall: Timestamp::new(1_700_000_000_000),
                monotonic: Instant::new(1_000_000),
            },
            events: VecDeque::new(),
            connection: ConnectionId::new(1),
            announced: None,
            answer: None,
            stopped: 0,
        };
        let opened = Event::Opened {
            connection: broker.connection,
            peer: "fuzz".to_owned(),
            own_node: false,
        };
        broker.run(CoreId::REGISTRAR, opened);
        Ok(broker)
    }

    /// Sends a request and gives its answer's body.
    pub(crate) fn ask<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Bytes {
        let frame = encode(request, version);
        let announced = Event::Announced {
            connection: self.connection,
            length: frame.len() as i32,
        };
        self.announced = Some(frame);
        self.run(CoreId::REGISTRAR, announced);
        let answer = self.answer.take();
        let answer = answer.unwrap_or_else(|| panic!("{} is not answered", M::NAME));
        let api = ApiKey::from_code(M::KEY).expect("an API that is served");
        let mut reader = Reader::new(&answer);
        ResponseHeader::decode(&mut reader, api, version).expect("a response has a header");
        answer.slice(reader.position()..)
    }

    /// Lets time pass, so that what waits for it happens.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let (wall, monotonic) = (self.now.wall, self.now.monotonic);
        self.now = Now {
            wall: Timestamp::new(wall.get() + milliseconds as i64),
            monotonic: Instant::new(monotonic.get() + milliseconds * 1_000),
        };
        for core in (0..self.shards.len() as u16).map(CoreId::new) {
            self.run(core, Event::Tick);
        }
    }

    /// Stops cleanly.
    pub(crate) fn stop(mut self) {
        self.run(
            CoreId::REGISTRAR,
            Event::Closed {
                connection: self.connection,
            },
        );
        for core in (0..self.shards.len() as u16).map(CoreId::new) {
            self.events.push_back((core, Event::Stop));
        }
        self.settle();
        assert_eq!(self.stopped, self.shards.len(), "every core stops");
    }

    fn run(&mut self, core: CoreId, event: Event) {
        self.events.push_back((core, event));
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..EVENTS_MAX {
            let Some((core, event)) = self.events.pop_front() else {
                return;
            };
            let mut effects = Vec::new();
            self.shards[core.index()].step(self.now, event, &mut effects);
            for effect in effects {
                self.carry_out(core, effect);
            }
        }
        panic!("the broker does not come to rest");
    }

    fn carry_out(&mut self, core: CoreId, effect: Effect) {
        let connection = self.connection;
        let (to, event) = match effect {
            Effect::Admit { slot, .. } => {
                let bytes = self.announced.take().expect("a frame is announced");
                (
                    core,
                    Event::Frame {
                        connection,
                        slot,
                        bytes,
                    },
                )
            }
            Effect::Respond { slot, parts, .. } => (core, self.respond(slot, &parts)),
            Effect::Close { reason, .. } => panic!("the connection is closed: {reason}"),
            Effect::Send { to, message } => (
                to,
                Event::FromCore {
                    from: core,
                    message,
                },
            ),
            Effect::Disk { io, call } => {
                let result = call.perform(&self.disk);
                (core, Event::DiskDone { io, result })
            }
            Effect::Yield => (core, Event::Resume),
            Effect::Stopped => {
                self.stopped += 1;
                return;
            }
        };
        self.events.push_back((to, event));
    }

    fn respond(&mut self, slot: SlotId, parts: &[Part]) -> Event {
        let mut bytes = BytesMut::new();
        for part in parts {
            match part {
                Part::Bytes(part) => bytes.extend_from_slice(part),
                Part::File {
                    file,
                    position,
                    length,
                } => {
                    let mut buffer = vec![0; *length as usize];
                    let read = file
                        .read_at(*position, &mut buffer)
                        .expect("the disk is sound");
                    assert_eq!(
                        read,
                        buffer.len(),
                        "a response refers to bytes past a file's end"
                    );
                    bytes.extend_from_slice(&buffer);
                }
            }
        }
        let answer = bytes.split_off(4);
        self.answer = Some(answer.freeze());
        Event::Sent {
            connection: self.connection,
            slot,
        }
    }
}

/// A request's frame without its length.
fn encode<'a, M: Message<'a>>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::framed();
    let header = RequestHeader {
        api_key: M::KEY,
        api_version: version,
        correlation_id: 1,
        client_id: Some("fuzz"),
    };
    header.encode(&mut writer).expect("a header is encoded");
    message
        .encode(&mut writer, version)
        .expect("a request is encoded");
    let chunks = writer
        .finish()
        .expect("a frame is not that long")
        .into_iter();
    let mut bytes = BytesMut::new();
    for chunk in chunks {
        match chunk {
            Chunk::Bytes(chunk) => bytes.extend_from_slice(&chunk),
            Chunk::External { .. } => unreachable!("records are copied"),
        }
    }
    bytes.freeze().slice(4..)
}
