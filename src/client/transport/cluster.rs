use super::clock::Clock;
use super::link::{Incoming, Link, LinkConfig, Opened};
use crate::client::connection::{Answer, Answered, CorrelationId};
use crate::client::metadata::{Metadata, TopicMetadata};
use crate::client::{BrokerCode, ClientError, Request};
use crate::protocol::kafka::messages::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use crate::types::{Instant, NodeId};
use crate::wire::Array;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Where the brokers are and how long to wait for them.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// `host:port` of brokers to ask first.
    pub bootstrap: Vec<String>,
    /// What the brokers' logs will call us.
    pub client_id: String,
    /// The longest to wait for a connection and its handshake.
    pub connect_timeout: Duration,
    /// The longest to wait for an answer.
    pub request_timeout: Duration,
    /// The longest answer taken, in bytes.
    pub answer_bytes_max: usize,
}

impl ClusterConfig {
    /// The defaults with these brokers.
    pub fn new(bootstrap: Vec<String>) -> Self {
        Self {
            bootstrap,
            client_id: "corelane".into(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            answer_bytes_max: 128 * 1024 * 1024,
        }
    }

    fn link(&self) -> LinkConfig {
        LinkConfig {
            client_id: self.client_id.clone(),
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            answer_bytes_max: self.answer_bytes_max,
        }
    }
}

/// Something happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// A broker answered.
    Answer {
        /// Which broker.
        node: NodeId,
        /// What.
        answer: Answer,
        /// When.
        at: Instant,
    },
    /// The connection to a broker is gone, with all that was under way on it.
    Lost {
        /// Which broker.
        node: NodeId,
        /// Why.
        reason: String,
    },
}

/// Connections to the brokers of a cluster, opened as they are needed.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    clock: Clock,
    metadata: Metadata,
    links: BTreeMap<NodeId, Link>,
    next_link: u64,
    sender: Sender<Incoming>,
    incoming: Receiver<Incoming>,
    /// What came while something else was waited for.
    waiting: VecDeque<Event>,
}

impl Cluster {
    /// Finds the brokers.
    ///
    /// # Errors
    /// [`ClientError::NoBroker`] if none of the addresses answers, or what else one says.
    pub fn connect(config: ClusterConfig) -> Result<Self, ClientError> {
        let (sender, incoming) = channel();
        let mut cluster = Self {
            config,
            clock: Clock::default(),
            metadata: Metadata::default(),
            links: BTreeMap::new(),
            next_link: 0,
            sender,
            incoming,
            waiting: VecDeque::new(),
        };
        cluster.bootstrap(&[])?;
        Ok(cluster)
    }

    /// The clock that deadlines are measured by.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The configuration.
    pub const fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// What is known of the cluster.
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Asks the addresses of the configuration, one after the other, until one answers.
    fn bootstrap(&mut self, topics: &[&str]) -> Result<(), ClientError> {
        let mut last = String::from("no address was given");
        for address in self.config.bootstrap.clone() {
            let asked = Opened::connect(&address, &self.config.link())
                .and_then(|mut opened| opened.call(&metadata_request(Some(topics), false)));
            match asked {
                Ok(answer) => return self.learn(&answer),
                Err(ClientError::NoBroker { reason, .. } | ClientError::Lost { reason, .. }) => {
                    last = reason;
                }
                Err(other) => return Err(other),
            }
        }
        Err(ClientError::NoBroker {
            addresses: self.config.bootstrap.join(", "),
            reason: last,
        })
    }

    fn learn(&mut self, answer: &Answer) -> Result<(), ClientError> {
        let response: MetadataResponse<'_> = answer.decode()?;
        self.metadata.update(&response);
        Ok(())
    }

    /// Asks anew who leads what; falls back on the addresses of the configuration if no broker that
    /// is known answers.
    ///
    /// # Errors
    /// If none of those answers either.
    pub fn refresh(&mut self, topics: &[&str]) -> Result<(), ClientError> {
        match self.call_any(&metadata_request(Some(topics), false)) {
            Ok(answer) => self.learn(&answer),
            Err(error) if error.is_connection() => self.bootstrap(topics),
            Err(error) => Err(error),
        }
    }

    /// Asks for all topics that exist.
    ///
    /// # Errors
    /// What the connection or the broker says.
    pub fn refresh_all(&mut self) -> Result<(), ClientError> {
        let answer = self.call_any(&metadata_request(None, false))?;
        self.metadata.forget_topics();
        self.learn(&answer)
    }

    /// What is known of a topic, which must exist; `create` lets the broker make it, if it is one
    /// that makes topics when they are asked for. Waits for leaders, as far as time allows.
    ///
    /// # Errors
    /// [`ClientError::Topic`] if there is no such topic.
    pub fn topic(&mut self, name: &str, create: bool) -> Result<TopicMetadata, ClientError> {
        let deadline = self.clock.now().after(self.config.request_timeout);
        let mut unknown_once = false;
        loop {
            let answer = self.call_any(&metadata_request(Some(&[name]), create))?;
            self.learn(&answer)?;
            let found = self.metadata.topic(name);
            let code = found.map_or(BrokerCode::UNKNOWN_TOPIC_OR_PARTITION, TopicMetadata::code);
            let all_led = found.is_some_and(|topic| {
                let mut partitions = topic.partitions();
                topic.partition_count() > 0 && partitions.all(|(_, p)| p.leader.is_some())
            });
            match found {
                Some(topic) if code.is_none() && all_led => return Ok(topic.clone()),
                _ if code.is_none() || code == BrokerCode::LEADER_NOT_AVAILABLE => {}
                // A topic made a moment ago may not have reached every broker yet.
                _ if code.is_retriable() && (create || !unknown_once) => unknown_once = true,
                _ => return Err(self.topic_error(name, code)),
            }
            if self.clock.now() >= deadline {
                let code = if code.is_none() {
                    BrokerCode::LEADER_NOT_AVAILABLE
                } else {
                    code
                };
                return Err(self.topic_error(name, code));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn topic_error(&self, name: &str, code: BrokerCode) -> ClientError {
        ClientError::Topic {
            topic: name.to_owned(),
            code,
            message: None,
        }
    }

    /// Sends a request; its answer comes as an [`Event`].
    ///
    /// # Errors
    /// If the connection fails or cannot be made, an [`Event::Lost`] follows, which is to be taken
    /// before anything else is sent there.
    pub fn send<'a, R: Request<'a>>(
        &mut self,
        node: NodeId,
        request: &R,
        records: &[Bytes],
        answered: Answered,
    ) -> Result<CorrelationId, ClientError> {
        let sent = self
            .link(node)
            .and_then(|link| link.send(request, records, answered));
        if let Err(error) = &sent
            && error.is_connection()
        {
            self.links.remove(&node);
            let reason = error.to_string();
            self.waiting.push_back(Event::Lost { node, reason });
        }
        sent
    }

    fn link(&mut self, node: NodeId) -> Result<&mut Link, ClientError> {
        if !self.links.contains_key(&node) {
            let address = self.metadata.address(node).unwrap_or_default().to_owned();
            let opened = Opened::connect(&address, &self.config.link())?;
            let link = opened.start(node, self.next_link, self.sender.clone(), self.clock)?;
            self.next_link += 1;
            self.links.insert(node, link);
        }
        Ok(self
            .links
            .get_mut(&node)
            .expect("it was there or was put there"))
    }

    /// Closes the connection to a node, if there is one; what was under way on it is told as lost.
    pub fn close(&mut self, node: NodeId, reason: String) {
        if self.links.remove(&node).is_some() {
            self.waiting.push_back(Event::Lost { node, reason });
        }
    }

    /// The next event, waited for at most until `deadline`.
    pub fn next_event(&mut self, deadline: Instant) -> Option<Event> {
        if let Some(event) = self.waiting.pop_front() {
            return Some(event);
        }
        self.receive(deadline)
    }

    fn receive(&mut self, deadline: Instant) -> Option<Event> {
        loop {
            let incoming = match self.incoming.try_recv() {
                Ok(incoming) => incoming,
                Err(_) => {
                    let left = deadline.since(self.clock.now());
                    match self.incoming.recv_timeout(left) {
                        Ok(incoming) => incoming,
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                            return None;
                        }
                    }
                }
            };
            if let Some(event) = self.understand(incoming) {
                return Some(event);
            }
        }
    }

    fn understand(&mut self, incoming: Incoming) -> Option<Event> {
        let Incoming {
            node,
            link,
            frame,
            at,
        } = incoming;
        // What a closed connection still had to say does not matter any more.
        let current = self
            .links
            .get_mut(&node)
            .filter(|current| current.id == link)?;
        match frame.and_then(|frame| current.accept(frame)) {
            Ok(answer) => Some(Event::Answer { node, answer, at }),
            Err(error) => {
                self.links.remove(&node);
                let reason = error.to_string();
                Some(Event::Lost { node, reason })
            }
        }
    }

    /// Asks one broker and waits for its answer; what else happens meanwhile is kept for
    /// [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] and what the connection says.
    pub fn call<'a, R: Request<'a>>(
        &mut self,
        node: NodeId,
        request: &R,
    ) -> Result<Answer, ClientError> {
        let correlation = self.send(node, request, &[], Answered::Yes)?;
        let deadline = self.clock.now().after(self.config.request_timeout);
        let broker = self.links.get(&node).map(|link| link.broker().to_owned());
        let broker = broker.unwrap_or_default();
        loop {
            match self.receive(deadline) {
                Some(Event::Answer {
                    node: from, answer, ..
                }) if from == node && answer.correlation() == correlation => {
                    return Ok(answer);
                }
                Some(Event::Lost { node: from, reason }) if from == node => {
                    self.waiting.push_back(Event::Lost {
                        node,
                        reason: reason.clone(),
                    });
                    return Err(ClientError::Lost { broker, reason });
                }
                Some(other) => self.waiting.push_back(other),
                None => {
                    self.close(node, format!("no answer to {}", R::NAME));
                    return Err(ClientError::TimedOut {
                        broker,
                        request: R::NAME,
                        seconds: self.config.request_timeout.as_secs(),
                    });
                }
            }
        }
    }

    /// Asks any broker, those first to whom there are connections.
    ///
    /// # Errors
    /// What the last one says, if none answers.
    pub fn call_any<'a, R: Request<'a>>(&mut self, request: &R) -> Result<Answer, ClientError> {
        let known = self.metadata.nodes().map(|(node, _)| node);
        let connected: Vec<NodeId> = self.links.keys().copied().collect();
        let others: Vec<NodeId> = known
            .filter(|node| !self.links.contains_key(node))
            .collect();
        let mut last = ClientError::NoBroker {
            addresses: self.config.bootstrap.join(", "),
            reason: "no broker is known".into(),
        };
        for node in connected.into_iter().chain(others) {
            match self.call(node, request) {
                Err(error) if error.is_connection() => last = error,
                other => return other,
            }
        }
        Err(last)
    }

    /// Asks the controller, or any broker if none is known.
    ///
    /// # Errors
    /// What it says.
    pub fn call_controller<'a, R: Request<'a>>(
        &mut self,
        request: &R,
    ) -> Result<Answer, ClientError> {
        match self.metadata.controller() {
            Some(node) => self.call(node, request),
            None => self.call_any(request),
        }
    }
}

/// Asks about some topics, or about all.
fn metadata_request<'a>(topics: Option<&[&'a str]>, create: bool) -> MetadataRequest<'a> {
    let asked = |name: &&'a str| MetadataRequestTopic {
        name: Some(*name),
        ..Default::default()
    };
    MetadataRequest {
        topics: topics.map(|topics| topics.iter().map(asked).collect::<Array<'_, _>>()),
        allow_auto_topic_creation: create,
        ..Default::default()
    }
}
