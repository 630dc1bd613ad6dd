use super::scatter::{Outgoing, Scatter};
use super::{BrokerError, Context, CoreReply, CoreRequest, Questions, SeekItem, TopicRef};
use crate::types::{CoreId, LeaderEpoch, Offset, PartitionIndex, Timestamp};

/// Find offsets (KIP-79).
#[derive(Debug, Clone)]
pub struct ListOffsetsRequest {
    /// Where to look, in the client's order.
    pub topics: Vec<ListOffsetsTopic>,
}

/// The lookups in one topic.
#[derive(Debug, Clone)]
pub struct ListOffsetsTopic {
    /// The topic.
    pub topic: TopicRef,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One lookup.
#[derive(Debug, Clone, Copy)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub index: PartitionIndex,
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub leader_epoch: LeaderEpoch,
    /// What to find.
    pub target: OffsetTarget,
}

/// What to find in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetTarget {
    /// The first offset (Kafka's -2 and -4: nothing is tiered, so local is all).
    Earliest,
    /// The high watermark (Kafka's -1).
    Latest,
    /// The record with the largest timestamp (Kafka's -3, KIP-734).
    LargestTimestamp,
    /// The last offset in tiered storage, of which there is none (Kafka's -5, KIP-1005).
    LatestTiered,
    /// The first record at or after this time.
    At(Timestamp),
}

/// One result per lookup, in the client's order.
#[derive(Debug, Clone)]
pub struct ListOffsetsResponse {
    /// Topics as asked.
    pub topics: Vec<(TopicRef, Vec<FoundInPartition>)>,
}

/// What was found in one partition.
pub(crate) type FoundInPartition = (PartitionIndex, Result<FoundOffset, BrokerError>);

/// What was found; offset -1 with timestamp -1 if nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset, or -1.
    pub offset: Offset,
    /// The record's timestamp, or [`Timestamp::NONE`] where Kafka tells none.
    pub timestamp: Timestamp,
    /// The leader epoch of the record.
    pub leader_epoch: LeaderEpoch,
}

impl FoundOffset {
    /// Nothing was found.
    pub const NONE: Self = Self {
        offset: Offset::new(-1),
        timestamp: Timestamp::NONE,
        leader_epoch: LeaderEpoch::NONE,
    };
}

/// A search under way.
#[derive(Debug)]
pub struct ListOffsetsOperation {
    topics: Vec<ListOffsetsTopic>,
    results: Scatter<Result<FoundOffset, BrokerError>>,
}

impl ListOffsetsOperation {
    /// Splits the searches over the cores that own the partitions.
    pub fn start(request: ListOffsetsRequest, context: &Context<'_>) -> (Self, Questions) {
        let mut results = Scatter::new();
        let mut outgoing = Outgoing::new();
        for asked in &request.topics {
            let topic = context.topic(&asked.topic);
            for search in &asked.partitions {
                let owner = match &topic {
                    Ok(topic) => context.owner(topic, search.index),
                    Err(unknown) => Err(unknown.clone()),
                };
                match owner {
                    Ok((core, partition)) => {
                        results.expect_from(core);
                        let ListOffsetsPartition {
                            leader_epoch,
                            target,
                            ..
                        } = *search;
                        outgoing.push(
                            core,
                            SeekItem {
                                partition,
                                leader_epoch,
                                target,
                            },
                        );
                    }
                    Err(error) => results.settle(Err(error)),
                }
            }
        }
        let questions = outgoing.into_cores();
        let questions = questions
            .map(|(core, items)| (core, CoreRequest::Seek(items)))
            .collect();
        let topics = request.topics;
        (Self { topics, results }, questions)
    }

    /// Takes a core's reply.
    pub fn reply(&mut self, from: CoreId, reply: CoreReply) {
        let CoreReply::Seek(results) = reply else {
            unreachable!("a search is answered by a search");
        };
        self.results.fill(from, results);
    }

    /// Whether every core has replied.
    pub fn is_complete(&self) -> bool {
        self.results.is_complete()
    }

    /// The response, once complete.
    pub fn finish(self) -> ListOffsetsResponse {
        let mut results = self.results.into_results();
        let topics = self.topics.into_iter().map(|asked| {
            let indexes: Vec<_> = asked.partitions.iter().map(|search| search.index).collect();
            let found = indexes.into_iter().zip(&mut results).collect();
            (asked.topic, found)
        });
        let topics = topics.collect();
        ListOffsetsResponse { topics }
    }
}
