//! What lies in one of Kafka's log directories.

use super::error::{ImportError, Refusal};
use super::metadata_log::METADATA_DIRECTORY;
use super::text_file::{self, Offsets};
use crate::storage::Disk;
use crate::storage::disk::{DirectoryEntry, read_whole};
use crate::types::{LeaderEpoch, Offset, Position, TopicId, TopicName};
use std::io;
use std::path::{Path, PathBuf};

/// Kafka's text files and producer snapshots are far smaller.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;

/// One of Kafka's log directories, as it was left.
#[derive(Debug, Clone, Default)]
pub struct SourceDirectory {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub cluster_id: Option<String>,
    /// Whether Kafka stopped cleanly.
    pub is_clean: bool,
    /// The partitions in it, by topic and number.
    pub partitions: Vec<SourcePartition>,
    /// Directories that Kafka had not finished with.
    pub leftovers: Vec<Leftover>,
    /// Snapshots of the metadata log by their end, and its segments; both may be missing.
    pub(super) snapshots: Vec<(Offset, PathBuf)>,
    pub(super) metadata: Vec<SourceSegment>,
}

/// A directory that Kafka had not finished with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its name.
    pub name: String,
    /// The topic that it was of.
    pub topic: String,
    /// What it is.
    pub kind: &'static str,
}

/// A partition's directory and what the checkpoints beside it say.
#[derive(Debug, Clone)]
pub struct SourcePartition {
    /// Where it is.
    pub path: PathBuf,
    /// The topic.
    pub topic: TopicName,
    /// The partition's number.
    pub partition: i32,
    /// The topic's id.
    pub id: TopicId,
    /// The first offset that could be read.
    pub log_start: Offset,
    /// Below this offset everything was durable, whatever happened.
    pub recovery_point: Offset,
    /// Below this offset consumers could read.
    pub high_watermark: Offset,
    /// Where leader epochs began.
    pub epochs: Vec<(LeaderEpoch, Offset)>,
    /// Whether aborted transactions are listed.
    pub has_aborted: bool,
    /// Its segments with bytes in them, and where the last segment begins.
    pub(super) segments: Vec<SourceSegment>,
    /// Where the last segment begins, if there is one, bytes or not.
    pub(super) last_base: Option<Offset>,
    /// Producer snapshots, by offset.
    pub(super) snapshots: Vec<(Offset, PathBuf)>,
}

/// A segment's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceSegment {
    pub(super) base: Offset,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// The checkpoints of a whole log directory.
struct Checkpoints {
    log_start: Offsets,
    recovery_point: Offsets,
    high_watermark: Offsets,
}

impl SourceDirectory {
    /// Looks at a directory, and in it at the partitions of wanted topics. What stands against an import
    /// goes to `refusals`; only failures of the file system are errors.
    pub fn read(
        disk: &dyn Disk,
        path: &Path,
        is_wanted: &dyn Fn(&str) -> bool,
        refusals: &mut Vec<Refusal>,
    ) -> Result<Self, ImportError> {
        let entries = disk.list(path).map_err(ImportError::io(path))?;
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let mut directory = Self {
            path: path.to_path_buf(),
            is_clean: has(".kafka_cleanshutdown"),
            ..Self::default()
        };
        if !has("meta.properties") {
            refusals.push(Refusal::NotKafka(path.to_path_buf()));
            return Ok(directory);
        }
        let properties = read_text(disk, &path.join("meta.properties"))?.unwrap_or_default();
        let cluster_id = text_file::properties(&properties)
            .get("cluster.id")
            .copied();
        directory.cluster_id = cluster_id.map(str::to_owned);
        if cluster_id.is_none() {
            refusals.push(Refusal::Unreadable {
                path: path.join("meta.properties"),
                problem: "it names no cluster.id".to_owned(),
            });
        }
        let checkpoints = Checkpoints {
            log_start: offsets(disk, path, "log-start-offset-checkpoint", refusals)?,
            recovery_point: offsets(disk, path, "recovery-point-offset-checkpoint", refusals)?,
            high_watermark: offsets(disk, path, "replication-offset-checkpoint", refusals)?,
        };
        for entry in entries.iter().filter(|entry| entry.is_directory) {
            if entry.name == METADATA_DIRECTORY {
                directory.read_metadata(disk)?;
            } else if let Some(leftover) = leftover(&entry.name) {
                directory.leftovers.push(leftover);
            } else if let Some(place) = partition_of(&entry.name)
                && is_wanted(place.0.as_str())
            {
                let path = path.join(&entry.name);
                if let Some(read) = read_partition(disk, path, place, &checkpoints, refusals)? {
                    directory.partitions.push(read);
                }
            }
        }
        Ok(directory)
    }

    fn read_metadata(&mut self, disk: &dyn Disk) -> Result<(), ImportError> {
        let path = self.path.join(METADATA_DIRECTORY);
        let entries = disk.list(&path).map_err(ImportError::io(&path))?;
        self.metadata = segments(disk, &path, &entries)?;
        // `<end>-<epoch>.checkpoint`; one that is being written has another extension.
        let snapshots = entries.iter().filter_map(|entry| {
            let stem = entry.name.strip_suffix(".checkpoint")?;
            let (end, _epoch) = stem.split_once('-')?;
            Some((Offset::new(end.parse().ok()?), path.join(&entry.name)))
        });
        self.snapshots = snapshots.collect();
        self.snapshots.sort();
        Ok(())
    }
}

/// `<topic>-<partition>.<32 digits>-future|-delete`, `-stray`.
fn leftover(name: &str) -> Option<Leftover> {
    let kinds = [
        ("-future", "a partition on its way to another disk"),
        ("-stray", "a replica that is not this broker's"),
        ("-delete", "a deleted partition on its way out"),
    ];
    let (place, kind) = kinds.iter().find_map(|(suffix, kind)| {
        let (place, id) = name.strip_suffix(suffix)?.rsplit_once('.')?;
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some((place, *kind))
    })?;
    let (topic, _) = place.rsplit_once('-')?;
    Some(Leftover {
        name: name.to_owned(),
        topic: topic.to_owned(),
        kind,
    })
}

fn partition_of(name: &str) -> Option<(TopicName, i32)> {
    let (topic, number) = name.rsplit_once('-')?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let partition = number.parse().ok().filter(|_| is_number)?;
    Some((TopicName::new(topic).ok()?, partition))
}

fn read_partition(
    disk: &dyn Disk,
    path: PathBuf,
    (topic, partition): (TopicName, i32),
    checkpoints: &Checkpoints,
    refusals: &mut Vec<Refusal>,
) -> Result<Option<SourcePartition>, ImportError> {
    let entries = disk.list(&path).map_err(ImportError::io(&path))?;
    for entry in entries.iter().filter(|entry| entry.name.ends_with(".swap")) {
        refusals.push(Refusal::UnfinishedCompaction(path.join(&entry.name)));
    }
    let metadata = path.join("partition.metadata");
    let Some(text) = read_text(disk, &metadata)? else {
        refusals.push(Refusal::TopicIdMissing(metadata));
        return Ok(None);
    };
    let Some(id) = readable(text_file::topic_id(&text), &metadata, refusals) else {
        return Ok(None);
    };
    let epochs_path = path.join("leader-epoch-checkpoint");
    let epochs = read_text(disk, &epochs_path)?.map(|text| text_file::epochs(&text));
    let epochs = epochs.and_then(|epochs| readable(epochs, &epochs_path, refusals));
    let mut has_aborted = false;
    for entry in entries
        .iter()
        .filter(|entry| entry.name.ends_with(".txnindex"))
    {
        has_aborted |= length(disk, &path.join(&entry.name))? > Position::ZERO;
    }
    let place = (topic.as_str().to_owned(), partition);
    let of = |offsets: &Offsets| offsets.get(&place).copied().unwrap_or(Offset::ZERO);
    let all = segments(disk, &path, &entries)?;
    let last_base = all.last().map(|segment| segment.base);
    let first_base = all.first().map_or(Offset::ZERO, |segment| segment.base);
    Ok(Some(SourcePartition {
        topic,
        partition,
        id,
        log_start: of(&checkpoints.log_start).max(first_base),
        recovery_point: of(&checkpoints.recovery_point),
        high_watermark: of(&checkpoints.high_watermark),
        epochs: epochs.unwrap_or_default(),
        has_aborted,
        segments: all
            .into_iter()
            .filter(|segment| segment.bytes > 0)
            .collect(),
        last_base,
        snapshots: named(&entries, ".snapshot")
            .map(|(offset, name)| (offset, path.join(name)))
            .collect(),
        path,
    }))
}

/// All segments of a directory, by their base.
fn segments(
    disk: &dyn Disk,
    path: &Path,
    entries: &[DirectoryEntry],
) -> Result<Vec<SourceSegment>, ImportError> {
    let segments = named(entries, ".log").map(|(base, name)| {
        let path = path.join(name);
        let bytes = length(disk, &path)?.get();
        Ok(SourceSegment { base, path, bytes })
    });
    segments.collect()
}

/// Files named by an offset of 20 digits; the names are sorted, and so are the offsets.
fn named<'a>(
    entries: &'a [DirectoryEntry],
    extension: &'a str,
) -> impl Iterator<Item = (Offset, &'a str)> {
    entries.iter().filter_map(move |entry| {
        let digits = entry.name.strip_suffix(extension)?;
        let is_offset = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let offset = digits.parse().ok().filter(|_| is_offset)?;
        Some((Offset::new(offset), entry.name.as_str()))
    })
}

fn length(disk: &dyn Disk, path: &Path) -> Result<Position, ImportError> {
    let file = disk.open(path, crate::storage::OpenMode::ReadOnly);
    let length = file.and_then(|file| file.length());
    length.map_err(ImportError::io(path))
}

fn offsets(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    refusals: &mut Vec<Refusal>,
) -> Result<Offsets, ImportError> {
    let path = directory.join(name);
    let Some(text) = read_text(disk, &path)? else {
        return Ok(Offsets::default());
    };
    Ok(readable(text_file::offsets(&text), &path, refusals).unwrap_or_default())
}

fn readable<T>(read: Result<T, String>, path: &Path, refusals: &mut Vec<Refusal>) -> Option<T> {
    read.map_err(|problem| {
        refusals.push(Refusal::Unreadable {
            path: path.to_path_buf(),
            problem,
        });
    })
    .ok()
}

/// A file as text; `None` if it is not there.
fn read_text(disk: &dyn Disk, path: &Path) -> Result<Option<String>, ImportError> {
    match read_whole(disk, path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => {
            let bytes = bytes.map_err(ImportError::io(path))?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_told_apart_by_their_names() {
        let id = "0123456789abcdef0123456789abcdef";
        for suffix in ["future", "stray", "delete"] {
            let found = leftover(&format!("a-b-3.{id}-{suffix}")).expect("one");
            assert_eq!(found.topic, "a-b");
        }
        assert_eq!(leftover("a-future"), None);
        assert_eq!(leftover("a-3.x-delete"), None);
        let (topic, partition) = partition_of("a-b-12").expect("one");
        assert_eq!((topic.as_str(), partition), ("a-b", 12));
        assert!(partition_of("a-+2").is_none() && partition_of("a").is_none());
        assert!(partition_of("a-").is_none() && partition_of("a-99999999999").is_none());
    }
}
