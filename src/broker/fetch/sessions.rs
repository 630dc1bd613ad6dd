use super::operation::Wanted;
use super::session::{FetchSession, Unwatched};
use super::{FetchOperation, FetchOutcome, FetchRequest, FetchResponse, FetchStep, FetchedTopic};
use crate::broker::scatter::Outgoing;
use crate::broker::{BrokerError, Context, CoreRequest, Questions, WatchItem};
use crate::config::Limits;
use crate::types::{CoreId, FetchSessionEpoch, FetchSessionId, Instant, RequestId, TopicPartition};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::time::Duration;

/// A session that was not used for so long makes room for any other; one that was opened so long
/// ago makes room for a larger one, as in Kafka.
const EVICTED_AFTER: Duration = Duration::from_secs(120);

/// The fetch sessions of one core (KIP-227), bounded in number and in partitions.
#[derive(Debug)]
pub struct FetchSessions {
    core: CoreId,
    cores: u16,
    random: fastrand::Rng,
    sessions_max: usize,
    partitions_max: usize,
    sessions: FxHashMap<FetchSessionId, Cached>,
    /// Partitions of all sessions.
    partitions: usize,
    by_use: BTreeSet<(Instant, FetchSessionId)>,
    /// Those that were open for [`EVICTED_AFTER`] when they were last used.
    by_size: BTreeSet<(usize, FetchSessionId)>,
    /// How many catalogs there were.
    generation: u64,
}

#[derive(Debug)]
struct Cached {
    session: FetchSession,
    opened: Instant,
    used: Instant,
    /// How many partitions are accounted for.
    size: usize,
}

/// A fetch that began, and what that ended.
#[derive(Debug)]
pub struct BegunFetch {
    /// The fetch and what it needs; or why there is none.
    pub fetch: Result<(FetchOperation, FetchStep), BrokerError>,
    /// Other fetches that have to end with an error: their session is closed, or goes on with this
    /// one.
    pub ended: Vec<(RequestId, BrokerError)>,
    /// To be asked in any case.
    pub questions: Questions,
}

/// What closing sessions leads to.
#[derive(Debug, Default)]
struct Closing {
    ended: Vec<(RequestId, BrokerError)>,
    questions: Questions,
}

impl FetchSessions {
    /// None yet. Ids are drawn by `seed`, so that those of an earlier start mean nothing.
    pub fn new(core: CoreId, cores: u16, seed: u64, limits: &Limits) -> Self {
        Self {
            core,
            cores,
            random: fastrand::Rng::with_seed(seed ^ u64::from(core.get())),
            sessions_max: limits.fetch_sessions_per_core_max,
            partitions_max: limits.fetch_session_partitions_per_core_max,
            sessions: FxHashMap::default(),
            partitions: 0,
            by_use: BTreeSet::new(),
            by_size: BTreeSet::new(),
            generation: 0,
        }
    }

    /// There is another catalog.
    pub fn catalog_changed(&mut self) {
        self.generation += 1;
    }

    /// Begins a fetch, in the session that the request names, in a new one, or in none. `id` names
    /// it from now on.
    pub fn begin(
        &mut self,
        mut request: FetchRequest,
        id: RequestId,
        context: &Context<'_>,
        now: Instant,
    ) -> BegunFetch {
        let mut closing = Closing::default();
        let session = match request.epoch {
            FetchSessionEpoch::INITIAL | FetchSessionEpoch::FINAL => {
                // A request that names all its partitions ends the session that it names.
                self.close(request.session, &mut closing);
                Ok(self.open(&mut request, context, now, &mut closing))
            }
            _ => self.go_on(&mut request, context, now, &mut closing),
        };
        let fetch = session.map(|session| {
            let wanted = match session {
                Some(session) => self.session(session).begin(id),
                None => Wanted::all(std::mem::take(&mut request.topics), context),
            };
            FetchOperation::start(&request, session, wanted, context, now)
        });
        BegunFetch {
            fetch,
            ended: closing.ended,
            questions: closing.questions,
        }
    }

    /// A new session, if the client wants one and there is room.
    fn open(
        &mut self,
        request: &mut FetchRequest,
        context: &Context<'_>,
        now: Instant,
        closing: &mut Closing,
    ) -> Option<FetchSessionId> {
        let named = request.topics.iter().map(|topic| topic.partitions.len());
        if request.epoch == FetchSessionEpoch::FINAL || !self.make_room(named.sum(), now, closing) {
            return None;
        }
        let id = self.unused_id();
        let mut session = FetchSession::new(request.names_by_id, self.generation);
        session.put(std::mem::take(&mut request.topics), context);
        let cached = Cached {
            session,
            opened: now,
            used: now,
            size: 0,
        };
        self.sessions.insert(id, cached);
        self.touch(id, now);
        Some(id)
    }

    /// The session that a request goes on with. If it leaves nothing in it, it is the last one.
    fn go_on(
        &mut self,
        request: &mut FetchRequest,
        context: &Context<'_>,
        now: Instant,
        closing: &mut Closing,
    ) -> Result<Option<FetchSessionId>, BrokerError> {
        let id = request.session;
        let cached = self.sessions.get_mut(&id);
        let session = &mut cached.ok_or(BrokerError::FetchSessionNotFound)?.session;
        if session.epoch != request.epoch {
            return Err(BrokerError::InvalidFetchSessionEpoch);
        }
        if session.names_by_id != request.names_by_id {
            return Err(BrokerError::FetchSessionTopicIds);
        }
        let named = request.topics.iter().map(|topic| topic.partitions.len());
        if self.partitions + named.sum::<usize>() > self.partitions_max {
            self.close(id, closing);
            return Err(BrokerError::FetchSessionNotFound);
        }
        if let Some(superseded) = session.fetch.take() {
            let error = BrokerError::InvalidFetchSessionEpoch;
            closing.ended.push((superseded, error));
        }
        let mut unwatched = Unwatched::new();
        session.follow(self.generation, context, &mut unwatched);
        session.put(std::mem::take(&mut request.topics), context);
        session.forget(&request.forgotten, &mut unwatched);
        closing.unwatch(id, unwatched);
        session.epoch = session.epoch.next();
        let is_empty = session.len() == 0;
        self.touch(id, now);
        if is_empty {
            self.close(id, closing);
            return Ok(None);
        }
        Ok(Some(id))
    }

    /// What the session of a fetch does not watch already is to be watched.
    pub fn watch(
        &mut self,
        session: FetchSessionId,
        items: Vec<(CoreId, Vec<WatchItem>)>,
    ) -> Questions {
        let of_session = self.session(session);
        let mut questions = Questions::new();
        for (core, mut items) in items {
            of_session.watch(&mut items);
            if !items.is_empty() {
                questions.push((core, CoreRequest::WatchInSession(session, items)));
            }
        }
        questions
    }

    /// A partition that a session watched moved: the fetch that has to know.
    pub fn moved(
        &mut self,
        session: FetchSessionId,
        partition: TopicPartition,
    ) -> Option<RequestId> {
        let session = &mut self.sessions.get_mut(&session)?.session;
        session.moved(partition);
        session.fetch
    }

    /// Lets a fetch of a session read what has moved, too.
    pub fn renew(&mut self, fetch: &mut FetchOperation, now: Instant) -> FetchStep {
        let session = fetch.session().expect("a session's fetch is renewed");
        fetch.renew(self.session(session).wanted(), now)
    }

    /// Makes a response of what a fetch came to.
    pub fn settle(&mut self, outcome: FetchOutcome) -> (FetchResponse, Questions) {
        let FetchOutcome {
            session: id,
            reads,
            endpoints,
        } = outcome;
        let mut response = FetchResponse {
            error: None,
            session: id.unwrap_or(FetchSessionId::NONE),
            topics: Vec::new(),
            endpoints,
        };
        let mut session = id.map(|id| self.session(id));
        let mut watched = Outgoing::new();
        for (wanted, fetched) in reads {
            let told = session.as_mut().map(|s| s.settle(&wanted, &fetched));
            let (is_news, watch) = told.unwrap_or((true, None));
            if let Some((core, item)) = watch {
                watched.push(core, item);
            }
            if !is_news {
                continue;
            }
            match response.topics.last_mut() {
                Some(last) if last.topic == wanted.topic => last.partitions.push(fetched),
                _ => response.topics.push(FetchedTopic {
                    topic: wanted.topic,
                    partitions: vec![fetched],
                }),
            }
        }
        let watches = watched.into_cores().zip(id.into_iter().cycle());
        let questions = watches
            .map(|((core, items), session)| (core, CoreRequest::WatchInSession(session, items)));
        (response, questions.collect())
    }

    /// A fetch ended, with an answer or without.
    pub fn ended(&mut self, session: FetchSessionId, id: RequestId) {
        if let Some(cached) = self.sessions.get_mut(&session)
            && cached.session.fetch == Some(id)
        {
            cached.session.fetch = None;
        }
    }

    fn session(&mut self, id: FetchSessionId) -> &mut FetchSession {
        let cached = self.sessions.get_mut(&id);
        &mut cached
            .expect("a session that closes ends its fetch")
            .session
    }

    /// Ids name their core, so that no other core takes one for its own.
    fn unused_id(&mut self) -> FetchSessionId {
        let cores = i32::from(self.cores);
        loop {
            let drawn = self.random.i32(1..i32::MAX / cores);
            let id = FetchSessionId::new(drawn * cores + i32::from(self.core.get()));
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }

    fn make_room(&mut self, partitions: usize, now: Instant, closing: &mut Closing) -> bool {
        if partitions > self.partitions_max {
            return false;
        }
        while self.sessions.len() >= self.sessions_max
            || self.partitions + partitions > self.partitions_max
        {
            let stale = self.by_use.first();
            let stale = stale.filter(|(used, _)| now.since(*used) > EVICTED_AFTER);
            let smaller = self.by_size.first();
            let smaller = smaller.filter(|(size, _)| *size < partitions);
            let evicted = stale.map(|(_, id)| *id).or(smaller.map(|(_, id)| *id));
            match evicted {
                Some(id) => self.close(id, closing),
                None => return false,
            }
        }
        true
    }

    /// A session was used, and may have another size.
    fn touch(&mut self, id: FetchSessionId, now: Instant) {
        let cached = self.sessions.get_mut(&id).expect("it is open");
        self.by_use.remove(&(cached.used, id));
        self.by_size.remove(&(cached.size, id));
        self.partitions -= cached.size;
        cached.used = now;
        cached.size = cached.session.len();
        self.partitions += cached.size;
        self.by_use.insert((now, id));
        if now.since(cached.opened) > EVICTED_AFTER {
            self.by_size.insert((cached.size, id));
        }
    }

    fn close(&mut self, id: FetchSessionId, closing: &mut Closing) {
        let Some(cached) = self.sessions.remove(&id) else {
            return;
        };
        self.by_use.remove(&(cached.used, id));
        self.by_size.remove(&(cached.size, id));
        self.partitions -= cached.size;
        if let Some(fetch) = cached.session.fetch {
            closing
                .ended
                .push((fetch, BrokerError::FetchSessionNotFound));
        }
        closing.unwatch(id, cached.session.into_watched());
    }
}

impl Closing {
    fn unwatch(&mut self, session: FetchSessionId, unwatched: Unwatched) {
        let mut outgoing = Outgoing::new();
        for (core, partition) in unwatched {
            outgoing.push(core, partition);
        }
        let unwatch = |(core, items)| (core, CoreRequest::UnwatchInSession(session, items));
        self.questions.extend(outgoing.into_cores().map(unwatch));
    }
}

#[cfg(test)]
mod tests;
