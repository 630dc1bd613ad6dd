//! Accepts connections and hands each to a core.
//!
//! A thread of its own, asleep but for new connections: the executor's accept changes the
//! listener's flags on every call and loses the descriptor when a hand-over does not happen, and
//! a core under load would make clients wait for their connection.

use super::error::StartError;
use super::listeners::Listeners;
use super::mesh::{Accepted, Inbound, Mesh};
use crate::types::CoreId;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long to leave the listeners alone when the process has no descriptors or memory left: the
/// connection stays in the backlog, so asking again at once would spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Complaints of the same kind are at least this far apart.
const COMPLAINT_DISTANCE: Duration = Duration::from_secs(1);

/// The accepting thread.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Listeners,
    mesh: Mesh,
    connections: Arc<[AtomicUsize]>,
    connections_per_core_max: usize,
    stopping: Arc<AtomicBool>,
    complained: Option<Instant>,
}

/// Ends the thread from another one.
#[derive(Debug, Clone)]
pub(super) struct AcceptorStop {
    stopping: Arc<AtomicBool>,
    listener: Arc<TcpListener>,
}

impl AcceptorStop {
    /// Lets the thread end. New connections are refused once it has.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        if let Err(error) = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both) {
            log::debug!("shutting the listener down: {error}");
        }
    }
}

impl Acceptor {
    pub(super) fn new(
        listeners: Listeners,
        mesh: Mesh,
        connections: Arc<[AtomicUsize]>,
        connections_per_core_max: usize,
    ) -> Result<(Self, AcceptorStop), StartError> {
        let stopping = Arc::new(AtomicBool::new(false));
        let address = listeners.addresses().shared;
        let listener = listeners.shared.try_clone();
        let listener = listener.map_err(|source| StartError::Listen { address, source })?;
        let stop = AcceptorStop {
            stopping: Arc::clone(&stopping),
            listener: Arc::new(listener),
        };
        let acceptor = Self {
            listeners,
            mesh,
            connections,
            connections_per_core_max,
            stopping,
            complained: None,
        };
        Ok((acceptor, stop))
    }

    pub(super) fn start(self) -> Result<JoinHandle<()>, StartError> {
        let name = "acceptor".to_owned();
        thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let _guard = super::broker::AbortOnPanic;
                self.run();
            })
            .map_err(|source| StartError::Thread { name, source })
    }

    fn run(mut self) {
        while !self.stopping.load(Ordering::Acquire) {
            for place in self.wait() {
                self.accept_all(place);
            }
        }
    }

    /// Waits for connections; says on which listeners, 0 being the shared one.
    fn wait(&mut self) -> Vec<usize> {
        let listeners = std::iter::once(&self.listeners.shared).chain(&self.listeners.own);
        let mut polled: Vec<PollFd<'_>> = listeners
            .map(|listener| PollFd::new(listener, PollFlags::IN))
            .collect();
        if let Err(error) = poll(&mut polled, None)
            && error != Errno::INTR
        {
            log::error!("waiting for connections: {error}");
            thread::sleep(EXHAUSTED_PAUSE);
        }
        let ready = polled.iter().map(|polled| !polled.revents().is_empty());
        let ready: Vec<bool> = ready.collect();
        (0..ready.len()).filter(|place| ready[*place]).collect()
    }

    fn accept_all(&mut self, place: usize) {
        while !self.stopping.load(Ordering::Acquire) {
            let (listener, own) = match place.checked_sub(1) {
                None => (&self.listeners.shared, None),
                Some(core) => (&self.listeners.own[core], Some(CoreId::new(core as u16))),
            };
            match listener.accept() {
                Ok((stream, peer)) => {
                    let socket = Socket::from(stream);
                    match prepare(&socket) {
                        Ok(()) => self.hand_over(socket, peer, own),
                        // The client is gone already.
                        Err(error) => log::debug!("a connection from {peer}: {error}"),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if !self.stopping.load(Ordering::Acquire) {
                        self.complain(&format!(
                            "cannot accept connections: {error}; the limit of open files \
                             (`ulimit -n`) may be too low"
                        ));
                        thread::sleep(EXHAUSTED_PAUSE);
                    }
                    return;
                }
            }
        }
    }

    fn hand_over(&mut self, socket: Socket, peer: std::net::SocketAddr, own: Option<CoreId>) {
        let count = |core: usize| self.connections[core].load(Ordering::Relaxed);
        let core = own.map_or_else(
            || (0..self.connections.len()).min_by_key(|core| count(*core)),
            |own| Some(own.index()),
        );
        let Some(core) = core else { return };
        if count(core) >= self.connections_per_core_max {
            self.complain(&format!(
                "refusing a connection from {peer}: {} are open on core {core}, which is the limit",
                self.connections_per_core_max
            ));
            return;
        }
        self.connections[core].fetch_add(1, Ordering::Relaxed);
        let accepted = Accepted {
            socket: socket.into(),
            peer,
            own_node: own.is_some(),
        };
        self.mesh
            .send(CoreId::new(core as u16), Inbound::Accepted(accepted));
    }

    fn complain(&mut self, message: &str) {
        let now = Instant::now();
        if self
            .complained
            .is_none_or(|before| now - before >= COMPLAINT_DISTANCE)
        {
            log::warn!("{message}");
            self.complained = Some(now);
        }
    }
}

fn prepare(socket: &Socket) -> io::Result<()> {
    // Answers are written whole, so waiting for more to fill a packet only adds latency.
    socket.set_tcp_nodelay(true)?;
    // Lets a peer that vanished without a word be noticed.
    socket.set_keepalive(true)
}

/// Errors that `accept` passes on from the connection and that say nothing about the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(
            Errno::CONNABORTED
                | Errno::INTR
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::PERM
        )
    )
}
