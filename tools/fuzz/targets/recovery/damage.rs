//! What the input does to a data directory.

use crate::client::Place;
use crate::scene::Scene;
use corelane::storage::{Disk, MemoryDisk};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Changes of one input.
const CHANGES_MAX: usize = 6;
/// What a device misplaces at a time.
const BLOCK_BYTES: usize = 4096;
/// No file grows past this.
const FILE_BYTES_MAX: usize = 128 * 1024;

/// Numbers from the input; zeros once it ends.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// Files, and where something was moved, where to.
    paths: BTreeSet<PathBuf>,
    /// Whether bytes of one file got into another.
    pub(crate) is_mixed: bool,
}

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: usize) -> usize {
        let number = u32::from_be_bytes([0, self.byte(), self.byte(), self.byte()]);
        number as usize % bound.max(1)
    }
}

impl Damage {
    /// Changes the disk as the input says.
    pub(crate) fn inflict(disk: &MemoryDisk, choices: &mut Choices<'_>) -> Self {
        let mut damage = Self::default();
        for _ in 0..CHANGES_MAX {
            if choices.0.is_empty() {
                break;
            }
            damage.change(disk, choices);
        }
        damage
    }

    /// Whether something of this partition was changed, or of what speaks of all.
    pub(crate) fn may_concern(&self, place: &Place) -> bool {
        let own = place.directory();
        let everyones = |path: &PathBuf| {
            path.ends_with("catalog") || path.components().any(|part| part.as_os_str() == "journal")
        };
        self.paths
            .iter()
            .any(|path| path.starts_with(&own) || everyones(path))
    }

    fn change(&mut self, disk: &MemoryDisk, choices: &mut Choices<'_>) {
        let kind = choices.byte() % 12;
        let files = Scene::files(disk);
        let Some(path) = files.get(usize::from(choices.byte()) % files.len().max(1)) else {
            return;
        };
        let read = |path: &Path| disk.read_file(path).expect("the file is there");
        let mut bytes = read(path);
        let at = choices.below(bytes.len());
        let block = |at: usize| at / BLOCK_BYTES * BLOCK_BYTES;
        match kind {
            0 | 1 => flip(&mut bytes, at, choices.byte()),
            2 => scribble(&mut bytes, at, choices),
            3 => fill(&mut bytes, at, choices.below(600)),
            4 => fill(&mut bytes, block(at), BLOCK_BYTES),
            5 => bytes.truncate(at),
            6 => {
                let longer = bytes.len() + choices.below(10_000);
                bytes.resize(longer.min(FILE_BYTES_MAX), 0);
            }
            7 => {
                let other = block(choices.below(bytes.len()));
                swap_blocks(&mut bytes, block(at), other);
            }
            8 => return self.remove(disk, path),
            9 => {
                let source = &files[usize::from(choices.byte()) % files.len()];
                let from = read(source);
                let place = block(choices.below(from.len()));
                copy_block(&mut bytes, block(at), &from[place..]);
                self.is_mixed |= source.parent() != path.parent();
            }
            10 => {
                let source = &files[usize::from(choices.byte()) % files.len()];
                bytes = read(source);
                self.is_mixed |= source.parent() != path.parent();
            }
            _ => return self.duplicate(disk, path, &bytes, choices),
        }
        self.write(disk, path.clone(), &bytes);
    }

    fn write(&mut self, disk: &MemoryDisk, path: PathBuf, bytes: &[u8]) {
        disk.write_file(&path, bytes).expect("the disk is sound");
        self.paths.insert(path);
    }

    fn remove(&mut self, disk: &MemoryDisk, path: &Path) {
        disk.remove_file(path).expect("the file is there");
        let directory = path.parent().expect("files lie in the data directory");
        disk.sync_directory(directory).expect("the disk is sound");
        self.paths.insert(path.to_path_buf());
    }

    /// A second file with this content, under a name that the engine may give.
    fn duplicate(
        &mut self,
        disk: &MemoryDisk,
        path: &Path,
        bytes: &[u8],
        choices: &mut Choices<'_>,
    ) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = choices.byte();
        let named = match path.extension().and_then(|ending| ending.to_str()) {
            Some("journal") => {
                let (start, _) = name.split_once('-').unwrap_or_default();
                format!("{start}-{number:05}.journal")
            }
            Some(ending @ ("log" | "index" | "timeindex" | "summary")) => {
                format!("{number:020}.{ending}")
            }
            _ if number % 2 == 0 => "unrecovered".to_owned(),
            _ => format!("{name}.tmp"),
        };
        self.write(disk, path.with_file_name(named), bytes);
    }
}

fn flip(bytes: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (bit % 8);
    }
}

/// Overwrites a few bytes with some that follow from the input, but that it cannot choose: with
/// those it could forge checksums.
fn scribble(bytes: &mut [u8], at: usize, choices: &mut Choices<'_>) {
    let length = 1 + choices.below(64);
    let mut rng = fastrand::Rng::with_seed(u64::from(choices.byte()));
    for byte in bytes.iter_mut().skip(at).take(length) {
        *byte = rng.u8(..);
    }
}

fn fill(bytes: &mut [u8], at: usize, length: usize) {
    for byte in bytes.iter_mut().skip(at).take(length) {
        *byte = 0;
    }
}

fn swap_blocks(bytes: &mut Vec<u8>, a: usize, b: usize) {
    let padded = bytes.len().next_multiple_of(BLOCK_BYTES);
    let length = bytes.len();
    bytes.resize(padded, 0);
    if a != b && a.max(b) < padded {
        let (low, high) = bytes.split_at_mut(a.max(b));
        low[a.min(b)..][..BLOCK_BYTES].swap_with_slice(&mut high[..BLOCK_BYTES]);
    }
    bytes.truncate(length);
}

fn copy_block(bytes: &mut [u8], at: usize, from: &[u8]) {
    for (byte, other) in bytes.iter_mut().skip(at).take(BLOCK_BYTES).zip(from) {
        *byte = *other;
    }
}
