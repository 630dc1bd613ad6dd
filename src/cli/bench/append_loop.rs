//! The least that a durable broker must do with produced bytes: receive, check, append. By the
//! same runtime, with a lane that does nothing else.

use super::super::CliError;
use super::workload::Batch;
use super::{Bounds, Stopwatch, joined, report};
use crate::broker::Part;
use crate::config::Nodes;
use crate::runtime::{Broker, Lane, Listeners, Settings};
use crate::shard::{Effect, Event};
use crate::storage::{Disk, FileRef, OpenMode, RealDisk};
use crate::types::{ConnectionId, CoreId, Instant, Now, Position, SlotId};
use bytes::Bytes;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tempfile::TempDir;

/// Frames under way per connection.
const WINDOW: u64 = 64;

/// MB per second over all cores.
pub(super) fn measure(bounds: &Bounds, batch: &Batch) -> Result<f64, CliError> {
    let directory = TempDir::new_in(&bounds.directory)
        .map_err(|error| CliError::io(bounds.directory.display().to_string(), error))?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let settings = Settings {
        cores: bounds.cores,
        pin: true,
        connections_per_core_max: 16,
        frame_patience: Settings::FRAME_PATIENCE,
        disk: Arc::clone(&disk),
    };
    let bytes_per_core = bounds.bytes / u64::from(bounds.cores);
    let path = directory.path().to_owned();
    let make =
        move |core: CoreId| AppendLane::new(&*disk, &path.join(core.to_string()), bytes_per_core);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let start = Listeners::bind(listen, Nodes::Single, bounds.cores)
        .and_then(|listeners| Broker::start(listeners, &settings, make));
    let broker = start.map_err(|error| CliError::Message(error.to_string()))?;
    let watch = bounds.start();
    let frames = bytes_per_core / batch.bytes.len() as u64;
    let senders: Vec<_> = (0..bounds.cores)
        .map(|_| {
            let (address, watch, batch) = (broker.address(), watch.clone(), batch.bytes.clone());
            thread::spawn(move || send(address, &watch, frames, &batch))
        })
        .collect();
    let mut answered = 0;
    for sender in senders {
        answered += joined(sender.join())
            .map_err(|error| CliError::io("a connection of the loop", error))?;
    }
    let seconds = watch.seconds()?;
    broker.stop();
    let bytes = answered * batch.bytes.len() as u64;
    Ok(report::rounded(bytes as f64 / 1e6 / seconds))
}

/// Ships frames until the time or their number is over; says how many were answered.
fn send(address: SocketAddr, watch: &Stopwatch, frames: u64, batch: &Bytes) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let length = (batch.len() as u32).to_be_bytes();
    let (mut sent, mut answered) = (0, 0);
    let mut answer = [0; 4];
    while sent < frames.max(1) && !watch.is_over() {
        stream.write_all(&length)?;
        stream.write_all(batch)?;
        sent += 1;
        if sent - answered >= WINDOW {
            stream.read_exact(&mut answer)?;
            answered += 1;
        }
    }
    while answered < sent {
        stream.read_exact(&mut answer)?;
        answered += 1;
    }
    Ok(answered)
}

/// Appends every frame to one file, checksummed, and answers with an empty frame.
struct AppendLane {
    file: FileRef,
    end: Position,
    next_slot: SlotId,
}

impl AppendLane {
    fn new(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::CreateNew)?;
        file.reserve(Position::new(bytes))?;
        Ok(Self {
            file,
            end: Position::ZERO,
            next_slot: SlotId::default(),
        })
    }

    fn append(&mut self, bytes: &Bytes) -> io::Result<u32> {
        let checksum = crc32c::crc32c(bytes);
        self.file.write_at(self.end, &[IoSlice::new(bytes)])?;
        self.end = self.end.advanced(bytes.len() as u64);
        Ok(checksum)
    }

    fn answer(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        bytes: &Bytes,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(match self.append(bytes) {
            Ok(checksum) => {
                std::hint::black_box(checksum);
                Effect::Respond {
                    connection,
                    slot,
                    parts: vec![Part::Bytes(Bytes::from_static(&[0; 4]))],
                }
            }
            Err(error) => Effect::Close {
                connection,
                reason: error.to_string(),
            },
        });
    }
}

impl Lane for AppendLane {
    fn step(&mut self, _: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Announced { connection, length } => effects.push(Effect::Admit {
                connection,
                slot: self.next_slot.take(),
                length: u32::try_from(length).unwrap_or(0),
            }),
            Event::Frame {
                connection,
                slot,
                bytes,
            } => self.answer(connection, slot, &bytes, effects),
            Event::Stop => effects.push(Effect::Stopped),
            Event::Opened { .. }
            | Event::Sent { .. }
            | Event::Closed { .. }
            | Event::FromCore { .. }
            | Event::DiskDone { .. }
            | Event::Resume
            | Event::Tick => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
