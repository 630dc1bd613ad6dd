use super::disk::Purpose;
use super::watches::Watcher;
use super::{Effect, Message, Shard};
use crate::broker::{BrokerError, CatalogChange, CoreReply};
use crate::storage::call::DiskCall;
use crate::topic::Catalog;
use crate::types::{CoreId, ProducerId, TopicId};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

/// How many producer ids one write to disk makes available.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// The one who changes the catalog, on core 0. Changes that arrive while one round is under way
/// share the next: draft, write durably, hand to every core, answer.
#[derive(Debug)]
pub(super) struct Registrar {
    random: fastrand::Rng,
    waiting: VecDeque<(Watcher, Wanted)>,
    round: Option<Round>,
    /// A write failed, perhaps after the file had its new name: what is in force is written again,
    /// or a change that was refused might come true at the next start.
    uncertain: Option<Uncertain>,
    /// Producer ids that are durably set aside and not given out yet.
    producer_ids: std::ops::Range<i64>,
}

#[derive(Debug)]
enum Wanted {
    Change(CatalogChange),
    ProducerId,
}

/// Which catalog is on the disk is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uncertain {
    /// Since just now: it is settled at once.
    Fresh,
    /// That failed as well: the next round settles it.
    Lasting,
}

#[derive(Debug)]
struct Round {
    draft: Arc<Catalog>,
    answers: Vec<(Watcher, Wanted, CoreReply)>,
    /// The cores that have not applied the new catalog yet; all of them while it is written.
    missing: BTreeSet<CoreId>,
}

impl Registrar {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            waiting: VecDeque::new(),
            round: None,
            uncertain: None,
            producer_ids: 0..0,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.round.is_none() && self.waiting.is_empty()
    }
}

impl Shard {
    fn registrar(&mut self) -> &mut Registrar {
        self.registrar
            .as_mut()
            .expect("only the registrar's core is asked")
    }

    /// Queues a change.
    pub(super) fn register(
        &mut self,
        asker: Watcher,
        change: CatalogChange,
        effects: &mut Vec<Effect>,
    ) {
        self.registrar()
            .waiting
            .push_back((asker, Wanted::Change(change)));
        self.begin_round(effects);
    }

    /// Gives a producer id, from the block set aside if it has one left.
    pub(super) fn give_producer_id(&mut self, asker: Watcher, effects: &mut Vec<Effect>) {
        let registrar = self.registrar();
        // What a round sets aside is nobody's before it is durable.
        if registrar.round.is_none()
            && let Some(id) = registrar.producer_ids.next()
        {
            return self.answer(asker, one_producer_id(id), effects);
        }
        registrar.waiting.push_back((asker, Wanted::ProducerId));
        self.begin_round(effects);
    }

    fn begin_round(&mut self, effects: &mut Vec<Effect>) {
        let stopping = self.is_stopping();
        let mut draft = self.catalog.as_ref().clone();
        let config = Arc::clone(&self.config);
        let registrar = self.registrar();
        let due = !registrar.waiting.is_empty() || registrar.uncertain == Some(Uncertain::Fresh);
        if registrar.round.is_some() || !due {
            return;
        }
        let certain = registrar.uncertain.is_none();
        registrar.uncertain = registrar.uncertain.map(|_| Uncertain::Lasting);
        let mut answers = Vec::new();
        for (asker, wanted) in std::mem::take(&mut registrar.waiting) {
            let reply = match &wanted {
                Wanted::Change(change) if stopping => {
                    CoreReply::Change(change.failed(&BrokerError::ShuttingDown))
                }
                // The catalog is written for the last time by then.
                Wanted::ProducerId if stopping => {
                    CoreReply::ProducerId(Err(BrokerError::ShuttingDown))
                }
                Wanted::Change(change) => {
                    let random = &mut registrar.random;
                    let new_id = || {
                        let mut bytes = [0; 16];
                        random.fill(&mut bytes);
                        TopicId::from_random_bytes(bytes)
                    };
                    CoreReply::Change(change.apply(&mut draft, &config, new_id))
                }
                Wanted::ProducerId => {
                    if registrar.producer_ids.is_empty() {
                        let first = draft.next_producer_id;
                        draft.next_producer_id += PRODUCER_ID_BLOCK;
                        registrar.producer_ids = first..draft.next_producer_id;
                    }
                    let id = registrar.producer_ids.next().expect("filled just now");
                    one_producer_id(id)
                }
            };
            answers.push((asker, wanted, reply));
        }
        if certain && draft == *self.catalog {
            for (asker, _, reply) in answers {
                self.answer(asker, reply, effects);
            }
            return;
        }
        let draft = Arc::new(draft);
        let missing = self.placement.all().collect();
        let call = self.write_catalog(&draft);
        self.registrar().round = Some(Round {
            draft,
            answers,
            missing,
        });
        self.call(Purpose::Catalog, call, effects);
    }

    pub(super) fn write_catalog(&self, catalog: &Catalog) -> DiskCall {
        super::boot::write_catalog(&self.config.data, catalog)
    }

    /// The draft is durable, or is not.
    pub(super) fn catalog_written(&mut self, result: io::Result<()>, effects: &mut Vec<Effect>) {
        let Some(round) = &mut self.registrar().round else {
            return self.clean_stop_written(result, effects);
        };
        match result {
            Ok(()) => {
                let catalog = Arc::clone(&round.draft);
                self.registrar().uncertain = None;
                for core in self.placement.all() {
                    self.send(core, Message::Catalog(Arc::clone(&catalog)), effects);
                }
            }
            Err(error) => {
                let reason = format!("the catalog could not be written: {error}");
                log::error!("{reason}");
                let round = self.registrar().round.take().expect("looked up just now");
                let registrar = self.registrar();
                registrar.producer_ids = 0..0;
                registrar.uncertain.get_or_insert(Uncertain::Fresh);
                let error = BrokerError::Storage(reason);
                for (asker, wanted, _) in round.answers {
                    let reply = match wanted {
                        Wanted::Change(change) => CoreReply::Change(change.failed(&error)),
                        Wanted::ProducerId => CoreReply::ProducerId(Err(error.clone())),
                    };
                    self.answer(asker, reply, effects);
                }
                self.begin_round(effects);
            }
        }
    }

    /// A core has the new catalog in force.
    pub(super) fn catalog_applied(&mut self, from: CoreId, effects: &mut Vec<Effect>) {
        let round = self
            .registrar()
            .round
            .as_mut()
            .expect("a round is under way");
        assert!(round.missing.remove(&from), "a core applies a catalog once");
        if !round.missing.is_empty() {
            return;
        }
        let round = self.registrar().round.take().expect("looked up just now");
        for (asker, _, reply) in round.answers {
            self.answer(asker, reply, effects);
        }
        self.begin_round(effects);
    }
}

fn one_producer_id(id: i64) -> CoreReply {
    CoreReply::ProducerId(Ok(ProducerId::new(id)))
}
