use super::*;
use crate::client::BrokerCode;
use crate::client::metadata::tests::metadata;
use crate::protocol::kafka::messages::{
    FetchResponse, FetchableTopicResponse, ListOffsetsPartitionResponse, ListOffsetsResponse,
    ListOffsetsTopicResponse, PartitionData,
};
use crate::record::{BatchBuilder, Compression, DecompressionLimits};
use crate::types::Timestamp;
use crate::wire::{Array, Records};
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;

const LEADERS: &[(i32, i32)] = &[(1, 0), (2, 0)];

fn at(ms: u64) -> Instant {
    Instant::new(ms * 1000)
}

/// One partition as a broker keeps it: batches, of which the first may be deleted.
struct Log {
    batches: Vec<(Offset, Bytes)>,
    earliest: i64,
    latest: i64,
}

impl Log {
    /// Batches of `sizes` records; a record's value is its offset, its timestamp ten times that.
    fn new(sizes: &[i64]) -> Self {
        let (mut batches, mut next) = (Vec::new(), 0);
        for size in sizes {
            let mut builder = BatchBuilder::new(Compression::Lz4, None);
            for offset in next..next + size {
                let value = offset.to_string();
                builder.append(
                    Timestamp::new(offset * 10),
                    None,
                    Some(value.as_bytes()),
                    &[],
                );
            }
            let base = Offset::new(next);
            next += size;
            batches.push((Offset::new(next), builder.build(base).expect("a batch")));
        }
        Self {
            batches,
            earliest: 0,
            latest: next,
        }
    }

    fn locate(&self, timestamp: i64) -> i64 {
        match timestamp {
            -1 => self.latest,
            -2 => self.earliest,
            timestamp if timestamp > (self.latest - 1) * 10 => -1,
            timestamp => (timestamp + 9) / 10,
        }
    }

    /// One batch from `offset` on, and half of the next one.
    fn fetch(&self, offset: i64) -> (BrokerCode, Bytes) {
        if offset < self.earliest || offset > self.latest {
            return (BrokerCode::OFFSET_OUT_OF_RANGE, Bytes::new());
        }
        let mut rest = self
            .batches
            .iter()
            .skip_while(|(next, _)| next.get() <= offset);
        let mut data = rest.next().map_or(Vec::new(), |(_, bytes)| bytes.to_vec());
        if let Some((_, bytes)) = rest.next() {
            data.extend_from_slice(&bytes[..bytes.len() / 2]);
        }
        (BrokerCode::NONE, data.into())
    }
}

fn located(answers: &[(i32, BrokerCode, i64)]) -> ListOffsetsResponse<'static> {
    let answers =
        answers.iter().map(
            |(partition_index, code, offset)| ListOffsetsPartitionResponse {
                partition_index: *partition_index,
                error_code: code.get(),
                offset: *offset,
                ..Default::default()
            },
        );
    ListOffsetsResponse {
        topics: Array::from(vec![ListOffsetsTopicResponse {
            name: "t",
            partitions: answers.collect(),
        }]),
        ..Default::default()
    }
}

/// Serves a call from `logs`; a partition named in `refused` gets its code instead.
fn serve(
    consumer: &mut Consumer,
    now: Instant,
    call: &ConsumerCall,
    logs: &[Log],
    refused: Option<BrokerCode>,
) {
    match call.request() {
        ConsumerRequest::Offsets(request) => {
            let topic = request.topics.iter().next().expect("one topic");
            let answers: Vec<_> = topic
                .partitions
                .iter()
                .map(|asked| {
                    let log = &logs[asked.partition_index as usize];
                    let code = refused.unwrap_or(BrokerCode::NONE);
                    (asked.partition_index, code, log.locate(asked.timestamp))
                })
                .collect();
            consumer.located(now, call.id, &located(&answers));
        }
        ConsumerRequest::Fetch(request) => {
            let topic = request.topics.iter().next().expect("one topic");
            let mut frame = Vec::new();
            let mut places = Vec::new();
            for asked in &topic.partitions {
                let (code, data) = logs[asked.partition as usize].fetch(asked.fetch_offset);
                let start = frame.len();
                frame.extend_from_slice(&data);
                places.push((asked.partition, refused.unwrap_or(code), start..frame.len()));
            }
            let frame = Bytes::from(frame);
            let partitions = places
                .iter()
                .map(|(partition_index, code, range)| PartitionData {
                    partition_index: *partition_index,
                    error_code: code.get(),
                    records: Some(Records::Borrowed(&frame[range.clone()]))
                        .filter(|_| code.is_none()),
                    ..Default::default()
                });
            let response = FetchResponse {
                responses: Array::from(vec![FetchableTopicResponse {
                    topic: "t",
                    partitions: partitions.collect(),
                    ..Default::default()
                }]),
                ..Default::default()
            };
            consumer.fetched(now, call.id, &response, &frame);
        }
    }
}

fn consumer(start: Start, until: Until) -> Consumer {
    let config = ConsumerConfig {
        until,
        retry_pause: Duration::from_millis(10),
        ..ConsumerConfig::default()
    };
    let partitions = (0..2).map(|partition| (PartitionIndex::new(partition), start));
    Consumer::new("t", partitions, config)
}

fn offsets(consumer: &mut Consumer, into: &mut BTreeMap<i32, Vec<i64>>) {
    while let Some(fetched) = consumer.next_fetched() {
        let offsets = into.entry(fetched.partition.get()).or_default();
        let visited = fetched.visit(&DecompressionLimits::default(), |record| {
            let value = record.value.expect("a value");
            assert_eq!(value, record.offset.to_string().as_bytes());
            offsets.push(record.offset.get());
            Ok::<(), ClientError>(())
        });
        visited.expect("valid batches");
    }
}

/// Reads on until there is nothing to do, at most `rounds` calls to each node.
fn read(consumer: &mut Consumer, logs: &[Log], rounds: usize) -> BTreeMap<i32, Vec<i64>> {
    let mut read = BTreeMap::new();
    for _ in 0..rounds {
        let mut calls = Vec::new();
        while let Some(call) = consumer.poll(at(0), &metadata(LEADERS)) {
            calls.push(call);
        }
        for call in calls {
            serve(consumer, at(0), &call, logs, None);
        }
        offsets(consumer, &mut read);
    }
    read
}

fn logs() -> Vec<Log> {
    vec![Log::new(&[3, 4, 5]), Log::new(&[2, 2])]
}

#[test]
fn reading_ends_where_the_log_ended_at_the_start() {
    let mut logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    let first = read(&mut consumer, &logs, 3);
    logs[1] = Log::new(&[2, 2, 50]);
    let mut all = read(&mut consumer, &logs, 100);
    assert!(consumer.is_done());
    assert_eq!(consumer.remaining(), Some(0));
    for (partition, offsets) in first {
        let rest = all.remove(&partition).unwrap_or_default();
        all.insert(partition, offsets.into_iter().chain(rest).collect());
    }
    assert_eq!(all[&0], (0..12).collect::<Vec<_>>());
    assert_eq!(all[&1], (0..4).collect::<Vec<_>>());
}

#[test]
fn offsets_and_times_begin_inside_batches() {
    let logs = logs();
    let mut by_offset = consumer(Start::Offset(Offset::new(3)), Until::End);
    let got = read(&mut by_offset, &logs, 100);
    assert_eq!((got[&0][0], got[&1].as_slice()), (3, &[3][..]));

    let mut by_time = consumer(Start::Timestamp(Timestamp::new(45)), Until::End);
    let got = read(&mut by_time, &logs, 100);
    assert_eq!(got[&0][0], 5);
    assert!(!got.contains_key(&1), "nothing is that young there");
    assert!(by_time.is_done());

    let mut at_end = consumer(Start::End, Until::End);
    assert!(read(&mut at_end, &logs, 100).is_empty());
    assert!(at_end.is_done());
}

#[test]
fn following_goes_on_past_the_end() {
    let mut logs = logs();
    let mut consumer = consumer(Start::End, Until::Forever);
    assert!(read(&mut consumer, &logs, 20).is_empty());
    assert!(!consumer.is_done());
    logs[0] = Log::new(&[3, 4, 5, 6]);
    let got = read(&mut consumer, &logs, 20);
    assert_eq!(got[&0], (12..18).collect::<Vec<_>>());
}

#[test]
fn records_that_retention_took_are_told() {
    let mut logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    read(&mut consumer, &logs, 3);
    logs[0].earliest = 7;
    let got = read(&mut consumer, &logs, 100);
    assert_eq!(got[&0].first(), Some(&7));
    assert!(consumer.is_done());
    let jumped = Notice::Jumped {
        partition: PartitionIndex::new(0),
        from: Offset::new(3),
        to: Offset::new(7),
    };
    assert_eq!(consumer.next_notice(), Some(jumped));
    assert_eq!(consumer.next_notice(), None);
}

#[test]
fn a_moved_leader_is_asked_after_metadata() {
    let logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    let call = consumer.poll(at(0), &metadata(LEADERS)).expect("a call");
    let moved = Some(BrokerCode::NOT_LEADER_OR_FOLLOWER);
    serve(&mut consumer, at(0), &call, &logs, moved);
    assert!(consumer.take_metadata_wish());
    assert_eq!(consumer.deadline(at(0)), Some(at(10)));
    let other = consumer
        .poll(at(0), &metadata(LEADERS))
        .expect("the other node");
    assert_eq!(other.node, NodeId::new(2));
    assert!(consumer.poll(at(5), &metadata(&[(2, 1), (2, 0)])).is_none());
    serve(&mut consumer, at(5), &other, &logs, None);
    let again = consumer
        .poll(at(10), &metadata(&[(2, 1), (2, 0)]))
        .expect("a call");
    assert_eq!(again.node, NodeId::new(2));
}

#[test]
fn a_refusal_for_good_fails_by_name() {
    let logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    let call = consumer.poll(at(0), &metadata(LEADERS)).expect("a call");
    serve(
        &mut consumer,
        at(0),
        &call,
        &logs,
        Some(BrokerCode::TOPIC_AUTHORIZATION_FAILED),
    );
    let error = consumer.take_failure().expect("a reason").to_string();
    assert!(
        error.contains("\"t\"") && error.contains("partition 0"),
        "{error}"
    );
}

#[test]
fn endless_trouble_ends_with_the_last_reason() {
    let logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    for second in 0..=60 {
        while let Some(call) = consumer.poll(at(second * 1000), &metadata(LEADERS)) {
            let refused = Some(BrokerCode::KAFKA_STORAGE_ERROR);
            serve(&mut consumer, at(second * 1000), &call, &logs, refused);
        }
        assert!(!consumer.is_failed());
        consumer.expire(at(second * 1000));
    }
    let error = consumer.take_failure().expect("a reason").to_string();
    assert!(error.contains("KAFKA_STORAGE_ERROR"), "{error}");
}

#[test]
fn what_is_fetched_ahead_is_bounded() {
    let logs = logs();
    let mut consumer = consumer(Start::Beginning, Until::End);
    consumer.config.ahead_bytes_max = 1;
    let mut calls = 0;
    while let Some(call) = consumer.poll(at(0), &metadata(LEADERS)) {
        serve(&mut consumer, at(0), &call, &logs, None);
        calls += 1;
        assert!(calls < 20);
    }
    assert!(!consumer.is_done());
    offsets(&mut consumer, &mut BTreeMap::new());
    assert!(consumer.poll(at(0), &metadata(LEADERS)).is_some());
}

#[test]
fn an_answer_overdue_names_its_node() {
    let mut consumer = consumer(Start::Beginning, Until::End);
    let call = consumer.poll(at(0), &metadata(LEADERS)).expect("a call");
    assert_eq!(consumer.overdue(at(29_999)), None);
    assert_eq!(consumer.overdue(at(30_000)), Some(call.node));
    consumer.lost(at(30_000), call.node, "no answer");
    assert_eq!(consumer.overdue(at(30_000)), None);
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    Refused(i16),
    Lost,
    Moved,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        3 => Just(Fate::Answered),
        1 => prop_oneof![Just(6), Just(3), Just(56), Just(74), Just(78)].prop_map(Fate::Refused),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Moved),
    ];
    proptest::collection::vec(fate, 0..80)
}

proptest! {
    #[test]
    fn no_record_is_left_out_or_doubled(
        fates in fates(),
        sizes in proptest::collection::vec(1i64..6, 1..12),
        start in 0i64..40,
    ) {
        let logs = [Log::new(&sizes), Log::new(&sizes[..sizes.len().div_ceil(2)])];
        let mut consumer = consumer(Start::Offset(Offset::new(start)), Until::End);
        let mut under_way: VecDeque<ConsumerCall> = VecDeque::new();
        let mut read = BTreeMap::new();
        let mut epoch = 0;
        let quiet = std::iter::repeat_n(&Fate::Answered, 300);
        for (step, fate) in fates.iter().chain(quiet).enumerate() {
            let now = at(step as u64 * 4);
            let metadata = metadata(&[(1 + epoch % 2, epoch), (2 - epoch % 2, epoch)]);
            while let Some(call) = consumer.poll(now, &metadata) {
                under_way.push_back(call);
            }
            if matches!(fate, Fate::Moved) {
                epoch += 1;
                continue;
            }
            let Some(call) = under_way.pop_front() else { continue };
            match fate {
                Fate::Answered | Fate::Moved => serve(&mut consumer, now, &call, &logs, None),
                Fate::Refused(code) => {
                    serve(&mut consumer, now, &call, &logs, Some(BrokerCode::new(*code)));
                }
                Fate::Lost => {
                    under_way.retain(|other| other.node != call.node);
                    consumer.lost(now, call.node, "cut");
                }
            }
            offsets(&mut consumer, &mut read);
        }
        prop_assert!(consumer.take_failure().is_none());
        prop_assert!(consumer.is_done());
        for (partition, log) in logs.iter().enumerate() {
            let expected: Vec<i64> = (start.min(log.latest)..log.latest).collect();
            prop_assert_eq!(read.remove(&(partition as i32)).unwrap_or_default(), expected);
        }
    }
}
