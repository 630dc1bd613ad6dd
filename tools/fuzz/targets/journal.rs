//! Journals, and what is kept of one: any bytes as a file, and files whose headers and blocks have
//! the right checksums over what the input says. Whatever is taken in can be walked to its end.
#![no_main]

use corelane::storage::journal::{
    BlockBuilder, EntryHeader, FileHeader, Journaled, Replay, forget_unrecovered, keep_unrecovered,
    read_file, with_unrecovered,
};
use corelane::storage::{AlignedBuffer, MemoryDisk};
use corelane::types::{CoreId, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

/// Offsets that one walk goes through.
const STEPS_MAX: usize = 10_000;

/// The rest of the input; zeros once it ends.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A small number, or one near an end of its range.
    fn number(&mut self) -> u64 {
        let small = u64::from(self.byte());
        match self.byte() % 8 {
            0 => u64::MAX - small,
            1 => i64::MAX as u64 - small,
            2 => i64::MIN as u64 + small,
            _ => small,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let disk = MemoryDisk::new(1);
    let shape = input.byte();
    let void_below = u64::from(shape >> 6);
    if shape % 4 == 0 {
        write(
            &disk,
            "data/journal/0/00000000000000000001-00000.journal",
            input.0,
        );
        write(&disk, "data/t-0/unrecovered", input.0);
    } else {
        for number in 0..shape % 4 {
            let core = input.byte() % 2;
            let path = format!("data/journal/{core}/00000000000000000001-{number:05}.journal");
            let bytes = file(&mut input);
            write(&disk, &path, &bytes);
            let contents = read_file(&disk, Path::new(&path), void_below);
            if let Ok(Some(contents)) = contents {
                assert!(contents.end.get() <= bytes.len().next_multiple_of(4096) as u64);
            }
        }
        let mut kept = Vec::new();
        for sequence in 0..u64::from(input.byte() % 4) {
            kept.extend_from_slice(block(&mut input, 0, sequence, 0).as_slice());
        }
        write(&disk, "data/t-0/unrecovered", &kept);
    }
    if let Ok(replay) = Replay::read(&disk, Path::new("data"), void_below) {
        for index in 0..4 {
            walk(replay.of(partition(index)));
            keep(&disk, partition(index), replay.of(partition(index)));
        }
    }
    if let Ok(kept) = with_unrecovered(&disk, Path::new("data/t-0"), &Journaled::default()) {
        walk(&kept);
    }
});

fn write(disk: &MemoryDisk, path: &str, bytes: &[u8]) {
    disk.write_file(Path::new(path), bytes)
        .expect("the disk is sound");
}

fn partition(index: u8) -> TopicPartition {
    let index = PartitionIndex::new(i32::from(index % 4));
    TopicPartition::new(TopicId::from_bytes([7; 16]), index)
}

/// A file that was put to use, with blocks whose numbers are due, mostly.
fn file(input: &mut Input<'_>) -> Vec<u8> {
    let header = FileHeader {
        core: CoreId::new(u16::from(input.byte() % 2)),
        incarnation: input.number() % 4,
        salt: u64::from(input.byte() % 2),
        sequence: input.number(),
        needed_from: input.number(),
    };
    let mut bytes = header.encode().as_slice().to_vec();
    for number in 0..u64::from(input.byte() % 6) {
        let (sequence, salt) = match input.byte() {
            0 => (input.number(), header.salt),
            1 => (header.sequence.wrapping_add(number), header.salt + 1),
            _ => (header.sequence.wrapping_add(number), header.salt),
        };
        let block = block(input, header.incarnation, sequence, salt);
        bytes.extend_from_slice(block.as_slice());
    }
    let cut = usize::from(input.byte());
    bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(200)));
    bytes
}

/// A block of entries whose batches are made to follow each other, or are whatever the input says.
fn block(input: &mut Input<'_>, incarnation: u64, sequence: u64, salt: u64) -> AlignedBuffer {
    let mut block = BlockBuilder::with_capacity(16 * 1024);
    for _ in 0..input.byte() % 4 {
        let header = EntryHeader {
            partition: partition(input.byte()),
            epoch: LeaderEpoch::new(i32::from(input.byte())),
            base: Offset::new(input.number().cast_signed()),
        };
        let batches = match input.byte() % 4 {
            0 => {
                let length = usize::from(input.byte()) * 4;
                input.take(length).to_vec()
            }
            count => batches(input, header.base.get(), count - 1),
        };
        let filled = block.push(&header, batches.len(), |room| {
            room.copy_from_slice(&batches);
            Ok(())
        });
        filled.expect("a copy does not fail");
    }
    block.finish(incarnation, sequence, salt)
}

/// Batches without records, one after the other; nobody looks into them here.
fn batches(input: &mut Input<'_>, base: i64, count: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut next = base;
    for _ in 0..count {
        let delta = i32::from(input.byte());
        let size = 61 + usize::from(input.byte());
        let mut batch = vec![0; size];
        batch[..8].copy_from_slice(&next.to_be_bytes());
        batch[8..12].copy_from_slice(&(size as i32 - 12).to_be_bytes());
        batch[16] = 2;
        batch[23..27].copy_from_slice(&delta.to_be_bytes());
        bytes.extend_from_slice(&batch);
        next = next.wrapping_add(i64::from(delta) + 1);
    }
    bytes
}

/// Goes through what a journal holds as recovery does.
fn walk(journaled: &Journaled) {
    let mut next = Offset::ZERO;
    for _ in 0..STEPS_MAX {
        let Some(from) = journaled.next_from(next) else {
            break;
        };
        assert!(from >= next, "{from} lies before {next}");
        let batches = journaled.batches_from(from).expect("the disk is sound");
        assert!(batches.is_none_or(|batches| !batches.is_empty()));
        if from.get() == i64::MAX {
            break;
        }
        next = from.next();
    }
}

/// What is kept of a partition says what journals said.
fn keep(disk: &MemoryDisk, partition: TopicPartition, journaled: &Journaled) {
    let directory = Path::new("data/t-1");
    let upto = journaled.durable_upto();
    keep_unrecovered(disk, directory, partition, journaled).expect("the disk is sound");
    let nothing = Journaled::default();
    let kept = with_unrecovered(disk, directory, &nothing).expect("it was written just now");
    assert!(kept.durable_upto() >= upto);
    walk(&kept);
    forget_unrecovered(disk, directory).expect("it is there");
}
