use crate::protocol::kafka::messages::{
    FetchPartition, FetchRequest, FetchTopic, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic,
};
use crate::types::NodeId;
use crate::wire::Array;
use std::sync::Arc;
use std::time::Duration;

/// A call's number, unique in the life of its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(super) u64);

/// A call to make.
#[derive(Debug)]
pub struct ConsumerCall {
    /// Its number, to report its end with.
    pub id: CallId,
    /// Whom to ask.
    pub node: NodeId,
    pub(super) topic: Arc<str>,
    pub(super) wait: Duration,
    pub(super) answer_bytes_max: i32,
    pub(super) kind: Kind,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Kind {
    /// Offsets.
    Offsets(Vec<ListOffsetsPartition>),
    /// Records.
    Fetch(Vec<FetchPartition>),
}

/// The request of a call.
#[derive(Debug)]
pub enum ConsumerRequest<'a> {
    /// Which offsets are there?
    Offsets(ListOffsetsRequest<'a>),
    /// Give me records.
    Fetch(FetchRequest<'a>),
}

impl ConsumerCall {
    /// The request.
    pub fn request(&self) -> ConsumerRequest<'_> {
        match &self.kind {
            Kind::Offsets(partitions) => ConsumerRequest::Offsets(ListOffsetsRequest {
                replica_id: -1,
                topics: Array::from(vec![ListOffsetsTopic {
                    name: &self.topic,
                    partitions: Array::from(partitions.clone()),
                }]),
                ..Default::default()
            }),
            Kind::Fetch(partitions) => ConsumerRequest::Fetch(FetchRequest {
                max_wait_ms: i32::try_from(self.wait.as_millis()).unwrap_or(i32::MAX),
                min_bytes: 1,
                max_bytes: self.answer_bytes_max,
                topics: Array::from(vec![FetchTopic {
                    topic: &self.topic,
                    partitions: Array::from(partitions.clone()),
                    ..Default::default()
                }]),
                ..Default::default()
            }),
        }
    }
}
