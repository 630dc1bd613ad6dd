use super::scatter::{Outgoing, Scatter};
use super::{
    Appended, BrokerError, Context, CoreReply, CoreRequest, LeaderHint, NodeEndpoint, Questions,
    TopicRef,
};
use crate::record::{Batch, BatchError};
use crate::topic::Topic;
use crate::types::{CoreId, PartitionIndex};
use bytes::Bytes;
use std::collections::BTreeSet;

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
    /// Whether a transactional id was given; transactions are not served yet.
    pub transactional: bool,
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

impl ProduceOperation {
    /// Checks every batch and splits them over the cores that own their partitions.
    pub fn start(request: ProduceRequest, context: &Context<'_>) -> (Self, Questions) {
        let refusal = match request.acks {
            Err(_) => Some(BrokerError::InvalidRequiredAcks),
            Ok(_) if request.transactional => Some(BrokerError::TransactionsNotSupported),
            Ok(_) => None,
        };
        let mut results = Scatter::new();
        let mut outgoing = Outgoing::new();
        let mut seen = BTreeSet::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for produced in request.topics {
            let topic = context.topic(&produced.topic);
            let mut partitions = Vec::with_capacity(produced.partitions.len());
            for partition in produced.partitions {
                let index = partition.index;
                let checked = match (&refusal, &topic) {
                    (Some(refusal), _) => Err(refusal.clone()),
                    (None, Err(unknown)) => Err(unknown.clone()),
                    (None, Ok(topic)) => {
                        context
                            .owner(topic, index)
                            .and_then(|(core, partition_id)| {
                                if !seen.insert(partition_id) {
                                    let twice = "a partition is named twice in one request";
                                    return Err(BrokerError::InvalidRequest(twice.into()));
                                }
                                Ok((core, partition_id, check(topic, partition.records)?))
                            })
                    }
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
        let hints = topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .filter_map(|p| p.leader);
        let endpoints = context.endpoints(hints);
        let durable = request.acks == Ok(Acks::Durable);
        let questions = outgoing
            .into_cores()
            .map(|(core, items)| (core, CoreRequest::Append { durable, items }))
            .collect();
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

/// What must hold of a batch before any partition sees it.
fn check(topic: &Topic, records: Option<Bytes>) -> Result<Batch, BrokerError> {
    let bytes = records.unwrap_or_default();
    let limit = topic.settings.message_bytes_max();
    if bytes.len() > limit {
        let size = bytes.len();
        return Err(BrokerError::MessageTooLarge { size, limit });
    }
    let batch = Batch::validate(bytes).map_err(|error| match error {
        BatchError::OldMagic(magic) => BrokerError::UnsupportedMessageFormat(magic),
        error => BrokerError::CorruptMessage(error.to_string()),
    })?;
    let header = batch.header();
    if header.is_control() {
        let problem = "control batches are the broker's to write";
        return Err(BrokerError::InvalidRecord(problem.into()));
    }
    if header.is_transactional() {
        return Err(BrokerError::TransactionsNotSupported);
    }
    Ok(batch)
}
