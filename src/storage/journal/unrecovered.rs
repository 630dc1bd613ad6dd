//! What a damaged partition has in a journal is kept beside its segments, so that the journal can
//! be used again and nothing is lost once the damage is mended.

use super::block::{Block, BlockBuilder, ENTRY_HEADER_BYTES, EntryHeader};
use super::replay::{FILE_BYTES_MAX, Journaled, StoredEntry, end_of};
use crate::storage::disk::{Disk, OpenMode, parent_of, read_all, remove_if_there};
use crate::types::{LeaderEpoch, Position, TopicPartition};
use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::path::Path;

/// The file's name in the partition's directory.
pub const UNRECOVERED_NAME: &str = "unrecovered";

/// Writes what journals hold of a partition into its directory, durably, with what was kept there
/// before.
pub fn keep_unrecovered(
    disk: &dyn Disk,
    directory: &Path,
    partition: TopicPartition,
    journaled: &Journaled,
) -> io::Result<()> {
    let journaled = with_unrecovered(disk, directory, journaled)?;
    disk.create_directory(directory)?;
    disk.sync_directory(parent_of(directory))?;
    let temporary = directory.join("unrecovered.tmp");
    remove_if_there(disk, &temporary)?;
    let file = disk.open(&temporary, OpenMode::CreateNew)?;
    let mut position = Position::ZERO;
    let entries = journaled.entries.iter();
    let batches = entries.map(|entry| (entry.base, Some(entry)));
    let mark = (journaled.durable_upto(), None);
    for (sequence, (base, batches)) in (0..).zip(std::iter::once(mark).chain(batches)) {
        let bytes = batches.map_or(Ok(Vec::new()), StoredEntry::read)?;
        let header = EntryHeader {
            partition,
            // The batches say their own.
            epoch: LeaderEpoch::FIRST,
            base,
        };
        let mut block = BlockBuilder::with_capacity(ENTRY_HEADER_BYTES + bytes.len());
        block.push(&header, bytes.len(), |room| {
            room.copy_from_slice(&bytes);
            Ok(())
        })?;
        let block = block.finish(0, sequence, 0);
        file.write_at(position, &[IoSlice::new(block.as_slice())])?;
        position = position.advanced(block.as_slice().len() as u64);
    }
    file.sync()?;
    disk.rename(&temporary, &directory.join(UNRECOVERED_NAME))?;
    disk.sync_directory(directory)
}

/// What journals hold of a partition, with what was kept of it, if anything was.
pub fn with_unrecovered<'a>(
    disk: &dyn Disk,
    directory: &Path,
    journaled: &'a Journaled,
) -> io::Result<Cow<'a, Journaled>> {
    let file = match disk.open(&directory.join(UNRECOVERED_NAME), OpenMode::ReadOnly) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Cow::Borrowed(journaled));
        }
        file => file?,
    };
    let bytes = read_all(&*file, FILE_BYTES_MAX)?;
    let mut kept = Journaled::default();
    let mut at = 0;
    for sequence in 0.. {
        // The first one says how far the partition was durable, so there is one.
        if at == bytes.len() && sequence > 0 {
            break;
        }
        let block = bytes.get(at..).and_then(|rest| Block::decode(rest, 0));
        let block = block.filter(|block| block.sequence == sequence);
        let block = block.ok_or_else(|| {
            let problem = format!(
                "damaged at byte {at}; restore it from a backup, or, to give up what it holds, move \
                 it away"
            );
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        for (entry, batches) in block.entries {
            let held = &bytes[at..][batches.clone()];
            let end = end_of(entry.base, held).ok_or(io::ErrorKind::InvalidData)?;
            kept.raise(end);
            if !batches.is_empty() {
                kept.entries.push(StoredEntry {
                    base: entry.base,
                    end,
                    file: file.clone(),
                    at: Position::new((at + batches.start) as u64),
                    length: batches.len(),
                });
            }
        }
        at += block.size;
    }
    let mut both = journaled.clone();
    both.merge(kept);
    Ok(Cow::Owned(both))
}

/// Removes what was kept of a partition that is recovered now, once a journal says how far it is
/// durable.
pub fn forget_unrecovered(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    remove_if_there(disk, &directory.join(UNRECOVERED_NAME))
}
