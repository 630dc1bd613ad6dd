//! Connections whose clients only say now and then that they live wait together.
//!
//! To hear one client wakes an executor, which costs several times what it takes to answer it: 5 000
//! members of groups with a heartbeat every 3 s kept a core busy for a sixth of its time by being
//! heard one at a time. So they wait in one epoll instance. A thread tells the cores who has
//! spoken: at once after a silence, but then it leaves them alone for a moment and tells them
//! together of what came meanwhile, as network cards moderate interrupts. With its first frame of
//! another kind, or without a pause, a connection waits alone in its core's ring again.

use super::error::StartError;
use super::mesh::{Inbound, Mesh};
use crate::types::{ConnectionId, CoreId};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A client is quiet that says that it lives after having said nothing for so long.
pub(super) const QUIET_AFTER: Duration = Duration::from_millis(500);

/// How long cores are left alone after they were told of somebody, and so what the next frame
/// of a quiet client may wait at most.
const TOLD_DISTANCE: Duration = Duration::from_millis(25);

/// How many are heard with one system call.
const EVENTS_MAX: usize = 1024;

/// Says that nobody needs the thread any more.
const END: u64 = u64::MAX;

/// Bits of a connection's name that are its core's.
const CORE_BITS: u32 = u16::BITS;

#[derive(Debug)]
struct Descriptors {
    epoll: OwnedFd,
    end: OwnedFd,
}

/// The quiet connections of all cores. Its thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct QuietSet {
    descriptors: Arc<Descriptors>,
}

impl QuietSet {
    /// An empty set, and its thread.
    pub(super) fn start(mesh: Mesh) -> Result<(Self, JoinHandle<()>), StartError> {
        let failed = |source: Errno| StartError::Thread {
            name: NAME.to_owned(),
            source: source.into(),
        };
        let descriptors = Arc::new(Descriptors {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?,
            end: eventfd(0, EventfdFlags::CLOEXEC).map_err(failed)?,
        });
        let end = EventData::new_u64(END);
        epoll::add(&descriptors.epoll, &descriptors.end, end, EventFlags::IN).map_err(failed)?;
        let set = Self {
            descriptors: Arc::clone(&descriptors),
        };
        let thread = thread::Builder::new()
            .name(NAME.to_owned())
            .spawn(move || {
                let _guard = super::broker::AbortOnPanic;
                listen(&descriptors, &mesh);
            })
            .map_err(|source| StartError::Thread {
                name: NAME.to_owned(),
                source,
            })?;
        Ok((set, thread))
    }

    /// Takes a connection in: its core gets [`Inbound::Spoke`] for what arrives from now on, and
    /// for what has arrived and was not read. False if the kernel refuses. Closing the socket takes
    /// it out.
    pub(super) fn add(
        &self,
        core: CoreId,
        connection: ConnectionId,
        socket: BorrowedFd<'_>,
    ) -> bool {
        let name = EventData::new_u64(name_of(core, connection));
        // Edges: nothing needs to be said to hear of the next frame.
        let wanted = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        let added = epoll::add(&self.descriptors.epoll, socket, name, wanted);
        if let Err(error) = added {
            log::debug!("connection {connection} does not wait with the quiet ones: {error}");
        }
        added.is_ok()
    }

    /// Takes a connection out. What it said before may still be told.
    pub(super) fn remove(&self, connection: ConnectionId, socket: BorrowedFd<'_>) {
        if let Err(error) = epoll::delete(&self.descriptors.epoll, socket) {
            log::debug!("connection {connection} was not among the quiet ones: {error}");
        }
    }
}

impl Drop for QuietSet {
    fn drop(&mut self) {
        if let Err(error) = rustix::io::write(&self.descriptors.end, &1_u64.to_ne_bytes()) {
            log::error!("ending the thread {NAME:?}: {error}");
        }
    }
}

const NAME: &str = "quiet";

fn name_of(core: CoreId, connection: ConnectionId) -> u64 {
    (connection.get() << CORE_BITS) | u64::from(core.get())
}

fn named(name: u64) -> (CoreId, ConnectionId) {
    let core = CoreId::new(name as u16);
    (core, ConnectionId::new(name >> CORE_BITS))
}

fn listen(descriptors: &Descriptors, mesh: &Mesh) {
    let mut events = Vec::with_capacity(EVENTS_MAX);
    let mut spoke: BTreeMap<CoreId, Vec<ConnectionId>> = BTreeMap::new();
    loop {
        events.clear();
        match epoll::wait(&descriptors.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => log::error!("waiting for quiet connections: {error}"),
        }
        for event in &events {
            let name = event.data.u64();
            if name == END {
                return;
            }
            let (core, connection) = named(name);
            spoke.entry(core).or_default().push(connection);
        }
        while let Some((core, connections)) = spoke.pop_first() {
            mesh.send(core, Inbound::Spoke(connections));
        }
        if events.len() < EVENTS_MAX {
            thread::sleep(TOLD_DISTANCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn cores_hear_of_their_own_and_the_thread_ends_with_the_set() {
        let (mesh, inboxes) = Mesh::new(3);
        let (set, thread) = QuietSet::start(mesh).unwrap();
        let mut kept = Vec::new();
        let mut hear = |core: u16, id: u64| {
            let (mut client, served) = pair();
            let id = ConnectionId::new(id);
            assert!(set.add(CoreId::new(core), id, served.as_fd()));
            client.write_all(b"x").unwrap();
            let inbound = inboxes[usize::from(core)].recv_blocking().unwrap();
            assert!(matches!(inbound, Inbound::Spoke(ids) if ids == [id]));
            kept.push((client, served, id));
        };
        hear(0, 7);
        hear(2, 7);
        hear(2, 1 << 40);
        // Nothing is told of one that was taken out; the end of another is.
        let (mut client, served, id) = kept.remove(0);
        set.remove(id, served.as_fd());
        client.write_all(b"y").unwrap();
        let (client, _served, id) = kept.remove(0);
        drop(client);
        let inbound = inboxes[2].recv_blocking().unwrap();
        assert!(matches!(inbound, Inbound::Spoke(ids) if ids == [id]));
        drop(set);
        thread.join().unwrap();
        assert!(inboxes[0].is_empty());
    }
}
