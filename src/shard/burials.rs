//! What becomes of the files of deleted partitions.

use super::disk::Purpose;
use super::{Effect, Shard};
use crate::storage::Disk;
use crate::storage::call::DiskCall;
use crate::storage::checkpoint::Checkpoint;
use crate::topic::Catalog;
use crate::types::{PartitionIndex, TopicId, TopicPartition};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

/// Directories of deleted partitions: renamed out of the way first, then removed, one at a time, as
/// the file system takes long over large files. Until they are renamed the new catalog does not
/// count as applied, so that a topic of the same name cannot meet them.
#[derive(Debug, Default)]
pub(super) struct Burials {
    waiting: BTreeMap<TopicPartition, PathBuf>,
    renaming: BTreeSet<PathBuf>,
    renamed: VecDeque<PathBuf>,
    is_removing: bool,
}

impl Burials {
    /// With what earlier starts left to remove.
    pub(super) fn new(renamed: VecDeque<PathBuf>) -> Self {
        Self {
            renamed,
            ..Self::default()
        }
    }

    /// Whether no deleted partition is under its topic's name any more.
    pub(super) fn are_out_of_the_way(&self) -> bool {
        self.renaming.is_empty() && self.waiting.is_empty()
    }
}

impl Shard {
    /// A partition is deleted: its directory is to go.
    pub(super) fn bury(
        &mut self,
        id: TopicPartition,
        directory: PathBuf,
        effects: &mut Vec<Effect>,
    ) {
        self.burials.waiting.insert(id, directory);
        self.bury_if_quiet(id, effects);
    }

    /// Renames a deleted partition's directory once no call of its log is under way: one that
    /// creates a file would bring the directory back.
    pub(super) fn bury_if_quiet(&mut self, id: TopicPartition, effects: &mut Vec<Effect>) {
        let busy = |purpose: &Purpose| matches!(purpose, Purpose::Log(other, _) if *other == id);
        if !self.burials.waiting.contains_key(&id) || self.disk_calls.values().any(busy) {
            return;
        }
        let from = self
            .burials
            .waiting
            .remove(&id)
            .expect("looked up just now");
        let to = burial_place(&from, id.topic());
        self.burials.renaming.insert(to.clone());
        let call = DiskCall::BuryDirectory {
            from,
            to: to.clone(),
        };
        self.call(Purpose::Bury(to), call, effects);
    }

    /// A deleted partition's directory has its new name, or could not be renamed.
    pub(super) fn buried(
        &mut self,
        directory: PathBuf,
        result: io::Result<()>,
        effects: &mut Vec<Effect>,
    ) {
        self.burials.renaming.remove(&directory);
        match result {
            Ok(()) => self.burials.renamed.push_back(directory),
            // A partition that nobody wrote to has no directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = directory.display();
                log::error!("{path}: a deleted partition could not be renamed: {error}");
            }
        }
        self.catalog_in_force(effects);
    }

    /// Removes the next deleted partition's files, unless a removal is under way.
    pub(super) fn remove_buried(&mut self, effects: &mut Vec<Effect>) {
        if self.is_stopping() || self.burials.is_removing {
            return;
        }
        if let Some(path) = self.burials.renamed.pop_front() {
            self.burials.is_removing = true;
            self.call(Purpose::Remove, DiskCall::RemoveDirectory { path }, effects);
        }
    }

    /// A deleted partition's files are gone, or could not be removed.
    pub(super) fn removed(&mut self, result: io::Result<()>) {
        self.burials.is_removing = false;
        if let Err(error) = result {
            log::warn!("a deleted partition's files stay until the next start: {error}");
        }
    }
}

/// Where files of deleted topics still lie, under the names that deleted partitions have: a stop may
/// have come before they were renamed or removed. They are removed once the broker serves.
pub(super) fn bury_again(
    disk: &dyn Disk,
    data: &Path,
    catalog: &Catalog,
) -> io::Result<Vec<(TopicPartition, PathBuf)>> {
    let mut left = Vec::new();
    for buried in &catalog.buried {
        let live = catalog.by_name(buried.name.as_str()).is_some();
        for partition in 0..buried.partitions {
            let directory = data.join(format!("{}-{partition}", buried.name));
            let renamed = burial_place(&directory, buried.id);
            // A name that is taken again is another topic's, unless the renaming failed.
            let ours = !live || Checkpoint::topic_of(disk, &directory) == Some(buried.id);
            if ours && exists(disk, &directory)? {
                let (from, to) = (directory, renamed.clone());
                (DiskCall::BuryDirectory { from, to }).perform(disk)?;
            }
            if exists(disk, &renamed)? {
                let id = TopicPartition::new(buried.id, PartitionIndex::new(partition));
                left.push((id, renamed));
            }
        }
    }
    Ok(left)
}

fn exists(disk: &dyn Disk, directory: &Path) -> io::Result<bool> {
    match disk.list(directory) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where a deleted partition's directory waits for its removal.
fn burial_place(directory: &Path, topic: TopicId) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    // The id in place of the name: both would not fit into 255 bytes.
    let number = name.rsplit_once('-').map_or("", |(_, number)| number);
    directory.with_file_name(format!("{topic}-{number}-delete"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Event;
    use crate::shard::testing::boot;
    use crate::storage::{CatalogSnapshot, CatalogTombstone, MemoryDisk};
    use crate::types::{Instant, Now, Timestamp, TopicName};

    const NAMES: [&str; 2] = ["00000000000000000000.log", "checkpoint"];

    /// A topic of two partitions was deleted: one's directory was renamed, the other's not yet.
    fn disk(id: TopicId) -> MemoryDisk {
        let disk = MemoryDisk::new(1);
        let catalog = CatalogSnapshot {
            tombstones: vec![CatalogTombstone {
                name: TopicName::new("t").unwrap(),
                id,
                partitions: 2,
            }],
            ..CatalogSnapshot::default()
        };
        disk.write_file(Path::new("data/catalog"), &catalog.encode())
            .unwrap();
        for directory in [PathBuf::from("data/t-1"), renamed(id, 0)] {
            for name in NAMES {
                disk.write_file(&directory.join(name), b"x").unwrap();
            }
        }
        disk
    }

    fn renamed(id: TopicId, partition: i32) -> PathBuf {
        burial_place(&PathBuf::from(format!("data/t-{partition}")), id)
    }

    #[test]
    fn what_a_stop_left_of_deleted_topics_goes_once_the_broker_serves() {
        let id = TopicId::from_bytes([7; 16]);
        let disk = disk(id);
        let is_there = |path: &Path| exists(&disk, path).unwrap();
        let (_, mut shard) = boot(&disk);
        assert!(!is_there(Path::new("data/t-1")), "a new topic may come");
        assert!(is_there(&renamed(id, 0)) && is_there(&renamed(id, 1)));
        // As many starts as it takes: the tombstone stays as long as there are files.
        let (booted, _) = boot(&disk);
        assert_eq!(booted.catalog().buried.len(), 1);

        let now = Now {
            wall: Timestamp::new(1),
            monotonic: Instant::new(1),
        };
        let (mut effects, mut under_way, mut most) = (Vec::new(), Vec::new(), 0);
        shard.step(now, Event::Tick, &mut effects);
        while !effects.is_empty() || !under_way.is_empty() {
            let calls = effects.drain(..).filter_map(|effect| match effect {
                Effect::Disk { io, call } => Some((io, call)),
                _ => None,
            });
            under_way.extend(calls);
            let is_removal =
                |(_, call): &&(_, DiskCall)| matches!(call, DiskCall::RemoveDirectory { .. });
            most = most.max(under_way.iter().filter(is_removal).count());
            if let Some((io, call)) = under_way.pop() {
                let result = call.perform(&disk);
                shard.step(now, Event::DiskDone { io, result }, &mut effects);
            }
        }
        assert_eq!(most, 1, "removals at a time");
        assert!(!is_there(&renamed(id, 0)) && !is_there(&renamed(id, 1)));
        let (booted, _) = boot(&disk);
        assert!(booted.catalog().buried.is_empty());
    }
}
