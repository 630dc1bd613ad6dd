//! Journal files, and what they hold of partitions.

use super::super::human;
use super::content::Content;
use super::segment::{Depth, Found};
use super::state;
use crate::storage::checkpoint::Checkpoint;
use crate::storage::disk::parent_of;
use crate::storage::journal::{
    FileContents, Held, JournalError, Journaled, Replay, read_file, with_unrecovered,
};
use crate::storage::{CatalogSnapshot, RealDisk};
use crate::types::{Offset, TopicPartition};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A journal file that was put to use.
#[derive(Debug, Serialize)]
pub(super) struct JournalContent {
    pub(super) core: u16,
    /// The start that wrote it.
    pub(super) incarnation: u64,
    pub(super) first_block: u64,
    /// Nothing if there is no block yet.
    pub(super) last_block: Option<u64>,
    /// The oldest block that was needed when the file was put to use.
    pub(super) needed_from: u64,
    /// Up to where the file is written.
    pub(super) used_bytes: u64,
    /// Entries with batches, and without.
    pub(super) entries: u64,
    pub(super) marks: u64,
    pub(super) batch_bytes: u64,
    pub(super) partitions: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) partition_list: Vec<JournalLine>,
}

/// What is held of one partition.
#[derive(Debug, Serialize)]
pub(super) struct JournalLine {
    /// Topic id and partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<String>,
    pub(super) entries: u64,
    pub(super) marks: u64,
    pub(super) batch_bytes: u64,
    /// First and last offsets.
    pub(super) offsets: Vec<(i64, i64)>,
    /// Everything below was durable.
    pub(super) durable_upto: i64,
}

impl JournalContent {
    fn new(contents: &FileContents, depth: Depth) -> Self {
        let header = &contents.header;
        let sum = |of: fn(&Held) -> u64| contents.partitions.values().map(of).sum();
        let lines = contents.partitions.iter().filter(|_| depth.batches);
        Self {
            core: header.core.get(),
            incarnation: header.incarnation,
            first_block: header.sequence,
            last_block: (contents.next_sequence > header.sequence)
                .then(|| contents.next_sequence - 1),
            needed_from: header.needed_from,
            used_bytes: contents.end.get(),
            entries: sum(|held| held.entries),
            marks: sum(|held| held.marks),
            batch_bytes: sum(|held| held.bytes),
            partitions: contents.partitions.len(),
            partition_list: lines
                .map(|(partition, held)| JournalLine::new(Some(partition.to_string()), held))
                .collect(),
        }
    }
}

impl JournalLine {
    fn new(of: Option<String>, held: &Held) -> Self {
        let offsets = held.ranges.iter();
        Self {
            of,
            entries: held.entries,
            marks: held.marks,
            batch_bytes: held.bytes,
            offsets: offsets
                .map(|(first, end)| (first.get(), end.get() - 1))
                .collect(),
            durable_upto: held.durable_upto.get(),
        }
    }
}

impl fmt::Display for JournalContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "journal of core {}, start {}, ",
            self.core, self.incarnation
        )?;
        match self.last_block {
            Some(last) => write!(f, "blocks {} to {last}", self.first_block)?,
            None => f.write_str("no block yet")?,
        }
        write!(
            f,
            " in {}, {} entries of {} partitions with {} of batches, {} marks",
            human::bytes(self.used_bytes),
            human::count(self.entries),
            self.partitions,
            human::bytes(self.batch_bytes),
            human::count(self.marks),
        )?;
        for line in &self.partition_list {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for JournalLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(of) = &self.of {
            write!(f, "{of}  ")?;
        }
        write!(
            f,
            "durable below offset {}, {} in {} entries",
            self.durable_upto,
            human::bytes(self.batch_bytes),
            self.entries
        )?;
        for (first, last) in &self.offsets {
            write!(f, "  {first}..={last}")?;
        }
        Ok(())
    }
}

/// Reads a journal file up to where its blocks end.
pub(super) fn file(path: &Path, depth: Depth) -> io::Result<Found> {
    let disk = RealDisk::new();
    let full = fs::canonicalize(path)?;
    let catalog = full.ancestors().nth(3).map_or(Ok(None), catalog)?;
    let void_below = catalog.map_or(0, |catalog| void_below(&catalog));
    let read = || read_file(&disk, path, void_below);
    let mut contents = read();
    // A broker may be writing it: then blocks can appear behind the place that is just read.
    for _ in 0..2 {
        let Err(before) = &contents else { break };
        let again = read();
        if matches!(&again, Err(error) if error.to_string() == before.to_string()) {
            break;
        }
        contents = again;
    }
    Ok(match contents {
        Ok(Some(contents)) => {
            let content = JournalContent::new(&contents, depth);
            (Content::Journal(content), Vec::new())
        }
        Ok(None) => (Content::UnusedJournal, Vec::new()),
        Err(JournalError::Io { source, .. }) => return Err(source),
        Err(error) => (Content::Unknown, vec![error.to_string()]),
    })
}

/// Reads what journals held of a partition that did not come back.
pub(super) fn unrecovered(path: &Path) -> io::Result<Found> {
    let directory = parent_of(path);
    Ok(
        match with_unrecovered(&RealDisk::new(), directory, &Journaled::default()) {
            Ok(journaled) => {
                let line = JournalLine::new(None, &Held::from(&*journaled));
                (Content::Unrecovered(line), Vec::new())
            }
            Err(error) => (Content::Unknown, vec![error.to_string()]),
        },
    )
}

fn catalog(data: &Path) -> io::Result<Option<CatalogSnapshot>> {
    match state::read(&data.join("catalog")) {
        Ok(bytes) => Ok(CatalogSnapshot::decode(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first start whose journals the next one needs.
fn void_below(catalog: &CatalogSnapshot) -> u64 {
    if catalog.clean {
        catalog.incarnation + 1
    } else {
        catalog.void_below
    }
}

/// What the journals around hold, read when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Journals {
    by_data_directory: RefCell<BTreeMap<PathBuf, Replay>>,
}

impl Journals {
    /// Whether the next start takes this offset from a journal, whatever the segment at `log` holds
    /// there. What cannot be read holds nothing; it is told where it lies.
    pub(super) fn hold(&self, log: &Path, offset: i64) -> bool {
        self.look_up(log, Offset::new(offset)).unwrap_or(false)
    }

    fn look_up(&self, log: &Path, offset: Offset) -> io::Result<bool> {
        let full = fs::canonicalize(log)?;
        let mut above = full.ancestors().skip(1);
        let (Some(directory), Some(data)) = (above.next(), above.next()) else {
            return Ok(false);
        };
        let Ok(checkpoint) = Checkpoint::decode(&state::read(&directory.join("checkpoint"))?)
        else {
            return Ok(false);
        };
        // Below that nothing is taken from a journal.
        if offset < checkpoint.synced {
            return Ok(false);
        }
        let partition = TopicPartition::new(checkpoint.topic, checkpoint.partition);
        let mut known = self.by_data_directory.borrow_mut();
        let replay = match known.entry(data.to_path_buf()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(replay_of(data)?),
        };
        let journaled = with_unrecovered(&RealDisk::new(), directory, replay.of(partition))?;
        Ok(journaled.next_from(offset) == Some(offset))
    }
}

/// What the next start finds in the journals; nothing where they cannot be read.
fn replay_of(data: &Path) -> io::Result<Replay> {
    Ok(match catalog(data)? {
        Some(catalog) if !catalog.clean => {
            Replay::read(&RealDisk::new(), data, catalog.void_below).unwrap_or_default()
        }
        _ => Replay::default(),
    })
}
