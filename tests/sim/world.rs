//! Everything there is, and who is next: one broker or none, its disk, its clients, one clock.

use crate::auditor::AUDITOR;
use crate::clients::{Admin, Client, Consumer, Context, Hostile, Producer, add_members};
use crate::clock::Clock;
use crate::disturbance::Trouble;
use crate::history::History;
use crate::marks::Marks;
use crate::network::{Key, Move, Network};
use crate::plan::{DATA, Plan};
use crate::process::{Process, Surroundings};
use crate::topics::Topics;
use crate::trace::Trace;
use bytes::Bytes;
use corelane::shard::{Boot, BootError, Shard};
use corelane::storage::Disk;
use corelane::storage::memory_disk::MemoryDisk;
use corelane::types::{CoreId, Instant, LeaderEpoch};
use fastrand::Rng;
use std::io;
use std::path::Path;

/// Steps without time within which everything under way must end.
const QUIET_STEPS_MAX: u64 = 200_000;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) clock: Clock,
    pub(crate) disk: MemoryDisk,
    pub(crate) network: Network,
    pub(crate) history: History,
    pub(crate) topics: Topics,
    pub(crate) trace: Trace,
    pub(crate) process: Option<Process>,
    pub(crate) clients: Vec<Box<dyn Client>>,
    pub(crate) draining: bool,
    pub(crate) trouble: Trouble,
    /// The last start crashed.
    start_died: bool,
    /// What to do when the disk says that the process is dead.
    pub(crate) crash_cuts_power: bool,
    /// The epoch of the last start, and whether it ended cleanly.
    pub(crate) last_epoch: Option<(LeaderEpoch, bool)>,
    /// What power cuts left known to be durable.
    pub(crate) marks: Marks,
    /// What the auditor was answered.
    pub(crate) replies: Vec<Bytes>,
    moves: Vec<(Key, Move)>,
}

/// A kind of thing that can happen next.
#[derive(Debug, Clone, Copy)]
enum Next {
    Message(usize),
    Perform(usize),
    Complete(usize),
    Network(usize),
    Client(usize),
    Resume(usize),
    Tick(CoreId),
    Stop(usize),
    Time,
    Start,
}

impl World {
    pub(crate) fn new(plan: Plan, trace: Trace) -> Self {
        let mut rng = Rng::with_seed(plan.seed);
        let disk = MemoryDisk::new(rng.u64(..));
        disk.create_directory(Path::new(DATA))
            .expect("a new disk takes a directory");
        disk.sync_directory(Path::new(""))
            .expect("a new disk syncs");
        disk.set_cold(plan.cold);
        let mut clients: Vec<Box<dyn Client>> = vec![Box::new(Admin::new(0, &mut rng))];
        for _ in 0..plan.producers {
            let (batches, bytes_max) = (plan.batches, plan.record_bytes_max);
            let client = clients.len();
            clients.push(Box::new(Producer::new(
                client, batches, bytes_max, &mut rng,
            )));
        }
        for _ in 0..plan.consumers {
            clients.push(Box::new(Consumer::new(clients.len(), &mut rng)));
        }
        if plan.hostile {
            clients.push(Box::new(Hostile::new(clients.len())));
        }
        let mut history = History::default();
        if let Some(groups) = &plan.groups {
            add_members(groups, &mut clients, &mut history, &mut rng);
        }
        Self {
            plan,
            rng,
            clock: Clock::default(),
            disk,
            network: Network::default(),
            history,
            topics: Topics::default(),
            trace,
            process: None,
            clients,
            draining: false,
            trouble: Trouble::default(),
            start_died: false,
            crash_cuts_power: false,
            last_epoch: None,
            marks: Marks::default(),
            replies: Vec::new(),
            moves: Vec::new(),
        }
    }

    /// One step of the scheduler.
    pub(crate) fn step(&mut self) {
        self.trace.step += 1;
        if self.rng.u64(..self.plan.disturb_every) == 0 {
            return self.disturb();
        }
        if self.rng.u16(..700) == 0 && self.process.is_some() {
            return self.check_quiet();
        }
        let next = self.choose();
        self.happen(next);
    }

    /// Runs until nothing is left that can happen without time passing or a client asking for
    /// something new, and hears what the clients have to complain of.
    pub(crate) fn check_quiet(&mut self) {
        self.settle();
        if self.process.is_none() {
            return;
        }
        let mut clients = std::mem::take(&mut self.clients);
        let complaints = clients
            .iter_mut()
            .filter_map(|client| client.complaint(&mut self.context()));
        let mut complaints: Vec<String> = complaints.collect();
        self.clients = clients;
        if self.process.as_ref().is_some_and(Process::is_stopping) {
            complaints.push("the broker does not stop".into());
        }
        if !complaints.is_empty() {
            let broker = self
                .process
                .as_ref()
                .map_or(String::new(), Process::describe);
            let network = self.network.describe();
            panic!(
                "nothing is under way, yet:\n  {}\n{broker}{network}",
                complaints.join("\n  ")
            );
        }
    }

    /// The first half of it.
    pub(crate) fn settle(&mut self) {
        self.trace.note(format_args!("settle"));
        for _ in 0..QUIET_STEPS_MAX {
            let choices = self.without_time();
            if choices.is_empty() {
                return;
            }
            let next = choices[self.rng.usize(..choices.len())];
            self.happen(next);
        }
        panic!("after {QUIET_STEPS_MAX} steps without time passing something is still under way");
    }

    /// Everything that can happen without time or new requests, one of each kind.
    fn without_time(&mut self) -> Vec<Next> {
        let mut choices = Vec::new();
        self.network.moves(&mut self.moves);
        let rng = &mut self.rng;
        let mut offer = |count: usize, next: fn(usize) -> Next| {
            if count > 0 {
                choices.push(next(rng.usize(..count)));
            }
        };
        offer(self.moves.len(), Next::Network);
        if let Some(process) = &self.process {
            offer(process.pairs(), Next::Message);
            offer(process.issued(), Next::Perform);
            offer(process.ended(), Next::Complete);
            offer(process.yielding(), Next::Resume);
            offer(process.unstopped(), Next::Stop);
            let due = process.due(self.clock.now().monotonic);
            choices.extend(due.first().map(|core| Next::Tick(*core)));
        }
        choices
    }

    fn choose(&mut self) -> Next {
        let weights = self.plan.weights;
        let mut choices: Vec<(Next, u32)> = Vec::new();
        for next in self.without_time() {
            let weight = match next {
                Next::Message(_) => weights.messages,
                Next::Perform(_) => weights.perform,
                Next::Complete(_) => weights.complete,
                Next::Network(_) => weights.network,
                Next::Tick(_) => weights.ticks,
                _ => 5,
            };
            choices.push((next, weight));
        }
        let client = self.rng.usize(..self.clients.len());
        let client = self.alarmed().unwrap_or(client);
        choices.push((Next::Client(client), weights.clients));
        choices.push((Next::Time, weights.time));
        if self.process.is_none() {
            choices.push((Next::Start, 10));
        }
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.rng.u32(..total);
        for (next, weight) in choices {
            if drawn < weight {
                return next;
            }
            drawn -= weight;
        }
        unreachable!("the weights sum up to the total")
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Message(pair) => {
                self.on_process(|process, around| process.pass_message(pair, around))
            }
            Next::Perform(call) => self.on_process(|process, around| process.perform(call, around)),
            Next::Complete(call) => {
                self.on_process(|process, around| process.complete(call, around))
            }
            Next::Resume(index) => self.on_process(|process, around| process.resume(index, around)),
            Next::Tick(core) => self.on_process(|process, around| process.tick(core, around)),
            Next::Stop(index) => self.on_process(|process, around| process.stop_one(index, around)),
            Next::Network(at) => {
                let (key, which) = self.moves[at];
                self.network_move(key, which);
            }
            Next::Client(at) => self.client_acts(at),
            Next::Time => self.pass_time(),
            Next::Start => self.start(),
        }
        if self.process.as_ref().is_some_and(Process::is_stopped) {
            self.stopped();
        }
    }

    fn on_process(&mut self, happens: impl FnOnce(&mut Process, &mut Surroundings<'_>)) {
        let Some(process) = &mut self.process else {
            return;
        };
        let mut around = Surroundings {
            now: self.clock.now(),
            disk: &self.disk,
            network: &mut self.network,
            trace: &mut self.trace,
            when: self.history.now,
            trouble: self.trouble,
        };
        happens(process, &mut around);
        if self.disk.is_crashed() {
            self.crash(self.crash_cuts_power);
        }
    }

    fn network_move(&mut self, key: Key, which: Move) {
        if !matches!(which, Move::Receive | Move::Hangup) {
            return self.on_process(|process, around| process.network(key, which, around));
        }
        let connection = self.network.get(key);
        let at = connection.client;
        let delivery = (which == Move::Receive).then(|| connection.receive());
        if at == AUDITOR {
            let delivery = delivery.expect("the broker does not hang up on the auditor");
            return self.replies.push(delivery.frame);
        }
        let mut clients = std::mem::take(&mut self.clients);
        match delivery {
            Some(delivery) => {
                let (length, crc) = (delivery.frame.len(), crc32c::crc32c(&delivery.frame));
                let what = format_args!("client {at} receives {length} bytes, {crc:08x}");
                self.trace.note(what);
                let trouble = self.trouble.or(delivery.trouble);
                let mut context = self.context();
                context.trouble = trouble;
                clients[at].receive(delivery, &mut context);
            }
            None => {
                self.trace.note(format_args!("client {at} is hung up on"));
                self.network.hung_up(key);
                clients[at].hung_up(&mut self.context());
            }
        }
        self.clients = clients;
    }

    pub(crate) fn client_acts(&mut self, at: usize) {
        self.trace.note(format_args!("client {at} acts"));
        let mut clients = std::mem::take(&mut self.clients);
        clients[at].act(&mut self.context());
        self.clients = clients;
    }

    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            rng: &mut self.rng,
            now: self.clock.now(),
            network: &mut self.network,
            history: &mut self.history,
            topics: &mut self.topics,
            nodes: self.plan.nodes,
            draining: self.draining,
            trouble: self.trouble,
        }
    }

    fn pass_time(&mut self) {
        let deadline = self.next_deadline();
        match (self.rng.u8(..20), deadline) {
            (0, _) => self.clock.advance(self.rng.u64(..2_000_000)),
            (1..=9, Some(deadline)) => self.clock.advance_to(deadline),
            _ => self.clock.advance(self.rng.u64(..3_000)),
        }
        let now = self.clock.now();
        self.trace.note(format_args!("it is {now:?}"));
    }

    /// When something is to happen next: in the broker, or with a client.
    fn next_deadline(&self) -> Option<Instant> {
        let now = self.clock.now().monotonic;
        let alarms = self.clients.iter().filter_map(|client| client.alarm());
        let alarms = alarms.filter(|at| *at > now);
        let deadline = self.process.as_ref().and_then(Process::next_deadline);
        alarms.chain(deadline).min()
    }

    /// A client whose time has come, at times.
    fn alarmed(&mut self) -> Option<usize> {
        let now = self.clock.now().monotonic;
        let is_due = |at: &usize| self.clients[*at].alarm().is_some_and(|at| at <= now);
        let due: Vec<usize> = (0..self.clients.len()).filter(is_due).collect();
        let chosen = !due.is_empty() && self.rng.bool();
        chosen.then(|| due[self.rng.usize(..due.len())])
    }

    /// Lets the next deadline come, or a little time pass.
    pub(crate) fn pass_to_deadline(&mut self) {
        match self.next_deadline() {
            Some(deadline) => self.clock.advance_to(deadline),
            None => self.clock.advance(10_000),
        }
    }

    /// Starts the broker, on any number of cores; the start may die at any disk operation, and fail
    /// for want of a sound disk.
    pub(crate) fn start(&mut self) {
        self.trouble.failed = false;
        let errors = self.plan.disk_faults && !self.draining && self.rng.u8(..4) == 0;
        if errors {
            self.fail_disk();
        }
        if let Err(error) = self.try_start() {
            let full = matches!(&error, BootError::Io { error, .. }
                if error.kind() == io::ErrorKind::StorageFull);
            let excused = errors || (self.trouble.full && full);
            assert!(excused, "the start failed: {error}");
            self.trace.note(format_args!("the start failed: {error}"));
            self.crash(false);
            if self.rng.u8(..4) == 0 {
                self.free_disk();
            }
        }
    }

    /// The same for a disk that may be damaged.
    pub(crate) fn try_start(&mut self) -> Result<(), BootError> {
        let (cores, seed) = (self.rng.u16(1..=4), self.rng.u64(..));
        let crashing = self.plan.crashing_starts;
        let crashing = crashing + if self.start_died { crashing / 2 } else { 0 };
        if !self.draining && self.rng.u8(..100) < crashing {
            // Anywhere in it: a copy tells how long it takes.
            let copy = self.disk.fork();
            let before = copy.operations();
            let _ = self.boot(&copy, cores, seed);
            self.crash_soon(copy.operations() - before + 1);
        }
        self.trace.note(format_args!("start on {cores} cores"));
        let booted = self.boot(&self.disk, cores, seed);
        self.start_died = self.disk.is_crashed();
        if self.start_died {
            self.crash(self.crash_cuts_power);
            return Ok(());
        }
        let (epoch, shards) = booted?;
        if let Some((last, clean)) = self.last_epoch {
            let raised = if clean { epoch >= last } else { epoch > last };
            assert!(
                raised,
                "the epoch was {last} and is {epoch} after a start, clean: {clean}"
            );
        }
        self.trace.note(format_args!("started with epoch {epoch}"));
        self.last_epoch = Some((epoch, false));
        self.network.cores = cores;
        self.network.epoch = epoch.get();
        self.process = Some(Process::new(shards));
        Ok(())
    }

    fn boot(
        &self,
        disk: &MemoryDisk,
        cores: u16,
        seed: u64,
    ) -> Result<(LeaderEpoch, Vec<Shard>), BootError> {
        let boot = Boot::load(disk, self.plan.config(cores), seed)?;
        let cores = (0..cores).map(CoreId::new);
        let shards: Result<_, _> = cores.map(|core| boot.shard(disk, core)).collect();
        Ok((boot.leader_epoch(), shards?))
    }
}
