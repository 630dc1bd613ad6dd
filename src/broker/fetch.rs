use super::scatter::{Outgoing, Scatter};
use super::{
    BrokerError, Context, CoreReply, CoreRequest, LeaderHint, NodeEndpoint, Part, Questions,
    ReadItem, ReadPart, TopicRef,
};
use crate::record::Compression;
use crate::types::{CoreId, Instant, LeaderEpoch, Offset, PartitionIndex, TopicPartition};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

/// Read batches.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// How long to wait for `bytes_min`.
    pub wait_max: Duration,
    /// How many bytes make it worth answering before that.
    pub bytes_min: u32,
    /// About how many bytes to answer at most; the first batch may exceed it.
    pub bytes_max: u32,
    /// The fetch session asked for (KIP-227): id and epoch. None is ever opened.
    pub session: (i32, i32),
    /// Whether the client may know zstandard (KIP-110).
    pub knows_zstandard: bool,
    /// Where to read, in the client's order.
    pub topics: Vec<FetchTopic>,
}

/// The reads in one topic.
#[derive(Debug, Clone)]
pub struct FetchTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<FetchPartition>,
}

/// One read.
#[derive(Debug, Clone, Copy)]
pub struct FetchPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// The first record wanted; the first batch may begin before it.
    pub offset: Offset,
    /// About how many bytes of this partition at most.
    pub bytes_max: u32,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
}

/// What was read, in the client's order.
#[derive(Debug)]
pub struct FetchResponse {
    /// An error of the request as a whole.
    pub error: Option<BrokerError>,
    /// Topics as asked.
    pub topics: Vec<FetchedTopic>,
    /// Where the leaders named in hints are reached; empty without hints.
    pub endpoints: Vec<NodeEndpoint>,
}

/// What was read of one topic.
#[derive(Debug)]
pub struct FetchedTopic {
    /// As in the request.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<FetchedPartition>,
}

/// What was read of one partition. Offsets are -1 where the error leaves them unknown.
#[derive(Debug)]
pub struct FetchedPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// Why nothing was read.
    pub error: Option<BrokerError>,
    /// The last offset that may be read, plus one.
    pub high_watermark: Offset,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Whole batches; `None` if there are none.
    pub records: Option<Part>,
    /// With [`BrokerError::NotLeader`]: who is.
    pub leader: Option<LeaderHint>,
}

/// A fetch under way: it reads, and if that gives too little, watches the partitions and reads
/// again when one of them has more, until there is enough or the time is up.
#[derive(Debug)]
pub struct FetchOperation {
    request: FetchRequest,
    /// Who owns each partition of the request, in its order; `Err` where nobody is to be asked.
    owners: Vec<Result<(CoreId, TopicPartition), BrokerError>>,
    hints: Vec<Option<LeaderHint>>,
    endpoints: Vec<NodeEndpoint>,
    deadline: Instant,
    state: State,
    /// A watched partition moved since the last read was sent.
    stale: bool,
    /// Watches asked for and not answered by a wake, per core. A core keeps one at most, but a wake
    /// may be under way while it is asked anew.
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
    /// It has what it can get: call [`FetchOperation::finish`].
    Done,
}

impl FetchOperation {
    /// Finds the owners and asks each for what it has. `wait_max` is bounded already.
    pub fn start(request: FetchRequest, context: &Context<'_>, now: Instant) -> (Self, FetchStep) {
        let mut owners = Vec::new();
        let mut hints = Vec::new();
        for topic in &request.topics {
            let known = context.topic(&topic.topic);
            for read in &topic.partitions {
                let owner = match &known {
                    Ok(known) => context.owner(known, read.index),
                    Err(unknown) => Err(unknown.clone()),
                };
                let moved = owner == Err(BrokerError::NotLeader);
                hints.push(
                    moved
                        .then(|| context.hint(&topic.topic, read.index))
                        .flatten(),
                );
                owners.push(owner);
            }
        }
        let endpoints = context.endpoints(hints.iter().flatten().copied());
        let deadline = now.after(request.wait_max);
        let mut operation = Self {
            request,
            owners,
            hints,
            endpoints,
            deadline,
            state: State::Reading,
            stale: false,
            watching: BTreeMap::new(),
            results: Scatter::new(),
        };
        let step = match operation.request.session.0 {
            0 => operation.read(now),
            _unknown => FetchStep::Done,
        };
        (operation, step)
    }

    /// When to stop waiting.
    pub fn deadline(&self) -> Instant {
        self.deadline
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
        match self.state {
            State::Watching => self.read(now),
            State::Reading => {
                self.stale = true;
                FetchStep::Wait
            }
        }
    }

    /// The deadline was reached.
    pub fn expire(&mut self) -> FetchStep {
        match self.state {
            State::Watching => FetchStep::Done,
            State::Reading => FetchStep::Wait,
        }
    }

    fn read(&mut self, now: Instant) -> FetchStep {
        self.state = State::Reading;
        self.stale = false;
        self.results = Scatter::new();
        let mut outgoing = Outgoing::new();
        let reads = self
            .request
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions);
        for (read, owner) in reads.zip(&self.owners) {
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
        let bytes_max = self.request.bytes_max;
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
        let enough = bytes >= u64::from(self.request.bytes_min);
        if failed || enough || now >= self.deadline {
            return FetchStep::Done;
        }
        if self.stale {
            return self.read(now);
        }
        self.watch()
    }

    fn watch(&mut self) -> FetchStep {
        self.state = State::Watching;
        let mut outgoing = Outgoing::new();
        for (part, owner) in self.results.iter().zip(&self.owners) {
            if let (Ok(part), Ok((core, partition))) = (part, owner) {
                outgoing.push(*core, (*partition, part.high_watermark));
            }
        }
        let mut questions = Vec::new();
        for (core, items) in outgoing.into_cores() {
            *self.watching.entry(core).or_default() += 1;
            questions.push((core, CoreRequest::Watch(items)));
        }
        FetchStep::Ask(questions)
    }

    /// The response: whole batches in the client's order until `bytes_max` is reached, the first
    /// one whatever its size.
    pub fn finish(self) -> FetchResponse {
        if self.request.session.0 != 0 {
            let error = Some(BrokerError::FetchSessionNotFound);
            return FetchResponse {
                error,
                topics: Vec::new(),
                endpoints: Vec::new(),
            };
        }
        let knows_zstandard = self.request.knows_zstandard;
        let mut room = u64::from(self.request.bytes_max);
        let mut first = true;
        let mut results = self.results.into_results().zip(self.hints);
        let mut topics = Vec::with_capacity(self.request.topics.len());
        for topic in self.request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for read in topic.partitions {
                let (result, leader) = results.next().expect("one result per partition");
                let result = if knows_zstandard {
                    result
                } else {
                    result.and_then(without_zstandard)
                };
                partitions.push(match result {
                    Ok(mut part) => {
                        let length = part.range.as_ref().map_or(0, |range| range.length());
                        if length > room && !first {
                            part.range = None;
                        } else if length > 0 {
                            room = room.saturating_sub(length);
                            first = false;
                        }
                        fetched(read.index, part)
                    }
                    Err(error) => refused(read.index, error, leader),
                });
            }
            topics.push(FetchedTopic {
                topic: topic.topic,
                partitions,
            });
        }
        FetchResponse {
            error: None,
            topics,
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

#[cfg(test)]
mod tests;
