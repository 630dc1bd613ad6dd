//! Why an import does not happen or does not end: one variant per condition, with its remedy.

use crate::shard::BootError;
use crate::storage::RecoveryError;
use crate::storage::log_copy::LogCopyError;
use crate::topic::SettingError;
use crate::types::{Offset, TopicId, TopicName};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an import ended early. What it had not finished is removed by the next one or by a start.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something stands against it; nothing was written.
    #[error("nothing was imported: {}", Lines(.0))]
    Refused(Vec<Refusal>),
    /// The catalog of the data directory cannot be used.
    #[error(transparent)]
    Catalog(#[from] BootError),
    /// A partition cannot be copied.
    #[error(
        "{0}; the topic was left out and those after it as well, what was imported before stays; \
         to go on without it, leave it out with --skip"
    )]
    Copy(#[source] LogCopyError),
    /// The log ends below what Kafka says that consumers could read.
    #[error(
        "{} ends at offset {end}, but consumers could read up to {high_watermark}; a segment is \
         missing, or the directory is older than the checkpoints beside it",
        directory.display()
    )]
    EndsEarly {
        /// The partition's directory.
        directory: PathBuf,
        /// Where its log ends.
        end: Offset,
        /// Kafka's checkpoint of its high watermark.
        high_watermark: Offset,
    },
    /// The log goes on behind where it ended at the clean stop.
    #[error(
        "{} goes up to offset {end}, but ended at {expected} when Kafka stopped; an offset in it is \
         damaged, or the directory is newer than the checkpoints beside it",
        directory.display()
    )]
    EndsLate {
        /// The partition's directory.
        directory: PathBuf,
        /// Where its log ends.
        end: Offset,
        /// Kafka's checkpoint of what was durable, which after a clean stop is all.
        expected: Offset,
    },
    /// The log ends below its own start.
    #[error(
        "{} ends at offset {end}, below its start at {log_start}; a segment is missing",
        directory.display()
    )]
    EndsBelowStart {
        /// The partition's directory.
        directory: PathBuf,
        /// Where its log ends.
        end: Offset,
        /// Where it is said to begin.
        log_start: Offset,
    },
    /// What was written does not come back.
    #[error("the copy does not hold: {0}")]
    Recovery(#[from] RecoveryError),
    /// What was written reads back as something else.
    #[error("{} reads back other than it was written, from byte {from} on; check the disk", path.display())]
    ReadBack {
        /// The copied segment.
        path: PathBuf,
        /// The first byte of the piece.
        from: u64,
    },
    /// Whoever watches asked to stop.
    #[error("interrupted; the next import, or a start, removes what is unfinished")]
    Interrupted,
}

/// Something that stands against an import.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Kafka was not stopped cleanly.
    #[error(
        "{} was not shut down cleanly: start and stop its Kafka, or give --unclean to cut what \
         does not hold, as Kafka would",
        .0.display()
    )]
    Unclean(PathBuf),
    /// A directory that Kafka had not finished with.
    #[error("{} is {kind}; start Kafka to let it finish, or leave it out with --skip {name}", path.display())]
    Leftover {
        /// The directory.
        path: PathBuf,
        /// Its name.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// Kafka's metadata does not know the partition.
    #[error(
        "{} is of a topic that Kafka's metadata does not know, or of another one of that name: a \
         deleted topic, or a stray replica; leave it out with --skip {name}",
        path.display()
    )]
    Stray {
        /// The directory.
        path: PathBuf,
        /// The topic's name.
        name: TopicName,
    },
    /// A compaction that a crash cut short.
    #[error("{} is a compaction that was cut short; start and stop its Kafka", .0.display())]
    UnfinishedCompaction(PathBuf),
    /// Transactions, which are not served.
    #[error(
        "{} tells of transactions, which are not served yet; leave topic {topic} out with --skip",
        path.display()
    )]
    Transactions {
        /// The file.
        path: PathBuf,
        /// The topic.
        topic: TopicName,
    },
    /// A directory without the topic's id.
    #[error(
        "{} is missing, so the topic's id is not known; a Kafka from 2.8 on writes it at its start",
        .0.display()
    )]
    TopicIdMissing(PathBuf),
    /// Partitions of one topic with different ids.
    #[error("the partitions of topic {topic} have different ids, {one} and {other}")]
    TopicIdsDiffer {
        /// The topic.
        topic: TopicName,
        /// One id.
        one: TopicId,
        /// Another one.
        other: TopicId,
    },
    /// A partition that is in two of the directories.
    #[error("{} and {} are the same partition; leave one directory out", one.display(), other.display())]
    Twice {
        /// One directory.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// Directories of different clusters.
    #[error("the directories are of different clusters, {one} and {other}")]
    ClustersDiffer {
        /// One cluster's id.
        one: String,
        /// Another one's.
        other: String,
    },
    /// Partitions that are in none of the directories.
    #[error(
        "topic {topic} has {partitions} partitions, of which {} not in the given directories; give \
         those of the other brokers or disks as well, or leave it out with --skip {topic}",
        Numbers(.missing)
    )]
    PartitionsMissing {
        /// The topic.
        topic: TopicName,
        /// How many it has.
        partitions: i32,
        /// Which are missing.
        missing: Vec<i32>,
    },
    /// The topic's name is taken.
    #[error(
        "topic {topic} is in the data directory already, with id {found} instead of {wanted}; \
         delete it there, or leave it out with --skip {topic}"
    )]
    NameTaken {
        /// The topic.
        topic: TopicName,
        /// The id that it has there.
        found: TopicId,
        /// Kafka's.
        wanted: TopicId,
    },
    /// The topic's id is taken.
    #[error("topic {topic} has the id {id}, which topic {holder} has in the data directory")]
    IdTaken {
        /// The topic.
        topic: TopicName,
        /// The id.
        id: TopicId,
        /// Who has it.
        holder: TopicName,
    },
    /// A directory that lies where a partition would.
    #[error(
        "{} is in the way and belongs to no topic; move it away, or start corelane once if it is \
         left of a deleted topic",
        .0.display()
    )]
    InTheWay(PathBuf),
    /// A topic that was named, but is nowhere.
    #[error("there is no topic {0:?} in the given directories")]
    NoSuchTopic(String),
    /// A topic that is Kafka's own business.
    #[error("topic {0} is Kafka's own and of no use here")]
    KafkasOwn(TopicName),
    /// Nothing is left to import.
    #[error("{} has no topics", .0.display())]
    NothingThere(PathBuf),
    /// Settings that contradict each other.
    #[error("the settings of topic {topic} cannot be kept: {source}; set others with --set")]
    Settings {
        /// The topic.
        topic: TopicName,
        /// Which and why.
        source: SettingError,
    },
    /// The directory is none of Kafka's.
    #[error("{} has no meta.properties: it is not a log directory of Kafka", .0.display())]
    NotKafka(PathBuf),
    /// A file of Kafka's does not say what it should.
    #[error("{}: {problem}; start and stop its Kafka, or bring the file back", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system has no room.
    #[error("{needed} bytes are needed in {}, {usable} are free", path.display())]
    NoRoom {
        /// The data directory.
        path: PathBuf,
        /// What the segments have.
        needed: u64,
        /// What can be written.
        usable: u64,
    },
}

impl ImportError {
    /// Names what was touched when the file system failed.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

impl From<LogCopyError> for ImportError {
    fn from(error: LogCopyError) -> Self {
        match error {
            LogCopyError::Interrupted => Self::Interrupted,
            error => Self::Copy(error),
        }
    }
}

/// One problem in the sentence, several as lines.
struct Lines<'a>(&'a [Refusal]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return only.fmt(f);
        }
        self.0
            .iter()
            .try_for_each(|refusal| write!(f, "\n  {refusal}"))
    }
}

/// `2 is`, `2, 3 are`.
struct Numbers<'a>(&'a [i32]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (place, number) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if place > 0 { ", " } else { "" };
            write!(f, "{separator}{number}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, " and {} more", self.0.len() - SHOWN)?;
        }
        f.write_str(if self.0.len() == 1 { " is" } else { " are" })
    }
}
