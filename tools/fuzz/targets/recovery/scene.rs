//! The data directories to be damaged, written by the engine itself, and all that was ever
//! appended to them.

use crate::broker::{Broker, DATA};
use crate::client::{Place, Served, written};
use bytes::Bytes;
use corelane::record::{Batch, BatchBuilder, Compression};
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::{Offset, Position, ProducerEpoch, ProducerId, Sequence, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Batches by partition and offset: more than one where an offset was given again.
type Appended = BTreeMap<(Place, i64), BTreeSet<Bytes>>;

/// A data directory.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) disk: MemoryDisk,
    pub(crate) places: Vec<Place>,
    pub(crate) appended: Appended,
    /// What a start serves of it while it is undamaged.
    pub(crate) served: BTreeMap<Place, Served>,
    rng: fastrand::Rng,
    sequence: i32,
}

/// Every scene, made once.
pub(crate) static SCENES: LazyLock<Vec<Scene>> = LazyLock::new(|| {
    let killed = Scene::killed();
    let cut = killed.after_power_cut();
    let scenes = [
        cut.stopped(),
        cut.half_started(),
        cut.with_unrecovered(),
        killed,
        cut,
    ];
    scenes.into_iter().map(Scene::looked_at).collect()
});

impl Scene {
    /// Four partitions of two topics, on two cores, with a few segments each; a topic was deleted.
    fn killed() -> Self {
        let disk = MemoryDisk::new(1);
        disk.create_directory(Path::new(DATA))
            .expect("an empty disk");
        disk.sync_directory(Path::new("")).expect("an empty disk");
        let mut scene = Self {
            disk: disk.clone(),
            places: Vec::new(),
            appended: Appended::new(),
            served: BTreeMap::new(),
            rng: fastrand::Rng::with_seed(1),
            sequence: 0,
        };
        let mut broker = Broker::start(&disk, 2).expect("an empty directory");
        let small = [("segment.bytes", "16384"), ("index.interval.bytes", "500")];
        let relaxed = [small[0], ("corelane.durability", "relaxed")];
        let doomed = broker.create("doomed", 1, &[]);
        for (topic, partitions, settings) in [("a", 3, small), ("b", 1, relaxed)] {
            let id = broker.create(topic, partitions, &settings);
            let indexes = 0..partitions;
            scene
                .places
                .extend(indexes.map(|index| Place { topic, id, index }));
        }
        let doomed = Place {
            topic: "doomed",
            id: doomed,
            index: 0,
        };
        scene.append(&mut broker, &doomed, -1);
        scene.append_rounds(&mut broker, 30);
        broker.delete(doomed.id);
        broker.pass(1_200);
        scene.append_rounds(&mut broker, 6);
        drop(broker);
        disk.process_crash();
        scene
    }

    /// The same after another life that ended with the power: what was not synced may be lost.
    fn after_power_cut(&self) -> Self {
        let mut scene = self.forked();
        let mut broker = scene.start();
        scene.append_rounds(&mut broker, 8);
        drop(broker);
        scene.disk.power_cut();
        scene
    }

    /// The same after a clean stop.
    fn stopped(&self) -> Self {
        let mut scene = self.forked();
        let mut broker = scene.start();
        scene.append_rounds(&mut broker, 2);
        broker.stop();
        scene
    }

    /// The same after a start that was killed once it had written some of its own journal.
    fn half_started(&self) -> Self {
        let scene = self.forked();
        let whole = scene.disk.fork();
        let before = whole.operations();
        Broker::start(&whole, 2).expect("it is undamaged");
        scene.disk.crash_after(whole.operations() - before - 6);
        assert!(Broker::start(&scene.disk, 2).is_err(), "it is killed");
        scene.disk.power_cut();
        scene
    }

    /// The same with a damaged partition, of which the start before has kept what journals held.
    fn with_unrecovered(&self) -> Self {
        let mut scene = self.forked();
        let directory = scene.places[0].directory();
        let first = directory.join("00000000000000000000.log");
        let corrupted = scene.disk.corrupt(&first, Position::new(7), 1);
        corrupted.expect("the segment is there");
        let summary = first.with_extension("summary");
        scene.disk.remove_file(&summary).expect("it is sealed");
        let mut broker = scene.start();
        let damaged = scene.places.remove(0);
        assert_eq!(broker.read(&damaged), Served::Offline);
        scene.append_rounds(&mut broker, 6);
        scene.places.insert(0, damaged);
        drop(broker);
        scene.disk.process_crash();
        let corrupted = scene.disk.corrupt(&first, Position::new(7), 1);
        corrupted.expect("the segment is there");
        scene
    }

    fn looked_at(mut self) -> Self {
        let mut broker = Broker::start(&self.disk.fork(), 1).expect("it is undamaged");
        let served = self
            .places
            .iter()
            .map(|place| (place.clone(), broker.read(place)));
        self.served = served.collect();
        self
    }

    fn forked(&self) -> Self {
        Self {
            disk: self.disk.fork(),
            ..self.clone()
        }
    }

    fn start(&self) -> Broker {
        Broker::start(&self.disk, 2).expect("the directory is undamaged")
    }

    fn append_rounds(&mut self, broker: &mut Broker, rounds: usize) {
        for round in 0..rounds {
            for place in self.places.clone() {
                // What an idempotent producer lost it would have to send again.
                let acks = if round % 5 == 4 && !place.is_idempotent() {
                    1
                } else {
                    -1
                };
                self.append(broker, &place, acks);
            }
            broker.pass(3);
        }
    }

    /// Appends a batch of a size of its own.
    fn append(&mut self, broker: &mut Broker, place: &Place, acks: i16) {
        let batch = self.batch(place.is_idempotent());
        let base = broker.append(place, &batch, acks);
        let base = base.expect("an online partition takes a batch");
        let written = written(&Batch::validate(batch).expect("it is whole"));
        let known = self.appended.entry((place.clone(), base)).or_default();
        known.insert(written);
    }

    /// A batch like no other.
    pub(crate) fn batch(&mut self, idempotent: bool) -> Bytes {
        let records = self.rng.usize(1..=3);
        let mut builder = BatchBuilder::new(Compression::None, None);
        for record in 0..records {
            let bytes = self.rng.usize(50..900);
            let value: Vec<u8> = std::iter::repeat_with(|| self.rng.u8(..))
                .take(bytes)
                .collect();
            let time = Timestamp::new(1_700_000_000_000 + record as i64);
            builder.append(time, None, Some(&value), &[]);
        }
        if idempotent {
            let sequence = Sequence::new(self.sequence);
            builder.set_producer(ProducerId::new(7), ProducerEpoch::new(0), sequence);
            self.sequence += records as i32;
        }
        builder
            .build(Offset::ZERO)
            .expect("a batch of a few records")
    }

    /// Every file, in a fixed order.
    pub(crate) fn files(disk: &MemoryDisk) -> Vec<PathBuf> {
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
        files
    }
}
