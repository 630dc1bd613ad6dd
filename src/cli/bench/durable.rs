//! What a durable write costs a core: issued and awaited by the broker's own runtime, with a lane
//! that does nothing else. And what a client's question costs that nothing is written for.

use super::super::CliError;
use super::super::latency::Latencies;
use super::{Bounds, Stopwatch, joined, lane};
use crate::runtime::Lane;
use crate::shard::{Effect, Event};
use crate::storage::call::{DiskCall, DiskReply};
use crate::storage::{AlignedBuffer, Disk, FileRef, RealDisk, journal};
use crate::types::{ConnectionId, CoreId, Instant, IoId, Now, Position, SlotId};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A durable write.
const BLOCK_BYTES: usize = 4096;
/// The space that writes go around in.
const FILE_BYTES: u64 = 16 << 20;
/// Questions asked to measure an echo.
const ECHOES: usize = 2_000;

const ECHO: u8 = 0;
const WRITE: u8 = 1;

/// What was measured.
pub(super) struct Durable {
    /// From issuing a write to having its end in hand.
    pub(super) writes: Latencies,
    /// From asking to having the answer, on the client's side.
    pub(super) echoes: Latencies,
}

/// Writes one block after the other into `path` until the time is up.
pub(super) fn measure(path: &Path, bounds: &Bounds) -> Result<Durable, CliError> {
    let failed = |error| CliError::io(path.display().to_string(), error);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let file = journal::prepare(&*disk, path, FILE_BYTES).map_err(failed)?;
    let writes = Arc::new(Mutex::new(Latencies::new()));
    let measured = Arc::clone(&writes);
    let make = move |_: CoreId| {
        Ok(WriteLane {
            file: file.clone(),
            at: 0,
            next_slot: SlotId::default(),
            next_io: IoId::default(),
            asked: None,
            measured: Arc::clone(&measured),
        })
    };
    let broker = lane::start(1, 1, disk, make)?;
    let (address, watch) = (broker.address(), bounds.start());
    let asked = joined(thread::spawn(move || ask(address, &watch)).join());
    broker.stop();
    let echoes = asked.map_err(failed)?;
    let mut writes = writes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Durable {
        writes: std::mem::replace(&mut writes, Latencies::new()),
        echoes,
    })
}

/// Asks for echoes, then for writes until the time is up.
fn ask(address: SocketAddr, watch: &Stopwatch) -> io::Result<Latencies> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut question = |what: u8| {
        stream.write_all(&[0, 0, 0, 1, what])?;
        stream.read_exact(&mut [0; 4])
    };
    let mut echoes = Latencies::new();
    for _ in 0..ECHOES {
        let asked = std::time::Instant::now();
        question(ECHO)?;
        echoes.record(asked.elapsed());
    }
    while !watch.is_over() {
        question(WRITE)?;
    }
    Ok(echoes)
}

/// Answers a question at once, or after a durable write.
struct WriteLane {
    file: FileRef,
    at: u64,
    next_slot: SlotId,
    next_io: IoId,
    /// Who waits for the write under way, and since when.
    asked: Option<(ConnectionId, SlotId, Instant)>,
    measured: Arc<Mutex<Latencies>>,
}

impl WriteLane {
    fn written(&mut self, now: Instant, result: &io::Result<DiskReply>, effects: &mut Vec<Effect>) {
        let Some((connection, slot, since)) = self.asked.take() else {
            return;
        };
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        measured.record(now.since(since));
        effects.push(lane::answer(connection, slot, result));
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
            } if *bytes == [WRITE] => {
                self.asked = Some((connection, slot, now.monotonic));
                let call = DiskCall::WriteJournal {
                    file: self.file.clone(),
                    position: Position::new(self.at),
                    bytes: AlignedBuffer::zeroed(BLOCK_BYTES),
                };
                self.at = (self.at + BLOCK_BYTES as u64) % FILE_BYTES;
                let io = self.next_io.take();
                effects.push(Effect::Disk { io, call });
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
