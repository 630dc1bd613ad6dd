//! A client's end of a connection: requests under way and whether the answers are theirs.

use super::Context;
use crate::network::Key;
use bytes::Bytes;
use corelane::config::Nodes;
use corelane::protocol::kafka::messages::{ApiKey, RequestHeader, ResponseHeader};
use corelane::wire::{Chunk, Message, Reader, Writer};
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Link<T> {
    client: usize,
    key: Option<Key>,
    correlation: i32,
    pending: VecDeque<Pending<T>>,
}

#[derive(Debug)]
struct Pending<T> {
    api: ApiKey,
    version: i16,
    correlation: i32,
    asked: T,
}

/// A response's body, and what it is the answer to.
pub(crate) struct Answer<T> {
    pub(crate) asked: T,
    pub(crate) version: i16,
    pub(crate) body: Bytes,
}

impl<T> Answer<T> {
    /// Decodes the body, of which nothing may be left over.
    pub(crate) fn decode<'a, M: Message<'a>>(body: &'a Bytes, version: i16) -> M {
        let mut reader = Reader::new(body);
        let message = M::decode(&mut reader, version);
        let message = message.unwrap_or_else(|error| panic!("{} {version}: {error}", M::NAME));
        assert_eq!(
            reader.remaining(),
            0,
            "{} {version} has bytes to spare",
            M::NAME
        );
        message
    }
}

/// A whole request frame, length prefix included.
pub(crate) fn encode<'a, M: Message<'a>>(message: &M, version: i16, correlation: i32) -> Vec<u8> {
    let mut writer = Writer::framed();
    let header = RequestHeader {
        api_key: M::KEY,
        api_version: version,
        correlation_id: correlation,
        client_id: Some("sim"),
    };
    header
        .encode(&mut writer)
        .expect("the header can be encoded");
    let encoded = message.encode(&mut writer, version);
    encoded.unwrap_or_else(|error| panic!("{} {version}: {error}", M::NAME));
    let chunks = writer.finish().expect("a frame is not that long");
    let chunks = chunks.into_iter().map(|chunk| match chunk {
        Chunk::Bytes(bytes) => bytes,
        Chunk::External { .. } => unreachable!("clients copy their records"),
    });
    chunks.flatten().collect()
}

impl<T> Link<T> {
    pub(crate) fn new(client: usize) -> Self {
        Self {
            client,
            key: None,
            correlation: 0,
            pending: VecDeque::new(),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.key.is_some()
    }

    pub(crate) fn client(&self) -> usize {
        self.client
    }

    /// How many answers are awaited.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn asked(&self) -> impl Iterator<Item = &T> {
        self.pending.iter().map(|pending| &pending.asked)
    }

    /// Connects to any core. With a node per core, sometimes to a node of its own.
    pub(crate) fn connect(&mut self, context: &mut Context<'_>) {
        let core = context.rng.u16(..context.network.cores.max(1));
        let own_node = context.nodes == Nodes::PerCore && context.rng.bool();
        self.key = context.network.connect(self.client, core, own_node);
    }

    pub(crate) fn disconnect(&mut self, context: &mut Context<'_>) {
        if let Some(key) = self.key.take() {
            context.network.disconnect(key);
        }
        self.pending.clear();
    }

    /// The other side is gone.
    pub(crate) fn hung_up(&mut self) {
        self.key = None;
        self.pending.clear();
    }

    /// Sends a request; with `asked` an answer is awaited.
    pub(crate) fn send<'a, M: Message<'a>>(
        &mut self,
        message: &M,
        version: i16,
        asked: Option<T>,
        context: &mut Context<'_>,
    ) {
        let key = self.key.expect("one sends over a connection");
        let correlation = self.correlation;
        self.correlation += 1;
        context
            .network
            .write(key, &encode(message, version, correlation));
        if let Some(asked) = asked {
            let api = ApiKey::from_code(M::KEY).expect("an API that is served");
            self.pending.push_back(Pending {
                api,
                version,
                correlation,
                asked,
            });
        }
    }

    /// Takes a response, which must be to the oldest request.
    pub(crate) fn receive(&mut self, frame: Bytes) -> Answer<T> {
        let pending = self
            .pending
            .pop_front()
            .expect("a response that nobody asked for");
        let Pending {
            api,
            version,
            correlation,
            asked,
        } = pending;
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, api, version);
        let header = header.expect("a response has a header");
        assert_eq!(
            header.correlation_id, correlation,
            "{api}: responses are out of order"
        );
        let body = frame.slice(reader.position()..);
        Answer {
            asked,
            version,
            body,
        }
    }
}
