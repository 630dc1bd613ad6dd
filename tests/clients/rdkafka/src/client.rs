//! Producers, readers and topics with the settings that the cases share.

use futures_executor::block_on;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What a case says when something is not as it should be.
pub type Fault = String;

/// How long anything may take before it counts as lost.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Turns any error into a fault.
pub fn fault(error: impl std::fmt::Display) -> Fault {
    error.to_string()
}

/// Fails with a message unless the condition holds.
pub fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(message()) }
}

/// The broker under test.
pub struct Cluster {
    address: String,
    /// How many nodes it shows.
    pub nodes: usize,
    run: String,
}

/// What became of each message: its number (from `opaque`) and where it lies.
pub type Delivered = HashMap<usize, (i32, i64)>;

/// Collects deliveries.
#[derive(Default)]
pub struct Deliveries {
    delivered: Mutex<Delivered>,
    errors: Mutex<Vec<Fault>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Self::DeliveryOpaque) {
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                self.delivered
                    .lock()
                    .expect("no case panics")
                    .insert(*number, place);
            }
            Err((error, _)) => {
                self.errors
                    .lock()
                    .expect("no case panics")
                    .push(error.to_string());
            }
        }
    }
}

/// A message to send.
#[derive(Clone)]
pub struct Outgoing {
    /// Where to, or wherever the key says.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// When, in milliseconds since 1970; the client's clock if absent.
    pub timestamp: Option<i64>,
}

impl Outgoing {
    /// A value for one partition.
    pub fn to(partition: i32, value: Vec<u8>) -> Self {
        Self {
            partition: Some(partition),
            key: None,
            value,
            timestamp: None,
        }
    }
}

impl Cluster {
    /// The broker that `run` names.
    pub fn from_environment() -> Self {
        let address = std::env::var("broker_address").expect("start it with tests/clients/run");
        let per_core = std::env::var("broker_nodes").is_ok_and(|nodes| nodes == "per-core");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let run = format!(
            "{}-{}",
            std::process::id(),
            now.map_or(0, |now| now.as_millis())
        );
        Self {
            address,
            nodes: if per_core { 2 } else { 1 },
            run,
        }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address)
            .set("message.timeout.ms", "30000");
        config
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, Fault> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address)
            .create()
            .map_err(fault)
    }

    /// Makes a topic that only this run knows; returns its name.
    pub fn create(&self, name: &str, partitions: i32) -> Result<String, Fault> {
        let name = format!("rd-{name}-{}", self.run);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = block_on(self.admin()?.create_topics([&topic], &options)).map_err(fault)?;
        for result in results {
            result.map_err(|(topic, code)| format!("{topic}: {code}"))?;
        }
        Ok(name)
    }

    /// Grows a topic.
    pub fn grow(&self, topic: &str, partitions: usize) -> Result<(), Fault> {
        let new = NewPartitions::new(topic, partitions);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = block_on(self.admin()?.create_partitions([&new], &options)).map_err(fault)?;
        for result in results {
            result.map_err(|(topic, code)| format!("{topic}: {code}"))?;
        }
        Ok(())
    }

    /// Deletes a topic.
    pub fn delete(&self, topic: &str) -> Result<(), Fault> {
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = block_on(self.admin()?.delete_topics(&[topic], &options)).map_err(fault)?;
        for result in results {
            result.map_err(|(topic, code)| format!("{topic}: {code}"))?;
        }
        Ok(())
    }

    /// Sends everything, in order, and waits until all of it is acknowledged.
    pub fn send(
        &self,
        topic: &str,
        settings: &[(&str, &str)],
        messages: &[Outgoing],
    ) -> Result<Delivered, Fault> {
        let mut config = self.config();
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(fault)?;
        for (number, message) in messages.iter().enumerate() {
            let mut record = BaseRecord::with_opaque_to(topic, Box::new(number));
            record.payload = Some(&message.value);
            record.key = message.key.as_ref();
            record.partition = message.partition;
            record.timestamp = message.timestamp;
            let record: BaseRecord<'_, Vec<u8>, Vec<u8>, Box<usize>> = record;
            producer.send(record).map_err(|(error, _)| fault(error))?;
            producer.poll(Duration::ZERO);
        }
        producer.flush(PATIENCE).map_err(fault)?;
        let context = producer.context();
        if let Some(error) = context.errors.lock().map_err(fault)?.first() {
            return Err(error.clone());
        }
        let delivered = std::mem::take(&mut *context.delivered.lock().map_err(fault)?);
        ensure(delivered.len() == messages.len(), || {
            format!(
                "{} of {} messages were acknowledged",
                delivered.len(),
                messages.len()
            )
        })?;
        Ok(delivered)
    }

    /// A reader with these partitions assigned from these offsets.
    pub fn reader(
        &self,
        topic: &str,
        from: &[(i32, Offset)],
        settings: &[(&str, &str)],
    ) -> Result<BaseConsumer, Fault> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address)
            // librdkafka wants a name even where it never joins.
            .set("group.id", format!("unused-{}", self.run))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "false");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let consumer: BaseConsumer = config.create().map_err(fault)?;
        let mut assignment = TopicPartitionList::new();
        for (partition, offset) in from {
            assignment
                .add_partition_offset(topic, *partition, *offset)
                .map_err(fault)?;
        }
        consumer.assign(&assignment).map_err(fault)?;
        Ok(consumer)
    }

    /// Everything in the first `partitions` partitions, which must be `count` messages.
    pub fn read_all(
        &self,
        topic: &str,
        partitions: i32,
        count: usize,
    ) -> Result<Vec<OwnedMessage>, Fault> {
        let from: Vec<_> = (0..partitions).map(|n| (n, Offset::Beginning)).collect();
        read(&self.reader(topic, &from, &[])?, count)
    }
}

/// Reads `count` messages and fails if an offset is skipped or comes twice.
pub fn read(consumer: &BaseConsumer, count: usize) -> Result<Vec<OwnedMessage>, Fault> {
    let deadline = Instant::now() + PATIENCE;
    let mut messages: Vec<OwnedMessage> = Vec::with_capacity(count);
    let mut next: HashMap<i32, i64> = HashMap::new();
    while messages.len() < count {
        let Some(result) = consumer.poll(Duration::from_millis(200)) else {
            let (got, late) = (messages.len(), Instant::now() > deadline);
            ensure(!late, || format!("{got} of {count} messages came"))?;
            continue;
        };
        let message: BorrowedMessage<'_> = result.map_err(fault)?;
        let (partition, offset) = (message.partition(), message.offset());
        let expected = *next.get(&partition).unwrap_or(&offset);
        ensure(offset == expected, || {
            format!("partition {partition}: offset {offset} where {expected} was due")
        })?;
        next.insert(partition, offset + 1);
        messages.push(message.detach());
    }
    Ok(messages)
}
