//! A consumer's side of a fetch session (KIP-227): what of its partitions the broker knows already.

use crate::topics::Place;
use corelane::protocol::kafka::messages::{
    ErrorCode, FetchPartition, FetchRequest, FetchTopic, ForgottenTopic,
};

/// A place, and how it is read.
pub(crate) type Read = (Place, FetchPartition);

#[derive(Debug)]
pub(crate) struct Session {
    /// 0 if there is none.
    id: i32,
    /// The number of the next request; 0 to begin anew.
    epoch: i32,
    /// The partitions of the session.
    named: Vec<Read>,
    /// A request of it is not answered.
    is_asked: bool,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            id: 0,
            epoch: 0,
            named: Vec::new(),
            is_asked: false,
        }
    }

    /// Whether the next request has to name only what has changed.
    pub(crate) fn goes_on(&self) -> bool {
        self.epoch != 0
    }

    /// Sends a request that reads all of `wanted`, with the limits of `request`.
    pub(crate) fn ask(
        &mut self,
        wanted: Vec<Read>,
        request: &FetchRequest<'_>,
        send: impl FnOnce(&FetchRequest<'_>),
    ) {
        let old = std::mem::take(&mut self.named);
        let is_known = |read: &Read| self.goes_on() && old.contains(read);
        let changed: Vec<&Read> = wanted.iter().filter(|read| !is_known(read)).collect();
        let is_wanted = |place: &Place| wanted.iter().any(|(wanted, _)| wanted == place);
        let left = old.iter().filter(|(place, _)| !is_wanted(place));
        let forgotten = left.map(|(place, _)| ForgottenTopic {
            topic: &place.name,
            topic_id: place.uuid,
            partitions: vec![place.index].into(),
        });
        let forgotten = forgotten.filter(|_| self.goes_on());
        send(&FetchRequest {
            session_id: self.id,
            session_epoch: self.epoch,
            topics: topics(&changed),
            forgotten_topics_data: forgotten.collect(),
            max_wait_ms: request.max_wait_ms,
            min_bytes: request.min_bytes,
            max_bytes: request.max_bytes,
            ..Default::default()
        });
        self.named = wanted;
        self.is_asked = true;
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, error: i16, id: i32) {
        self.is_asked = false;
        let goes_on = self.goes_on();
        if error != 0 {
            let lost = error == ErrorCode::FetchSessionIdNotFound.code() && goes_on;
            assert!(lost, "a session failed with {error}");
        } else if goes_on {
            assert!(id == self.id || id == 0, "session {} became {id}", self.id);
        }
        self.id = id;
        self.epoch = if id == 0 { 0 } else { self.epoch + 1 };
    }

    /// The connection is gone. What was asked meanwhile may have been taken or not.
    pub(crate) fn disconnected(&mut self) {
        if std::mem::take(&mut self.is_asked) {
            self.epoch = 0;
        }
    }
}

/// These reads by topic.
pub(crate) fn topics<'a>(reads: &[&'a Read]) -> corelane::wire::Array<'a, FetchTopic<'a>> {
    let by_topic = reads.chunk_by(|(a, _), (b, _)| a.topic == b.topic);
    let topics = by_topic.map(|reads| FetchTopic {
        topic: &reads[0].0.name,
        topic_id: reads[0].0.uuid,
        partitions: reads.iter().map(|(_, read)| read.clone()).collect(),
    });
    topics.collect()
}
