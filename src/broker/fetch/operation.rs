use super::super::scatter::{Outgoing, Scatter};
use super::{FetchPartition, FetchRequest, FetchTopic, FetchedPartition};
use crate::broker::{
    BrokerError, Context, CoreReply, CoreRequest, LeaderHint, NodeEndpoint, Part, Questions,
    ReadItem, ReadPart, TopicRef, WatchItem,
};
use crate::record::Compression;
use crate::types::{CoreId, FetchSessionId, Instant, Offset, PartitionIndex, TopicPartition};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// A read, and who is to be asked for it; `Err` where nobody is.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) topic: Arc<TopicRef>,
    pub(super) read: FetchPartition,
    pub(super) owner: Result<(CoreId, TopicPartition), BrokerError>,
}

/// A fetch under way: it reads, and if that gives too little, watches the partitions and reads
/// again when one of them has more, until there is enough or the time is up.
#[derive(Debug)]
pub struct FetchOperation {
    session: Option<FetchSessionId>,
    bytes_min: u32,
    bytes_max: u32,
    knows_zstandard: bool,
    deadline: Instant,
    wanted: Vec<Wanted>,
    hints: Vec<Option<LeaderHint>>,
    endpoints: Vec<NodeEndpoint>,
    state: State,
    /// A watched partition moved since the last read was sent.
    stale: bool,
    /// Watches asked for and not answered by a wake, per core. A core keeps one at most, but a wake
    /// may be under way while it is asked anew. Sessions keep their own.
    watching: BTreeMap<CoreId, u32>,
    results: Scatter<Result<ReadPart, BrokerError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Watching,
}

/// What a fetch needs next.
#[derive(Debug)]
pub enum FetchStep {
    /// Nothing: replies, a wake or the deadline will come.
    Wait,
    /// Ask these.
    Ask(Questions),
    /// Its session is to watch these: call [`FetchSessions::watch`](super::FetchSessions::watch).
    Watch(Vec<(CoreId, Vec<WatchItem>)>),
    /// Something in its session moved: call [`FetchSessions::renew`](super::FetchSessions::renew).
    Renew,
    /// It has what it can get: call [`FetchOperation::finish`].
    Done,
}

/// What a fetch came to, in the order of its reads.
#[derive(Debug)]
pub struct FetchOutcome {
    pub(super) session: Option<FetchSessionId>,
    pub(super) reads: Vec<(Wanted, FetchedPartition)>,
    pub(super) endpoints: Vec<NodeEndpoint>,
}

impl Wanted {
    /// The reads of these topics, in their order.
    pub(super) fn all(topics: Vec<FetchTopic>, context: &Context<'_>) -> Vec<Self> {
        let mut all = Vec::new();
        for FetchTopic { topic, partitions } in topics {
            let known = context.topic(&topic);
            let topic = Arc::new(topic);
            all.extend(partitions.into_iter().map(|read| {
                Self {
                    topic: Arc::clone(&topic),
                    read,
                    owner: known
                        .clone()
                        .and_then(|known| context.owner(known, read.index)),
                }
            }));
        }
        all
    }
}

impl FetchOperation {
    /// Asks each owner for what it has. The request's `wait_max` is bounded already; its topics are
    /// in `wanted`.
    pub(super) fn start(
        request: &FetchRequest,
        session: Option<FetchSessionId>,
        wanted: Vec<Wanted>,
        context: &Context<'_>,
        now: Instant,
    ) -> (Self, FetchStep) {
        let hint = |wanted: &Wanted| {
            let moved = wanted.owner == Err(BrokerError::NotLeader);
            moved.then(|| context.hint(&wanted.topic, wanted.read.index))
        };
        let hints: Vec<_> = wanted.iter().map(|one| hint(one).flatten()).collect();
        let mut operation = Self {
            session,
            bytes_min: request.bytes_min,
            bytes_max: request.bytes_max,
            knows_zstandard: request.knows_zstandard,
            deadline: now.after(request.wait_max),
            wanted,
            endpoints: context.endpoints(hints.iter().flatten().copied()),
            hints,
            state: State::Reading,
            stale: false,
            watching: BTreeMap::new(),
            results: Scatter::new(),
        };
        let step = operation.read(now);
        (operation, step)
    }

    /// When to stop waiting.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The session that it is of.
    pub fn session(&self) -> Option<FetchSessionId> {
        self.session
    }

    /// The cores that watch for this fetch and must be told when it ends.
    pub fn watching(&self) -> impl Iterator<Item = CoreId> {
        self.watching.keys().copied()
    }

    /// Takes a core's reply.
    pub fn reply(&mut self, from: CoreId, reply: CoreReply, now: Instant) -> FetchStep {
        let CoreReply::Read(results) = reply else {
            unreachable!("a read is answered by a read");
        };
        self.results.fill(from, results);
        self.evaluate(now)
    }

    /// A watched partition moved. Its core forgot the watch when it said so.
    pub fn wake(&mut self, from: CoreId, now: Instant) -> FetchStep {
        if let Entry::Occupied(mut watches) = self.watching.entry(from) {
            *watches.get_mut() -= 1;
            if *watches.get() == 0 {
                watches.remove();
            }
        }
        self.moved(now)
    }

    /// A partition that its session watches moved.
    pub fn moved(&mut self, now: Instant) -> FetchStep {
        match self.state {
            State::Watching => self.read_again(now),
            State::Reading => {
                self.stale = true;
                FetchStep::Wait
            }
        }
    }

    /// Reads what its session wants by now.
    pub(super) fn renew(&mut self, wanted: Vec<Wanted>, now: Instant) -> FetchStep {
        // Whom another node leads is answered at once, so that nothing was to be waited for.
        self.hints = vec![None; wanted.len()];
        self.wanted = wanted;
        self.read(now)
    }

    /// The deadline was reached.
    pub fn expire(&mut self) -> FetchStep {
        match self.state {
            State::Watching => FetchStep::Done,
            State::Reading => FetchStep::Wait,
        }
    }

    fn read_again(&mut self, now: Instant) -> FetchStep {
        match self.session {
            Some(_) => FetchStep::Renew,
            None => self.read(now),
        }
    }

    fn read(&mut self, now: Instant) -> FetchStep {
        self.state = State::Reading;
        self.stale = false;
        self.results = Scatter::new();
        let mut outgoing = Outgoing::new();
        for Wanted { read, owner, .. } in &self.wanted {
            match owner {
                Ok((core, partition)) => {
                    self.results.expect_from(*core);
                    let item = ReadItem {
                        partition: *partition,
                        offset: read.offset,
                        bytes_max: read.bytes_max,
                        leader_epoch: read.leader_epoch,
                    };
                    outgoing.push(*core, item);
                }
                Err(error) => self.results.settle(Err(error.clone())),
            }
        }
        if self.results.is_complete() {
            return self.evaluate(now);
        }
        let bytes_max = self.bytes_max;
        let questions = outgoing.into_cores();
        let read = |(core, items)| (core, CoreRequest::Read { items, bytes_max });
        FetchStep::Ask(questions.map(read).collect())
    }

    fn evaluate(&mut self, now: Instant) -> FetchStep {
        if !self.results.is_complete() {
            return FetchStep::Wait;
        }
        let failed = self.results.iter().any(Result::is_err);
        let ranges = self
            .results
            .iter()
            .flatten()
            .filter_map(|part| part.range.as_ref());
        let bytes: u64 = ranges.map(|range| range.length()).sum();
        let enough = bytes >= u64::from(self.bytes_min);
        let pointless = self.wanted.is_empty() && self.session.is_none();
        if failed || enough || pointless || now >= self.deadline {
            return FetchStep::Done;
        }
        if self.stale {
            return self.read_again(now);
        }
        self.watch()
    }

    fn watch(&mut self) -> FetchStep {
        self.state = State::Watching;
        let mut outgoing = Outgoing::new();
        for (part, wanted) in self.results.iter().zip(&self.wanted) {
            if let (Ok(part), Ok((core, partition))) = (part, &wanted.owner) {
                let item = WatchItem {
                    partition: *partition,
                    high_watermark: part.high_watermark,
                    log_start: part.log_start,
                };
                outgoing.push(*core, item);
            }
        }
        if self.session.is_some() {
            return FetchStep::Watch(outgoing.into_cores().collect());
        }
        let mut questions = Vec::new();
        for (core, items) in outgoing.into_cores() {
            *self.watching.entry(core).or_default() += 1;
            questions.push((core, CoreRequest::Watch(items)));
        }
        FetchStep::Ask(questions)
    }

    /// What was read: whole batches in the order wanted until `bytes_max` is reached, the first one
    /// whatever its size.
    pub fn finish(self) -> FetchOutcome {
        let mut room = u64::from(self.bytes_max);
        let mut first = true;
        let mut results = self.results.into_results().zip(self.hints);
        let mut reads = Vec::with_capacity(self.wanted.len());
        for wanted in self.wanted {
            let (result, leader) = results.next().expect("one result per read");
            let result = if self.knows_zstandard {
                result
            } else {
                result.and_then(without_zstandard)
            };
            let index = wanted.read.index;
            let partition = match result {
                Ok(mut part) => {
                    let length = part.range.as_ref().map_or(0, |range| range.length());
                    if length > room && !first {
                        part.range = None;
                    } else if length > 0 {
                        room = room.saturating_sub(length);
                        first = false;
                    }
                    fetched(index, part)
                }
                Err(error) => refused(index, error, leader),
            };
            reads.push((wanted, partition));
        }
        FetchOutcome {
            session: self.session,
            reads,
            endpoints: self.endpoints,
        }
    }
}

/// What comes before the first batch that the client cannot read; an error if nothing does.
fn without_zstandard(mut part: ReadPart) -> Result<ReadPart, BrokerError> {
    let Some(range) = &mut part.range else {
        return Ok(part);
    };
    let cut = range.cut_before(|batch| batch.compression() == Compression::Zstd);
    cut.map_err(|error| BrokerError::Storage(error.to_string()))?;
    match range.length() {
        0 => Err(BrokerError::UnsupportedCompression),
        _ => Ok(part),
    }
}

fn fetched(index: PartitionIndex, part: ReadPart) -> FetchedPartition {
    let records = part.range.map(|range| Part::File {
        position: range.from,
        length: range.length() as u32,
        file: range.file,
    });
    FetchedPartition {
        index,
        error: None,
        high_watermark: part.high_watermark,
        log_start: part.log_start,
        records,
        leader: None,
    }
}

fn refused(
    index: PartitionIndex,
    error: BrokerError,
    leader: Option<LeaderHint>,
) -> FetchedPartition {
    FetchedPartition {
        index,
        error: Some(error),
        high_watermark: Offset::new(-1),
        log_start: Offset::new(-1),
        records: None,
        leader,
    }
}
