use super::cluster::{Cluster, ClusterConfig, Event};
use super::refresh::Refresh;
use crate::client::ClientError;
use crate::client::connection::{Answer, Answered, CorrelationId};
use crate::client::consumer::{
    CallId, Consumer, ConsumerCall, ConsumerConfig, ConsumerRequest, Fetched, Notice, Start,
};
use crate::protocol::kafka::messages::{FetchResponse, ListOffsetsResponse};
use crate::types::{Instant, NodeId, PartitionIndex};
use std::collections::BTreeMap;
use std::time::Duration;

/// A [`Consumer`] with sockets under it.
#[derive(Debug)]
pub struct BlockingConsumer {
    cluster: Cluster,
    consumer: Consumer,
    calls: BTreeMap<(NodeId, CorrelationId), Asked>,
    now: Instant,
    refresh: Refresh,
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Offsets(CallId),
    Fetch(CallId),
}

impl BlockingConsumer {
    /// Connects and reads `partitions` of a topic that exists, or all of them.
    ///
    /// # Errors
    /// [`ClientError::Topic`], [`ClientError::NoPartition`], and what else the brokers say.
    pub fn connect(
        cluster: ClusterConfig,
        topic: &str,
        partitions: Option<&[PartitionIndex]>,
        start: Start,
        config: ConsumerConfig,
    ) -> Result<Self, ClientError> {
        let mut cluster = Cluster::connect(cluster)?;
        let count = cluster.topic(topic, false)?.partition_count();
        let partitions: Vec<PartitionIndex> = match partitions {
            Some(partitions) => partitions.to_vec(),
            None => (0..count).map(PartitionIndex::new).collect(),
        };
        let exists = |partition: &&PartitionIndex| !(0..count).contains(&partition.get());
        if let Some(partition) = partitions.iter().find(exists) {
            return Err(ClientError::NoPartition {
                topic: topic.to_owned(),
                partition: partition.get(),
                last: count - 1,
            });
        }
        let now = cluster.clock().now();
        let starts = partitions.into_iter().map(|partition| (partition, start));
        Ok(Self {
            consumer: Consumer::new(topic, starts, config),
            calls: BTreeMap::new(),
            now,
            refresh: Refresh::new(topic, now),
            cluster,
        })
    }

    /// The next batches; waits for them at most `wait`. The next ones are asked for before this
    /// returns, so the brokers work while the caller does.
    ///
    /// # Errors
    /// Final ones.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Fetched>, ClientError> {
        let until = self.cluster.clock().now().after(wait);
        loop {
            self.take_events(Instant::default())?;
            while let Some(call) = self.consumer.poll(self.now, self.cluster.metadata()) {
                self.make(&call)?;
                self.take_events(Instant::default())?;
            }
            if let Some(fetched) = self.consumer.next_fetched() {
                return Ok(Some(fetched));
            }
            self.watch_time()?;
            if let Some(failure) = self.consumer.take_failure() {
                return Err(failure);
            }
            if self.now >= until || self.consumer.is_done() {
                return Ok(None);
            }
            let deadline = self.consumer.deadline(self.now).unwrap_or(until).min(until);
            self.take_events(deadline)?;
        }
    }

    /// Whether every partition was read to its end.
    pub fn is_done(&self) -> bool {
        self.consumer.is_done()
    }

    /// How many records are left to read, if ends are known.
    pub fn remaining(&self) -> Option<u64> {
        self.consumer.remaining()
    }

    /// The next thing to tell.
    pub fn next_notice(&mut self) -> Option<Notice> {
        self.consumer.next_notice()
    }

    fn make(&mut self, call: &ConsumerCall) -> Result<(), ClientError> {
        let sent = match call.request() {
            ConsumerRequest::Offsets(request) => self
                .cluster
                .send(call.node, &request, &[], Answered::Yes)
                .map(|correlation| (correlation, Asked::Offsets(call.id))),
            ConsumerRequest::Fetch(request) => self
                .cluster
                .send(call.node, &request, &[], Answered::Yes)
                .map(|correlation| (correlation, Asked::Fetch(call.id))),
        };
        match sent {
            Ok((correlation, asked)) => {
                self.calls.insert((call.node, correlation), asked);
                Ok(())
            }
            // An event tells that it is lost.
            Err(error) if error.is_connection() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes what happened, and waits until `deadline` for the first thing to happen.
    fn take_events(&mut self, mut deadline: Instant) -> Result<(), ClientError> {
        while let Some(event) = self.cluster.next_event(deadline) {
            self.now = self.cluster.clock().now();
            match event {
                Event::Answer { node, answer, .. } => self.take_answer(node, &answer)?,
                Event::Lost { node, reason } => {
                    self.calls.retain(|(other, _), _| *other != node);
                    self.consumer.lost(self.now, node, &reason);
                }
            }
            deadline = Instant::default();
        }
        self.now = self.cluster.clock().now();
        Ok(())
    }

    fn take_answer(&mut self, node: NodeId, answer: &Answer) -> Result<(), ClientError> {
        match self.calls.remove(&(node, answer.correlation())) {
            None => {}
            Some(Asked::Offsets(call)) => {
                let response: ListOffsetsResponse<'_> = answer.decode()?;
                self.consumer.located(self.now, call, &response);
            }
            Some(Asked::Fetch(call)) => {
                let response: FetchResponse<'_> = answer.decode()?;
                self.consumer
                    .fetched(self.now, call, &response, answer.frame());
            }
        }
        Ok(())
    }

    fn watch_time(&mut self) -> Result<(), ClientError> {
        if let Some(node) = self.consumer.overdue(self.now) {
            self.cluster
                .close(node, "no answer to Fetch in time".into());
        }
        self.consumer.expire(self.now);
        let wished = self.consumer.take_metadata_wish();
        self.now = self.refresh.poll(wished, self.now, &mut self.cluster)?;
        Ok(())
    }
}
