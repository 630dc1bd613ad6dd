use super::commit::Commit;
use super::connections::Connection;
use super::deadlines::Deadlines;
use super::deletions::Deletions;
use super::disk::Purpose;
use super::in_flight::InFlight;
use super::memory::Memory;
use super::operations::Operation;
use super::owner::{Hosted, Owner};
use super::registrar::Registrar;
use super::turn::Turn;
use super::watches::Watches;
use super::{Boot, Effect, Event, Message};
use crate::broker::FetchSessions;
use crate::config::Config;
use crate::storage::journal::Journal;
use crate::topic::{Catalog, Placement};
use crate::types::{ConnectionId, CoreId, Instant, IoId, Now, RequestId, TopicPartition};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// One core's whole state.
#[derive(Debug)]
pub struct Shard {
    pub(super) core: CoreId,
    pub(super) placement: Placement,
    pub(super) config: Arc<Config>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) connections: FxHashMap<ConnectionId, Connection>,
    pub(super) memory: Memory,
    pub(super) operations: InFlight<RequestId, Operation>,
    pub(super) next_request: RequestId,
    pub(super) partitions: FxHashMap<TopicPartition, Hosted>,
    pub(super) owner: Owner,
    pub(super) deletions: Deletions,
    pub(super) turn: Turn,
    pub(super) watches: Watches,
    pub(super) fetch_sessions: FetchSessions,
    pub(super) deadlines: Deadlines,
    pub(super) commit: Commit,
    pub(super) disk_calls: InFlight<IoId, Purpose>,
    pub(super) next_io: IoId,
    /// Only on the registrar's core.
    pub(super) registrar: Option<Registrar>,
    pub(super) stopping: Option<super::stop::Stopping>,
    pub(super) burials: super::burials::Burials,
    pub(super) upkeep_queue: VecDeque<TopicPartition>,
    pub(super) scrub: super::scrub::Scrub,
    pub(super) coordinators: super::coordinators::Coordinators,
    pub(super) compactor: super::compactor::Compactor,
    /// Messages of this core to itself.
    to_self: VecDeque<Message>,
}

impl Shard {
    /// A shard with its partitions as [`Boot`] recovered them.
    pub(super) fn new(
        core: CoreId,
        config: Arc<Config>,
        boot: &Boot,
        journal: Journal,
        partitions: FxHashMap<TopicPartition, Hosted>,
    ) -> Self {
        let placement = Placement::new(config.cores);
        let is_registrar = core == CoreId::REGISTRAR;
        let owner = Owner::new(partitions.values());
        Self {
            core,
            placement,
            catalog: boot.catalog(),
            connections: FxHashMap::default(),
            memory: Memory::new(config.limits.request_bytes_per_core_max),
            operations: InFlight::default(),
            next_request: RequestId::default(),
            partitions,
            owner,
            deletions: Deletions::default(),
            turn: Turn::default(),
            watches: Watches::default(),
            fetch_sessions: FetchSessions::new(core, config.cores, boot.seed(), &config.limits),
            deadlines: Deadlines::default(),
            commit: Commit::new(journal),
            disk_calls: InFlight::default(),
            next_io: IoId::default(),
            registrar: is_registrar.then(|| Registrar::new(boot.seed())),
            stopping: None,
            burials: super::burials::Burials::new(boot.buried_of(core)),
            upkeep_queue: VecDeque::new(),
            scrub: super::scrub::Scrub::new(config.limits.scrub_bytes_per_second_max),
            coordinators: super::coordinators::Coordinators::new(core, boot.seed()),
            compactor: super::compactor::Compactor::new(
                config.limits.compaction_bytes_per_second_max,
                boot.seed() ^ u64::from(core.get()),
            ),
            to_self: VecDeque::new(),
            config,
        }
    }

    /// Takes one event and says what is to be done, in order.
    pub fn step(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        self.turn
            .begin(self.config.limits.append_bytes_per_step_max);
        match event {
            Event::Opened {
                connection,
                peer,
                own_node,
            } => {
                self.opened(connection, Connection::new(peer, own_node), effects);
            }
            Event::Announced { connection, length } => self.announced(connection, length, effects),
            Event::Frame {
                connection,
                slot,
                bytes,
            } => {
                self.frame(connection, slot, &bytes, now, effects);
            }
            Event::Sent { connection, slot } => self.sent(connection, slot, effects),
            Event::Closed { connection } => self.closed(connection, effects),
            Event::FromCore { from, message } => self.message(from, message, now, effects),
            Event::DiskDone { io, result } => self.disk_done(io, result, now, effects),
            Event::Resume => self.resume(now, effects),
            Event::Tick => self.tick(now, effects),
            Event::Stop => self.stop(effects),
        }
        loop {
            while let Some(message) = self.to_self.pop_front() {
                self.message(self.core, message, now, effects);
            }
            self.commit(now, effects);
            self.remove_buried(effects);
            self.end_turn(effects);
            self.schedule_upkeep(now);
            self.proceed_stopping(effects);
            // A stop that ends here has told this core too, and no event may follow.
            if self.to_self.is_empty() {
                return;
            }
        }
    }

    /// When the next [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.deadlines.next(),
            self.commit.deadline(),
            self.coordinators.deadline(),
            self.scrub.deadline(),
            self.compactor.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.expire_fetches(now, effects);
        while let Some(partition) = self.deadlines.due_partition(now.monotonic) {
            self.with_partition(partition, effects, |partition, outcome| {
                partition.tick(now, outcome);
            });
        }
        self.sync_behind(now, effects);
        self.tick_coordinators(now, effects);
        self.scrub_on(now, effects);
        self.compact_on(now, effects);
        self.upkeep(now, effects);
    }

    fn message(&mut self, from: CoreId, message: Message, now: Now, effects: &mut Vec<Effect>) {
        match message {
            Message::Request { id, request } => self.request(from, id, request, now, effects),
            Message::Reply { id, reply } => self.reply(from, id, reply, now, effects),
            Message::Wake { id } => self.wake(from, id, now, effects),
            Message::Moved { session, partition } => {
                self.moved_in_session(session, partition, now, effects);
            }
            Message::Catalog(catalog) => self.adopt(catalog, now, effects),
            Message::CatalogApplied => self.catalog_applied(from, effects),
            Message::Flushed { clean } => self.core_flushed(from, clean, effects),
            Message::Farewell => self.farewell(effects),
        }
    }

    /// Sends to a core, this one included.
    pub(super) fn send(&mut self, to: CoreId, message: Message, effects: &mut Vec<Effect>) {
        if to == self.core {
            self.to_self.push_back(message);
        } else {
            effects.push(Effect::Send { to, message });
        }
    }
}
