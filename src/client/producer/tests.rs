use super::*;
use crate::client::BrokerCode;
use crate::client::metadata::tests::metadata;
use crate::protocol::kafka::messages::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use crate::record::{Batch as RecordBatch, Compression, DecompressionLimits};
use crate::types::{ProducerEpoch, ProducerId, Sequence};
use crate::wire::Array;
use bytes::Bytes;
use proptest::prelude::*;

const IDENTITY: Identity = (ProducerId::new(7), ProducerEpoch::new(0));
const LEADERS: &[(i32, i32)] = &[(1, 0), (2, 0), (1, 0)];

fn config() -> ProducerConfig {
    ProducerConfig {
        compression: Compression::None,
        batch_bytes_max: 200,
        buffer_bytes_max: 20_000,
        request_bytes_max: 400,
        retry_pause: Duration::from_millis(10),
        ..ProducerConfig::default()
    }
}

fn producer() -> Producer {
    Producer::new("t", LEADERS.len() as i32, Some(IDENTITY), config())
}

fn at(ms: u64) -> Instant {
    Instant::new(ms * 1000)
}

/// A partition's log as a broker keeps it: values, and the sequence it expects next.
#[derive(Default)]
struct Log {
    values: Vec<Vec<u8>>,
    /// None: the producer is not known here yet, and may begin with any sequence (as with Kafka).
    next_sequence: Option<i32>,
}

#[derive(Default)]
struct Logs(BTreeMap<i32, Log>);

impl Logs {
    /// Applies a batch by the rules of idempotence; the code and the base offset to answer.
    fn append(&mut self, partition: PartitionIndex, bytes: &Bytes) -> (BrokerCode, i64) {
        let batch = RecordBatch::validate(bytes.clone()).expect("a valid batch");
        let log = self.0.entry(partition.get()).or_default();
        let sequence = batch.header().base_sequence();
        let due = log.next_sequence.unwrap_or(sequence.get());
        if sequence != Sequence::NONE && sequence.get() != due {
            let code = if sequence.get() < due {
                BrokerCode::DUPLICATE_SEQUENCE_NUMBER
            } else {
                BrokerCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            };
            return (code, -1);
        }
        let base = log.values.len() as i64;
        let records = batch
            .records(&DecompressionLimits::default())
            .expect("records");
        for record in records.iter() {
            let value = record.expect("a record").value.expect("a value");
            log.values.push(value.to_vec());
        }
        log.next_sequence = Some(due + batch.header().record_count());
        (BrokerCode::NONE, base)
    }

    fn serve(&mut self, call: &ProduceCall) -> Vec<(i32, BrokerCode, i64)> {
        let serve = |(partition, bytes): &(PartitionIndex, Bytes)| {
            let (code, base) = self.append(*partition, bytes);
            (partition.get(), code, base)
        };
        call.batches.iter().map(serve).collect()
    }
}

fn response(answers: &[(i32, BrokerCode, i64)]) -> ProduceResponse<'static> {
    let answers = answers
        .iter()
        .map(|(index, code, base_offset)| PartitionProduceResponse {
            index: *index,
            error_code: code.get(),
            base_offset: *base_offset,
            ..Default::default()
        });
    ProduceResponse {
        responses: Array::from(vec![TopicProduceResponse {
            name: "t",
            partition_responses: answers.collect(),
            ..Default::default()
        }]),
        ..Default::default()
    }
}

fn append(producer: &mut Producer, key: Option<&[u8]>, value: &[u8]) -> Appended {
    producer
        .append(at(0), Timestamp::new(1), key, Some(value))
        .expect("a record of that size")
}

fn poll(producer: &mut Producer, now: Instant) -> Option<ProduceCall> {
    producer
        .poll(now, &metadata(LEADERS))
        .expect("batches build")
}

#[test]
fn a_batch_leaves_when_it_is_full_or_has_waited() {
    let mut producer = producer();
    append(&mut producer, None, &[1; 50]);
    assert!(poll(&mut producer, at(4)).is_none());
    assert_eq!(producer.deadline(at(4)), Some(at(5)));
    let call = poll(&mut producer, at(5)).expect("the linger is over");
    assert_eq!((call.node, call.batches.len()), (NodeId::new(1), 1));
    append(&mut producer, None, &[2; 100]);
    append(&mut producer, None, &[3; 100]);
    assert!(producer.wants_poll());
    assert!(
        poll(&mut producer, at(5)).is_some(),
        "a full one need not wait"
    );
}

#[test]
fn keys_choose_partitions_and_null_keys_move_on_after_a_batch() {
    let mut producer = producer();
    let partition = Appended::To(partition_for_key(b"order-1", 3));
    for _ in 0..10 {
        assert_eq!(append(&mut producer, Some(b"order-1"), &[0; 90]), partition);
    }
    let first = append(&mut producer, None, &[0; 90]);
    let places: Vec<Appended> = (0..20)
        .map(|_| append(&mut producer, None, &[0; 90]))
        .collect();
    assert!(places.iter().any(|place| *place != first));
}

#[test]
fn a_full_buffer_takes_nothing_until_something_arrived() {
    let mut producer = producer();
    let mut taken = 0;
    while append(&mut producer, None, &[0; 90]) != Appended::Full {
        taken += 1;
    }
    assert!((100..220).contains(&taken), "{taken}");
    let call = poll(&mut producer, at(0)).expect("full batches");
    let mut logs = Logs::default();
    let answers = logs.serve(&call);
    producer.answered(at(3), call.id, &response(&answers));
    let delivery = producer.next_delivery().expect("delivered");
    assert_eq!(delivery.latency, Duration::from_millis(3));
    assert_eq!(delivery.base_offset, Some(Offset::ZERO));
    assert_ne!(append(&mut producer, None, &[0; 90]), Appended::Full);
}

#[test]
fn a_record_too_large_is_refused_and_nothing_else() {
    let mut producer = producer();
    let error = producer
        .append(at(0), Timestamp::new(1), None, Some(&[0; 500]))
        .expect_err("too large");
    assert!(matches!(
        error,
        ClientError::RecordTooLarge { limit: 200, .. }
    ));
    assert_ne!(append(&mut producer, None, &[0; 90]), Appended::Full);
}

#[test]
fn no_more_than_five_calls_are_under_way_to_a_node() {
    let mut producer = producer();
    for _ in 0..60 {
        append(&mut producer, Some(b"same"), &[0; 90]);
    }
    let first = poll(&mut producer, at(1)).expect("a call");
    assert!(
        poll(&mut producer, at(1)).is_none(),
        "the first one alone: a broker takes any sequence for a producer's first"
    );
    let answers = Logs::default().serve(&first);
    producer.answered(at(1), first.id, &response(&answers));
    let mut calls = 0;
    while poll(&mut producer, at(1)).is_some() {
        calls += 1;
    }
    assert_eq!(calls, 5);
}

#[test]
fn without_sequences_one_batch_of_a_partition_is_under_way() {
    let config = ProducerConfig {
        acks: Acks::Leader,
        ..config()
    };
    let mut producer = Producer::new("t", 3, None, config);
    for _ in 0..20 {
        append(&mut producer, Some(b"same"), &[0; 90]);
    }
    assert!(poll(&mut producer, at(1)).is_some());
    assert!(poll(&mut producer, at(1)).is_none());
}

#[test]
fn acks_none_counts_as_delivered_when_sent() {
    let config = ProducerConfig {
        acks: Acks::None,
        ..config()
    };
    let mut producer = Producer::new("t", 3, None, config);
    append(&mut producer, None, b"x");
    let call = poll(&mut producer, at(9)).expect("a call");
    assert!(!call.is_answered());
    producer.sent(call.id);
    assert!(producer.is_idle());
    assert_eq!(producer.next_delivery().map(|d| d.base_offset), Some(None));
}

#[test]
fn a_moved_leader_is_followed_only_when_the_old_one_is_done() {
    let mut producer = Producer::new("t", 1, Some(IDENTITY), config());
    for _ in 0..6 {
        append(&mut producer, None, &[0; 90]);
    }
    let to_first = producer
        .poll(at(1), &metadata(&[(1, 0)]))
        .expect("builds")
        .expect("a call");
    let moved = metadata(&[(2, 1)]);
    assert!(producer.poll(at(1), &moved).expect("builds").is_none());
    let refused = response(&[(0, BrokerCode::NOT_LEADER_OR_FOLLOWER, -1)]);
    producer.answered(at(2), to_first.id, &refused);
    assert!(producer.take_metadata_wish());
    assert!(
        producer.poll(at(3), &moved).expect("builds").is_none(),
        "a pause first"
    );
    assert_eq!(producer.deadline(at(3)), Some(at(12)));
    let again = producer
        .poll(at(12), &moved)
        .expect("builds")
        .expect("the same again");
    assert_eq!(again.node, NodeId::new(2));
    assert_eq!(again.records(), to_first.records());
}

#[test]
fn a_refusal_for_good_fails_the_producer_by_name() {
    let mut producer = producer();
    append(&mut producer, None, b"x");
    let call = poll(&mut producer, at(9)).expect("a call");
    let refused = response(&[(0, BrokerCode::MESSAGE_TOO_LARGE, -1)]);
    producer.answered(at(9), call.id, &refused);
    assert!(producer.is_failed());
    let error = producer.take_failure().expect("a reason").to_string();
    assert!(
        error.contains("partition 0") && error.contains("max.message.bytes"),
        "{error}"
    );
    assert!(poll(&mut producer, at(20)).is_none());
}

#[test]
fn a_sequence_lost_by_the_broker_is_not_papered_over() {
    let mut producer = producer();
    append(&mut producer, None, b"x");
    let call = poll(&mut producer, at(9)).expect("a call");
    let refused = response(&[(0, BrokerCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1)]);
    producer.answered(at(9), call.id, &refused);
    assert!(producer.is_failed());
}

#[test]
fn what_nobody_takes_in_time_fails_with_the_last_reason() {
    let mut producer = producer();
    append(&mut producer, None, b"x");
    let call = poll(&mut producer, at(9)).expect("a call");
    assert_eq!(producer.overdue(at(29_000)), None);
    assert_eq!(producer.overdue(at(30_009)), Some(call.node));
    producer.lost(at(30_009), call.node, "connection reset");
    producer.expire(at(119_000));
    assert!(!producer.is_failed());
    producer.expire(at(120_009));
    let error = producer.take_failure().expect("a reason").to_string();
    assert!(error.contains("connection reset"), "{error}");
}

/// What happens to the oldest call under way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    RefusedOnce(i16),
    RequestLost,
    AnswerLost,
    Moved,
    Record,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Answered),
        1 => prop_oneof![Just(6), Just(7), Just(19), Just(56), Just(3)].prop_map(Fate::RefusedOnce),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Moved),
        6 => Just(Fate::Record),
    ];
    proptest::collection::vec(fate, 1..150)
}

/// Whatever is lost, refused or moved: every record arrives once and in order.
fn run(fates: &[Fate]) -> Result<(), TestCaseError> {
    let mut producer = producer();
    let mut logs = Logs::default();
    let mut sent: BTreeMap<i32, Vec<Vec<u8>>> = BTreeMap::new();
    let mut under_way: VecDeque<ProduceCall> = VecDeque::new();
    let (mut now, mut epoch, mut delivered, mut number) = (0, 0, 0, 0u32);
    let quiet = std::iter::repeat_n(&Fate::Answered, 400);
    for (step, fate) in fates.iter().chain(quiet).enumerate() {
        now += 5;
        producer.set_flushing(step >= fates.len());
        let leaders: Vec<(i32, i32)> = (0..3).map(|p| (1 + (p + epoch) % 2, epoch)).collect();
        let metadata = metadata(&leaders);
        while let Some(call) = producer.poll(at(now), &metadata).expect("builds") {
            under_way.push_back(call);
        }
        match fate {
            Fate::Record => {
                number += 1;
                let value = format!("{number:060}").into_bytes();
                let key = number.is_multiple_of(3).then(|| (number % 7).to_be_bytes());
                let key = key.as_ref().map(<[u8; 4]>::as_slice);
                if let Appended::To(partition) = append(&mut producer, key, &value) {
                    sent.entry(partition.get()).or_default().push(value);
                }
                continue;
            }
            Fate::Moved => {
                epoch += 1;
                continue;
            }
            _ => {}
        }
        let Some(call) = under_way.pop_front() else {
            continue;
        };
        match fate {
            Fate::Answered => {
                let answers = logs.serve(&call);
                producer.answered(at(now), call.id, &response(&answers));
            }
            Fate::RefusedOnce(code) => {
                let answers: Vec<_> = call
                    .batches
                    .iter()
                    .map(|(partition, _)| (partition.get(), BrokerCode::new(*code), -1))
                    .collect();
                producer.answered(at(now), call.id, &response(&answers));
            }
            Fate::RequestLost | Fate::AnswerLost => {
                // The connection carries calls in order: either the first few arrived, or none.
                if matches!(fate, Fate::AnswerLost) {
                    logs.serve(&call);
                }
                under_way.retain(|other| other.node != call.node);
                producer.lost(at(now), call.node, "cut");
            }
            Fate::Record | Fate::Moved => {}
        }
        while let Some(delivery) = producer.next_delivery() {
            delivered += delivery.records;
        }
    }
    let failure = producer.take_failure();
    prop_assert!(failure.is_none(), "{:?}", failure);
    prop_assert!(producer.is_idle());
    prop_assert_eq!(
        delivered as usize,
        sent.values().map(Vec::len).sum::<usize>()
    );
    for (partition, values) in sent {
        let log = logs.0.remove(&partition).unwrap_or_default();
        prop_assert_eq!(log.values, values, "partition {}", partition);
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_record_arrives_once_and_in_order(fates in fates()) {
        run(&fates)?;
    }
}
