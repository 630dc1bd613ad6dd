//! Putting a cleaned segment in the place of those that it was made of.
//!
//! 1. It is written as `<base>.cleaned`, whole and durable. A start removes what is called so.
//! 2. It is renamed to `<base>.swap`, durably. From here on it counts: a start ends what follows.
//! 3. The segments that it replaces are removed, and their hints.
//! 4. Once that is durable it is renamed to `<base>.log`.
//!
//! So a crash at any step leaves either all old segments, or the new one whole, under one of two
//! names. Every step may be done again.

use crate::storage::disk::{Disk, discard_if_there, remove_if_there};
use crate::storage::segment::{segment_files, segment_path};
use crate::types::Offset;
use std::io;
use std::path::{Path, PathBuf};

/// The extension of a segment that is being written.
pub(in crate::storage) const CLEANED: &str = "cleaned";
/// The extension of one that is to replace others.
pub(in crate::storage) const SWAP: &str = "swap";

/// Where a cleaned segment is written.
pub(in crate::storage) fn cleaned_path(directory: &Path, base: Offset) -> PathBuf {
    segment_path(directory, base, CLEANED)
}

/// Where it waits to take its place.
pub(in crate::storage) fn swap_path(directory: &Path, base: Offset) -> PathBuf {
    segment_path(directory, base, SWAP)
}

/// Decides for the new segment, which is durable under its first name.
pub(in crate::storage) fn decide(
    disk: &dyn Disk,
    directory: &Path,
    base: Offset,
) -> io::Result<()> {
    disk.rename(&cleaned_path(directory, base), &swap_path(directory, base))?;
    disk.sync_directory(directory)
}

/// Ends what was decided. `replaced` are the bases of the segments after the first that it stands
/// for.
pub(in crate::storage) fn finish(
    disk: &dyn Disk,
    directory: &Path,
    base: Offset,
    replaced: &[Offset],
) -> io::Result<()> {
    for old in replaced.iter().rev().chain([&base]) {
        let files = segment_files(directory, *old);
        // A summary vouches for the others.
        for path in [&files.summary, &files.index, &files.time_index] {
            remove_if_there(disk, path)?;
        }
        discard_if_there(disk, &files.log)?;
    }
    disk.sync_directory(directory)?;
    let log = segment_files(directory, base).log;
    disk.rename(&swap_path(directory, base), &log)?;
    disk.sync_directory(directory)
}
