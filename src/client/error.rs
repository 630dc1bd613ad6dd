use super::BrokerCode;
use crate::wire::{EncodeError, WireError};
use std::io;
use thiserror::Error;

/// Why a client cannot go on. Each names the broker or topic and, where there is one, the remedy.
#[derive(Debug, Error)]
pub enum ClientError {
    /// None of the addresses accepted a connection.
    #[error("no broker answers at {addresses} ({reason}): is `corelane serve` running?")]
    NoBroker {
        /// What was tried, comma separated.
        addresses: String,
        /// What the last attempt failed of.
        reason: String,
    },
    /// The connection to a broker that was there before is gone and does not come back.
    #[error("lost the connection to {broker}: {reason}")]
    Lost {
        /// Its address.
        broker: String,
        /// What the connection ended of.
        reason: String,
    },
    /// No answer within the time.
    #[error("{broker} did not answer {request} within {seconds} s; see --timeout")]
    TimedOut {
        /// Its address.
        broker: String,
        /// The request's name.
        request: &'static str,
        /// How long it had.
        seconds: u64,
    },
    /// What answers is no Kafka broker, or a broken one.
    #[error("{broker} does not speak the Kafka protocol: {reason}")]
    Protocol {
        /// Its address.
        broker: String,
        /// What is wrong.
        reason: String,
    },
    /// The broker and this client share no version of a request.
    #[error("{broker} does not support {request} in a version that this client knows")]
    Unsupported {
        /// Its address.
        broker: String,
        /// The request's name.
        request: &'static str,
    },
    /// A request of ours cannot be written.
    #[error("cannot ask for that: {0}")]
    Encode(#[from] EncodeError),
    /// The broker refused something about a topic.
    #[error("topic {topic:?}: {code}{}", told(.message))]
    Topic {
        /// The topic's name.
        topic: String,
        /// The broker's code.
        code: BrokerCode,
        /// The broker's own words, if it had some.
        message: Option<String>,
    },
    /// The broker refused something about a partition.
    #[error("topic {topic:?}, partition {partition}: {code}{}", told(.message))]
    Partition {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// The broker's code.
        code: BrokerCode,
        /// The broker's own words, if it had some.
        message: Option<String>,
    },
    /// The coordinator refused something about a group of consumers.
    #[error("group {group:?}: {code}{}", told(.message))]
    Group {
        /// The group's name.
        group: String,
        /// The broker's code.
        code: BrokerCode,
        /// The broker's own words, if it had some.
        message: Option<String>,
    },
    /// The broker refused a request as a whole.
    #[error("{broker} refused {request}: {code}{}", told(.message))]
    Refused {
        /// Its address.
        broker: String,
        /// The request's name.
        request: &'static str,
        /// The broker's code.
        code: BrokerCode,
        /// The broker's own words, if it had some.
        message: Option<String>,
    },
    /// A partition of the topic that does not exist.
    #[error("topic {topic:?} has partitions 0 to {last}; there is no partition {partition}")]
    NoPartition {
        /// The topic's name.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// The last one that exists.
        last: i32,
    },
    /// Records that could not be delivered in time, though the broker did not refuse them.
    #[error(
        "topic {topic:?}, partition {partition}: not delivered within {seconds} s; last reason: {reason}"
    )]
    Undelivered {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// How long it was tried.
        seconds: u64,
        /// Why the last attempt failed.
        reason: String,
    },
    /// Nothing came of a partition for so long that waiting on is senseless.
    #[error(
        "topic {topic:?}, partition {partition}: nothing could be read for {seconds} s: {reason}"
    )]
    Stalled {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// How long it was tried.
        seconds: u64,
        /// Why the last attempt failed.
        reason: String,
    },
    /// Bytes of the log that do not hold what they should.
    #[error("topic {topic:?}, partition {partition}, offset {offset}: {reason}")]
    Corrupt {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where.
        offset: i64,
        /// What is wrong.
        reason: String,
    },
    /// A record that does not fit any batch.
    #[error("a record of {bytes} bytes is larger than a batch may be ({limit} bytes)")]
    RecordTooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A batch that cannot be made of its records.
    #[error("cannot build a batch: {0}")]
    Build(String),
    /// The system refused a thread or socket.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl ClientError {
    /// Bytes of `broker` that cannot be read.
    pub(crate) fn unreadable(broker: &str, request: &'static str, error: &WireError) -> Self {
        Self::Protocol {
            broker: broker.to_owned(),
            reason: format!("its answer to {request} is unreadable: {error}"),
        }
    }

    /// Whether the connection was the trouble, so that another one may help.
    pub const fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::NoBroker { .. } | Self::Lost { .. } | Self::TimedOut { .. }
        )
    }
}

fn told(message: &Option<String>) -> String {
    match message.as_deref() {
        None | Some("") => String::new(),
        Some(message) => format!(": {message}"),
    }
}
