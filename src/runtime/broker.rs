//! A running broker: its threads, from start to stop.

use super::acceptor::{Acceptor, AcceptorStop};
use super::clock::Clock;
use super::core::{Core, Shared};
use super::disk_pool::DiskPool;
use super::error::StartError;
use super::executor;
use super::lane::Lane;
use super::listeners::{Addresses, Listeners};
use super::mesh::{Inbound, Mesh};
use super::quiet::QuietSet;
use super::stats::{CoreStats, CoreStatsSnapshot};
use super::watchdog::{self, Pulse, Watched};
use crate::storage::Disk;
use crate::types::CoreId;
use async_channel::Receiver;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How a broker is run; what it does is up to its lanes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many data cores, at least 1.
    pub cores: u16,
    /// Whether each core gets a processor of its own. Off for brokers inside another program.
    pub pin: bool,
    /// Connections per core; past it a new one is closed with a log line.
    pub connections_per_core_max: usize,
    /// How long the body of an admitted frame may take to arrive, and a second more for each
    /// 100 kB. Its memory is reserved all that time, so a peer that stalls is cut off.
    pub frame_patience: Duration,
    /// What disk calls are performed on.
    pub disk: Arc<dyn Disk>,
}

impl Settings {
    /// A patience that only a broken or hostile peer exhausts.
    pub const FRAME_PATIENCE: Duration = Duration::from_secs(30);
}

/// A broker that serves clients on threads of its own until it is stopped. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    addresses: Addresses,
    stop: StopHandle,
    threads: Vec<JoinHandle<()>>,
    stats: Vec<Arc<CoreStats>>,
}

/// Asks a broker to stop, from any thread, any number of times.
#[derive(Debug, Clone)]
pub struct StopHandle {
    requested: Arc<AtomicBool>,
    acceptor: AcceptorStop,
    mesh: Mesh,
}

impl StopHandle {
    /// Takes no more connections and has every lane stop. Returns at once; see [`Broker::wait`].
    pub fn request(&self) {
        if !self.requested.swap(true, Ordering::AcqRel) {
            self.acceptor.stop();
            self.mesh.broadcast(|| Inbound::Stop);
        }
    }
}

/// What one core's thread is started with.
struct Start<F> {
    id: CoreId,
    pin_among: Option<u16>,
    inbox: Receiver<Inbound>,
    common: Shared,
    disk: DiskPool,
    stats: Arc<CoreStats>,
    pulse: Arc<Pulse>,
    make_lane: Arc<F>,
    report: mpsc::Sender<Result<(), StartError>>,
}

impl Broker {
    /// Starts the cores. `make_lane` is called once for each, on its own thread, all at the same
    /// time; it may take as long as recovery takes. Clients are served once every lane is made.
    pub fn start<L, E, F>(
        listeners: Listeners,
        settings: &Settings,
        make_lane: F,
    ) -> Result<Self, StartError>
    where
        L: Lane,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: Fn(CoreId) -> Result<L, E> + Send + Sync + 'static,
    {
        assert!(settings.cores > 0, "a broker has at least one core");
        executor::probe()?;
        let addresses = listeners.addresses().clone();
        let (mesh, inboxes) = Mesh::new(settings.cores);
        let (quiet, quiet_thread) = QuietSet::start(mesh.clone())?;
        let common = Shared {
            clock: Clock::start(),
            mesh: mesh.clone(),
            quiet: Arc::new(quiet),
            connections: (0..settings.cores).map(|_| AtomicUsize::new(0)).collect(),
            running: Arc::new(AtomicUsize::new(usize::from(settings.cores))),
            frame_patience: settings.frame_patience,
        };
        let (acceptor, acceptor_stop) = Acceptor::new(
            listeners,
            mesh.clone(),
            Arc::clone(&common.connections),
            settings.connections_per_core_max,
        )?;
        let mut broker = Self {
            addresses,
            stop: StopHandle {
                requested: Arc::new(AtomicBool::new(false)),
                acceptor: acceptor_stop,
                mesh,
            },
            threads: vec![quiet_thread],
            stats: Vec::new(),
        };
        // A failed start drops `broker`, which ends the cores that did start.
        broker.start_cores(settings, common, inboxes, Arc::new(make_lane))?;
        broker.threads.push(acceptor.start()?);
        Ok(broker)
    }

    fn start_cores<L, E, F>(
        &mut self,
        settings: &Settings,
        common: Shared,
        inboxes: Vec<Receiver<Inbound>>,
        make_lane: Arc<F>,
    ) -> Result<(), StartError>
    where
        L: Lane,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: Fn(CoreId) -> Result<L, E> + Send + Sync + 'static,
    {
        let (report, reports) = mpsc::channel();
        let mut cores = Vec::new();
        let spawned = inboxes
            .into_iter()
            .zip(0..)
            .try_for_each(|(inbox, number)| {
                let id = CoreId::new(number);
                let stats = Arc::new(CoreStats::default());
                self.stats.push(Arc::clone(&stats));
                let pulse = Arc::new(Pulse::default());
                let start = Start {
                    id,
                    pin_among: settings.pin.then_some(settings.cores),
                    inbox,
                    common: common.clone(),
                    // Made on this thread: threads inherit the processors of the one that makes them.
                    disk: DiskPool::start(id, &settings.disk, &common.mesh)?,
                    stats,
                    pulse: Arc::clone(&pulse),
                    make_lane: Arc::clone(&make_lane),
                    report: report.clone(),
                };
                let name = format!("core-{id}");
                let thread = thread::Builder::new()
                    .name(name.clone())
                    .spawn(move || run_core(start))
                    .map_err(|source| StartError::Thread { name, source })?;
                cores.push(Watched { thread, pulse });
                Ok(())
            });
        drop(report);
        let watched = watchdog::start(cores, common.clock);
        let running = watched.and_then(|thread| {
            self.threads.push(thread);
            spawned?;
            reports.iter().collect()
        });
        if running.is_err() {
            // Lanes that never served are not asked to stop: there is nothing to flush.
            common.mesh.broadcast(|| Inbound::AllStopped);
        }
        running
    }

    /// The address for all cores.
    pub fn address(&self) -> SocketAddr {
        self.addresses.shared
    }

    /// All addresses.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What the cores tell about themselves, in core order.
    pub fn stats(&self) -> Vec<CoreStatsSnapshot> {
        self.stats.iter().map(|stats| stats.snapshot()).collect()
    }

    /// Lets another thread stop the broker.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits until the broker has been stopped and everything of it has ended.
    pub fn wait(mut self) {
        self.join();
        for (core, stats) in self.stats().into_iter().enumerate() {
            let (step, waited) = (stats.longest_step, stats.longest_step_waited);
            let (held, delay) = (stats.longest_held, stats.longest_delay);
            log::info!(
                "core {core}: the longest step took {step:?}, of which it waited {waited:?} for a \
                 processor that other threads had; without such waiting the longest took {held:?}; \
                 a timer was late by {delay:?} at most"
            );
        }
    }

    /// Stops: every lane flushes, clients read their last answers, all threads end.
    pub fn stop(self) {
        drop(self);
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a broker thread panicked");
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.request();
        self.join();
    }
}

fn run_core<L, E, F>(start: Start<F>)
where
    L: Lane,
    E: Into<Box<dyn Error + Send + Sync>>,
    F: Fn(CoreId) -> Result<L, E>,
{
    let _guard = AbortOnPanic;
    let id = start.id;
    if let Some(cores) = start.pin_among {
        match executor::pin(id, cores) {
            Ok(true) => {}
            Ok(false) => log::info!("core {id} shares processors: there are fewer than cores"),
            Err(error) => log::warn!("core {id} is not pinned to a processor: {error}"),
        }
    }
    let prepared = executor::make().and_then(|executor| {
        let lane = (start.make_lane)(id).map_err(|source| StartError::Lane {
            core: id,
            source: source.into(),
        })?;
        Ok((executor, lane))
    });
    let (executor, lane) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = start.report.send(Err(error));
            return;
        }
    };
    let Start {
        inbox,
        common,
        disk,
        stats,
        pulse,
        report,
        ..
    } = start;
    pulse.expect(common.clock.monotonic());
    executor.run(async move {
        let _ = report.send(Ok(()));
        drop(report);
        let core = Rc::new(Core::new(id, common, lane, disk, stats, pulse));
        core.run(inbox).await;
    });
}

/// Ends the process when the thread that holds it panics: a half-alive broker is worse than none.
pub(super) struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}
