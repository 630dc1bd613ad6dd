//! Which sessions there are: epochs, errors, ends, and who makes room for whom.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NOT_FOUND: BrokerError = BrokerError::FetchSessionNotFound;
const OUT_OF_ORDER: BrokerError = BrokerError::InvalidFetchSessionEpoch;

fn limits(sessions: usize, partitions: usize) -> Limits {
    Limits {
        fetch_sessions_per_core_max: sessions,
        fetch_session_partitions_per_core_max: partitions,
        ..Limits::default()
    }
}

/// The session's id, 0 if there is none.
fn open(world: &mut World, partitions: &[(i32, i64)]) -> i32 {
    let answer = world.fetch(request(0, 0, partitions)).expect("served");
    answer.session.get()
}

fn error(world: &mut World, request: FetchRequest) -> BrokerError {
    world.fetch(request).expect_err("it is refused")
}

#[test]
fn requests_of_a_session_come_in_their_order() {
    let mut world = World::new(&Limits::default());
    let id = open(&mut world, &[(0, 0)]);
    assert_eq!(error(&mut world, request(id + 2, 1, &[])), NOT_FOUND);
    assert_eq!(error(&mut world, request(0, 1, &[])), NOT_FOUND);
    for epoch in [2, i32::MAX, -2] {
        assert_eq!(error(&mut world, request(id, epoch, &[])), OUT_OF_ORDER);
    }
    let mut by_id = request(id, 1, &[]);
    by_id.names_by_id = true;
    assert_eq!(error(&mut world, by_id), BrokerError::FetchSessionTopicIds);
    let answer = world.fetch(request(id, 1, &[])).expect("served");
    assert_eq!(answer.session.get(), id);
    assert_eq!(error(&mut world, request(id, 1, &[])), OUT_OF_ORDER, "used");
}

#[test]
fn after_the_last_number_comes_the_first() {
    let mut world = World::new(&Limits::default());
    let id = open(&mut world, &[(0, 0)]);
    let session = world.sessions.session(FetchSessionId::new(id));
    session.epoch = FetchSessionEpoch::new(i32::MAX);
    for epoch in [i32::MAX, 1, 2] {
        let answer = world.fetch(request(id, epoch, &[])).expect("served");
        assert_eq!(answer.session.get(), id);
    }
}

#[test]
fn a_session_ends_with_its_last_partition_or_a_request_that_names_all() {
    let mut world = World::new(&Limits::default());
    let first = open(&mut world, &[(0, 0), (1, 0)]);
    let mut last = request(first, 1, &[]);
    let partitions = [0, 1].map(PartitionIndex::new).to_vec();
    last.forgotten = vec![(TopicRef::Name("orders".to_owned()), partitions)];
    let answer = world.fetch(last).expect("served");
    assert_eq!((answer.session.get(), told(&answer)), (0, vec![]));
    assert!(world.watched.is_empty(), "its watches went with it");

    for epoch in [0, -1] {
        let id = open(&mut world, &[(0, 0), (1, 0)]);
        let answer = world.fetch(request(id, epoch, &[(0, 0)])).expect("served");
        assert_eq!(told(&answer), [(0, 0, 0)]);
        let next = answer.session.get();
        assert_eq!((next == 0, next == id), (epoch == -1, false));
        assert_eq!(error(&mut world, request(id, 1, &[])), NOT_FOUND);
        assert_eq!(world.watched.len(), usize::from(epoch == 0));
        world.fetch(request(next, -1, &[])).expect("served");
    }
}

#[test]
fn whoever_waits_hears_that_the_session_goes_on_without_it() {
    let mut world = World::new(&Limits::default());
    let id = open(&mut world, &[(0, 0)]);
    let context = world.fixture.context(false);
    let ids = [100, 101, 102].map(RequestId::new);
    let asked = [(id, 1), (id, 2), (id, -1)].map(|(id, epoch)| request(id, epoch, &[]));
    let mut ended = Vec::new();
    for (asked, id) in asked.into_iter().zip(ids) {
        let begun = world.sessions.begin(asked, id, &context, world.now);
        ended.extend(begun.ended);
    }
    assert_eq!(ended, [(ids[0], OUT_OF_ORDER), (ids[1], NOT_FOUND)]);
}

#[test]
fn what_is_not_used_makes_room_and_what_is_small_and_old_as_well() {
    let mut world = World::new(&limits(2, 100));
    let small = open(&mut world, &[(0, 0)]);
    let large = open(&mut world, &[(0, 0), (1, 0), (2, 0)]);
    assert_eq!(open(&mut world, &[(0, 0), (1, 0)]), 0, "both are too new");
    world.now = world.now.after(EVICTED_AFTER + SECOND);
    for id in [small, large] {
        world.fetch(request(id, 1, &[])).expect("it was kept");
    }
    assert_eq!(open(&mut world, &[(1, 0)]), 0, "none is smaller");
    let middle = open(&mut world, &[(0, 0), (1, 0)]);
    assert_ne!(middle, 0);
    assert_eq!(error(&mut world, request(small, 2, &[])), NOT_FOUND);
    world.now = world.now.after(EVICTED_AFTER + SECOND);
    world.fetch(request(large, 2, &[])).expect("it was kept");
    assert_ne!(open(&mut world, &[(1, 0)]), 0, "one was not used");
    assert_eq!(error(&mut world, request(middle, 1, &[])), NOT_FOUND);
    assert_eq!(world.sessions.partitions, 4);
}

#[test]
fn partitions_are_bounded_whatever_requests_they_come_in() {
    let mut world = World::new(&limits(10, 3));
    assert_eq!(open(&mut world, &[(0, 0), (1, 0), (2, 0), (3, 0)]), 0);
    let id = open(&mut world, &[(0, 0), (1, 0)]);
    assert_eq!(open(&mut world, &[(0, 0), (1, 0)]), 0);
    let too_many = request(id, 1, &[(2, 0), (3, 0)]);
    assert_eq!(error(&mut world, too_many), NOT_FOUND);
    assert_eq!((world.sessions.partitions, world.watched.len()), (0, 0));
}
