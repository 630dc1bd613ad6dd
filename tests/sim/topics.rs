//! The topics that the clients know of.

use crate::history::TopicPromise;
use crate::plan::DATA;
use corelane::types::{PartitionIndex, TopicId, TopicPartition};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// How far a topic has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its creation was acknowledged.
    Live,
    /// Somebody asked for its deletion.
    Deleting,
    /// Its deletion was acknowledged.
    Deleted,
}

#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: TopicId,
    /// At least as many partitions as this.
    pub(crate) partitions: i32,
    pub(crate) promise: TopicPromise,
    pub(crate) stage: Stage,
    /// It is never deleted, so its name may stand for it.
    pub(crate) lasting: bool,
}

/// A partition as clients name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The place of the topic in the list of topics.
    pub(crate) topic: usize,
    pub(crate) name: String,
    pub(crate) uuid: Uuid,
    pub(crate) index: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Topics {
    pub(crate) all: Vec<Topic>,
}

/// A topic's settings, as they are sent, and what they promise.
pub(crate) fn settings(
    rng: &mut fastrand::Rng,
) -> (Vec<(&'static str, &'static str)>, TopicPromise) {
    let alternates = rng.u8(..6) == 0;
    let durable = !alternates && rng.u8(..3) > 0;
    let compacted = rng.u8(..3) == 0;
    let deletes = !compacted || rng.u8(..3) == 0;
    let keeps_all = !deletes || rng.u8(..3) > 0;
    let create_time = rng.u8(..4) > 0;
    // So that the other choices of a seed stay what they were.
    let mut aside = rng.clone();
    // Clocks jump farther than the default.
    let mut settings = vec![("message.timestamp.after.max.ms", "9223372036854775807")];
    settings.push((
        "segment.bytes",
        ["16384", "20000", "1000000"][rng.usize(..3)],
    ));
    settings.push(("index.interval.bytes", ["0", "300", "4096"][rng.usize(..3)]));
    if !durable {
        settings.push(("corelane.durability", "relaxed"));
    }
    if keeps_all {
        settings.push(("retention.ms", "-1"));
    } else if rng.bool() {
        settings.push(("retention.bytes", ["20000", "60000"][rng.usize(..2)]));
    } else {
        settings.push(("retention.ms", ["1000", "30000"][rng.usize(..2)]));
    }
    if !create_time {
        settings.push(("message.timestamp.type", "LogAppendTime"));
    }
    if rng.u8(..4) == 0 {
        settings.push(("segment.ms", "500"));
    }
    if aside.u8(..3) == 0 {
        let kept_in = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
        settings.push(("compression.type", kept_in[aside.usize(..5)]));
    }
    if aside.u8(..6) == 0 {
        settings.push(("flush.messages", ["1", "7"][aside.usize(..2)]));
    }
    if compacted {
        let both = ["compact,delete", "delete,compact"][rng.usize(..2)];
        settings.push(("cleanup.policy", if deletes { both } else { "compact" }));
        settings.extend(compaction(rng));
    }
    (
        settings,
        TopicPromise {
            alternates,
            durable,
            keeps_all,
            compacted,
            create_time,
        },
    )
}

/// When and how a topic is compacted.
fn compaction(rng: &mut fastrand::Rng) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        (
            "min.cleanable.dirty.ratio",
            ["0", "0", "0.2", "0.5"][rng.usize(..4)],
        ),
        (
            "delete.retention.ms",
            ["0", "2000", "60000"][rng.usize(..3)],
        ),
    ];
    match rng.u8(..5) {
        0 => settings.push(("min.compaction.lag.ms", "3000")),
        1 => settings.push(("max.compaction.lag.ms", "2000")),
        _ => {}
    }
    settings
}

impl Place {
    pub(crate) fn id(&self) -> TopicPartition {
        let topic = TopicId::from_bytes(self.uuid.into_bytes());
        TopicPartition::new(topic, PartitionIndex::new(self.index))
    }

    /// Where its files lie.
    pub(crate) fn directory(&self) -> PathBuf {
        Path::new(DATA).join(format!("{}-{}", self.name, self.index))
    }
}

impl Topics {
    pub(crate) fn place(&self, topic: usize, index: i32) -> Place {
        let Topic { name, id, .. } = &self.all[topic];
        Place {
            topic,
            name: name.clone(),
            uuid: Uuid::from_bytes(id.to_bytes()),
            index,
        }
    }

    /// The partitions of live topics; with `lasting` only those of topics that are never deleted.
    pub(crate) fn places(&self, lasting: bool) -> Vec<Place> {
        let topics = self
            .all
            .iter()
            .enumerate()
            .filter(|(_, topic)| topic.stage == Stage::Live && (topic.lasting || !lasting));
        let places = topics.flat_map(|(at, topic)| (0..topic.partitions).map(move |p| (at, p)));
        places
            .map(|(topic, index)| self.place(topic, index))
            .collect()
    }

    pub(crate) fn is_live_topic(&self, topic: usize) -> bool {
        self.all[topic].stage == Stage::Live
    }

    /// The live topic of that name.
    pub(crate) fn live_named(&self, name: &str) -> Option<usize> {
        let mut topics = self.all.iter();
        topics.position(|topic| topic.name == name && topic.stage == Stage::Live)
    }

    /// The topic of that id, if its creation was acknowledged.
    pub(crate) fn known(&self, id: Uuid) -> Option<usize> {
        let mut topics = self.all.iter();
        topics.position(|topic| topic.id.to_bytes() == *id.as_bytes())
    }

    pub(crate) fn is_live(&self, place: &Place) -> bool {
        self.all[place.topic].stage == Stage::Live
    }

    pub(crate) fn is_deleted(&self, place: &Place) -> bool {
        self.all[place.topic].stage == Stage::Deleted
    }
}
