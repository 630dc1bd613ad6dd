use super::disk::Purpose;
use super::owner::Hosted;
use super::registrar::Registrar;
use super::{Effect, Message, Shard};
use crate::types::{ConnectionId, CoreId, TopicPartition};
use std::collections::BTreeSet;
use std::io;

/// How far a clean stop has come.
#[derive(Debug)]
pub(super) struct Stopping {
    step: Step,
    /// On the registrar: cores that have not flushed everything yet.
    others: BTreeSet<CoreId>,
    clean: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Calls that were under way end first.
    Draining,
    /// Every log is synced, cut to its end and check-pointed.
    Closing,
    /// The registrar waits for all others, and they for its farewell: until then a change of the
    /// catalog may still be spreading.
    Waiting,
    /// The registrar marks the catalog clean.
    Marking,
    Stopped,
}

impl Shard {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// The process ends.
    pub(super) fn stop(&mut self, effects: &mut Vec<Effect>) {
        if self.is_stopping() {
            return;
        }
        let others = self
            .placement
            .all()
            .filter(|core| *core != CoreId::REGISTRAR)
            .collect();
        self.stopping = Some(Stopping {
            step: Step::Draining,
            others,
            clean: true,
        });
        self.deadlines.set_upkeep(None);
        let mut connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        connections.sort_unstable();
        for connection in connections {
            self.close(connection, "the broker is stopping".into(), effects);
        }
    }

    /// Another core has stopped.
    pub(super) fn core_flushed(&mut self, from: CoreId, clean: bool, effects: &mut Vec<Effect>) {
        // It may have heard of the end before this core.
        self.stop(effects);
        let stopping = self.stopping.as_mut().expect("a stop is under way");
        stopping.others.remove(&from);
        stopping.clean &= clean;
    }

    /// Takes the next step of a clean stop once the one before is done.
    pub(super) fn proceed_stopping(&mut self, effects: &mut Vec<Effect>) {
        let idle = self.disk_calls.is_empty() && !self.turn.is_yielding();
        let settled = self.registrar.as_ref().is_some_and(Registrar::is_idle);
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let others_done = stopping.others.is_empty();
        match stopping.step {
            Step::Draining if idle => {
                stopping.step = Step::Closing;
                self.close_partitions(effects);
                self.proceed_stopping(effects);
            }
            Step::Closing if idle => self.closed_partitions(effects),
            Step::Waiting if others_done && settled => self.mark_clean(effects),
            _ => {}
        }
    }

    fn close_partitions(&mut self, effects: &mut Vec<Effect>) {
        let mut ids: Vec<TopicPartition> = self.partitions.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.with_partition(id, effects, |partition, outcome| partition.close(outcome));
        }
    }

    fn closed_partitions(&mut self, effects: &mut Vec<Effect>) {
        let clean = self.partitions.values().all(|hosted| match hosted {
            Hosted::Online(partition) => partition.failure().is_none(),
            Hosted::Offline(_) => true,
        });
        let is_registrar = self.registrar.is_some();
        let stopping = self.stopping.as_mut().expect("a stop is under way");
        stopping.clean &= clean;
        stopping.step = Step::Waiting;
        if is_registrar {
            return self.proceed_stopping(effects);
        }
        let clean = stopping.clean;
        self.send(CoreId::REGISTRAR, Message::Flushed { clean }, effects);
    }

    /// The last write: the next start finds that nothing was lost.
    fn mark_clean(&mut self, effects: &mut Vec<Effect>) {
        let stopping = self.stopping.as_mut().expect("a stop is under way");
        if !stopping.clean {
            log::error!("some partitions could not be flushed; the next start will check them");
            return self.say_farewell(effects);
        }
        stopping.step = Step::Marking;
        let mut catalog = self.catalog.as_ref().clone();
        catalog.clean = true;
        let call = super::boot::write_catalog(&self.config.data, &catalog);
        self.call(Purpose::Catalog, call, effects);
    }

    pub(super) fn clean_stop_written(&mut self, result: io::Result<()>, effects: &mut Vec<Effect>) {
        let stopping = self
            .stopping
            .as_mut()
            .expect("only a stop writes outside of a round");
        assert_eq!(stopping.step, Step::Marking, "the last write");
        if let Err(error) = result {
            log::error!("the clean stop could not be noted: {error}; the next start will check");
        }
        self.say_farewell(effects);
    }

    fn say_farewell(&mut self, effects: &mut Vec<Effect>) {
        for core in self.placement.all() {
            self.send(core, Message::Farewell, effects);
        }
    }

    /// The registrar is done: nothing follows.
    pub(super) fn farewell(&mut self, effects: &mut Vec<Effect>) {
        let stopping = self.stopping.as_mut().expect("a stop is under way");
        stopping.step = Step::Stopped;
        effects.push(Effect::Stopped);
    }
}
