//! One core: its lane, and how the lane's effects are executed.

use super::alarm::{self, Alarm};
use super::clock::Clock;
use super::connection::{self, Connection};
use super::disk_pool::DiskPool;
use super::executor::INBOX_LATENCY;
use super::lane::Lane;
use super::local_wake::LocalWake;
use super::mesh::{Accepted, Inbound, Mesh};
use super::quiet::QuietSet;
use super::run_queue::RunQueue;
use super::stats::CoreStats;
use super::watchdog::Pulse;
use crate::shard::{Effect, Event};
use crate::storage::call::{DiskCall, DiskReply};
use crate::types::{ConnectionId, CoreId, Instant, IoId};
use async_channel::Receiver;
use glommio::timer::Timer;
use glommio::{Latency, Shares, TaskQueueHandle};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::os::fd::BorrowedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

/// How long clients may take to read the last answers when the process ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A slower peer is taken for one that stalls.
const BODY_BYTES_PER_SECOND_MIN: u32 = 100_000;

/// What all cores of a broker share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) mesh: Mesh,
    pub(super) quiet: Arc<QuietSet>,
    /// Open connections per core: the acceptor adds, the core takes off.
    pub(super) connections: Arc<[AtomicUsize]>,
    /// Cores whose lane has not stopped yet.
    pub(super) running: Arc<AtomicUsize>,
    /// How long an admitted body may take, see [`super::Settings::frame_patience`].
    pub(super) frame_patience: Duration,
}

/// The state machine and the buffers of its step.
#[derive(Debug)]
struct Work<L> {
    lane: L,
    effects: Vec<Effect>,
    /// Completions that needed no waiting, handed to the lane right after the step.
    completed: VecDeque<Event>,
}

/// One core's runtime state, shared by the tasks of its executor.
#[derive(Debug)]
pub(super) struct Core<L> {
    id: CoreId,
    common: Shared,
    work: RefCell<Work<L>>,
    alarm: Alarm,
    disk: DiskPool,
    stats: Arc<CoreStats>,
    run_queue: RunQueue,
    pulse: Arc<Pulse>,
    connections: RefCell<FxHashMap<ConnectionId, Rc<Connection>>>,
    next_connection: Cell<ConnectionId>,
    /// Connections taken on whose tasks have not ended.
    serving: Cell<usize>,
    /// Wakes the end of the process when a connection is gone.
    emptied: LocalWake,
    /// The lane takes no more events.
    over: Cell<bool>,
}

impl<L: Lane> Core<L> {
    pub(super) fn new(
        id: CoreId,
        common: Shared,
        lane: L,
        disk: DiskPool,
        stats: Arc<CoreStats>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            id,
            common,
            work: RefCell::new(Work {
                lane,
                effects: Vec::new(),
                completed: VecDeque::new(),
            }),
            alarm: Alarm::default(),
            disk,
            stats,
            run_queue: RunQueue::of_this_thread(),
            pulse,
            connections: RefCell::default(),
            next_connection: Cell::default(),
            serving: Cell::new(0),
            emptied: LocalWake::default(),
            over: Cell::new(false),
        }
    }

    /// Serves until every core's lane has stopped and this core's connections are gone.
    pub(super) async fn run(self: Rc<Self>, inbox: Receiver<Inbound>) {
        let urgent = glommio::executor().create_task_queue(
            Shares::Static(1000),
            Latency::Matters(INBOX_LATENCY),
            "inbox",
        );
        let clients = glommio::executor().create_task_queue(
            Shares::Static(1000),
            Latency::NotImportant,
            "clients",
        );
        let alarm = spawn_into(urgent, {
            let core = Rc::clone(&self);
            async move { alarm::run(&core).await }
        });
        self.alarm.set(self.work.borrow().lane.next_deadline());
        spawn_into(urgent, {
            let core = Rc::clone(&self);
            async move { core.empty_inbox(&inbox, clients).await }
        })
        .await;
        self.over.set(true);
        self.end_connections().await;
        self.alarm.stop();
        alarm.await;
    }

    async fn empty_inbox(self: Rc<Self>, inbox: &Receiver<Inbound>, clients: TaskQueueHandle) {
        while let Ok(inbound) = inbox.recv().await {
            match inbound {
                Inbound::FromCore { from, message } => {
                    self.handle(Event::FromCore { from, message });
                }
                Inbound::DiskDone { io, result } => self.handle(Event::DiskDone { io, result }),
                Inbound::Accepted(accepted) => self.accept(accepted, clients),
                Inbound::Spoke(connections) => {
                    for connection in connections {
                        self.with(connection, Connection::spoke);
                    }
                }
                Inbound::Resume => self.handle(Event::Resume),
                Inbound::Stop => self.handle(Event::Stop),
                Inbound::AllStopped => break,
            }
            glommio::yield_if_needed().await;
        }
        inbox.close();
    }

    fn accept(self: &Rc<Self>, accepted: Accepted, clients: TaskQueueHandle) {
        self.serving.set(self.serving.get() + 1);
        let core = Rc::clone(self);
        spawn_into(clients, async move {
            // The end of the process may have come first.
            if !core.over.get() {
                connection::serve(&core, accepted).await;
            }
            core.served();
        })
        .detach();
    }

    /// A connection's tasks have ended.
    fn served(&self) {
        self.serving.set(self.serving.get() - 1);
        if let Some(count) = self.common.connections.get(self.id.index()) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        self.emptied.wake();
    }

    /// Hands an event to the lane and executes what it wants done.
    pub(super) fn handle(&self, event: Event) {
        if self.over.get() {
            return;
        }
        let started = self.common.clock.monotonic();
        self.run_queue.begins(started);
        let mut work = self.work.borrow_mut();
        let Work {
            lane,
            effects,
            completed,
        } = &mut *work;
        completed.push_back(event);
        while let Some(event) = completed.pop_front() {
            lane.step(self.common.clock.now(), event, effects);
            for effect in effects.drain(..) {
                completed.extend(self.execute(effect));
            }
        }
        self.alarm.set(lane.next_deadline());
        let took = self.common.clock.monotonic().since(started);
        self.stats.stepped(took, self.run_queue.waited_of(took));
    }

    /// Starts one effect. Returns its completion if it has completed already.
    fn execute(&self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Admit {
                connection,
                slot,
                length,
            } => self.with(connection, |connection| connection.admit(slot, length)),
            Effect::Respond {
                connection,
                slot,
                parts,
            } => self.with(connection, |connection| connection.respond(slot, parts)),
            Effect::Close { connection, reason } => {
                self.with(connection, |connection| connection.close(reason));
            }
            Effect::Send { to, message } => {
                debug_assert_ne!(to, self.id, "a lane does not send to itself");
                let from = self.id;
                self.common
                    .mesh
                    .send(to, Inbound::FromCore { from, message });
            }
            Effect::Disk { io, call } => return self.start_disk_call(io, call),
            Effect::Yield => self.common.mesh.send(self.id, Inbound::Resume),
            Effect::Stopped => self.stopped(),
        }
        None
    }

    /// Acts on a connection. One that is gone is left alone: the lane hears of its end soon.
    fn with(&self, connection: ConnectionId, act: impl FnOnce(&Connection)) {
        if let Some(connection) = self.connections.borrow().get(&connection) {
            act(connection);
        }
    }

    fn start_disk_call(&self, io: IoId, call: DiskCall) -> Option<Event> {
        if let DiskCall::Populate { file, from, upto } = &call
            && file.is_resident(*from, *upto)
        {
            let result = file.populate(*from, *upto).map(|()| DiskReply::Done);
            return Some(Event::DiskDone { io, result });
        }
        self.disk.submit(io, call);
        None
    }

    fn stopped(&self) {
        log::debug!("core {} has stopped", self.id);
        if self.common.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.common.mesh.broadcast(|| Inbound::AllStopped);
        }
    }

    /// Lets clients read their last answers for a moment, then ends all connections.
    async fn end_connections(&self) {
        let all = || -> Vec<_> { self.connections.borrow().values().cloned().collect() };
        for connection in all() {
            connection.close("the broker has stopped".to_owned());
        }
        let mut grace = pin!(Timer::new(LAST_ANSWERS));
        let gone = || (self.serving.get() == 0).then_some(());
        {
            let mut emptied = pin!(self.emptied.until(gone));
            poll_fn(|context| match emptied.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => grace.as_mut().poll(context).map(|_| ()),
            })
            .await;
        }
        for connection in all() {
            connection.end();
        }
        self.emptied.until(gone).await;
    }

    /// Lets a connection wait with the quiet ones. False if that cannot be.
    pub(super) fn join_quiet(&self, id: ConnectionId, socket: BorrowedFd<'_>) -> bool {
        self.common.quiet.add(self.id, id, socket)
    }

    /// Takes a connection out of the quiet ones.
    pub(super) fn leave_quiet(&self, id: ConnectionId, socket: BorrowedFd<'_>) {
        self.common.quiet.remove(id, socket);
    }

    /// When the body of a frame of `length` bytes that is admitted at `now` must have arrived.
    pub(super) fn body_due(&self, now: Instant, length: u32) -> Instant {
        let by_length = Duration::from_secs(1) * (length / BODY_BYTES_PER_SECOND_MIN);
        now.after(self.common.frame_patience + by_length)
    }

    /// Ends connections whose admitted frame did not arrive in time.
    pub(super) fn end_overdue(&self, now: Instant) {
        for connection in self.connections.borrow().values() {
            connection.end_if_overdue(now);
        }
    }

    /// An id that no connection of this core had before.
    pub(super) fn next_connection(&self) -> ConnectionId {
        let mut next = self.next_connection.get();
        let id = next.take();
        self.next_connection.set(next);
        id
    }

    /// Makes a connection known.
    pub(super) fn open(&self, id: ConnectionId, connection: &Rc<Connection>) {
        self.connections
            .borrow_mut()
            .insert(id, Rc::clone(connection));
    }

    /// Forgets a connection whose tasks have ended and tells the lane.
    pub(super) fn closed(&self, id: ConnectionId) {
        self.connections.borrow_mut().remove(&id);
        self.handle(Event::Closed { connection: id });
    }

    pub(super) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    pub(super) fn clock(&self) -> Clock {
        self.common.clock
    }

    pub(super) fn stats(&self) -> &CoreStats {
        &self.stats
    }

    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

fn spawn_into<T: 'static>(
    queue: TaskQueueHandle,
    future: impl Future<Output = T> + 'static,
) -> glommio::Task<T> {
    glommio::spawn_local_into(future, queue).expect("the queue was made by this executor")
}
