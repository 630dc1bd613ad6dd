use super::acceptance::check;
use super::scatter::{Outgoing, Scatter};
use super::{
    Appended, BrokerError, Context, CoreReply, CoreRequest, LeaderHint, NodeEndpoint, Questions,
    TopicRef,
};
use crate::record::Batch;
use crate::topic::Topic;
use crate::types::{CoreId, PartitionIndex, Timestamp, TopicPartition};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::Duration;

/// What an acknowledgement must mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// None is sent (acks = 0).
    None,
    /// In the page cache (acks = 1).
    Received,
    /// On the device, unless the topic is relaxed (acks = -1, "all").
    Durable,
}

/// Append batches.
#[derive(Debug)]
pub struct ProduceRequest {
    /// What the acknowledgement must mean; `Err` holds an unknown number.
    pub acks: Result<Acks, i16>,
    /// How long the answer may take: batches wait that long for room in a partition that is full.
    pub timeout: Duration,
    /// Whether a transactional id was given; transactions are not served yet.
    pub transactional: bool,
    /// Whether the client may know zstandard (KIP-110).
    pub knows_zstandard: bool,
    /// The batches, in the client's order.
    pub topics: Vec<ProduceTopic>,
}

/// The batches for one topic.
#[derive(Debug)]
pub struct ProduceTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// The batch for one partition.
#[derive(Debug)]
pub struct ProducePartition {
    /// The partition.
    pub index: PartitionIndex,
    /// A slice of the request's frame: exactly one batch if the client keeps the rules.
    pub records: Option<Bytes>,
}

/// One result per batch, in the client's order.
#[derive(Debug)]
pub struct ProduceResponse {
    /// As in the request; with [`Acks::None`] nothing is sent.
    pub acks: Result<Acks, i16>,
    /// Topics as asked.
    pub topics: Vec<ProducedTopic>,
    /// Where the leaders named in hints are reached; empty without hints.
    pub endpoints: Vec<NodeEndpoint>,
}

impl ProduceResponse {
    /// The first error of a request that is not answered.
    pub(super) fn unsaid_error(&self) -> Option<&BrokerError> {
        let mut partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        match self.acks {
            Ok(Acks::None) => partitions.find_map(|partition| partition.result.as_ref().err()),
            _ => None,
        }
    }
}

/// The results for one topic.
#[derive(Debug)]
pub struct ProducedTopic {
    /// As in the request.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ProducedPartition>,
}

/// The result for one batch.
#[derive(Debug)]
pub struct ProducedPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// Where the batch went.
    pub result: Result<Appended, BrokerError>,
    /// With [`BrokerError::NotLeader`]: who is.
    pub leader: Option<LeaderHint>,
}

/// A produce request under way.
#[derive(Debug)]
pub struct ProduceOperation {
    response: ProduceResponse,
    results: Scatter<Result<Appended, BrokerError>>,
}

impl ProduceRequest {
    /// Why every batch is refused, whatever it holds.
    fn refusal(&self) -> Option<BrokerError> {
        match self.acks {
            Err(_) => Some(BrokerError::InvalidRequiredAcks),
            Ok(_) if self.transactional => Some(BrokerError::TransactionsNotSupported),
            Ok(_) => None,
        }
    }
}

fn appends(
    outgoing: Outgoing<(TopicPartition, Batch)>,
    durable: bool,
    wait_max: Duration,
) -> Questions {
    let append = |items| CoreRequest::Append {
        durable,
        wait_max,
        items,
    };
    let cores = outgoing.into_cores();
    cores.map(|(core, items)| (core, append(items))).collect()
}

impl ProduceOperation {
    /// Checks every batch and splits them over the cores that own their partitions.
    pub fn start(
        request: ProduceRequest,
        context: &Context<'_>,
        now: Timestamp,
    ) -> (Self, Questions) {
        let refusal = request.refusal();
        let check = |topic: &Topic, records| check(topic, records, request.knows_zstandard, now);
        let mut results = Scatter::new();
        let mut outgoing = Outgoing::new();
        let mut seen = BTreeSet::new();
        let mut place = |topic: &Topic, partition: ProducePartition| {
            let (core, id) = context.owner(topic, partition.index)?;
            if !seen.insert(id) {
                let twice = "a partition is named twice in one request";
                return Err(BrokerError::InvalidRequest(twice.into()));
            }
            Ok((core, id, check(topic, partition.records)?))
        };
        let mut topics = Vec::with_capacity(request.topics.len());
        for produced in request.topics {
            let topic = context.topic(&produced.topic);
            let mut partitions = Vec::with_capacity(produced.partitions.len());
            for partition in produced.partitions {
                let index = partition.index;
                let checked = match (&refusal, &topic) {
                    (Some(refusal), _) => Err(refusal.clone()),
                    (None, Err(unknown)) => Err(unknown.clone()),
                    (None, Ok(topic)) => place(topic, partition),
                };
                let mut leader = None;
                match checked {
                    Ok((core, partition, batch)) => {
                        results.expect_from(core);
                        outgoing.push(core, (partition, batch));
                    }
                    Err(error) => {
                        if error == BrokerError::NotLeader {
                            leader = context.hint(&produced.topic, index);
                        }
                        results.settle(Err(error));
                    }
                }
                // The result is filled in by `finish`.
                let result = Err(BrokerError::TimedOut);
                partitions.push(ProducedPartition {
                    index,
                    result,
                    leader,
                });
            }
            topics.push(ProducedTopic {
                topic: produced.topic,
                partitions,
            });
        }
        let hints = topics.iter().flat_map(|topic| &topic.partitions);
        let endpoints = context.endpoints(hints.filter_map(|partition| partition.leader));
        let durable = request.acks == Ok(Acks::Durable);
        let wait_max = request.timeout.min(context.config.limits.fetch_wait_max);
        let questions = appends(outgoing, durable, wait_max);
        let response = ProduceResponse {
            acks: request.acks,
            topics,
            endpoints,
        };
        (Self { response, results }, questions)
    }

    /// Takes a core's reply.
    pub fn reply(&mut self, from: CoreId, reply: CoreReply) {
        let CoreReply::Append(results) = reply else {
            unreachable!("an append is answered by an append");
        };
        self.results.fill(from, results);
    }

    /// Whether every core has replied.
    pub fn is_complete(&self) -> bool {
        self.results.is_complete()
    }

    /// The response, once complete.
    pub fn finish(self) -> ProduceResponse {
        let mut response = self.response;
        let partitions = response
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions);
        for (partition, result) in partitions.zip(self.results.into_results()) {
            partition.result = result;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::fixture::Fixture;
    use super::*;
    use crate::config::Nodes;
    use crate::coordinator::OFFSETS_TOPIC;
    use crate::record::{BatchBuilder, Compression};
    use crate::types::Offset;

    const NOW: Timestamp = Timestamp::new(1);

    fn batch() -> Bytes {
        compressed(Compression::None)
    }

    fn compressed(compression: Compression) -> Bytes {
        let mut builder = BatchBuilder::new(compression, None);
        builder.append(Timestamp::new(1), None, Some(b"x"), &[]);
        builder.build(Offset::ZERO).expect("it is valid")
    }

    fn produce(acks: i16, records: Vec<(i32, Bytes)>) -> (ProduceOperation, Questions) {
        produce_as(true, acks, records)
    }

    fn produce_as(
        knows_zstandard: bool,
        acks: i16,
        records: Vec<(i32, Bytes)>,
    ) -> (ProduceOperation, Questions) {
        let fixture = Fixture::new(Nodes::Single);
        let partition = |(index, records)| ProducePartition {
            index: PartitionIndex::new(index),
            records: Some(records),
        };
        let request = ProduceRequest {
            acks: match acks {
                -1 => Ok(Acks::Durable),
                0 => Ok(Acks::None),
                1 => Ok(Acks::Received),
                other => Err(other),
            },
            timeout: Duration::ZERO,
            transactional: false,
            knows_zstandard,
            topics: vec![ProduceTopic {
                topic: TopicRef::Name("orders".into()),
                partitions: records.into_iter().map(partition).collect(),
            }],
        };
        ProduceOperation::start(request, &fixture.context(false), NOW)
    }

    fn errors(operation: ProduceOperation) -> Vec<Option<BrokerError>> {
        let partitions = operation
            .finish()
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions);
        partitions.map(|partition| partition.result.err()).collect()
    }

    #[test]
    fn good_batches_go_to_their_cores_and_bad_ones_are_answered() {
        let mut damaged = batch().to_vec();
        *damaged.last_mut().expect("not empty") ^= 1;
        let records = vec![
            (0, batch()),
            (1, damaged.into()),
            (2, batch()),
            (9, batch()),
        ];
        let (mut operation, questions) = produce(-1, records);
        assert_eq!(questions.len(), 1, "0 and 2 lie on one core");
        let (core, question) = questions.into_iter().next().expect("one");
        let CoreRequest::Append {
            durable: true,
            items,
            ..
        } = question
        else {
            panic!()
        };
        assert_eq!(items.len(), 2);
        assert!(!operation.is_complete());
        let log_start = Offset::ZERO;
        let appended = |base_offset| Appended {
            base_offset,
            log_append_time: None,
            log_start,
        };
        let replies = vec![Ok(appended(Offset::new(7))), Ok(appended(Offset::new(8)))];
        operation.reply(core, CoreReply::Append(replies));
        assert!(operation.is_complete());
        let errors = errors(operation);
        assert_eq!((&errors[0], &errors[2]), (&None, &None));
        assert!(matches!(errors[1], Some(BrokerError::CorruptMessage(_))));
        assert_eq!(errors[3], Some(BrokerError::UnknownTopicOrPartition));
    }

    #[test]
    fn only_the_broker_writes_what_keeps_groups() {
        let fixture = Fixture::with_groups(Nodes::Single);
        let topic = fixture.catalog.by_name(OFFSETS_TOPIC).expect("it is there");
        for topic in [TopicRef::Name(OFFSETS_TOPIC.into()), TopicRef::Id(topic.id)] {
            let request = ProduceRequest {
                acks: Ok(Acks::Durable),
                timeout: Duration::ZERO,
                transactional: false,
                knows_zstandard: true,
                topics: vec![ProduceTopic {
                    topic,
                    partitions: vec![ProducePartition {
                        index: PartitionIndex::new(0),
                        records: Some(batch()),
                    }],
                }],
            };
            let (operation, questions) =
                ProduceOperation::start(request, &fixture.context(false), NOW);
            assert!(questions.is_empty());
            let refused = Some(BrokerError::InternalTopic("write to it"));
            assert_eq!(errors(operation), [refused]);
        }
    }

    #[test]
    fn unknown_acks_are_refused_before_anything_is_written() {
        let (operation, questions) = produce(2, vec![(0, batch())]);
        assert!(questions.is_empty() && operation.is_complete());
        assert_eq!(errors(operation), [Some(BrokerError::InvalidRequiredAcks)]);
    }

    #[test]
    fn zstandard_is_for_those_who_may_know_it() {
        let batches = || {
            let others = [Compression::Gzip, Compression::Snappy, Compression::Lz4];
            let all = others.into_iter().chain([Compression::Zstd]);
            (0..).zip(all.map(compressed)).collect::<Vec<_>>()
        };
        let asked = |questions: Questions| {
            let appends = questions.into_iter().map(|(_, question)| match question {
                CoreRequest::Append { items, .. } => items.len(),
                other => panic!("{other:?}"),
            });
            appends.sum::<usize>()
        };
        let (_, questions) = produce_as(true, 1, batches());
        assert_eq!(asked(questions), 4);
        let (_, questions) = produce_as(false, 1, batches());
        assert_eq!(asked(questions), 3);
        let alone = vec![(0, compressed(Compression::Zstd))];
        let (operation, _) = produce_as(false, 1, alone);
        let refused = Some(BrokerError::UnsupportedCompression);
        assert_eq!(errors(operation), [refused]);
    }

    #[test]
    fn an_error_without_an_answer_must_end_the_connection() {
        let unsaid = |acks, partition| {
            let (operation, _) = produce(acks, vec![(partition, batch())]);
            operation.finish().unsaid_error().cloned()
        };
        let unknown = Some(BrokerError::UnknownTopicOrPartition);
        assert_eq!(unsaid(0, 99), unknown);
        assert_eq!(unsaid(1, 99), None, "the answer says it");
    }

    #[test]
    fn only_a_damaged_batch_is_worth_sending_again() {
        let whole = batch().to_vec();
        // The record count, by one, under a checksum that does or does not say so.
        let mut flipped = whole.clone();
        flipped[60] ^= 2;
        let mut wrong = flipped.clone();
        let crc = crc32c::crc32c(&wrong[21..]).to_be_bytes();
        wrong[17..21].copy_from_slice(&crc);
        let mut old = whole.clone();
        old[16] = 1;
        let cut = whole[..whole.len() - 1].to_vec();
        for (records, is_damaged) in [
            (flipped, true),
            (wrong, false),
            (old, false),
            (cut, false),
            (Vec::new(), false),
        ] {
            let (operation, _) = produce(1, vec![(0, records.into())]);
            match &errors(operation)[..] {
                [Some(BrokerError::CorruptMessage(_))] => assert!(is_damaged),
                [Some(BrokerError::InvalidRecord(_))] => assert!(!is_damaged),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn one_batch_per_partition() {
        let two = [batch(), batch()].concat();
        let (operation, questions) = produce(1, vec![(0, two.into())]);
        assert!(questions.is_empty());
        assert!(matches!(
            errors(operation)[..],
            [Some(BrokerError::InvalidRecord(_))]
        ));
        let (_, questions) = produce(1, vec![(0, batch()), (0, batch())]);
        let [(_, CoreRequest::Append { items, .. })] = &questions[..] else {
            panic!()
        };
        assert_eq!(
            items.len(),
            1,
            "a partition named twice is appended to once"
        );
    }

    #[test]
    fn a_batch_over_the_topics_limit_is_refused_by_its_size() {
        let huge = Bytes::from(vec![0; 1_048_589]);
        let (operation, _) = produce(1, vec![(0, huge)]);
        let limit = 1_048_588;
        let size = 1_048_589;
        assert_eq!(
            errors(operation),
            [Some(BrokerError::MessageTooLarge { size, limit })]
        );
    }
}
