use super::{Effect, shard::Shard};
use crate::broker::Part;
use crate::types::{ConnectionId, SlotId};
use std::collections::VecDeque;

/// A client's connection: the requests under way, in order.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: String,
    pub(super) own_node: bool,
    next_slot: SlotId,
    slots: VecDeque<Slot>,
    /// How many of `slots`, from the front, are handed to the socket already.
    sending: usize,
    /// The length of the frame that waits for a slot or for memory.
    announced: Option<u32>,
    closing: bool,
}

#[derive(Debug)]
struct Slot {
    id: SlotId,
    frame_bytes: u32,
    response: Option<Answer>,
}

/// What a request leads to, once all before it are answered.
#[derive(Debug)]
enum Answer {
    Parts(Vec<Part>),
    HangUp(String),
}

impl Connection {
    pub(super) fn new(peer: String, own_node: bool) -> Self {
        Self {
            peer,
            own_node,
            next_slot: SlotId::new(0),
            slots: VecDeque::new(),
            sending: 0,
            announced: None,
            closing: false,
        }
    }
}

impl Shard {
    /// A client connected.
    pub(super) fn opened(
        &mut self,
        id: ConnectionId,
        connection: Connection,
        effects: &mut Vec<Effect>,
    ) {
        let most = self.config.limits.connections_per_core_max;
        let full = self.connections.len() >= most;
        let known = self.connections.insert(id, connection);
        assert!(known.is_none(), "connection ids are never used again");
        if full {
            let reason = format!("core {} has {most} connections already", self.core);
            self.close(id, reason, effects);
        } else if self.is_stopping() {
            self.close(id, "the broker is stopping".into(), effects);
        }
    }

    /// The length of the next frame arrived.
    pub(super) fn announced(&mut self, id: ConnectionId, length: i32, effects: &mut Vec<Effect>) {
        let most = self.config.limits.frame_bytes_max;
        let accepted = u32::try_from(length)
            .ok()
            .filter(|length| (1..=most).contains(length));
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        match accepted {
            Some(length) => {
                assert!(
                    connection.announced.is_none(),
                    "one frame is announced at a time"
                );
                connection.announced = Some(length);
                self.admit(id, effects);
            }
            None => {
                let reason = format!(
                    "a request frame of {length} bytes was announced; from 1 to {most} are \
                     accepted. Is the client speaking the Kafka protocol, without TLS?"
                );
                self.close(id, reason, effects);
            }
        }
    }

    /// Lets the announced frame in if a slot and memory are free.
    fn admit(&mut self, id: ConnectionId, effects: &mut Vec<Effect>) {
        let slots_max = self.config.limits.slots_per_connection_max;
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let Some(length) = connection.announced else {
            return;
        };
        if connection.closing
            || connection.slots.len() >= slots_max
            || !self.memory.reserve(id, length)
        {
            return;
        }
        connection.announced = None;
        let slot = connection.next_slot.take();
        let entry = Slot {
            id: slot,
            frame_bytes: length,
            response: None,
        };
        connection.slots.push_back(entry);
        effects.push(Effect::Admit {
            connection: id,
            slot,
            length,
        });
    }

    /// Lets in whoever waits for memory.
    fn admit_waiting(&mut self, effects: &mut Vec<Effect>) {
        while let Some(next) = self.memory.next() {
            self.admit(next, effects);
            if self.memory.next() == Some(next) {
                return;
            }
        }
    }

    /// A request is answered. The response leaves when all before it have.
    pub(super) fn respond(
        &mut self,
        id: ConnectionId,
        slot: SlotId,
        parts: Vec<Part>,
        effects: &mut Vec<Effect>,
    ) {
        self.settle_slot(id, slot, Answer::Parts(parts), effects);
    }

    /// A request has no answer but the end of the connection, once all before it are answered.
    pub(super) fn hang_up(
        &mut self,
        id: ConnectionId,
        slot: SlotId,
        reason: String,
        effects: &mut Vec<Effect>,
    ) {
        self.settle_slot(id, slot, Answer::HangUp(reason), effects);
    }

    fn settle_slot(
        &mut self,
        id: ConnectionId,
        slot: SlotId,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        // A client that left does not need its answer.
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let entry = connection.slots.iter_mut().find(|entry| entry.id == slot);
        let entry = entry.expect("a slot lives until its response is sent");
        assert!(entry.response.is_none(), "a request is answered once");
        entry.response = Some(answer);
        let frame_bytes = std::mem::take(&mut entry.frame_bytes);
        let mut end = None;
        while let Some(entry) = connection.slots.get_mut(connection.sending)
            && let Some(answer) = &mut entry.response
        {
            let parts = match answer {
                Answer::Parts(parts) => std::mem::take(parts),
                Answer::HangUp(reason) => {
                    end = Some(reason.clone());
                    break;
                }
            };
            effects.push(Effect::Respond {
                connection: id,
                slot: entry.id,
                parts,
            });
            connection.sending += 1;
        }
        self.memory.release(frame_bytes);
        if let Some(reason) = end {
            self.close(id, reason, effects);
        }
        self.admit_waiting(effects);
    }

    /// A response left whole.
    pub(super) fn sent(&mut self, id: ConnectionId, slot: SlotId, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let first = connection
            .slots
            .pop_front()
            .expect("only what was responded is sent");
        assert_eq!(first.id, slot, "responses are sent in order");
        connection.sending -= 1;
        self.admit(id, effects);
    }

    /// Ends a connection from our side.
    pub(super) fn close(&mut self, id: ConnectionId, reason: String, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut connection.closing, true) {
            self.memory.forget(id);
            let reason = format!("{}: {reason}", connection.peer);
            effects.push(Effect::Close {
                connection: id,
                reason,
            });
            self.admit_waiting(effects);
        }
    }

    /// A connection is gone; what it asked for is finished without it.
    pub(super) fn closed(&mut self, id: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        self.memory.forget(id);
        for slot in connection.slots {
            self.memory.release(slot.frame_bytes);
        }
        self.abandon(id, effects);
        self.admit_waiting(effects);
    }
}
