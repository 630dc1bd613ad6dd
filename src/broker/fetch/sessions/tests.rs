//! Sessions against a client that takes in what it is told, and an owner that may be another core.

mod cache;
mod model;

use super::*;
use crate::broker::context::fixture::Fixture;
use crate::broker::fetch::{FetchPartition, FetchTopic};
use crate::broker::{CoreReply, Part, ReadItem, ReadPart, TopicRef};
use crate::config::Nodes;
use crate::storage::{Disk, FileRange, FileRef, MemoryDisk, OpenMode};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Position};
use std::collections::BTreeMap;
use std::path::Path;

/// Every record has this many bytes.
const RECORD_BYTES: u64 = 10;
const RECORDS_MAX: u64 = 1_000;

/// A broker of two cores that has only sessions and the ends of logs.
struct World {
    fixture: Fixture,
    sessions: FetchSessions,
    /// Start and high watermark of each partition that was written to.
    logs: BTreeMap<TopicPartition, (i64, i64)>,
    watched: BTreeSet<(FetchSessionId, TopicPartition)>,
    file: FileRef,
    next: RequestId,
    now: Instant,
    /// How many reads were asked for.
    reads: usize,
}

/// A fetch on its way.
struct Poll {
    id: RequestId,
    fetch: FetchOperation,
    is_done: bool,
}

impl World {
    fn new(limits: &Limits) -> Self {
        let (disk, path) = (MemoryDisk::new(1), Path::new("segment"));
        let bytes = vec![0; (RECORDS_MAX * RECORD_BYTES) as usize];
        disk.write_file(path, &bytes).expect("there is space");
        Self {
            fixture: Fixture::new(Nodes::Single),
            sessions: FetchSessions::new(CoreId::new(1), 2, 7, limits),
            logs: BTreeMap::new(),
            watched: BTreeSet::new(),
            file: disk.open(path, OpenMode::ReadOnly).expect("it is there"),
            next: RequestId::default(),
            now: Instant::new(1),
            reads: 0,
        }
    }

    fn partition(&self, index: i32) -> TopicPartition {
        let topic = self.fixture.catalog.by_name("orders").expect("it is there");
        TopicPartition::new(topic.id, PartitionIndex::new(index))
    }

    /// Sends a request; the error if it is refused.
    fn begin(&mut self, request: FetchRequest) -> Result<Poll, BrokerError> {
        let id = self.next.take();
        let context = self.fixture.context(false);
        let begun = self.sessions.begin(request, id, &context, self.now);
        for (ended, _) in &begun.ended {
            assert_ne!(*ended, id);
        }
        self.ask(begun.questions, None);
        let (fetch, step) = begun.fetch?;
        let mut poll = Poll {
            id,
            fetch,
            is_done: false,
        };
        self.proceed(&mut poll, step);
        Ok(poll)
    }

    fn proceed(&mut self, poll: &mut Poll, mut step: FetchStep) {
        loop {
            step = match step {
                FetchStep::Wait => return,
                FetchStep::Done => {
                    poll.is_done = true;
                    return;
                }
                FetchStep::Renew => self.sessions.renew(&mut poll.fetch, self.now),
                FetchStep::Watch(items) => {
                    let session = poll.fetch.session().expect("one of a session");
                    let questions = self.sessions.watch(session, items);
                    match self.ask(questions, Some(&mut poll.fetch)) {
                        Some(step) => step,
                        None => return,
                    }
                }
                FetchStep::Ask(questions) => match self.ask(questions, Some(&mut poll.fetch)) {
                    Some(step) => step,
                    None => return,
                },
            };
        }
    }

    /// What the cores do; the last step that a fetch is told.
    fn ask(
        &mut self,
        questions: Questions,
        mut fetch: Option<&mut FetchOperation>,
    ) -> Option<FetchStep> {
        let mut step = None;
        for (core, question) in questions {
            match question {
                CoreRequest::Read { items, bytes_max } => {
                    let reply = self.read(items, bytes_max);
                    let fetch = fetch.as_mut().expect("a fetch reads");
                    step = Some(fetch.reply(core, reply, self.now));
                }
                CoreRequest::WatchInSession(session, items) => {
                    for item in items {
                        let (start, end) = self.ends(item.partition);
                        let seen = (item.log_start.get(), item.high_watermark.get());
                        assert_eq!(seen, (start, end), "nothing moves meanwhile");
                        let is_new = self.watched.insert((session, item.partition));
                        assert!(is_new, "{} is watched twice", item.partition);
                    }
                }
                CoreRequest::UnwatchInSession(session, partitions) => {
                    for partition in partitions {
                        self.watched.remove(&(session, partition));
                    }
                }
                // Of a fetch without a session.
                CoreRequest::Watch(_) => {}
                other => panic!("{other:?}"),
            }
        }
        step
    }

    fn ends(&self, partition: TopicPartition) -> (i64, i64) {
        self.logs.get(&partition).copied().unwrap_or_default()
    }

    fn read(&mut self, items: Vec<ReadItem>, bytes_max: u32) -> CoreReply {
        self.reads += items.len();
        let mut room = u64::from(bytes_max);
        let mut first = true;
        let read = |item: ReadItem| {
            let (start, end) = self.ends(item.partition);
            let offset = item.offset.get();
            if !(start..=end).contains(&offset) {
                return Err(BrokerError::OffsetOutOfRange);
            }
            let least = if first { 1 } else { 0 };
            let fit = (room.min(item.bytes_max.into()) / RECORD_BYTES).max(least);
            let count = fit.min((end - offset) as u64);
            let length = count * RECORD_BYTES;
            room = room.saturating_sub(length);
            first &= count == 0;
            let range = (count > 0).then(|| FileRange {
                file: self.file.clone(),
                from: Position::ZERO,
                upto: Position::new(length),
                next: Offset::new(offset + count as i64),
                populated: true,
            });
            Ok(ReadPart {
                high_watermark: Offset::new(end),
                log_start: Offset::new(start),
                range,
            })
        };
        CoreReply::Read(items.into_iter().map(read).collect())
    }

    /// A log has other ends from now on.
    fn change(
        &mut self,
        partition: TopicPartition,
        ends: (i64, i64),
        mut waiting: Option<&mut Poll>,
    ) {
        self.logs.insert(partition, ends);
        let watchers: Vec<_> = self.watched.iter().copied().collect();
        for (session, watched) in watchers {
            if watched != partition {
                continue;
            }
            self.watched.remove(&(session, partition));
            let woken = self.sessions.moved(session, partition);
            if let Some(poll) = waiting.as_deref_mut()
                && woken == Some(poll.id)
                && !poll.is_done
            {
                let step = poll.fetch.moved(self.now);
                self.proceed(poll, step);
            }
        }
    }

    /// The answer, whether or not there is enough.
    fn end(&mut self, mut poll: Poll) -> FetchResponse {
        if !poll.is_done {
            let step = poll.fetch.expire();
            assert!(matches!(step, FetchStep::Done), "{step:?}");
        }
        if let Some(session) = poll.fetch.session() {
            self.sessions.ended(session, poll.id);
        }
        let (response, questions) = self.sessions.settle(poll.fetch.finish());
        self.ask(questions, None);
        response
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<FetchResponse, BrokerError> {
        let poll = self.begin(request)?;
        Ok(self.end(poll))
    }
}

/// A request for these partitions of "orders" at these offsets.
fn request(session: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let partition = |(index, offset): &(i32, i64)| FetchPartition {
        index: PartitionIndex::new(*index),
        offset: Offset::new(*offset),
        bytes_max: 1 << 20,
        leader_epoch: LeaderEpoch::NONE,
    };
    let topics = vec![FetchTopic {
        topic: TopicRef::Name("orders".to_owned()),
        partitions: partitions.iter().map(partition).collect(),
    }];
    FetchRequest {
        wait_max: Duration::from_millis(500),
        bytes_min: 1,
        bytes_max: 1 << 20,
        session: FetchSessionId::new(session),
        epoch: FetchSessionEpoch::new(epoch),
        names_by_id: false,
        knows_zstandard: true,
        topics: if partitions.is_empty() {
            Vec::new()
        } else {
            topics
        },
        forgotten: Vec::new(),
    }
}

fn told(response: &FetchResponse) -> Vec<(i32, i64, usize)> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let told = partitions.map(|partition| {
        let records = partition.records.as_ref().map_or(0, Part::length);
        let records = records / RECORD_BYTES as usize;
        (
            partition.index.get(),
            partition.high_watermark.get(),
            records,
        )
    });
    told.collect()
}

#[test]
fn a_session_tells_what_is_new_and_asks_for_nothing_else() {
    let mut world = World::new(&Limits::default());
    let first = world
        .fetch(request(0, 0, &[(0, 0), (1, 0), (2, 0)]))
        .expect("served");
    assert_eq!(
        told(&first),
        [(0, 0, 0), (1, 0, 0), (2, 0, 0)],
        "all at first"
    );
    let id = first.session.get();
    assert_eq!(id % 2, 1, "an id names its core");
    world.reads = 0;
    let mut poll = world.begin(request(id, 1, &[])).expect("served");
    assert!(!poll.is_done, "it waits");
    assert_eq!(world.reads, 0);
    world.change(world.partition(1), (0, 3), Some(&mut poll));
    assert!(poll.is_done, "something came");
    assert_eq!(told(&world.end(poll)), [(1, 3, 3)]);
    assert_eq!(world.reads, 1, "only what moved is read");
    // The client has not moved on: it gets the same again.
    assert_eq!(
        told(&world.fetch(request(id, 2, &[])).expect("served")),
        [(1, 3, 3)]
    );
    let answer = world.fetch(request(id, 3, &[(1, 3)])).expect("served");
    assert_eq!(told(&answer), []);
    // A start that moves is told, but worth no answer by itself.
    let mut poll = world.begin(request(id, 4, &[])).expect("served");
    world.change(world.partition(1), (2, 3), Some(&mut poll));
    assert!(!poll.is_done);
    let answer = world.end(poll);
    assert_eq!(answer.topics[0].partitions[0].log_start, Offset::new(2));
}

#[test]
fn an_error_is_told_each_time_and_its_end_as_well() {
    let mut world = World::new(&Limits::default());
    let id = world
        .fetch(request(0, 0, &[(0, 0), (4, 0)]))
        .expect("served")
        .session
        .get();
    let errors = |response: FetchResponse| {
        let partitions = response
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions);
        partitions
            .map(|one| (one.index.get(), one.error))
            .collect::<Vec<_>>()
    };
    let unknown = Some(BrokerError::UnknownTopicOrPartition);
    for epoch in [1, 2] {
        let answer = world.fetch(request(id, epoch, &[])).expect("served");
        assert_eq!(errors(answer), [(4, unknown.clone())]);
    }
    let mut topic = world
        .fixture
        .catalog
        .by_name("orders")
        .expect("there")
        .as_ref()
        .clone();
    topic.partitions = 5;
    world.fixture.catalog.put(topic);
    world.sessions.catalog_changed();
    assert_eq!(
        errors(world.fetch(request(id, 3, &[])).expect("served")),
        [(4, None)]
    );
    assert_eq!(
        errors(world.fetch(request(id, 4, &[])).expect("served")),
        []
    );
}

#[test]
fn small_answers_starve_no_partition() {
    let mut world = World::new(&Limits::default());
    for index in 0..4 {
        world.change(world.partition(index), (0, 100), None);
    }
    let mut asked = request(0, 0, &[(0, 0), (1, 0), (2, 0), (3, 0)]);
    asked.bytes_max = RECORD_BYTES as u32;
    let mut answer = world.fetch(asked).expect("served");
    let mut served = BTreeMap::<i32, i64>::new();
    for epoch in 1..=12 {
        let given: Vec<_> = told(&answer)
            .into_iter()
            .filter(|(.., records)| *records > 0)
            .collect();
        let (index, _, records) = given[0];
        assert_eq!((given.len(), records), (1, 1));
        *served.entry(index).or_default() += 1;
        let mut asked = request(answer.session.get(), epoch, &[(index, served[&index])]);
        asked.bytes_max = RECORD_BYTES as u32;
        answer = world.fetch(asked).expect("served");
    }
    assert_eq!(served, BTreeMap::from([(0, 3), (1, 3), (2, 3), (3, 3)]));
}
