//! Connections between clients and cores: two byte streams each, either of which may be as slow as
//! the scheduler likes, and ends that may be gone.

use crate::disturbance::Trouble;
use crate::history::When;
use bytes::{Buf, Bytes, BytesMut};
use corelane::broker::Part;
use corelane::types::{CoreId, SlotId};
use std::collections::{BTreeMap, VecDeque};

/// Names a connection in a world; also its id on its core.
pub(crate) type Key = u64;

/// A response on its way to a client.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Without the length prefix.
    pub(crate) frame: Bytes,
    /// When the broker sent it.
    pub(crate) when: When,
    /// What the disk had done by then.
    pub(crate) trouble: Trouble,
}

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Prefix,
    Announced,
    Body(SlotId, usize),
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: usize,
    pub(crate) core: CoreId,
    pub(crate) own_node: bool,
    opened: bool,
    to_broker: BytesMut,
    reading: Reading,
    responses: VecDeque<(SlotId, Vec<Part>)>,
    closing: bool,
    broker_gone: bool,
    client_gone: bool,
    to_client: VecDeque<Delivery>,
}

/// Something that can happen on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The core hears of the connection.
    Open,
    /// The core reads a length.
    Announce,
    /// The core reads a body.
    Body,
    /// The core sends its next response.
    Send,
    /// The core hears of the end.
    Close,
    /// The client reads a response.
    Receive,
    /// The client hears of the end.
    Hangup,
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    connections: BTreeMap<Key, Connection>,
    next: Key,
    /// How many cores listen; none while the broker is down.
    pub(crate) cores: u16,
    /// The leader epoch of the broker that listens.
    pub(crate) epoch: i32,
}

impl Network {
    /// Connects a client, unless the broker is down.
    pub(crate) fn connect(&mut self, client: usize, core: u16, own_node: bool) -> Option<Key> {
        if core >= self.cores {
            return None;
        }
        let key = self.next;
        self.next += 1;
        let connection = Connection {
            client,
            core: CoreId::new(core),
            own_node,
            opened: false,
            to_broker: BytesMut::new(),
            reading: Reading::Prefix,
            responses: VecDeque::new(),
            closing: false,
            broker_gone: false,
            client_gone: false,
            to_client: VecDeque::new(),
        };
        self.connections.insert(key, connection);
        Some(key)
    }

    /// A client writes.
    pub(crate) fn write(&mut self, key: Key, bytes: &[u8]) {
        let connection = self.get(key);
        assert!(
            !connection.client_gone,
            "a client writes to its own connections"
        );
        if !connection.broker_gone {
            connection.to_broker.extend_from_slice(bytes);
        }
    }

    /// A client leaves.
    pub(crate) fn disconnect(&mut self, key: Key) {
        let connection = self.get(key);
        connection.client_gone = true;
        connection.to_client.clear();
        if connection.broker_gone {
            self.connections.remove(&key);
        }
    }

    /// Lets a frame's body in.
    pub(crate) fn admit(&mut self, key: Key, slot: SlotId, length: u32) {
        let connection = self.get(key);
        assert_eq!(
            connection.reading,
            Reading::Announced,
            "admitted without being announced"
        );
        connection.reading = Reading::Body(slot, length as usize);
    }

    /// Queues a response; `false` if the connection ended in the meantime.
    pub(crate) fn respond(&mut self, key: Key, slot: SlotId, parts: Vec<Part>) -> bool {
        let connection = self.get(key);
        if !connection.closing {
            connection.responses.push_back((slot, parts));
        }
        !connection.closing
    }

    /// The core ends a connection.
    pub(crate) fn close(&mut self, key: Key) {
        let connection = self.get(key);
        assert!(!connection.closing, "a connection is closed once");
        connection.closing = true;
    }

    /// Everything that can happen now. Without `new_frames` the core reads nothing new.
    pub(crate) fn moves(&self, moves: &mut Vec<(Key, Move)>) {
        moves.clear();
        for (key, connection) in &self.connections {
            connection.moves(|which| moves.push((*key, which)));
        }
    }

    pub(crate) fn get(&mut self, key: Key) -> &mut Connection {
        self.connections
            .get_mut(&key)
            .expect("the connection is there")
    }

    /// The connection is gone on the core's side.
    pub(crate) fn ended(&mut self, key: Key) {
        let connection = self.get(key);
        connection.broker_gone = true;
        connection.responses.clear();
        if connection.client_gone {
            self.connections.remove(&key);
        }
    }

    /// The client knows that the connection is gone.
    pub(crate) fn hung_up(&mut self, key: Key) {
        self.connections.remove(&key);
    }

    /// The broker is gone. Of what was under way to clients some may still arrive.
    pub(crate) fn broker_gone(&mut self, rng: &mut fastrand::Rng) {
        self.cores = 0;
        for connection in self.connections.values_mut() {
            connection.broker_gone = true;
            connection.responses.clear();
            let kept = rng.usize(0..=connection.to_client.len());
            connection.to_client.truncate(kept);
        }
        self.connections
            .retain(|_, connection| !connection.client_gone);
    }

    /// What the core has not told its clients, for messages to people.
    pub(crate) fn describe(&self) -> String {
        let lines = self.connections.iter().map(|(key, connection)| {
            let Connection {
                client,
                core,
                reading,
                closing,
                broker_gone,
                ..
            } = connection;
            let (unread, queued) = (connection.to_broker.len(), connection.responses.len());
            format!(
                "  connection {key} of client {client} to core {core}: {reading:?}, {unread} bytes \
                 unread, {queued} responses queued, closing {closing}, gone {broker_gone}\n"
            )
        });
        lines.collect()
    }
}

impl Connection {
    fn moves(&self, mut can: impl FnMut(Move)) {
        if !self.client_gone {
            if !self.to_client.is_empty() {
                can(Move::Receive);
            } else if self.broker_gone {
                can(Move::Hangup);
            }
        }
        if self.broker_gone {
            return;
        }
        if !self.opened {
            return can(Move::Open);
        }
        match self.reading {
            Reading::Prefix if self.to_broker.len() >= 4 => can(Move::Announce),
            Reading::Body(_, length) if self.to_broker.len() >= length => can(Move::Body),
            _ => {}
        }
        if !self.responses.is_empty() {
            can(Move::Send);
        }
        if self.client_gone || (self.closing && self.responses.is_empty()) {
            can(Move::Close);
        }
    }

    pub(crate) fn open(&mut self) {
        self.opened = true;
    }

    /// Takes the next frame's length off the stream.
    pub(crate) fn take_prefix(&mut self) -> i32 {
        assert_eq!(self.reading, Reading::Prefix);
        self.reading = Reading::Announced;
        self.to_broker.get_i32()
    }

    /// Takes an admitted body off the stream.
    pub(crate) fn take_body(&mut self) -> (SlotId, Bytes) {
        let Reading::Body(slot, length) = self.reading else {
            panic!("no body was admitted");
        };
        self.reading = Reading::Prefix;
        (slot, self.to_broker.split_to(length).freeze())
    }

    pub(crate) fn take_response(&mut self) -> (SlotId, Vec<Part>) {
        self.responses
            .pop_front()
            .expect("there is a response to send")
    }

    pub(crate) fn deliver(&mut self, frame: Bytes, when: When, trouble: Trouble) {
        if !self.client_gone {
            self.to_client.push_back(Delivery {
                frame,
                when,
                trouble,
            });
        }
    }

    pub(crate) fn receive(&mut self) -> Delivery {
        self.to_client
            .pop_front()
            .expect("there is a response to read")
    }
}
