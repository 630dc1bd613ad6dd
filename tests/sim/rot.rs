//! Durable bytes that rot: after everything else, copies of the disk are damaged, one file each, and
//! the broker starts on them. It may refuse to start for a damaged catalog, and it may serve the
//! damaged partition no more. What it serves is what was there, or fails its checksum before the
//! reader's eyes; only what lies above the last checkpoint may be missing, as damage there looks
//! like the torn tail of a crash. No other partition is touched by it.

use crate::clients::read_records;
use crate::drain::Content;
use crate::history::Seen;
use crate::network::Key;
use crate::plan::DATA;
use crate::world::World;
use corelane::protocol::kafka::messages::ErrorCode;
use corelane::storage::checkpoint::Checkpoint;
use corelane::storage::disk::read_whole;
use corelane::storage::{Disk, MemoryDisk};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a device misplaces at a time.
const BLOCK_BYTES: usize = 4096;
/// Copies of the disk that are damaged.
const COPIES: usize = 3;

/// What was damaged.
#[derive(Debug)]
struct Damage {
    path: PathBuf,
    /// The file's end was known to be durable up to here, if it is a segment.
    known: usize,
    bytes: Range<usize>,
}

impl World {
    pub(crate) fn rot(&mut self, content: &[Content]) {
        if self.rng.bool() {
            self.begin_stop();
            self.settle();
        } else {
            self.crash(false);
        }
        let (sound, epoch) = (self.disk.clone(), self.last_epoch);
        for _ in 0..COPIES {
            self.disk = sound.fork();
            self.last_epoch = epoch;
            if let Some(damage) = self.damage() {
                self.trouble.failed = true;
                self.start_damaged(&damage, content);
            }
        }
    }

    fn start_damaged(&mut self, damage: &Damage, content: &[Content]) {
        self.trace.note(format_args!("{damage:?}"));
        if let Err(error) = self.try_start() {
            let names = |what| error.to_string().contains(what);
            let is_named = (damage.is("catalog") && names("catalog"))
                || (damage.is_of("journal") && names("journal"));
            assert!(is_named, "{damage:?}: {error}");
            return;
        }
        assert!(!damage.breaks("catalog"), "{damage:?}: the start succeeds");
        let key = self.connect_auditor();
        for content in content {
            self.read_damaged(key, damage, content);
        }
        self.network.disconnect(key);
        self.crash(false);
    }

    /// Changes some bytes of one file.
    fn damage(&mut self) -> Option<Damage> {
        let (rng, disk) = (&mut self.rng, &self.disk);
        let mut files = files(disk);
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|what| what == "log");
        if rng.bool() && files.iter().any(is_segment) {
            files.retain(is_segment);
        }
        let path = files.swap_remove(rng.usize(..files.len()));
        let old = disk.read_file(&path).expect("the file is there");
        if old.is_empty() {
            return None;
        }
        let mut new = old.clone();
        let block = rng.usize(..old.len()) / BLOCK_BYTES * BLOCK_BYTES;
        let block = block..old.len().min(block + BLOCK_BYTES);
        match rng.u8(..4) {
            0 | 1 => new[rng.usize(..old.len())] ^= 1 << rng.u8(..8),
            2 => new[block].fill(0),
            // What belongs elsewhere, or was to be overwritten.
            _ => {
                let from = rng.usize(..=old.len() - block.len());
                let from = from / BLOCK_BYTES * BLOCK_BYTES;
                new.copy_within(from..from + block.len(), block.start);
            }
        }
        let differs = |at: &usize| old[*at] != new[*at];
        let first = (0..old.len()).find(differs)?;
        let last = (0..old.len()).rfind(differs)?;
        let known = durable_mark(disk, &path);
        disk.write_file(&path, &new).expect("the file is there");
        Some(Damage {
            path,
            known,
            bytes: first..last + 1,
        })
    }

    /// Reads a partition from the start on, as far as that goes.
    fn read_damaged(&mut self, key: Key, damage: &Damage, content: &Content) {
        let Content { place, start, log } = content;
        let directory = Path::new(DATA).join(format!("{}-{}", place.name, place.index));
        let is_hit = damage.path.starts_with(&directory);
        let may_fail = is_hit && (damage.is("checkpoint") || damage.is_of("log"));
        let offline = |code: i16| {
            let is_offline = ErrorCode::from_code(code) == Some(ErrorCode::KafkaStorageError);
            assert!(
                code == 0 || (is_offline && may_fail),
                "{damage:?}: {content:?}: {code}"
            );
            code != 0
        };
        let (start_code, found_start) = self.ask_offset(key, place, -2);
        let (end_code, found_end) = self.ask_offset(key, place, -1);
        if offline(start_code) || offline(end_code) {
            return;
        }
        assert!(
            !(is_hit && damage.breaks("checkpoint")),
            "{damage:?}: it is served"
        );
        let end = start + log.len() as i64;
        let is_whole = found_end == end || (is_hit && damage.may_shorten());
        assert!(
            found_start == *start && is_whole,
            "{damage:?}: {place:?} had {start}..{end}, and has {found_start}..{found_end}"
        );
        let mut position = *start;
        while position < found_end {
            let (code, records) = self.ask_records(key, place, position);
            if offline(code) {
                return;
            }
            let read = match read_records(&records, position) {
                Ok(read) => read,
                Err(fault) => {
                    assert!(may_fail, "{damage:?}: {place:?}: {fault}");
                    return;
                }
            };
            let from = (position - start) as usize;
            let known = &log[from..log.len().min(from + read.len())];
            // A batch's leader epoch lies outside of its checksum.
            let same = |(a, b): (&Seen, &Seen)| {
                Seen {
                    epoch: b.epoch,
                    ..*a
                } == *b
            };
            let all_same = read.len() == known.len() && read.iter().zip(known).all(same);
            assert!(all_same, "{damage:?}: {place:?}: {read:?} was {known:?}");
            assert!(
                !read.is_empty(),
                "{damage:?}: {place:?}: nothing at {position}"
            );
            position += read.len() as i64;
        }
    }
}

impl Damage {
    fn is(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|own| own == name)
    }

    /// Whether it is of this kind, and hit where its checksum reaches.
    fn breaks(&self, name: &str) -> bool {
        self.is(name) && !(self.bytes.start >= 20 && self.bytes.end <= 24)
    }

    fn is_of(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }

    /// Whether it looks like a torn tail.
    fn may_shorten(&self) -> bool {
        self.is_of("log") && self.bytes.end > self.known
    }
}

/// Up to where the checkpoint beside a segment says that it is durable.
fn durable_mark(disk: &MemoryDisk, path: &Path) -> usize {
    let checkpoint = path.with_file_name("checkpoint");
    let Ok(bytes) = read_whole(disk, &checkpoint, 1 << 30) else {
        return 0;
    };
    let checkpoint = Checkpoint::decode(&bytes).expect("the checkpoint is sound");
    let base = path
        .file_stem()
        .and_then(|name| name.to_str()?.parse::<i64>().ok());
    match base.map(|base| base.cmp(&checkpoint.segment.get())) {
        Some(std::cmp::Ordering::Equal) => checkpoint.position.get() as usize,
        Some(std::cmp::Ordering::Less) => usize::MAX,
        _ => 0,
    }
}

/// Every file of the data directory, whatever lies between.
fn files(disk: &MemoryDisk) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::from(DATA)];
    while let Some(directory) = directories.pop() {
        for entry in disk.list(&directory).expect("the directory is there") {
            let path = directory.join(&entry.name);
            if entry.is_directory {
                directories.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.retain(|path| path.extension().is_none_or(|what| what != "tmp"));
    files
}
