use super::cluster::{Cluster, ClusterConfig, Event};
use super::refresh::{REFRESH_PAUSE, Refresh};
use crate::client::BrokerCode;
use crate::client::ClientError;
use crate::client::connection::{Answer, Answered, CorrelationId};
use crate::client::producer::{
    Appended, CallId, Delivery, Identity, ProduceCall, Producer, ProducerConfig,
};
use crate::protocol::kafka::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceResponse,
};
use crate::types::{Instant, NodeId, ProducerEpoch, ProducerId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest wait at a time, so that deadlines are looked at.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// How many records are taken between two looks at the clock.
const RECORDS_PER_LOOK: u32 = 64;

/// A [`Producer`] with sockets under it.
///
/// Work happens inside its calls: who sends little must [`poll`](Self::poll) now and then, or
/// batches stay behind and connections unserved.
#[derive(Debug)]
pub struct BlockingProducer {
    cluster: Cluster,
    producer: Producer,
    linger: Duration,
    calls: BTreeMap<(NodeId, CorrelationId), CallId>,
    now: Instant,
    records_since_look: u32,
    stepped_at: Instant,
    refresh: Refresh,
}

impl BlockingProducer {
    /// Connects and finds the topic, which the broker may make if it does not exist and the broker
    /// is one that does so.
    ///
    /// # Errors
    /// What the brokers say.
    pub fn connect(
        cluster: ClusterConfig,
        topic: &str,
        config: ProducerConfig,
    ) -> Result<Self, ClientError> {
        let mut cluster = Cluster::connect(cluster)?;
        let partitions = cluster.topic(topic, true)?.partition_count();
        let identity = if config.is_idempotent() {
            Some(identity(&mut cluster)?)
        } else {
            None
        };
        let now = cluster.clock().now();
        Ok(Self {
            linger: config.linger,
            producer: Producer::new(topic, partitions, identity, config),
            calls: BTreeMap::new(),
            now,
            records_since_look: 0,
            stepped_at: now,
            refresh: Refresh::new(topic, now),
            cluster,
        })
    }

    /// Takes a record; waits while too much is held.
    ///
    /// # Errors
    /// [`ClientError::RecordTooLarge`], after which the producer goes on; all else is final.
    pub fn send(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), ClientError> {
        while self.producer.append(self.now, timestamp, key, value)? == Appended::Full {
            self.step(self.cluster.clock().now().after(WAIT_MAX))?;
        }
        self.records_since_look += 1;
        if self.producer.wants_poll() {
            return self.step(Instant::default());
        }
        if self.records_since_look >= RECORDS_PER_LOOK {
            self.records_since_look = 0;
            self.now = self.cluster.clock().now();
            if self.now >= self.stepped_at.after(self.linger) {
                return self.step(Instant::default());
            }
        }
        Ok(())
    }

    /// Sends what is due and takes answers for at most `wait`; returns early if something happened.
    ///
    /// # Errors
    /// Final ones.
    pub fn poll(&mut self, wait: Duration) -> Result<(), ClientError> {
        self.step(self.cluster.clock().now().after(wait))
    }

    /// Waits until everything was delivered.
    ///
    /// # Errors
    /// Final ones; what was held then is lost.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.producer.set_flushing(true);
        while !self.producer.is_idle() {
            self.poll(WAIT_MAX)?;
        }
        self.producer.set_flushing(false);
        Ok(())
    }

    /// Makes everything that is held leave as soon as it can, without waiting for it; ask
    /// [`is_idle`](Self::is_idle).
    pub fn set_flushing(&mut self, flushing: bool) {
        self.producer.set_flushing(flushing);
    }

    /// Whether everything that was taken has been delivered.
    pub const fn is_idle(&self) -> bool {
        self.producer.is_idle()
    }

    /// How many records were taken and not delivered yet.
    pub const fn held_records(&self) -> u64 {
        self.producer.held_records()
    }

    /// The next batch that arrived.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        self.producer.next_delivery()
    }

    /// The wall clock, for records without a time of their own.
    pub fn wall(&self) -> Timestamp {
        self.cluster.clock().wall()
    }

    fn step(&mut self, until: Instant) -> Result<(), ClientError> {
        self.take_events(Instant::default())?;
        while let Some(call) = self.producer.poll(self.now, self.cluster.metadata())? {
            self.make(&call)?;
            self.take_events(Instant::default())?;
        }
        self.watch_time()?;
        let deadline = self.producer.deadline(self.now).unwrap_or(until).min(until);
        if deadline > self.now {
            self.take_events(deadline)?;
        }
        self.stepped_at = self.now;
        self.producer.take_failure().map_or(Ok(()), Err)
    }

    fn make(&mut self, call: &ProduceCall) -> Result<(), ClientError> {
        let answered = if call.is_answered() {
            Answered::Yes
        } else {
            Answered::No
        };
        match self
            .cluster
            .send(call.node, &call.request(), &call.records(), answered)
        {
            Ok(correlation) if call.is_answered() => {
                self.calls.insert((call.node, correlation), call.id);
            }
            Ok(_) => self.producer.sent(call.id),
            // An event tells that it is lost.
            Err(error) if error.is_connection() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes what happened, and waits until `deadline` for the first thing to happen.
    fn take_events(&mut self, mut deadline: Instant) -> Result<(), ClientError> {
        while let Some(event) = self.cluster.next_event(deadline) {
            self.now = self.cluster.clock().now();
            match event {
                Event::Answer { node, answer, at } => self.take_answer(node, &answer, at)?,
                Event::Lost { node, reason } => {
                    self.calls.retain(|(other, _), _| *other != node);
                    self.producer.lost(self.now, node, &reason);
                }
            }
            deadline = Instant::default();
        }
        self.now = self.cluster.clock().now();
        Ok(())
    }

    fn take_answer(
        &mut self,
        node: NodeId,
        answer: &Answer,
        at: Instant,
    ) -> Result<(), ClientError> {
        let Some(call) = self.calls.remove(&(node, answer.correlation())) else {
            return Ok(());
        };
        let response: ProduceResponse<'_> = answer.decode()?;
        self.producer.answered(at, call, &response);
        Ok(())
    }

    fn watch_time(&mut self) -> Result<(), ClientError> {
        if let Some(node) = self.producer.overdue(self.now) {
            self.cluster
                .close(node, "no answer to Produce in time".into());
        }
        self.producer.expire(self.now);
        let wished = self.producer.take_metadata_wish();
        self.now = self.refresh.poll(wished, self.now, &mut self.cluster)?;
        Ok(())
    }
}

/// Asks for a producer id; brokers that are starting may need a moment.
fn identity(cluster: &mut Cluster) -> Result<Identity, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..Default::default()
    };
    let deadline = cluster
        .clock()
        .now()
        .after(cluster.config().request_timeout);
    loop {
        let answer = cluster.call_any(&request)?;
        let response: InitProducerIdResponse = answer.decode()?;
        let code = BrokerCode::new(response.error_code);
        if code.is_none() {
            let (id, epoch) = (response.producer_id, response.producer_epoch);
            return Ok((ProducerId::new(id), ProducerEpoch::new(epoch)));
        }
        // COORDINATOR_LOAD_IN_PROGRESS and COORDINATOR_NOT_AVAILABLE.
        let starting = matches!(code.get(), 14 | 15);
        if !(starting || code.is_retriable()) || cluster.clock().now() >= deadline {
            return Err(answer.refused(code, None));
        }
        std::thread::sleep(REFRESH_PAUSE);
    }
}
