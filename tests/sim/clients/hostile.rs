//! A client that means harm, or is broken: garbage, lying lengths, damaged batches, storms of
//! connections. It expects nothing but the end of its connection where nothing else can tell of an
//! error; the others must not notice it.

use super::{Client, Context, encode};
use crate::history::StreamKind;
use crate::keyed::append;
use crate::network::{Delivery, Key};
use crate::value::ValueId;
use bytes::Bytes;
use corelane::protocol::kafka::messages::{PartitionProduceData, ProduceRequest, TopicProduceData};
use corelane::record::{BatchBuilder, Compression};
use corelane::types::Offset;
use corelane::wire::Records;

#[derive(Debug)]
pub(crate) struct Hostile {
    client: usize,
    key: Option<Key>,
    stream: Option<u32>,
    number: u32,
    /// The connection must end: an append without an answer was sent that must fail.
    is_doomed: bool,
}

impl Hostile {
    pub(crate) fn new(client: usize) -> Self {
        Self {
            client,
            key: None,
            stream: None,
            number: 0,
            is_doomed: false,
        }
    }

    /// A produce request as it should be.
    fn produce(&mut self, acks: i16, version: i16, context: &mut Context<'_>) -> Option<Vec<u8>> {
        let mut places = context.topics.places(true);
        if places.is_empty() {
            return None;
        }
        let place = places.swap_remove(context.rng.usize(..places.len()));
        let stream = *self
            .stream
            .get_or_insert_with(|| context.history.stream(None, StreamKind::Hostile));
        let value = ValueId {
            stream,
            number: self.number,
        };
        self.number += 1;
        let time = context.now.wall.get();
        context.history.sending(value, time);
        let mut builder = BatchBuilder::new(Compression::None, None);
        let is_compacted = context.history.promise(place.id()).compacted;
        append(&mut builder, value, time, 50, is_compacted);
        let bytes: Bytes = builder.build(Offset::ZERO).expect("a batch");
        let partition = PartitionProduceData {
            index: place.index,
            records: Some(Records::Borrowed(&bytes)),
        };
        let topic = TopicProduceData {
            name: &place.name,
            topic_id: place.uuid,
            partition_data: vec![partition].into(),
        };
        let request = ProduceRequest {
            acks,
            topic_data: vec![topic].into(),
            ..Default::default()
        };
        Some(encode(&request, version, 7))
    }

    /// An append without an answer, of a damaged batch.
    fn append_in_vain(&mut self, key: Key, context: &mut Context<'_>) {
        // In these versions a frame ends with its batch.
        let version = context.rng.i16(3..=8);
        if let Some(mut frame) = self.produce(0, version, context) {
            *frame.last_mut().expect("a frame is not empty") ^= 1;
            context.network.write(key, &frame);
            self.is_doomed = true;
        }
    }

    fn write(&mut self, key: Key, context: &mut Context<'_>) {
        let bytes = match context.rng.u8(..8) {
            0 => (-context.rng.i32(1..)).to_be_bytes().to_vec(),
            1 => context.rng.i32(65 << 10..).to_be_bytes().to_vec(),
            2 => {
                // More is announced than ever comes.
                let mut bytes = context.rng.u32(10..60_000).to_be_bytes().to_vec();
                bytes.extend([0, 0, 0, 9]);
                bytes
            }
            3 => {
                let mut body = vec![0; context.rng.usize(1..300)];
                context.rng.fill(&mut body);
                framed(&body)
            }
            4 => {
                // A header that can be read before a body that cannot.
                let (api, version) = (context.rng.u8(..70), context.rng.u8(..20));
                let mut body = vec![0, api, 0, version, 0, 0, 0, 1, 0, 1, b'x'];
                body.extend((0..context.rng.usize(..200)).map(|_| context.rng.u8(..)));
                framed(&body)
            }
            _ => {
                let version = context.rng.i16(3..=13);
                let Some(mut frame) = self.produce(1, version, context) else {
                    return;
                };
                for _ in 0..context.rng.usize(..3) {
                    let at = context.rng.usize(4..frame.len());
                    frame[at] ^= 1 << context.rng.u8(..8);
                }
                frame
            }
        };
        context.network.write(key, &bytes);
    }

    fn leave(&mut self, context: &mut Context<'_>) {
        if let Some(key) = self.key.take() {
            context.network.disconnect(key);
        }
        self.is_doomed = false;
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

impl Client for Hostile {
    fn act(&mut self, context: &mut Context<'_>) {
        if context.draining || context.rng.u8(..4) == 0 {
            return self.leave(context);
        }
        match self.key {
            Some(_) if self.is_doomed => {}
            Some(key) => self.write(key, context),
            None => {
                let core = context.rng.u16(..context.network.cores.max(1));
                self.key = context.network.connect(self.client, core, false);
                if let Some(key) = self.key.filter(|_| context.rng.u8(..4) == 0) {
                    self.append_in_vain(key, context);
                }
            }
        }
    }

    fn receive(&mut self, _delivery: Delivery, _context: &mut Context<'_>) {}

    fn hung_up(&mut self, _context: &mut Context<'_>) {
        self.key = None;
        self.is_doomed = false;
    }

    fn complaint(&self, _context: &mut Context<'_>) -> Option<String> {
        self.is_doomed
            .then(|| "an append without an answer failed, and nothing tells".to_owned())
    }

    fn is_done(&self) -> bool {
        self.key.is_none()
    }
}
