//! What a start can know to have been durable: the marks that are stored on the device. They are why
//! damage is not taken for a torn tail, so they never go back.

use crate::plan::DATA;
use crate::topics::Place;
use crate::world::World;
use corelane::storage::MemoryDisk;
use corelane::storage::checkpoint::Checkpoint;
use corelane::storage::disk::read_whole;
use corelane::storage::journal::{Replay, UNRECOVERED_NAME};
use corelane::types::{Offset, TopicPartition};
use std::collections::BTreeMap;
use std::path::Path;

/// The highest mark ever seen of each partition.
pub(crate) type Marks = BTreeMap<TopicPartition, Offset>;

/// What journals say was durable, of whatever start.
pub(crate) fn journaled(disk: &MemoryDisk) -> Replay {
    Replay::read(disk, Path::new(DATA), u64::MAX).expect("the journals are sound")
}

/// Up to where journals and the checkpoint say that a partition is durable.
pub(crate) fn known(disk: &MemoryDisk, place: &Place, journaled: &Replay) -> Offset {
    let path = place.directory().join("checkpoint");
    let checkpointed = read_whole(disk, &path, 1 << 30).map(|bytes| {
        let checkpoint = Checkpoint::decode(&bytes).expect("the checkpoint is sound");
        let is_own = checkpoint.topic == place.id().topic();
        is_own.then_some(checkpoint.synced)
    });
    let checkpointed = checkpointed.ok().flatten().unwrap_or_default();
    journaled.of(place.id()).durable_upto().max(checkpointed)
}

impl World {
    /// Compares what is on the device after a power cut with what was there after earlier ones; not
    /// after each, as that takes long.
    pub(crate) fn check_marks(&mut self) {
        if self.rng.u8(..4) > 0 {
            return;
        }
        let journaled = journaled(&self.disk);
        for place in self.topics.places(false) {
            let kept = place.directory().join(UNRECOVERED_NAME);
            if self.disk.read_file(&kept).is_ok() {
                // It was offline, and its marks are there.
                continue;
            }
            let known = known(&self.disk, &place, &journaled);
            let before = self.marks.insert(place.id(), known).unwrap_or_default();
            assert!(
                known >= before,
                "{place:?} was known to be durable up to {before}, and is up to {known}"
            );
        }
    }
}
