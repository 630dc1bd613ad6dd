//! What a durable write costs a core: issued and awaited by the broker's own runtime, with a lane
//! that does nothing else. And what a client's question costs that nothing is written for.
//!
//! Closed loop: one write after the other. Open loop: batches come at fixed times, as those of
//! clients do, and the ones that come during a write share the next. What a stall of the device
//! delays is counted for each of them, so a broker's acks can be compared with it.

use super::super::CliError;
use super::super::latency::Latencies;
use super::pace::Pace;
use super::{Bounds, Stopwatch, joined, lane};
use crate::runtime::{Broker, Lane};
use crate::shard::{Effect, Event};
use crate::storage::call::{DiskCall, DiskReply};
use crate::storage::disk::DIRECT_ALIGNMENT;
use crate::storage::{AlignedBuffer, Disk, FileRef, RealDisk, journal};
use crate::types::{ConnectionId, CoreId, Instant, IoId, Now, Position, SlotId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

/// What the closed loop writes at once.
const BLOCK_BYTES: usize = 4096;
/// The space that writes go around in.
const FILE_BYTES: usize = 16 << 20;
/// What batches that share a write have together, at most, unless it is one.
const WRITE_BYTES_MAX: usize = 1 << 20;
/// Questions asked to measure an echo.
const ECHOES: usize = 2_000;
/// Unanswered batches past which an open loop is hopeless and waits.
const BACKLOG_MAX: usize = 4_096;

/// A frame of this size is answered at once; any other is written first.
const ECHO_BYTES: usize = 1;

/// What the closed loop measured.
pub(super) struct Durable {
    /// From issuing a write to having its end in hand.
    pub(super) writes: Latencies,
    /// From asking to having the answer, on the client's side.
    pub(super) echoes: Latencies,
}

/// What an open loop asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) batches_per_s: f64,
    pub(super) batch_bytes: usize,
}

type Writes = Arc<Mutex<Latencies>>;

/// Writes one block after the other into `path` until the time is up.
pub(super) fn measure(path: &Path, bounds: &Bounds) -> Result<Durable, CliError> {
    let writes = Writes::new(Mutex::new(Latencies::new()));
    let broker = start(path, &writes)?;
    let (address, watch) = (broker.address(), bounds.start());
    let asked = joined(thread::spawn(move || ask(address, &watch)).join());
    broker.stop();
    let echoes = asked.map_err(|error| CliError::io(path.display().to_string(), error))?;
    let mut writes = writes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Durable {
        writes: std::mem::replace(&mut writes, Latencies::new()),
        echoes,
    })
}

/// Has batches written into `path` until the time is up. Latencies are the client's, from when
/// sending was due.
pub(super) fn measure_open(
    path: &Path,
    bounds: &Bounds,
    load: Load,
) -> Result<Latencies, CliError> {
    let broker = start(path, &Writes::new(Mutex::new(Latencies::new())))?;
    let asked = ask_at(broker.address(), &bounds.start(), load);
    broker.stop();
    asked.map_err(|error| CliError::io(path.display().to_string(), error))
}

fn start(path: &Path, writes: &Writes) -> Result<Broker, CliError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let file = journal::prepare(&*disk, path, FILE_BYTES as u64)
        .map_err(|error| CliError::io(path.display().to_string(), error))?;
    let writes = Arc::clone(writes);
    let make = move |_: CoreId| {
        Ok(WriteLane {
            file: file.clone(),
            at: 0,
            next_slot: SlotId::default(),
            next_io: IoId::default(),
            waiting: VecDeque::new(),
            under_way: Vec::new(),
            issued: Instant::default(),
            writes: Arc::clone(&writes),
        })
    };
    lane::start(1, 1, disk, make)
}

/// Asks for echoes, then for writes until the time is up.
fn ask(address: SocketAddr, watch: &Stopwatch) -> io::Result<Latencies> {
    let mut stream = connect(address)?;
    let mut question = |frame: &[u8]| {
        stream.write_all(frame)?;
        stream.read_exact(&mut [0; 4])
    };
    let (echo, block) = (frame(ECHO_BYTES), frame(BLOCK_BYTES));
    let mut echoes = Latencies::new();
    for _ in 0..ECHOES {
        let asked = std::time::Instant::now();
        question(&echo)?;
        echoes.record(asked.elapsed());
    }
    while !watch.is_over() {
        question(&block)?;
    }
    Ok(echoes)
}

/// Asks for writes when they are due, until the time is up.
fn ask_at(address: SocketAddr, watch: &Stopwatch, load: Load) -> io::Result<Latencies> {
    let stream = connect(address)?;
    let batch = frame(load.batch_bytes.max(ECHO_BYTES + 1));
    let (asked, answered) = mpsc::sync_channel::<std::time::Instant>(BACKLOG_MAX);
    thread::scope(|scope| {
        let mut answers = &stream;
        let receiving = scope.spawn(move || {
            let mut latencies = Latencies::new();
            for due in answered {
                answers.read_exact(&mut [0; 4])?;
                latencies.record(due.elapsed());
            }
            Ok(latencies)
        });
        let pace = Pace::new(load.batches_per_s);
        for number in 0.. {
            let due = pace.wait(number);
            if watch.is_over() || asked.send(due).is_err() {
                break;
            }
            (&stream).write_all(&batch)?;
        }
        drop(asked);
        joined(receiving.join())
    })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A frame whose body has so many bytes.
fn frame(bytes: usize) -> Vec<u8> {
    let mut frame = (bytes as u32).to_be_bytes().to_vec();
    frame.resize(frame.len() + bytes, 0);
    frame
}

/// A batch that is to be written before it is answered.
struct Asked {
    connection: ConnectionId,
    slot: SlotId,
    bytes: Bytes,
}

/// Answers a question at once, or after a durable write. What comes during a write shares the next.
struct WriteLane {
    file: FileRef,
    at: usize,
    next_slot: SlotId,
    next_io: IoId,
    waiting: VecDeque<Asked>,
    under_way: Vec<Asked>,
    /// When the write under way was issued.
    issued: Instant,
    writes: Writes,
}

impl WriteLane {
    /// Writes what waits, unless a write is under way.
    fn write(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if !self.under_way.is_empty() {
            return;
        }
        let mut length = 0;
        while let Some(next) = self.waiting.front()
            && (length == 0 || length + next.bytes.len() <= WRITE_BYTES_MAX)
        {
            length += next.bytes.len();
            self.under_way.extend(self.waiting.pop_front());
        }
        if length == 0 {
            return;
        }
        let mut bytes = AlignedBuffer::zeroed(length.next_multiple_of(DIRECT_ALIGNMENT));
        let mut rest = bytes.as_mut_slice();
        for asked in &self.under_way {
            let (place, after) = rest.split_at_mut(asked.bytes.len());
            place.copy_from_slice(&asked.bytes);
            rest = after;
        }
        let length = bytes.as_slice().len();
        if self.at + length > FILE_BYTES {
            self.at = 0;
        }
        let position = Position::new(self.at as u64);
        self.at += length;
        self.issued = now;
        let call = DiskCall::WriteJournal {
            file: self.file.clone(),
            position,
            bytes,
        };
        let io = self.next_io.take();
        effects.push(Effect::Disk { io, call });
    }

    fn written(&mut self, now: Instant, result: &io::Result<DiskReply>, effects: &mut Vec<Effect>) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.record(now.since(self.issued));
        drop(writes);
        for asked in self.under_way.drain(..) {
            effects.push(lane::answer(asked.connection, asked.slot, result));
        }
        self.write(now, effects);
    }
}

impl Lane for WriteLane {
    fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Announced { connection, length } => {
                effects.push(lane::admit(&mut self.next_slot, connection, length));
            }
            Event::Frame {
                connection,
                slot,
                bytes,
            } if bytes.len() > ECHO_BYTES => {
                self.waiting.push_back(Asked {
                    connection,
                    slot,
                    bytes,
                });
                self.write(now.monotonic, effects);
            }
            Event::Frame {
                connection, slot, ..
            } => effects.push(lane::answer(connection, slot, &Ok(()))),
            Event::DiskDone { result, .. } => self.written(now.monotonic, &result, effects),
            Event::Stop => effects.push(Effect::Stopped),
            Event::Opened { .. }
            | Event::Sent { .. }
            | Event::Closed { .. }
            | Event::FromCore { .. }
            | Event::Resume
            | Event::Tick => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
