use super::super::context::fixture::Fixture;
use super::operation::Wanted;
use super::*;
use crate::broker::{Context, CoreReply, CoreRequest, ReadPart};
use crate::config::{Limits, Nodes};
use crate::record::{BatchBuilder, Compression};
use crate::storage::{Disk, FileRange, MemoryDisk, OpenMode};
use crate::types::{CoreId, Instant, Position, Timestamp};
use std::path::Path;

fn request(partitions: &[i32], bytes_min: u32) -> FetchRequest {
    let partition = |index: &i32| FetchPartition {
        index: PartitionIndex::new(*index),
        offset: Offset::new(5),
        bytes_max: 1000,
        leader_epoch: LeaderEpoch::NONE,
    };
    FetchRequest {
        wait_max: Duration::from_millis(500),
        bytes_min,
        bytes_max: 10_000,
        session: FetchSessionId::NONE,
        epoch: FetchSessionEpoch::FINAL,
        names_by_id: false,
        knows_zstandard: true,
        forgotten: Vec::new(),
        topics: vec![FetchTopic {
            topic: TopicRef::Name("orders".into()),
            partitions: partitions.iter().map(partition).collect(),
        }],
    }
}

fn start(
    mut request: FetchRequest,
    context: &Context<'_>,
    now: Instant,
) -> (FetchOperation, FetchStep) {
    let wanted = Wanted::all(std::mem::take(&mut request.topics), context);
    FetchOperation::start(&request, None, wanted, context, now)
}

fn finish(fetch: FetchOperation) -> FetchResponse {
    let mut sessions = FetchSessions::new(CoreId::new(0), 2, 1, &Limits::default());
    sessions.settle(fetch.finish()).0
}

fn nothing_at(high_watermark: i64) -> Result<ReadPart, BrokerError> {
    let high_watermark = Offset::new(high_watermark);
    Ok(ReadPart {
        high_watermark,
        log_start: Offset::ZERO,
        range: None,
    })
}

fn reads(step: FetchStep) -> Vec<(CoreId, usize)> {
    let FetchStep::Ask(questions) = step else {
        panic!("{step:?}")
    };
    let read = |(core, question)| match question {
        CoreRequest::Read { items, .. } => (core, items.len()),
        other => panic!("{other:?}"),
    };
    questions.into_iter().map(read).collect()
}

fn watches(step: FetchStep) -> Vec<(CoreId, Vec<Offset>)> {
    let FetchStep::Ask(questions) = step else {
        panic!("{step:?}")
    };
    let watch = |(core, question)| match question {
        CoreRequest::Watch(items) => {
            let seen = items.into_iter().map(|item| item.high_watermark);
            (core, seen.collect())
        }
        other => panic!("{other:?}"),
    };
    questions.into_iter().map(watch).collect()
}

#[test]
fn it_reads_watches_what_it_saw_and_reads_again_when_woken() {
    let fixture = Fixture::new(Nodes::Single);
    let now = Instant::new(0);
    let (mut fetch, step) = start(request(&[0, 1, 2], 1), &fixture.context(false), now);
    let (even, odd) = (fixture.owner(0), fixture.owner(1));
    let mut asked = reads(step);
    asked.sort();
    let mut expected = vec![(even, 2), (odd, 1)];
    expected.sort();
    assert_eq!(asked, expected);
    let step = fetch.reply(
        even,
        CoreReply::Read(vec![nothing_at(5), nothing_at(6)]),
        now,
    );
    assert!(matches!(step, FetchStep::Wait));
    let step = fetch.reply(odd, CoreReply::Read(vec![nothing_at(7)]), now);
    let mut watched = watches(step);
    watched.sort();
    let seen = |offsets: &[i64]| offsets.iter().map(|o| Offset::new(*o)).collect::<Vec<_>>();
    let mut expected = vec![(even, seen(&[5, 6])), (odd, seen(&[7]))];
    expected.sort();
    assert_eq!(watched, expected);
    assert_eq!(fetch.watching().count(), 2);
    assert_eq!(reads(fetch.wake(odd, now)).len(), 2);
    assert_eq!(
        fetch.watching().collect::<Vec<_>>(),
        [even],
        "a watch fires once"
    );
}

#[test]
fn a_wake_during_a_read_is_not_lost() {
    let fixture = Fixture::new(Nodes::Single);
    let now = Instant::new(0);
    let (mut fetch, _) = start(request(&[0, 1], 1), &fixture.context(false), now);
    let (even, odd) = (fixture.owner(0), fixture.owner(1));
    let empty = || CoreReply::Read(vec![nothing_at(5)]);
    fetch.reply(even, empty(), now);
    fetch.reply(odd, empty(), now);
    fetch.wake(even, now);
    assert!(matches!(fetch.wake(odd, now), FetchStep::Wait));
    fetch.reply(even, empty(), now);
    let step = fetch.reply(odd, empty(), now);
    assert_eq!(reads(step).len(), 2, "what moved meanwhile is read again");
}

#[test]
fn the_deadline_ends_the_wait_with_what_there_is() {
    let fixture = Fixture::new(Nodes::Single);
    let now = Instant::new(0);
    let (mut fetch, _) = start(request(&[0], 1), &fixture.context(false), now);
    fetch.reply(fixture.owner(0), CoreReply::Read(vec![nothing_at(5)]), now);
    assert_eq!(fetch.deadline(), Instant::new(500_000));
    assert!(matches!(fetch.expire(), FetchStep::Done));
    let response = finish(fetch);
    let partition = &response.topics[0].partitions[0];
    assert_eq!(
        (partition.high_watermark, partition.error.is_none()),
        (Offset::new(5), true)
    );
}

#[test]
fn an_unknown_partition_is_answered_at_once() {
    let fixture = Fixture::new(Nodes::Single);
    let (fetch, step) = start(request(&[9], 1), &fixture.context(false), Instant::new(0));
    assert!(matches!(step, FetchStep::Done));
    let response = finish(fetch);
    let error = response.topics[0].partitions[0].error.clone();
    assert_eq!(error, Some(BrokerError::UnknownTopicOrPartition));
}

#[test]
fn a_node_of_its_own_refuses_what_another_leads_and_says_who() {
    let fixture = Fixture::new(Nodes::PerCore);
    let foreign = if fixture.owner(0) == CoreId::new(0) {
        1
    } else {
        0
    };
    let (fetch, step) = start(
        request(&[foreign], 1),
        &fixture.context(true),
        Instant::new(0),
    );
    assert!(matches!(step, FetchStep::Done));
    let response = finish(fetch);
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error, Some(BrokerError::NotLeader));
    assert_eq!(partition.leader.expect("hinted").node.get(), 1);
    assert_eq!(response.endpoints[0].port, 9092 + 1 + 1);
}

#[test]
fn what_asks_for_nothing_is_answered_at_once() {
    let fixture = Fixture::new(Nodes::Single);
    let (_, step) = start(request(&[], 1), &fixture.context(false), Instant::new(0));
    assert!(matches!(step, FetchStep::Done));
}

/// A part whose batches are compressed like this.
fn part_of(compressions: &[Compression]) -> ReadPart {
    let mut bytes = Vec::new();
    for (offset, compression) in (0..).zip(compressions) {
        let mut builder = BatchBuilder::new(*compression, None);
        builder.append(Timestamp::new(1), None, Some(b"x"), &[]);
        let batch = builder.build(Offset::new(offset)).expect("it is valid");
        bytes.extend_from_slice(&batch);
    }
    let (disk, path) = (MemoryDisk::new(1), Path::new("segment"));
    disk.write_file(path, &bytes).expect("there is space");
    let file = disk.open(path, OpenMode::ReadOnly).expect("it is there");
    let range = FileRange {
        file,
        from: Position::ZERO,
        upto: Position::new(bytes.len() as u64),
        next: Offset::new(compressions.len() as i64),
        populated: true,
    };
    let next = range.next;
    ReadPart {
        high_watermark: next,
        log_start: Offset::ZERO,
        range: Some(range),
    }
}

#[test]
fn who_cannot_know_zstandard_gets_what_comes_before_it() {
    let fixture = Fixture::new(Nodes::Single);
    let fetch = |knows_zstandard, compressions: &[Compression]| {
        let mut request = request(&[0], 1);
        request.knows_zstandard = knows_zstandard;
        let now = Instant::new(0);
        let (mut fetch, _) = start(request, &fixture.context(false), now);
        let read = CoreReply::Read(vec![Ok(part_of(compressions))]);
        fetch.reply(fixture.owner(0), read, now);
        let mut topics = finish(fetch).topics.into_iter();
        let partition = topics.next().expect("one").partitions.remove(0);
        let length = partition.records.as_ref().map(Part::length);
        (length, partition.error)
    };
    use Compression::{Gzip, None as Plain, Zstd};
    let length = |compressions| {
        let range = part_of(compressions).range;
        range.map(|range| range.length() as usize)
    };
    let mixed = [Plain, Gzip, Zstd, Plain];
    assert_eq!(fetch(true, &mixed), (length(&mixed), None));
    assert_eq!(fetch(false, &mixed), (length(&mixed[..2]), None));
    let refused = Some(BrokerError::UnsupportedCompression);
    assert_eq!(fetch(false, &mixed[2..]), (None, refused));
}
