//! A client that adds up what its session tells it knows what one knows that asks for all.

use super::*;

const UNKNOWN: BrokerError = BrokerError::UnknownTopicOrPartition;

/// What a client knows of a partition.
#[derive(Debug, Default)]
struct Known {
    position: i64,
    ends: Option<(i64, i64)>,
    error: Option<BrokerError>,
    /// To be named in the next request.
    is_changed: bool,
}

#[derive(Default)]
struct Client {
    session: i32,
    epoch: i32,
    known: BTreeMap<i32, Known>,
    forgotten: Vec<PartitionIndex>,
}

impl Client {
    fn change_interest(&mut self, rng: &mut fastrand::Rng) {
        let index = rng.i32(0..6);
        match rng.u8(..6) {
            0 if self.known.remove(&index).is_some() => {
                self.forgotten.push(PartitionIndex::new(index));
            }
            1 | 2 if !self.forgotten.contains(&PartitionIndex::new(index)) => {
                self.known.entry(index).or_default().is_changed = true;
            }
            _ => {}
        }
    }

    fn request(&mut self, rng: &mut fastrand::Rng) -> FetchRequest {
        if rng.u8(..30) == 0 {
            // It lost its session.
            (self.session, self.epoch) = (0, 0);
        }
        let is_full = self.epoch == 0;
        let mut wanted = Vec::new();
        for (index, known) in &mut self.known {
            if std::mem::take(&mut known.is_changed) || is_full {
                wanted.push((*index, known.position));
            }
        }
        let mut asked = request(self.session, self.epoch, &wanted);
        let forgotten = std::mem::take(&mut self.forgotten);
        if !is_full {
            asked.forgotten = vec![(TopicRef::Name("orders".to_owned()), forgotten)];
        }
        asked.bytes_min = rng.u32(0..=40);
        asked.bytes_max = [10, 50, 10_000][rng.usize(..3)];
        asked
    }

    fn take(&mut self, response: &FetchResponse) {
        for told in response.topics.iter().flat_map(|topic| &topic.partitions) {
            let known = self.known.get_mut(&told.index.get()).expect("asked for");
            let ends = (told.log_start.get(), told.high_watermark.get());
            let records = told.records.as_ref().map_or(0, Part::length) as i64;
            let is_news = records > 0 || told.error.is_some() || known.ends != Some(ends);
            assert!(is_news || self.epoch == 0, "nothing new is told: {told:?}");
            known.error.clone_from(&told.error);
            known.ends = told.error.is_none().then_some(ends);
            known.position += records / RECORD_BYTES as i64;
            known.is_changed |= records > 0;
        }
        self.session = response.session.get();
        let next = FetchSessionEpoch::new(self.epoch).next();
        self.epoch = if self.session == 0 { 0 } else { next.get() };
    }

    /// Compares with what there is.
    fn check(&mut self, world: &World) {
        for (index, known) in &mut self.known {
            let (start, end) = world.ends(world.partition(*index));
            if *index >= world.partitions() {
                assert_eq!(known.error, Some(UNKNOWN));
            } else if known.position < start {
                assert_eq!(known.error, Some(BrokerError::OffsetOutOfRange));
                known.position = start;
                known.is_changed = true;
            } else {
                let told = (known.ends, &known.error);
                assert_eq!(told, (Some((start, end)), &None), "{index}");
            }
        }
    }
}

impl World {
    fn partitions(&self) -> i32 {
        let topic = self.fixture.catalog.by_name("orders");
        topic.expect("it is there").partitions
    }

    fn change_something(&mut self, rng: &mut fastrand::Rng, waiting: Option<&mut Poll>) {
        let partition = self.partition(rng.i32(0..self.partitions()));
        let (mut start, end) = self.ends(partition);
        let end = (end + rng.i64(0..4)).min(RECORDS_MAX as i64);
        if rng.u8(..10) == 0 {
            start = rng.i64(start..=end);
        }
        self.change(partition, (start, end), waiting);
    }

    fn grow(&mut self) {
        let topic = self.fixture.catalog.by_name("orders");
        let mut topic = topic.expect("it is there").as_ref().clone();
        topic.partitions += 1;
        self.fixture.catalog.put(topic);
        self.sessions.catalog_changed();
    }
}

#[test]
fn what_a_session_tells_adds_up_to_what_there_is() {
    let (mut polls, mut in_sessions, mut idle) = (0, 0, 0);
    for seed in 0..300 {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut world = World::new(&Limits::default());
        let mut client = Client::default();
        for _ in 0..rng.usize(10..200) {
            client.change_interest(rng);
            if rng.bool() {
                world.change_something(rng, None);
            }
            if rng.u8(..60) == 0 && world.partitions() < 6 {
                world.grow();
            }
            let asked = client.request(rng);
            in_sessions += usize::from(client.epoch != 0);
            let mut poll = world.begin(asked).expect("sessions are kept");
            while !poll.is_done && rng.u8(..4) > 0 {
                world.change_something(rng, Some(&mut poll));
            }
            let response = world.end(poll);
            polls += 1;
            idle += usize::from(response.topics.is_empty());
            client.take(&response);
            client.check(&world);
        }
    }
    let is_varied = in_sessions > polls / 2 && idle > polls / 10;
    assert!(
        is_varied,
        "{polls} polls, {in_sessions} in sessions, {idle} idle"
    );
}
