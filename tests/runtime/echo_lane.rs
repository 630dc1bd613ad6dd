//! A lane that answers frames by themselves, and does what a frame's first byte asks for.

use bytes::Bytes;
use corelane::broker::Part;
use corelane::config::Nodes;
use corelane::runtime::{Broker, Lane, Listeners, Settings};
use corelane::shard::{Effect, Event, Now};
use corelane::storage::disk::DirectoryEntry;
use corelane::storage::{Disk, FileRef, OpenMode, Volume};
use corelane::types::{ConnectionId, Instant, Position, SlotId};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Frames that start with this are answered after 5 ms.
pub(crate) const LATER: u8 = 1;
/// Frames that start with this and a big endian u32 are answered with that many zeros.
pub(crate) const MANY: u8 = 2;
/// Frames that start with this are answered, and the connection is closed.
pub(crate) const LAST: u8 = 3;
/// Frames that start with this get no answer.
pub(crate) const SILENT: u8 = 4;
/// Frames that start with this and two big endian u32 are answered with that range of the file.
pub(crate) const RANGE: u8 = 5;
/// Frames that start with this and a number are answered after the lane gave its turn away as often.
pub(crate) const YIELDING: u8 = 6;
/// Frames that start with this are signs of life.
pub(crate) const LIVING: u8 = 7;

const FRAME_BYTES_MAX: i32 = 64 * 1024 * 1024;
const SLOTS_MAX: usize = 64;

#[derive(Default)]
struct Connection {
    next_slot: SlotId,
    in_use: usize,
    announced: Option<u32>,
    // Answers wait for their turn here; `None` while one is not ready.
    answers: VecDeque<(SlotId, Option<Vec<Part>>)>,
}

#[derive(Default)]
pub(crate) struct EchoLane {
    connections: BTreeMap<ConnectionId, Connection>,
    later: VecDeque<(Instant, ConnectionId, SlotId, Bytes)>,
    yielding: Option<(u8, ConnectionId, SlotId, Bytes)>,
    file: Option<FileRef>,
}

fn framed(bytes: Bytes) -> Vec<Part> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    vec![
        Part::Bytes(Bytes::copy_from_slice(&length)),
        Part::Bytes(bytes),
    ]
}

impl EchoLane {
    /// A lane that answers from a file.
    pub(crate) fn of(file: FileRef) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }

    fn admit(&mut self, id: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.in_use == SLOTS_MAX {
            return;
        }
        if let Some(length) = connection.announced.take() {
            connection.in_use += 1;
            let slot = connection.next_slot.take();
            connection.answers.push_back((slot, None));
            effects.push(Effect::Admit {
                connection: id,
                slot,
                length,
            });
        }
    }

    fn answer(
        &mut self,
        id: ConnectionId,
        slot: SlotId,
        parts: Vec<Part>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let place = connection.answers.iter_mut().find(|(of, _)| *of == slot);
        place.unwrap().1 = Some(parts);
        while let Some((_, Some(_))) = connection.answers.front() {
            let (slot, parts) = connection.answers.pop_front().unwrap();
            effects.push(Effect::Respond {
                connection: id,
                slot,
                parts: parts.unwrap(),
            });
        }
    }

    fn frame(
        &mut self,
        now: Now,
        id: ConnectionId,
        slot: SlotId,
        bytes: Bytes,
        effects: &mut Vec<Effect>,
    ) {
        match bytes.first() {
            Some(&LATER) => {
                let due = now.monotonic.after(Duration::from_millis(5));
                self.later.push_back((due, id, slot, bytes));
            }
            Some(&MANY) => {
                let count = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
                let zeros = Bytes::from(vec![0; count as usize]);
                self.answer(id, slot, framed(zeros), effects);
            }
            Some(&LAST) => {
                self.answer(id, slot, framed(bytes), effects);
                effects.push(Effect::Close {
                    connection: id,
                    reason: "asked to".to_owned(),
                });
            }
            Some(&RANGE) => {
                let number = |at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
                let (position, length) = (number(1), number(5));
                let parts = vec![
                    Part::Bytes(Bytes::copy_from_slice(&length.to_be_bytes())),
                    Part::File {
                        file: self.file.clone().unwrap(),
                        position: Position::new(position.into()),
                        length,
                    },
                ];
                self.answer(id, slot, parts, effects);
            }
            Some(&YIELDING) => {
                self.yielding = Some((bytes[1], id, slot, bytes));
                effects.push(Effect::Yield);
            }
            Some(&SILENT) => self.answer(id, slot, vec![], effects),
            _ => self.answer(id, slot, framed(bytes), effects),
        }
    }
}

impl Lane for EchoLane {
    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Opened { connection, .. } => {
                let before = self.connections.insert(connection, Connection::default());
                assert!(before.is_none(), "ids are never used again");
            }
            Event::Announced { connection, length } => {
                if !(0..=FRAME_BYTES_MAX).contains(&length) {
                    effects.push(Effect::Close {
                        connection,
                        reason: format!("a frame of {length} bytes"),
                    });
                    return;
                }
                let state = self.connections.get_mut(&connection).unwrap();
                state.announced = Some(length as u32);
                self.admit(connection, effects);
            }
            Event::Frame {
                connection,
                slot,
                bytes,
            } => self.frame(now, connection, slot, bytes, effects),
            Event::Sent { connection, .. } => {
                self.connections.get_mut(&connection).unwrap().in_use -= 1;
                self.admit(connection, effects);
            }
            Event::Closed { connection } => {
                self.connections.remove(&connection).unwrap();
            }
            Event::Resume => {
                let (turns, id, slot, bytes) = self.yielding.take().expect("it yielded");
                if turns == 0 {
                    self.answer(id, slot, framed(bytes), effects);
                } else {
                    self.yielding = Some((turns - 1, id, slot, bytes));
                    effects.push(Effect::Yield);
                }
            }
            Event::Tick => {
                while self
                    .later
                    .front()
                    .is_some_and(|(due, ..)| *due <= now.monotonic)
                {
                    let (_, id, slot, bytes) = self.later.pop_front().unwrap();
                    self.answer(id, slot, framed(bytes), effects);
                }
            }
            Event::Stop => effects.push(Effect::Stopped),
            Event::FromCore { .. } | Event::DiskDone { .. } => unreachable!("nothing was asked"),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.later.front().map(|(due, ..)| *due)
    }

    fn is_sign_of_life(frame: &[u8]) -> bool {
        frame.first() == Some(&LIVING)
    }
}

/// A disk that nobody uses.
#[derive(Debug)]
pub(crate) struct NoDisk;

fn unused<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Disk for NoDisk {
    fn open(&self, _: &Path, _: OpenMode) -> io::Result<FileRef> {
        unused()
    }
    fn create_directory(&self, _: &Path) -> io::Result<()> {
        unused()
    }
    fn list(&self, _: &Path) -> io::Result<Vec<DirectoryEntry>> {
        unused()
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        unused()
    }
    fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        unused()
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        unused()
    }
    fn remove_directory(&self, _: &Path) -> io::Result<()> {
        unused()
    }
    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        unused()
    }

    fn volume(&self, _: &Path) -> io::Result<Volume> {
        unused()
    }
}

/// Settings for tests: any free port, no pinning.
pub(crate) fn settings(cores: u16) -> Settings {
    Settings {
        cores,
        pin: false,
        connections_per_core_max: 1_000,
        frame_patience: Settings::FRAME_PATIENCE,
        disk: Arc::new(NoDisk),
    }
}

pub(crate) fn listeners(nodes: Nodes, cores: u16) -> Listeners {
    Listeners::bind(SocketAddr::from(([127, 0, 0, 1], 0)), nodes, cores).unwrap()
}

/// A broker of echo lanes.
pub(crate) fn start(cores: u16) -> Broker {
    let listeners = listeners(Nodes::Single, cores);
    let make = |_| Ok::<_, Infallible>(EchoLane::default());
    Broker::start(listeners, &settings(cores), make).unwrap()
}
