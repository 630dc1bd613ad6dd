//! One life of the broker: its shards, the messages between them, the disk calls under way. Only
//! what the runtime would promise is promised here: messages are in order between two cores, disk
//! calls are performed and told of in any order, a connection's events are in its own order.

use crate::disturbance::Trouble;
use crate::history::When;
use crate::network::{Key, Move, Network};
use crate::trace::Trace;
use bytes::{Bytes, BytesMut};
use corelane::broker::Part;
use corelane::shard::{Effect, Event, Message, Now, Shard};
use corelane::storage::Disk;
use corelane::storage::call::{DiskCall, DiskReply};
use corelane::storage::memory_disk::MemoryDisk;
use corelane::types::{ConnectionId, CoreId, Instant, IoId};
use std::collections::{BTreeMap, VecDeque};
use std::io;

#[derive(Debug)]
pub(crate) struct Process {
    shards: Vec<Shard>,
    inboxes: BTreeMap<(CoreId, CoreId), VecDeque<Message>>,
    issued: Vec<(CoreId, IoId, DiskCall)>,
    ended: Vec<Ended>,
    /// Cores that gave their turn away.
    yielding: Vec<CoreId>,
    /// Cores that were not told to stop yet, once a clean stop has begun.
    unstopped: Option<Vec<CoreId>>,
    stopped: Vec<bool>,
    effects: Vec<Effect>,
}

/// A disk call that was performed, which its core does not know yet.
#[derive(Debug)]
struct Ended {
    core: CoreId,
    io: IoId,
    what: String,
    result: io::Result<DiskReply>,
}

/// The world around a step of a shard.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Now,
    pub(crate) disk: &'a MemoryDisk,
    pub(crate) network: &'a mut Network,
    pub(crate) trace: &'a mut Trace,
    pub(crate) when: When,
    pub(crate) trouble: Trouble,
}

impl Process {
    pub(crate) fn new(shards: Vec<Shard>) -> Self {
        Self {
            stopped: vec![false; shards.len()],
            shards,
            inboxes: BTreeMap::new(),
            issued: Vec::new(),
            ended: Vec::new(),
            yielding: Vec::new(),
            unstopped: None,
            effects: Vec::new(),
        }
    }

    /// Pairs of cores that have messages under way.
    pub(crate) fn pairs(&self) -> usize {
        self.inboxes.len()
    }

    pub(crate) fn issued(&self) -> usize {
        self.issued.len()
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.len()
    }

    pub(crate) fn yielding(&self) -> usize {
        self.yielding.len()
    }

    pub(crate) fn unstopped(&self) -> usize {
        self.unstopped.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.unstopped.is_some()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.iter().all(|stopped| *stopped)
    }

    /// Cores whose deadline is reached.
    pub(crate) fn due(&self, now: Instant) -> Vec<CoreId> {
        let cores = (0..).map(CoreId::new).zip(&self.shards);
        let due = cores.filter(|(core, shard)| {
            !self.stopped[core.index()] && shard.next_deadline().is_some_and(|at| at <= now)
        });
        due.map(|(core, _)| core).collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.shards.iter().filter_map(Shard::next_deadline).min()
    }

    /// Begins a clean stop.
    pub(crate) fn begin_stop(&mut self) {
        let cores = (0..self.shards.len() as u16).map(CoreId::new);
        self.unstopped = Some(cores.collect());
    }

    /// Tells one core to stop.
    pub(crate) fn stop_one(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let cores = self.unstopped.as_mut().expect("a stop has begun");
        let core = cores.swap_remove(index);
        if self.stopped[core.index()] {
            // It heard of the stop from another core, and was the last to flush.
            return;
        }
        self.step(core, Event::Stop, around);
    }

    pub(crate) fn tick(&mut self, core: CoreId, around: &mut Surroundings<'_>) {
        self.step(core, Event::Tick, around);
    }

    /// Gives a core its turn back.
    pub(crate) fn resume(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let core = self.yielding.swap_remove(index);
        self.step(core, Event::Resume, around);
    }

    /// Hands over the next message of one pair of cores.
    pub(crate) fn pass_message(&mut self, pair: usize, around: &mut Surroundings<'_>) {
        let pair = *self
            .inboxes
            .keys()
            .nth(pair)
            .expect("the pair has messages");
        let queue = self.inboxes.get_mut(&pair).expect("the pair has messages");
        let message = queue.pop_front().expect("queues are not empty");
        if queue.is_empty() {
            self.inboxes.remove(&pair);
        }
        let (from, to) = pair;
        if self.stopped[to.index()] {
            return;
        }
        self.step(to, Event::FromCore { from, message }, around);
    }

    /// Does what a disk call says; its core does not know yet.
    pub(crate) fn perform(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let (core, io, call) = self.issued.swap_remove(index);
        let what = call.describe();
        let begun = around.disk.operations();
        let result = call.perform(around.disk as &dyn Disk);
        let outcome = match &result {
            Ok(_) => "done".to_owned(),
            Err(error) => {
                let operations = around.disk.operations() - begun;
                format!("{error} in operation {operations}")
            }
        };
        around
            .trace
            .note(format_args!("disk: core {core} io {io} {what}: {outcome}"));
        let ended = Ended {
            core,
            io,
            what,
            result,
        };
        self.ended.push(ended);
    }

    /// Tells a core how a disk call ended.
    pub(crate) fn complete(&mut self, index: usize, around: &mut Surroundings<'_>) {
        let ended = self.ended.swap_remove(index);
        let Ended {
            core, io, result, ..
        } = ended;
        if !self.stopped[core.index()] {
            self.step(core, Event::DiskDone { io, result }, around);
        }
    }

    /// Does what can happen on a connection on the core's side.
    pub(crate) fn network(&mut self, key: Key, which: Move, around: &mut Surroundings<'_>) {
        let connection = ConnectionId::new(key);
        let link = around.network.get(key);
        let core = link.core;
        if self.stopped[core.index()] {
            return around.network.ended(key);
        }
        let event = match which {
            Move::Open => {
                link.open();
                let peer = format!("client-{}", link.client);
                Event::Opened {
                    connection,
                    peer,
                    own_node: link.own_node,
                }
            }
            Move::Announce => Event::Announced {
                connection,
                length: link.take_prefix(),
            },
            Move::Body => {
                let (slot, bytes) = link.take_body();
                Event::Frame {
                    connection,
                    slot,
                    bytes,
                }
            }
            Move::Send => {
                let (slot, parts) = link.take_response();
                match gather(&parts) {
                    Ok(Some(frame)) => link.deliver(frame, around.when, around.trouble),
                    Ok(None) => {}
                    Err(error) => {
                        assert!(around.trouble.failed, "a range cannot be read: {error}");
                        around.network.ended(key);
                        return self.step(core, Event::Closed { connection }, around);
                    }
                }
                Event::Sent { connection, slot }
            }
            Move::Close => {
                around.network.ended(key);
                Event::Closed { connection }
            }
            Move::Receive | Move::Hangup => unreachable!("these are the client's"),
        };
        self.step(core, event, around);
    }

    fn step(&mut self, core: CoreId, event: Event, around: &mut Surroundings<'_>) {
        around
            .trace
            .note(format_args!("core {core}: {}", describe(&event)));
        assert!(
            !self.stopped[core.index()],
            "core {core} has stopped, and hears of {event:?}"
        );
        let mut effects = std::mem::take(&mut self.effects);
        self.shards[core.index()].step(around.now, event, &mut effects);
        if around.disk.is_crashed() {
            // The process died on the way: nobody carries out what it wanted.
            effects.clear();
        }
        for effect in effects.drain(..) {
            self.carry_out(core, effect, around);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, core: CoreId, effect: Effect, around: &mut Surroundings<'_>) {
        assert!(
            !self.stopped[core.index()],
            "core {core} stopped, and then wants {effect:?}"
        );
        match effect {
            Effect::Admit {
                connection,
                slot,
                length,
            } => {
                around.network.admit(connection.get(), slot, length);
            }
            Effect::Respond {
                connection,
                slot,
                parts,
            } => {
                let length: usize = parts.iter().map(Part::length).sum();
                let what = format_args!("core {core} answers {connection}/{slot}: {length} bytes");
                around.trace.note(what);
                around.network.respond(connection.get(), slot, parts);
            }
            Effect::Close { connection, reason } => {
                around
                    .trace
                    .note(format_args!("core {core} closes {connection}: {reason}"));
                around.network.close(connection.get());
            }
            Effect::Send { to, message } => {
                assert_ne!(to, core, "a message to oneself stays inside");
                self.inboxes
                    .entry((core, to))
                    .or_default()
                    .push_back(message);
            }
            Effect::Disk { io, call } => {
                around.trace.note(format_args!(
                    "core {core} wants io {io}: {}",
                    call.describe()
                ));
                self.issued.push((core, io, call));
            }
            Effect::Yield => {
                assert!(!self.yielding.contains(&core), "one turn is given once");
                self.yielding.push(core);
            }
            Effect::Stopped => {
                assert!(!self.yielding.contains(&core), "core {core} has more to do");
                around.trace.note(format_args!("core {core} has stopped"));
                self.stopped[core.index()] = true;
                let issued = self.issued.iter();
                let issued = issued.map(|(owner, _, call)| (*owner, call.describe()));
                let ended = self.ended.iter();
                let ended = ended.map(|call| (call.core, call.what.clone()));
                // What is left of deleted topics goes at the next start.
                let owed = |(owner, what): &(CoreId, String)| {
                    *owner == core && !what.starts_with("removing")
                };
                let owed = issued.chain(ended).find(owed);
                assert!(owed.is_none(), "core {core} stopped, and owes {owed:?}");
            }
        }
    }

    /// What is under way, for messages to people.
    pub(crate) fn describe(&self) -> String {
        let calls: Vec<String> = self
            .issued
            .iter()
            .map(|(_, _, call)| call.describe())
            .collect();
        let (messages, ended) = (self.inboxes.len(), self.ended.len());
        format!("  {messages} pairs with messages, {ended} calls ended, issued: {calls:?}\n")
    }
}

/// The bytes of a response without its length prefix, which must be right; `None` if it is empty.
fn gather(parts: &[Part]) -> io::Result<Option<Bytes>> {
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
                let read = file.read_at(*position, &mut buffer)?;
                assert_eq!(
                    read,
                    buffer.len(),
                    "a response refers to bytes past its file's end"
                );
                bytes.extend_from_slice(&buffer);
            }
        }
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let prefix: [u8; 4] = bytes.split_to(4).as_ref().try_into().expect("four bytes");
    assert_eq!(
        u32::from_be_bytes(prefix) as usize,
        bytes.len(),
        "a response's length is wrong"
    );
    Ok(Some(bytes.freeze()))
}

fn describe(event: &Event) -> String {
    match event {
        Event::Opened {
            connection,
            own_node,
            ..
        } => format!("{connection} opens ({own_node})"),
        Event::Announced { connection, length } => format!("{connection} announces {length}"),
        Event::Frame {
            connection,
            slot,
            bytes,
        } => {
            let crc = crc32c::crc32c(bytes);
            format!("{connection}/{slot} sends {} bytes, {crc:08x}", bytes.len())
        }
        Event::Sent { connection, slot } => format!("{connection}/{slot} is sent"),
        Event::Closed { connection } => format!("{connection} is gone"),
        Event::FromCore { from, message } => format!("core {from} says {}", name(message)),
        Event::DiskDone { io, result } => format!("io {io} ended, {}", result.is_ok()),
        Event::Resume => "resume".to_owned(),
        Event::Tick => "tick".to_owned(),
        Event::Stop => "stop".to_owned(),
    }
}

fn name(message: &Message) -> String {
    match message {
        Message::Request { id, .. } => format!("request {id}"),
        Message::Reply { id, .. } => format!("reply {id}"),
        Message::Wake { id } => format!("wake {id}"),
        Message::Moved { session, partition } => format!("moved {partition} in {session}"),
        Message::Catalog(_) => "catalog".to_owned(),
        Message::CatalogApplied => "catalog applied".to_owned(),
        Message::Flushed { clean } => format!("flushed {clean}"),
        Message::Farewell => "farewell".to_owned(),
    }
}
