//! Compactions that a stop cut short: one that was decided for is ended, one that was not leaves
//! nothing.

use super::error::{RecoveryError, io_error};
use super::list_segments;
use crate::storage::checkpoint::Checkpoint;
use crate::storage::compaction::swap;
use crate::storage::disk::{Disk, OpenMode, remove_if_there};
use crate::storage::log::scan::Scan;
use crate::storage::segment::base_of;
use crate::types::{Offset, Position};
use std::path::Path;

/// Ends what was decided, and removes what was not.
pub(super) fn settle(
    disk: &dyn Disk,
    directory: &Path,
    checkpoint: &Checkpoint,
) -> Result<(), RecoveryError> {
    let entries = disk.list(directory).map_err(io_error(directory))?;
    for entry in entries.iter().filter(|entry| !entry.is_directory) {
        if base_of(&entry.name, swap::CLEANED).is_some() {
            let path = directory.join(&entry.name);
            remove_if_there(disk, &path).map_err(io_error(&path))?;
        }
        if let Some(base) = base_of(&entry.name, swap::SWAP) {
            finish(disk, directory, base, checkpoint)?;
        }
    }
    Ok(())
}

fn finish(
    disk: &dyn Disk,
    directory: &Path,
    base: Offset,
    checkpoint: &Checkpoint,
) -> Result<(), RecoveryError> {
    let path = swap::swap_path(directory, base);
    let end = end_of(disk, &path, base, checkpoint)?;
    if end <= checkpoint.log_start {
        // What it would replace may have expired.
        return remove_if_there(disk, &path).map_err(io_error(&path));
    }
    let bases = list_segments(disk, directory)?;
    if end > checkpoint.segment || !(end == checkpoint.segment || bases.contains(&end)) {
        let reason = format!("offset {end} is next, where no segment begins");
        return Err(RecoveryError::Damaged {
            path,
            position: Position::ZERO,
            reason,
        });
    }
    let replaced = bases.into_iter().filter(|old| base < *old && *old < end);
    let replaced: Vec<Offset> = replaced.collect();
    log::info!("{}: takes the place of what it replaces", path.display());
    swap::finish(disk, directory, base, &replaced).map_err(io_error(&path))
}

/// The offset after the last. It was durable before it got its name, so all of it holds.
fn end_of(
    disk: &dyn Disk,
    path: &Path,
    base: Offset,
    checkpoint: &Checkpoint,
) -> Result<Offset, RecoveryError> {
    let file = disk
        .open(path, OpenMode::ReadOnly)
        .map_err(io_error(path))?;
    let length = file.length().map_err(io_error(path))?;
    let scan = Scan {
        file: &*file,
        from: Position::ZERO,
        upto: length,
        expected: base,
        validate: true,
        gaps_below: checkpoint.segment,
        until: None,
    };
    let end = scan.run(|_, _| {}).map_err(io_error(path))?;
    match end.damage {
        None => Ok(end.next),
        Some(reason) => Err(RecoveryError::Damaged {
            path: path.to_path_buf(),
            position: end.position,
            reason,
        }),
    }
}
