//! One client's connection: a reading task and a writing task.
//!
//! - The reader takes a frame's length, has it admitted by the lane, then takes its body. While a
//!   frame is not admitted nothing is read, so the peer feels it.
//! - What the lane answers at once to small requests the reader sends if no more of them wait: a turn
//!   of the executor less, which takes long under load.
//! - The writer sends all else that the lane answers. While the peer does not take it, nothing
//!   accumulates: the lane admits no more requests than it has slots.
//! - A client that only says now and then that it lives is waited for with all others of its kind,
//!   see [`quiet`](super::quiet).
//! - Either may end the connection. `shutdown` completes the other's wait; the lane hears of the
//!   end once, when both are done.

use super::core::Core;
use super::incoming::Incoming;
use super::lane::Lane;
use super::local_wake::LocalWake;
use super::mesh::Accepted;
use super::outgoing::{Next, Outgoing};
use super::quiet::QUIET_AFTER;
use super::socket::{Piece, Socket};
use crate::broker::Part;
use crate::shard::Event;
use crate::types::{ConnectionId, Instant, SlotId};
use futures_lite::future::yield_now;
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

/// What one `sendmsg` is given at most, so that other tasks get their turn.
const SEND_BYTES: usize = 256 * 1024;

/// After frames of so many bytes other connections get their turn, however little time they took:
/// one that always has more must not make others wait for all that its time allows.
const TURN_BYTES: usize = 64 * 1024;

/// What the tasks of one connection and the core share.
#[derive(Debug)]
pub(super) struct Connection {
    id: ConnectionId,
    peer: SocketAddr,
    socket: Socket,
    ended: Cell<bool>,
    admitted: Cell<Option<(SlotId, u32)>>,
    /// When the body that is arriving must be complete.
    body_due: Cell<Option<Instant>>,
    reader: LocalWake,
    /// When the last frame began to arrive.
    heard: Cell<Instant>,
    /// Whether it waits with the quiet connections.
    quiet: Cell<bool>,
    /// Bytes may have arrived since a quiet connection looked last.
    spoke: Cell<bool>,
    /// The reader lets others run between two frames.
    giving_way: Cell<bool>,
    /// The reader hands a frame to the lane, and sees to the answer.
    asking: Cell<bool>,
    outgoing: RefCell<Outgoing>,
    writer: LocalWake,
}

impl Connection {
    /// Lets the reader take the body of the frame it announced.
    pub(super) fn admit(&self, slot: SlotId, length: u32) {
        self.admitted.set(Some((slot, length)));
        self.reader.wake();
    }

    /// Queues a response.
    pub(super) fn respond(&self, slot: SlotId, parts: Vec<Part>) {
        self.outgoing.borrow_mut().respond(slot, parts);
        if !self.asking.get() {
            self.writer.wake();
        }
    }

    /// Ends the connection once everything queued is written.
    pub(super) fn close(&self, reason: String) {
        self.outgoing.borrow_mut().close(reason);
        self.writer.wake();
    }

    /// Whether the writer has something to do.
    fn has_work(&self) -> Option<()> {
        let queued = !self.giving_way.get() && !self.outgoing.borrow().is_empty();
        (queued || self.ended.get()).then_some(())
    }

    /// Ends the connection now, whatever is queued.
    pub(super) fn end(&self) {
        if !self.ended.replace(true) {
            self.socket.shutdown();
            self.reader.wake();
            self.writer.wake();
        }
    }

    /// Ends the connection if a body that should have arrived has not.
    pub(super) fn end_if_overdue(&self, now: Instant) {
        if self.body_due.get().is_some_and(|due| due < now) {
            let (id, peer) = (self.id, self.peer);
            log::warn!("connection {id} from {peer}: a frame did not arrive in time; closing it");
            self.end();
        }
    }

    /// Lets the reader of a quiet connection look for bytes.
    pub(super) fn spoke(&self) {
        self.spoke.set(true);
        self.reader.wake();
    }

    /// Takes in what a frame that began to arrive at `now` tells of its client, and so how the next
    /// one is waited for.
    fn hear<L: Lane>(&self, core: &Core<L>, now: Instant, frame: &[u8]) {
        let has_paused = now.since(self.heard.replace(now)) >= QUIET_AFTER;
        let is_quiet = has_paused && L::is_sign_of_life(frame);
        let (id, socket) = (self.id, self.socket.descriptor());
        if is_quiet && !self.quiet.get() {
            self.quiet.set(core.join_quiet(id, socket));
        } else if !is_quiet && self.quiet.replace(false) {
            core.leave_quiet(id, socket);
        }
    }

    /// Waits, on a quiet connection, until something has arrived or it has ended.
    async fn until_spoken(&self, incoming: &mut Incoming) -> io::Result<()> {
        while self.quiet.get() && !self.ended.get() && !incoming.look(&self.socket)? {
            let spoke = || (self.spoke.take() || self.ended.get()).then_some(());
            self.reader.until(spoke).await;
            incoming.stir();
        }
        Ok(())
    }

    /// Lets the tasks of others run between two frames. The own writer is none of them: answers
    /// leave together, once the reader has no more to take or has used up its time. A system call
    /// for each took a sixth of what one connection could ship.
    async fn give_way(&self) {
        self.giving_way.set(true);
        yield_now().await;
        self.giving_way.set(false);
        self.writer.wake();
    }

    /// Waits for the slot of the announced frame; `None` once the connection has ended.
    async fn admission(&self) -> Option<(SlotId, u32)> {
        self.reader
            .until(|| {
                if self.ended.get() {
                    return Some(None);
                }
                self.admitted.take().map(Some)
            })
            .await
    }
}

/// Serves a connection to its end.
pub(super) async fn serve<L: Lane>(core: &Rc<Core<L>>, accepted: Accepted) {
    let Accepted {
        socket,
        peer,
        own_node,
    } = accepted;
    let connection = Rc::new(Connection {
        id: core.next_connection(),
        peer,
        socket: Socket::new(socket),
        ended: Cell::new(false),
        admitted: Cell::new(None),
        body_due: Cell::new(None),
        reader: LocalWake::default(),
        heard: Cell::new(core.clock().monotonic()),
        quiet: Cell::new(false),
        spoke: Cell::new(false),
        giving_way: Cell::new(false),
        asking: Cell::new(false),
        outgoing: RefCell::default(),
        writer: LocalWake::default(),
    });
    core.open(connection.id, &connection);
    core.handle(Event::Opened {
        connection: connection.id,
        peer: peer.to_string(),
        own_node,
    });
    let writer = glommio::spawn_local({
        let (core, connection) = (Rc::clone(core), Rc::clone(&connection));
        async move {
            let ended = write(&core, &connection).await;
            finish(&connection, "writing", ended);
        }
    });
    let ended = read(core, &connection).await;
    finish(&connection, "reading", ended);
    writer.await;
    core.closed(connection.id);
}

fn finish(connection: &Connection, doing: &str, ended: io::Result<()>) {
    if let Err(error) = ended
        && !connection.ended.get()
    {
        let (id, peer) = (connection.id, connection.peer);
        if error.raw_os_error() == Some(Errno::FAULT.raw_os_error()) {
            log::error!(
                "connection {id} from {peer}: the disk cannot read what was asked for; closing it"
            );
        } else {
            log::debug!("connection {id} from {peer}: {doing}: {error}");
        }
    }
    connection.end();
}

async fn read<L: Lane>(core: &Core<L>, connection: &Connection) -> io::Result<()> {
    let mut incoming = Incoming::default();
    let mut turn = 0;
    loop {
        connection.until_spoken(&mut incoming).await?;
        let Some(length) = incoming.prefix(&connection.socket).await? else {
            break;
        };
        core.handle(Event::Announced {
            connection: connection.id,
            length,
        });
        let Some((slot, length)) = connection.admission().await else {
            break;
        };
        let now = core.clock().monotonic();
        connection.body_due.set(Some(core.body_due(now, length)));
        let bytes = incoming.body(&connection.socket, length as usize).await?;
        connection.body_due.set(None);
        connection.hear(core, now, &bytes);
        core.stats().received(incoming.take_received());
        if connection.ended.get() {
            break;
        }
        turn += bytes.len();
        // Else the writer may be in the middle of an answer.
        let is_writer_idle = connection.outgoing.borrow().is_empty();
        connection.asking.set(true);
        core.handle(Event::Frame {
            connection: connection.id,
            slot,
            bytes,
        });
        connection.asking.set(false);
        if turn < TURN_BYTES && is_writer_idle && !incoming.look(&connection.socket)? {
            answer(core, connection)?;
            turn = 0;
        }
        if !connection.outgoing.borrow().is_empty() {
            connection.writer.wake();
        }
        if turn < TURN_BYTES || glommio::executor().need_preempt() {
            glommio::yield_if_needed().await;
        } else {
            turn = 0;
            connection.give_way().await;
        }
    }
    Ok(())
}

async fn write<L: Lane>(core: &Core<L>, connection: &Connection) -> io::Result<()> {
    while !connection.ended.get() {
        let next = connection.outgoing.borrow_mut().next()?;
        match next {
            Next::Idle => {
                connection.writer.until(|| connection.has_work()).await;
            }
            Next::Send(first) => {
                let bytes = send(connection, &first).await?;
                note_sent(core, connection, bytes);
                glommio::yield_if_needed().await;
            }
            Next::Sent(slot) => core.handle(Event::Sent {
                connection: connection.id,
                slot,
            }),
            Next::Close(reason) => {
                let (id, peer) = (connection.id, connection.peer);
                log::debug!("closing connection {id} from {peer}: {reason}");
                break;
            }
        }
    }
    Ok(())
}

/// Sends what the peer takes now of what is queued.
fn answer<L: Lane>(core: &Core<L>, connection: &Connection) -> io::Result<()> {
    let tried = {
        let outgoing = connection.outgoing.borrow();
        let mut pieces = outgoing.pieces().peekable();
        if pieces.peek().is_none() {
            return Ok(());
        }
        connection.socket.try_send(pieces, SEND_BYTES)
    };
    match tried {
        Ok(bytes) => note_sent(core, connection, bytes),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn note_sent<L: Lane>(core: &Core<L>, connection: &Connection, mut bytes: usize) {
    core.stats().sent(bytes);
    let next = |bytes: &mut usize| connection.outgoing.borrow_mut().advance(bytes);
    while let Some(slot) = next(&mut bytes) {
        core.handle(Event::Sent {
            connection: connection.id,
            slot,
        });
    }
}

/// Sends some of what is queued, waiting for the peer if it takes nothing now.
async fn send(connection: &Connection, first: &Piece) -> io::Result<usize> {
    let tried = {
        let outgoing = connection.outgoing.borrow();
        connection.socket.try_send(outgoing.pieces(), SEND_BYTES)
    };
    match tried {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            connection.socket.send(first).await
        }
        tried => tried,
    }
}
