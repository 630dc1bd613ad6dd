//! What a file can hold, as data: told as text or as JSON.

use super::super::{human, time};
use super::journal::{JournalContent, JournalLine};
use super::start::StartContent;
use crate::types::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One file: what it is and what is wrong with it.
#[derive(Debug, Serialize)]
pub(super) struct Examined {
    /// Its path.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// What is in it.
    #[serde(flatten)]
    pub(super) content: Content,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
}

/// What is in a file.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Content {
    /// A segment: record batches.
    Log(LogContent),
    /// Offsets to positions.
    OffsetIndex(IndexContent),
    /// Timestamps to offsets.
    TimeIndex(IndexContent),
    /// Checksums of a segment.
    Summary(SummaryContent),
    /// How far a partition is safe.
    Checkpoint(CheckpointContent),
    /// The topics.
    Catalog(CatalogContent),
    /// What a core made durable ahead of its segments.
    Journal(JournalContent),
    /// A journal file that holds nothing yet.
    UnusedJournal,
    /// What journals held of a partition that did not come back.
    Unrecovered(JournalLine),
    /// The data directory as a start would find it.
    DataDirectory(StartContent),
    /// The data directory's format.
    Format {
        /// What it says.
        format: String,
    },
    /// What keeps two processes from one data directory.
    Lock {
        /// Whether a process holds it now.
        held: bool,
    },
    /// What a stop in the middle of replacing a file can leave; removed at the next start.
    Temporary,
    /// Not known, and never touched.
    Unknown,
}

/// See [`Content::Log`].
#[derive(Debug, Default, Serialize)]
pub(super) struct LogContent {
    pub(super) base_offset: i64,
    /// The offset after the last record.
    pub(super) next_offset: i64,
    pub(super) batches: u64,
    pub(super) records: u64,
    /// Offsets without a record, as compaction leaves them.
    pub(super) offsets_missing: u64,
    /// Bytes of whole batches.
    pub(super) valid_bytes: u64,
    pub(super) first_timestamp: Option<i64>,
    pub(super) max_timestamp: Option<i64>,
    /// Batches by codec.
    pub(super) compression: BTreeMap<&'static str, u64>,
    /// Whether each batch's checksum was computed.
    pub(super) checksums_verified: bool,
    /// Whether what follows the last whole batch is in a journal, from which the next start takes it.
    pub(super) goes_on_in_journal: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) batch_list: Vec<BatchLine>,
}

/// One batch.
#[derive(Debug, Serialize)]
pub(super) struct BatchLine {
    pub(super) position: u64,
    pub(super) bytes: usize,
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) records: i32,
    pub(super) compression: &'static str,
    pub(super) max_timestamp: i64,
    pub(super) leader_epoch: i32,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
}

/// See [`Content::OffsetIndex`] and [`Content::TimeIndex`].
#[derive(Debug, Serialize)]
pub(super) struct IndexContent {
    pub(super) entries: u64,
    pub(super) checked_against_log: bool,
}

/// See [`Content::Summary`].
#[derive(Debug, Serialize)]
pub(super) struct SummaryContent {
    pub(super) base_offset: i64,
    pub(super) next_offset: i64,
    pub(super) log_bytes: u64,
    /// Checksums of the log's bytes; none for a segment that is still written.
    pub(super) chunks: u32,
    /// Whether compaction wrote the segment.
    pub(super) is_compacted: bool,
    pub(super) checked_against_log: bool,
}

/// See [`Content::Checkpoint`].
#[derive(Debug, Serialize)]
pub(super) struct CheckpointContent {
    pub(super) topic_id: String,
    pub(super) partition: i32,
    pub(super) log_start: i64,
    pub(super) synced: i64,
    pub(super) segment: i64,
    pub(super) position: u64,
    pub(super) leader_epoch: i32,
    pub(super) producers: usize,
    /// Below this offset compaction left one record of each key; 0 if there was none.
    pub(super) clean_below: i64,
    pub(super) clean: bool,
}

/// See [`Content::Catalog`].
#[derive(Debug, Serialize)]
pub(super) struct CatalogContent {
    pub(super) cluster_id: String,
    pub(super) leader_epoch: i32,
    pub(super) clean: bool,
    /// The number of the last start.
    pub(super) incarnation: u64,
    /// Of journals of starts before this one only their marks count.
    pub(super) void_below: u64,
    pub(super) next_producer_id: i64,
    pub(super) topics: Vec<CatalogLine>,
    pub(super) deleted_topics: Vec<CatalogLine>,
}

/// One topic of the catalog.
#[derive(Debug, Serialize)]
pub(super) struct CatalogLine {
    pub(super) topic: String,
    pub(super) id: String,
    pub(super) partitions: i32,
    pub(super) settings: BTreeMap<String, String>,
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  ", self.path, human::bytes(self.bytes))?;
        match &self.content {
            Content::Log(log) => log.fmt(f)?,
            Content::OffsetIndex(index) => write!(f, "offset index, {index}")?,
            Content::TimeIndex(index) => write!(f, "time index, {index}")?,
            Content::Summary(summary) => summary.fmt(f)?,
            Content::Checkpoint(checkpoint) => checkpoint.fmt(f)?,
            Content::Catalog(catalog) => catalog.fmt(f)?,
            Content::Journal(journal) => journal.fmt(f)?,
            Content::UnusedJournal => f.write_str("journal file, not put to use yet")?,
            Content::Unrecovered(held) => write!(f, "kept from journals until mended: {held}")?,
            Content::DataDirectory(start) => start.fmt(f)?,
            Content::Format { format } => write!(f, "format: {format}")?,
            Content::Lock { held: true } => f.write_str("lock, held by a running broker")?,
            Content::Lock { held: false } => f.write_str("lock, free")?,
            Content::Temporary => f.write_str("left by an interrupted write")?,
            Content::Unknown => f.write_str("not a file of corelane's")?,
        }
        for problem in &self.problems {
            write!(f, "\n  PROBLEM: {problem}")?;
        }
        Ok(())
    }
}

impl LogContent {
    fn fmt_journal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.goes_on_in_journal {
            f.write_str(", goes on in a journal")?;
        }
        Ok(())
    }
}

impl fmt::Display for LogContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.batches == 0 {
            write!(f, "segment from offset {}, empty", self.base_offset)?;
            return self.fmt_journal(f);
        }
        let codecs: Vec<&str> = self.compression.keys().copied().collect();
        write!(
            f,
            "segment, offsets {} to {}, {} records in {} batches ({}), up to {}",
            self.base_offset,
            self.next_offset - 1,
            human::count(self.records),
            human::count(self.batches),
            codecs.join(", "),
            time::format(Timestamp::new(self.max_timestamp.unwrap_or(-1))),
        )?;
        if self.offsets_missing > 0 {
            let missing = human::count(self.offsets_missing);
            write!(f, ", {missing} offsets compacted away")?;
        }
        if self.checksums_verified {
            f.write_str(", checksums hold")?;
        }
        self.fmt_journal(f)?;
        for batch in &self.batch_list {
            write!(f, "\n  {batch}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BatchLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "@{:<10} {:>8} B  {}..={}  {} records  {}  {}  epoch {}",
            self.position,
            self.bytes,
            self.base_offset,
            self.last_offset,
            self.records,
            self.compression,
            time::format(Timestamp::new(self.max_timestamp)),
            self.leader_epoch,
        )?;
        if self.producer_id >= 0 {
            write!(
                f,
                "  producer {}:{} sequence {}",
                self.producer_id, self.producer_epoch, self.base_sequence
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for IndexContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = if self.checked_against_log {
            ", agrees with the log"
        } else {
            ""
        };
        write!(f, "{} entries{checked}", human::count(self.entries))
    }
}

impl fmt::Display for SummaryContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "summary of {}offsets {} to {}, {} checksums{}",
            if self.is_compacted { "compacted " } else { "" },
            self.base_offset,
            self.next_offset - 1,
            self.chunks,
            if self.checked_against_log {
                " that hold"
            } else {
                ""
            },
        )
    }
}

impl fmt::Display for CheckpointContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compacted = match self.clean_below {
            0 => String::new(),
            below => format!(", compacted below offset {below}"),
        };
        write!(
            f,
            "checkpoint: durable below offset {} (segment {} byte {}), log starts at {}, epoch {}, \
             {} producers{}, {}",
            self.synced,
            self.segment,
            self.position,
            self.log_start,
            self.leader_epoch,
            self.producers,
            compacted,
            if self.clean {
                "clean stop"
            } else {
                "not stopped cleanly"
            },
        )
    }
}

impl fmt::Display for CatalogContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "catalog of cluster {}: {} topics, epoch {}, start {}, {}",
            self.cluster_id,
            self.topics.len(),
            self.leader_epoch,
            self.incarnation,
            if self.clean {
                "clean stop"
            } else {
                "not stopped cleanly"
            },
        )?;
        for topic in &self.topics {
            write!(f, "\n  {topic}")?;
        }
        for topic in &self.deleted_topics {
            write!(f, "\n  deleted: {topic}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CatalogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}  {} partitions  {}",
            self.topic, self.partitions, self.id
        )?;
        for (name, value) in &self.settings {
            write!(f, "  {name}={value}")?;
        }
        Ok(())
    }
}
