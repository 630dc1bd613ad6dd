//! Sealed segments are read again and compared with their checksums, slowly: one call at a time,
//! one round over all of the core's partitions after the other. What is found is only told.

use super::disk::Purpose;
use super::owner::Hosted;
use super::pace::Pace;
use super::{Effect, Shard};
use crate::storage::call::{DiskCall, DiskReply};
use crate::storage::log::{Scrubbed, SealedSegment};
use crate::types::{Instant, Now, Offset, TopicPartition};
use std::io;
use std::time::Duration;

/// Chunks of 64 KiB that one call compares.
const CHUNKS_PER_CALL: usize = 16;
/// Bytes of those.
const BYTES_PER_CALL: u64 = 16 * 64 * 1024;
/// The least time from the beginning of one round to that of the next.
const ROUND_EVERY: Duration = Duration::from_secs(3600);

/// How far the core has come.
#[derive(Debug)]
pub(super) struct Scrub {
    /// What is compared next; nothing between two rounds.
    next: Option<Place>,
    next_round: Option<Instant>,
    pace: Pace,
    is_under_way: bool,
    /// See [`Shard::scrub_damage`].
    damaged: u64,
}

impl Scrub {
    pub(super) fn new(bytes_per_second_max: u64) -> Self {
        Self {
            next: None,
            next_round: None,
            pace: Pace::new(BYTES_PER_CALL, bytes_per_second_max),
            is_under_way: false,
            damaged: 0,
        }
    }

    /// When the next call is to be made.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pace.deadline()
    }
}

/// A piece of a partition's log.
#[derive(Debug, Clone, Copy)]
struct Place {
    partition: TopicPartition,
    /// The segment, or where the next one is looked for.
    segment: Offset,
    /// The chunk in it.
    chunk: usize,
}

impl Shard {
    /// How many damaged chunks of sealed segments were found since the start, each once per round.
    pub fn scrub_damage(&self) -> u64 {
        self.scrub.damaged
    }

    /// Begins the next call, if there is one and it is time.
    pub(super) fn scrub_on(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_stopping = self.is_stopping();
        let scrub = &mut self.scrub;
        if scrub.is_under_way || !scrub.pace.allows(now.monotonic) || is_stopping {
            return;
        }
        if scrub.next.is_none() {
            if scrub.next_round.is_some_and(|at| now.monotonic < at) {
                return;
            }
            scrub.next_round = Some(now.monotonic.after(ROUND_EVERY));
        }
        let Some((place, segment)) = self.find_sealed(self.scrub.next) else {
            self.scrub.next = None;
            return;
        };
        self.scrub.next = Some(place);
        self.scrub.pace.begun(now.monotonic);
        self.scrub.is_under_way = true;
        let call = DiskCall::Scrub {
            segment: segment.clone(),
            first: place.chunk,
            count: CHUNKS_PER_CALL,
        };
        self.call(Purpose::Scrub(segment), call, effects);
    }

    /// The first sealed segment at or behind a place, by partition and offset.
    fn find_sealed(&self, from: Option<Place>) -> Option<(Place, SealedSegment)> {
        let candidates = self.partitions.iter().filter_map(|(id, hosted)| {
            let begins = match from {
                Some(from) if *id < from.partition => return None,
                Some(from) if *id == from.partition => from.segment,
                _ => Offset::ZERO,
            };
            match hosted {
                Hosted::Online(partition) => Some((*id, partition.sealed_from(begins)?)),
                Hosted::Offline(_) => None,
            }
        });
        let (partition, segment) = candidates.min_by_key(|(id, _)| *id)?;
        let begun = from.filter(|from| from.partition == partition && from.segment == segment.base);
        let place = Place {
            partition,
            segment: segment.base,
            chunk: begun.map_or(0, |begun| begun.chunk),
        };
        Some((place, segment))
    }

    fn still_holds(&self, segment: &SealedSegment) -> bool {
        let place = self.scrub.next.as_ref();
        let hosted = place.and_then(|place| self.partitions.get(&place.partition));
        match hosted {
            Some(Hosted::Online(partition)) => partition.still_holds(segment),
            _ => false,
        }
    }

    /// A piece was compared.
    pub(super) fn scrubbed(
        &mut self,
        segment: &SealedSegment,
        result: io::Result<DiskReply>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.scrub.is_under_way = false;
        let goes_on = match result {
            // It was compared with the checksums of another one.
            Ok(_) if !self.still_holds(segment) => false,
            Ok(DiskReply::Scrubbed(scrubbed)) => {
                self.scrub.damaged += scrubbed.damaged.len() as u64;
                tell(segment, &scrubbed);
                scrubbed.goes_on
            }
            Ok(other) => unreachable!("a scrub was answered by {other:?}"),
            Err(error) => {
                let path = segment.path.display();
                log::error!("{path} cannot be read: {error}; restore it from a backup");
                false
            }
        };
        if let Some(place) = &mut self.scrub.next {
            if goes_on {
                place.chunk += CHUNKS_PER_CALL;
            } else {
                (place.segment, place.chunk) = (segment.base.next(), 0);
            }
        }
        self.scrub_on(now, effects);
    }
}

fn tell(segment: &SealedSegment, scrubbed: &Scrubbed) {
    let path = segment.path.display();
    for (from, upto) in &scrubbed.damaged {
        log::error!(
            "{path} is damaged between bytes {from} and {upto}, which were durable; restore it from \
             a backup"
        );
    }
    if !scrubbed.is_comparable {
        log::warn!(
            "the checksums of {path} are damaged, so it is not checked; remove the file `.summary` \
             beside it, and the next start makes it anew"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Compression};
    use crate::shard::Event;
    use crate::shard::testing::{boot, now, pass};
    use crate::storage::checkpoint::Checkpoint;
    use crate::storage::epoch_history::EpochHistory;
    use crate::storage::{CatalogSnapshot, CatalogTopic, MemoryDisk};
    use crate::types::{LeaderEpoch, PartitionIndex, Position, Timestamp, TopicId, TopicName};
    use std::path::Path;

    const FIRST: &str = "data/t-0/00000000000000000000.log";
    const SECOND: &str = "data/t-0/00000000000000000001.log";
    const CHUNK_BYTES: u64 = 64 * 1024;

    fn segment(base: i64, bytes: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.append(Timestamp::new(1), None, Some(&vec![7; bytes]), &[]);
        builder.build(Offset::new(base)).unwrap().to_vec()
    }

    /// A partition with two sealed segments, the first of more chunks than one call compares, and
    /// an active one without bytes.
    fn disk() -> MemoryDisk {
        let disk = MemoryDisk::new(1);
        let write = |path: &str, bytes: &[u8]| disk.write_file(Path::new(path), bytes).unwrap();
        let topic = TopicId::from_bytes([7; 16]);
        let catalog = CatalogSnapshot {
            topics: vec![CatalogTopic {
                name: TopicName::new("t").unwrap(),
                id: topic,
                partitions: 1,
                settings: Vec::new(),
            }],
            ..CatalogSnapshot::default()
        };
        let checkpoint = Checkpoint {
            topic,
            partition: PartitionIndex::new(0),
            log_start: Offset::ZERO,
            synced: Offset::new(2),
            segment: Offset::new(2),
            position: Position::ZERO,
            leader_epoch: LeaderEpoch::FIRST,
            epochs: EpochHistory::default(),
            clean: false,
            producers: Vec::new(),
            clean_below: Offset::ZERO,
            index: None,
        };
        write("data/catalog", &catalog.encode());
        write("data/t-0/checkpoint", &checkpoint.encode());
        write(FIRST, &segment(0, 20 * CHUNK_BYTES as usize));
        write(SECOND, &segment(1, 100));
        write("data/t-0/00000000000000000002.log", &[]);
        disk
    }

    /// The most bytes compared within a second.
    fn run(shard: &mut Shard, disk: &MemoryDisk, seconds: std::ops::Range<u64>) -> usize {
        let chunks = |call: &DiskCall| match call {
            DiskCall::Scrub { count, .. } => *count,
            _ => 0,
        };
        pass(shard, disk, seconds, chunks).0 * CHUNK_BYTES as usize
    }

    #[test]
    fn durable_bits_that_flip_in_sealed_segments_are_told_once_a_round() {
        let disk = disk();
        let mut shard = boot(&disk).1;
        let most = run(&mut shard, &disk, 1..10);
        assert_eq!(shard.scrub_damage(), 0);
        assert!((1..=4 << 20).contains(&most), "{most} bytes in a second");

        let flip = |path: &str, at: u64| {
            let corrupted = disk.corrupt(Path::new(path), Position::new(at), 1);
            corrupted.unwrap();
        };
        // In the first piece, in the second one, and in a base offset, which no batch's checksum
        // covers.
        flip(FIRST, 100);
        flip(FIRST, 17 * CHUNK_BYTES + 5);
        flip(SECOND, 7);
        run(&mut shard, &disk, 10..3_600);
        assert_eq!(shard.scrub_damage(), 0, "the first round is over");
        run(&mut shard, &disk, 3_600..3_700);
        assert_eq!(shard.scrub_damage(), 3);
        run(&mut shard, &disk, 3_700..7_300);
        assert_eq!(shard.scrub_damage(), 6);
    }

    #[test]
    fn what_cannot_be_compared_is_left_out_and_a_stop_ends_it() {
        let disk = disk();
        let mut shard = boot(&disk).1;
        let summary = Path::new("data/t-0/00000000000000000000.summary");
        disk.corrupt(summary, Position::new(90), 1).unwrap();
        disk.corrupt(Path::new(SECOND), Position::new(7), 1)
            .unwrap();
        run(&mut shard, &disk, 1..10);
        assert_eq!(shard.scrub_damage(), 1, "only the second one");
        let now = now(Instant::new(10_000_000_000));
        shard.step(now, Event::Stop, &mut Vec::new());
        assert_eq!(run(&mut shard, &disk, 10_001..10_010), 0);
    }
}
