//! Durable bytes that rot: after everything else, copies of the disk are damaged, one file each, and
//! the broker starts on them. It may refuse to start for a damaged catalog, journal or file of what
//! was kept of a partition, by name, and it may serve the damaged partition no more. What it serves
//! is what was there, or fails its checksum before the reader's eyes. Two things may be missing, as
//! damage there looks like the torn tail of a crash: of the damaged segment what lies above the
//! highest mark that is stored, and what only the very last block of a journal holds. No other
//! partition is touched by it.

use crate::clients::read_records;
use crate::disturbance::Trouble;
use crate::drain::Content;
use crate::history::Seen;
use crate::marks::{journaled, known};
use crate::network::Key;
use crate::plan::DATA;
use crate::world::World;
use corelane::protocol::kafka::messages::ErrorCode;
use corelane::storage::journal::Replay;
use corelane::storage::{CatalogSnapshot, Disk, MemoryDisk};
use corelane::types::LeaderEpoch;
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
    bytes: Range<usize>,
    hit: Hit,
}

/// What was hit of a journal.
#[derive(Debug, PartialEq, Eq)]
enum Hit {
    /// The very last block of a start, which looks torn.
    LastBlock(Range<usize>),
    /// One before it without which no start may do.
    NeededBlock,
    /// Something else, or it is no journal.
    Else,
}

/// What is to be told of a start on a damaged disk.
struct Start<'a> {
    damage: &'a Damage,
    /// Whether the power was cut before.
    cut: bool,
    /// The marks that journals held, without those that may be lost.
    marks: &'a Replay,
}

impl World {
    pub(crate) fn rot(&mut self, content: &[Content]) {
        let cut = match self.rng.u8(..4) {
            0 => {
                self.begin_stop();
                self.settle();
                false
            }
            drawn => {
                self.crash(drawn > 1);
                drawn > 1
            }
        };
        let (sound, epoch) = (self.disk.clone(), self.last_epoch);
        self.rot_copies(&sound, epoch, cut, content);
    }

    /// The same in the middle of everything, while journals hold what segments do not.
    pub(crate) fn rot_midway(&mut self) {
        let cut = self.rng.bool();
        self.crash(cut);
        self.trouble = Trouble::default();
        self.disk.set_capacity(None);
        self.draining = true;
        let (sound, epoch) = (self.disk.fork(), self.last_epoch);
        self.start();
        let content = self.read_everything();
        self.crash(false);
        self.rot_copies(&sound, epoch, cut, &content);
    }

    fn rot_copies(
        &mut self,
        sound: &MemoryDisk,
        epoch: Option<(LeaderEpoch, bool)>,
        cut: bool,
        content: &[Content],
    ) {
        for _ in 0..COPIES {
            self.disk = sound.fork();
            self.last_epoch = epoch;
            if let Some(damage) = self.damage() {
                self.trouble.failed = true;
                let marks = marks_of(sound, &damage);
                let start = Start {
                    damage: &damage,
                    cut,
                    marks: &marks,
                };
                self.start_damaged(&start, content, sound);
            }
        }
    }

    fn start_damaged(&mut self, start: &Start<'_>, content: &[Content], sound: &MemoryDisk) {
        let damage = start.damage;
        self.trace.note(format_args!("{damage:?}"));
        if let Err(error) = self.try_start() {
            let names = |what: &str| error.to_string().contains(what);
            // What was kept of a partition is not replaced by more of it while it cannot be read.
            let is_named = ["catalog", "unrecovered"]
                .iter()
                .any(|file| damage.is(file) && names(file))
                || (damage.is_of("journal") && names("journal"));
            assert!(is_named, "{damage:?}: {error}");
            return;
        }
        let is_noticed = !damage.breaks("catalog") && damage.hit != Hit::NeededBlock;
        assert!(is_noticed, "{damage:?}: the start succeeds");
        let key = self.connect_auditor();
        for content in content {
            let known = known(sound, &content.place, start.marks);
            self.read_damaged(key, start, content, known.get());
        }
        self.network.disconnect(key);
        self.crash(false);
    }

    /// Changes some bytes of one file.
    fn damage(&mut self) -> Option<Damage> {
        let (rng, disk) = (&mut self.rng, &self.disk);
        let mut files = files(disk);
        let wanted = [
            Some("log"),
            Some("log"),
            Some("journal"),
            Some("journal"),
            None,
        ];
        let wanted = wanted[rng.usize(..5)];
        let is_wanted = |path: &PathBuf| {
            path.extension()
                .is_some_and(|own| Some(own) == wanted.map(AsRef::as_ref))
        };
        if files.iter().any(is_wanted) {
            files.retain(is_wanted);
        }
        let path = files.swap_remove(rng.usize(..files.len()));
        // To damage a file writes all of it, and what a failed sync left in memory alone is not to
        // get to the device by that.
        disk.evict();
        let old = disk.read_file(&path).expect("the file is there");
        // Behind that a journal waits to be written.
        let used = old.iter().rposition(|byte| *byte != 0)? + 1;
        let mut new = old.clone();
        let block = rng.usize(..used) / BLOCK_BYTES * BLOCK_BYTES;
        let block = block..old.len().min(block + BLOCK_BYTES);
        match rng.u8(..4) {
            0 | 1 => new[rng.usize(..used)] ^= 1 << rng.u8(..8),
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
        let bytes = first..last + 1;
        let hit = hit(disk, &path, &bytes).unwrap_or(Hit::Else);
        disk.write_file(&path, &new).expect("the file is there");
        Some(Damage { path, bytes, hit })
    }

    /// Reads a partition from the start on, as far as that goes. What lies below `known` is known
    /// to have been durable.
    fn read_damaged(&mut self, key: Key, start: &Start<'_>, content: &Content, known: i64) {
        let (damage, cut) = (start.damage, start.cut);
        let Content {
            place,
            start,
            end,
            log,
        } = content;
        let end = *end;
        let is_compacted = self.history.promise(place.id()).compacted;
        let is_hit = damage.path.starts_with(place.directory());
        let may_fail =
            is_hit && (damage.is("checkpoint") || damage.is("unrecovered") || damage.is_of_log());
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
        let is_durable = self.history.promise(place.id()).durable;
        // After a failed sync the device lacks what a process crash leaves in memory.
        let lacks_bytes = cut || self.history.disk_failed;
        let may_shorten = (lacks_bytes && damage.looks_torn())
            || (is_hit && damage.is_of_log())
            || (cut && !is_durable);
        let least = if may_shorten { known.min(end) } else { end };
        assert!(
            found_start == *start && (least..=end).contains(&found_end),
            "{damage:?}: {place:?} had {start}..{end}, durable up to {known}, and has \
             {found_start}..{found_end}"
        );
        let mut position = *start;
        while position < found_end {
            let (code, records) = self.ask_records(key, place, position);
            if offline(code) {
                return;
            }
            let (read, next) = match read_records(&records, position, is_compacted) {
                Ok(read) => read,
                Err(fault) => {
                    assert!(may_fail, "{damage:?}: {place:?}: {fault}");
                    return;
                }
            };
            let known = log
                .iter()
                .filter(|seen| (position..next).contains(&seen.offset));
            let known: Vec<Seen> = known.copied().collect();
            // A batch's leader epoch lies outside of its checksum.
            let same = |(a, b): (&Seen, &Seen)| {
                Seen {
                    epoch: b.epoch,
                    ..*a
                } == *b
            };
            if is_compacted {
                // What was read before may have gone since, and then what overtook it is there.
                let is_known = |seen: &Seen| known.iter().any(|known| same((seen, known)));
                if may_fail && !read.iter().all(is_known) {
                    // A batch's base offset lies outside of its checksum too, and gaps hide it.
                    return;
                }
                assert!(
                    read.iter().all(is_known),
                    "{damage:?}: {place:?}: {read:?} was {known:?}"
                );
                position = next;
                continue;
            }
            let all_same = read.len() == known.len() && read.iter().zip(&known).all(same);
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

    fn looks_torn(&self) -> bool {
        matches!(self.hit, Hit::LastBlock(_))
    }

    /// Whether it is of a segment, or of one that is to take the place of others.
    fn is_of_log(&self) -> bool {
        self.is_of("log") || self.is_of("swap")
    }

    fn is_of(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }
}

/// What journals say was durable, without the block that the damage may make look torn.
fn marks_of(sound: &MemoryDisk, damage: &Damage) -> Replay {
    let disk = sound.fork();
    if let Hit::LastBlock(block) = &damage.hit {
        let mut bytes = disk.read_file(&damage.path).expect("it is a journal");
        bytes[block.clone()].fill(0);
        disk.write_file(&damage.path, &bytes).expect("it is there");
    }
    journaled(&disk)
}

/// What these bytes of a journal are; `None` if it is none, or was never put to use.
fn hit(disk: &MemoryDisk, path: &Path, damaged: &Range<usize>) -> Option<Hit> {
    path.extension().filter(|own| *own == "journal")?;
    let read = |path: &Path| disk.read_file(path).ok();
    let bytes = read(path)?;
    let own = FileHeader::read(&bytes)?;
    let names = disk.list(path.parent()?).ok()?;
    let files = names
        .iter()
        .filter_map(|entry| FileHeader::read(&read(&path.with_file_name(&entry.name))?));
    let newest = files
        .filter(|file| file.incarnation == own.incarnation)
        .max_by_key(|file| file.sequence)?;
    let blocks = own.blocks(&bytes);
    let is_hit = |block: &Range<usize>| damaged.start < block.end && block.start < damaged.end;
    let at = blocks.iter().position(is_hit)?;
    let is_newest = newest.sequence == own.sequence;
    if is_newest && at + 1 == blocks.len() {
        return Some(Hit::LastBlock(blocks[at].clone()));
    }
    let catalog = CatalogSnapshot::decode(&read(&Path::new(DATA).join("catalog"))?).ok()?;
    let is_read = !catalog.clean && own.incarnation >= catalog.void_below;
    let is_needed = is_newest || own.sequence + at as u64 >= newest.needed_from;
    Some(if is_read && is_needed {
        Hit::NeededBlock
    } else {
        Hit::Else
    })
}

/// What a journal file says of its blocks.
struct FileHeader {
    incarnation: u64,
    salt: u64,
    sequence: u64,
    needed_from: u64,
}

impl FileHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            incarnation: number(bytes, 16).filter(|incarnation| *incarnation > 0)?,
            salt: number(bytes, 24)?,
            sequence: number(bytes, 32)?,
            needed_from: number(bytes, 40)?,
        })
    }

    /// Where its blocks lie, without what fills them up.
    fn blocks(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut blocks = Vec::new();
        let mut at = BLOCK_BYTES;
        while number(bytes, at + 16) == Some(self.incarnation)
            && number(bytes, at + 24) == Some(self.sequence + blocks.len() as u64)
            && let Some(fields) = number(bytes, at)
        {
            let length = fields as u32 as usize;
            let crc = crc32c::crc32c(&self.salt.to_be_bytes());
            let crc = bytes
                .get(at + 12..at + length)
                .map(|covered| crc32c::crc32c_append(crc, covered));
            if crc != number(bytes, at + 8).map(|fields| (fields >> 32) as u32) {
                // It was being written when the power went.
                break;
            }
            blocks.push(at..at + length);
            at += length.next_multiple_of(BLOCK_BYTES);
        }
        blocks
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_be_bytes(field))
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
