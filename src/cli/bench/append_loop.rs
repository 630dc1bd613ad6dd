//! The least that a durable broker must do with produced bytes: receive, check, append. By the
//! same runtime, with a lane that does nothing else.

use super::super::CliError;
use super::lane;
use super::segments::{SEGMENT_BYTES_MAX, Segments};
use super::workload::Batch;
use super::{Bounds, DISK_BYTES_MAX, Stopwatch, joined, report};
use crate::runtime::Lane;
use crate::shard::{Effect, Event};
use crate::storage::call::DiskReply;
use crate::storage::{Disk, RealDisk};
use crate::types::{ConnectionId, CoreId, Instant, IoId, Now, SlotId};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use tempfile::TempDir;

/// Frames under way per connection, as many as of a produce load.
const WINDOW: u64 = 16;

/// MB per second over all cores.
pub(super) fn measure(bounds: &Bounds, batch: &Batch) -> Result<f64, CliError> {
    let directory = TempDir::new_in(&bounds.directory)
        .map_err(|error| CliError::io(bounds.directory.display().to_string(), error))?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let bytes_per_core = bounds.bytes / u64::from(bounds.cores);
    let kept = DISK_BYTES_MAX / u64::from(bounds.cores) / SEGMENT_BYTES_MAX;
    let path = directory.path().to_owned();
    let lanes_disk = Arc::clone(&disk);
    let make = move |core: CoreId| {
        let directory = path.join(core.to_string());
        lanes_disk
            .create_directory(&directory)
            .map(|()| AppendLane {
                segments: Segments::new(directory, bytes_per_core, kept as usize),
                waiting: VecDeque::new(),
                next_slot: SlotId::default(),
            })
    };
    let broker = lane::start(bounds.cores, 16, disk, make)?;
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

/// Appends every frame, checksummed, and answers with an empty frame.
struct AppendLane {
    segments: Segments,
    /// Frames that came before there was a segment for them; the senders' windows bound them.
    waiting: VecDeque<(ConnectionId, SlotId, Bytes)>,
    next_slot: SlotId,
}

impl AppendLane {
    /// A frame that finds a place is appended, one that does not waits for the next segment.
    fn take(
        &mut self,
        connection: ConnectionId,
        slot: SlotId,
        bytes: Bytes,
        effects: &mut Vec<Effect>,
    ) {
        let Some((file, position)) = self.segments.place(bytes.len() as u64, effects) else {
            return self.waiting.push_back((connection, slot, bytes));
        };
        std::hint::black_box(crc32c::crc32c(&bytes));
        let written = file.write_at(position, &[IoSlice::new(&bytes)]);
        effects.push(lane::answer(connection, slot, &written));
    }

    fn disk_done(&mut self, io: IoId, result: io::Result<DiskReply>, effects: &mut Vec<Effect>) {
        if let Err(error) = self.segments.done(io, result) {
            let connections = self.waiting.drain(..).map(|(connection, ..)| connection);
            effects.extend(connections.map(|connection| lane::close(connection, &error)));
        }
        for (connection, slot, bytes) in std::mem::take(&mut self.waiting) {
            self.take(connection, slot, bytes, effects);
        }
    }
}

impl Lane for AppendLane {
    fn step(&mut self, _: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Announced { connection, length } => {
                effects.push(lane::admit(&mut self.next_slot, connection, length));
            }
            Event::Frame {
                connection,
                slot,
                bytes,
            } => self.take(connection, slot, bytes, effects),
            Event::DiskDone { io, result } => self.disk_done(io, result, effects),
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
