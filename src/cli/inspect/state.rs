//! Files about logs: checkpoint, catalog, format, lock.

use super::content::{CatalogContent, CatalogLine, CheckpointContent, Content};
use super::segment::Found;
use crate::storage::checkpoint::Checkpoint;
use crate::storage::{CatalogSnapshot, DecodeError};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest file of this kind that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn damaged(error: &DecodeError) -> Found {
    (Content::Unknown, vec![error.to_string()])
}

/// Reads a partition's checkpoint.
pub(super) fn checkpoint(path: &Path) -> io::Result<Found> {
    let checkpoint = match Checkpoint::decode(&read(path)?) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return Ok(damaged(&error)),
    };
    let content = CheckpointContent {
        topic_id: checkpoint.topic.to_string(),
        partition: checkpoint.partition.get(),
        log_start: checkpoint.log_start.get(),
        synced: checkpoint.synced.get(),
        segment: checkpoint.segment.get(),
        position: checkpoint.position.get(),
        leader_epoch: checkpoint.leader_epoch.get(),
        producers: checkpoint.producers.len(),
        clean_below: checkpoint.clean_below.get(),
        clean: checkpoint.clean,
    };
    Ok((Content::Checkpoint(content), Vec::new()))
}

/// Reads the catalog of topics.
pub(super) fn catalog(path: &Path) -> io::Result<Found> {
    let catalog = match CatalogSnapshot::decode(&read(path)?) {
        Ok(catalog) => catalog,
        Err(error) => return Ok(damaged(&error)),
    };
    let topics = catalog.topics.iter().map(|topic| CatalogLine {
        topic: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions: topic.partitions,
        settings: topic.settings.iter().cloned().collect(),
    });
    let deleted = catalog.tombstones.iter().map(|topic| CatalogLine {
        topic: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions: topic.partitions,
        settings: Default::default(),
    });
    let content = CatalogContent {
        cluster_id: catalog.cluster_id.clone(),
        leader_epoch: catalog.leader_epoch.get(),
        clean: catalog.clean,
        incarnation: catalog.incarnation,
        void_below: catalog.void_below,
        next_producer_id: catalog.next_producer_id.get(),
        topics: topics.collect(),
        deleted_topics: deleted.collect(),
    };
    Ok((Content::Catalog(content), Vec::new()))
}

/// Reads which format a data directory has.
pub(super) fn format(path: &Path) -> io::Result<Found> {
    let format = String::from_utf8_lossy(&read(path)?).trim_end().to_owned();
    let known = format.starts_with("corelane ");
    let problems = if known {
        Vec::new()
    } else {
        vec!["it does not say \"corelane <number>\"".to_owned()]
    };
    Ok((Content::Format { format }, problems))
}

/// Looks whether a process holds the data directory.
pub(super) fn lock(path: &Path) -> io::Result<Found> {
    let held = is_locked(path)?;
    Ok((Content::Lock { held }, Vec::new()))
}

/// Whether a process holds this lock.
pub(super) fn is_locked(path: &Path) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
