//! The fixture on a disk in memory, and an import of it.

use corelane::import::{Import, ImportError, ImportOptions, ImportedTopic, Refusal, Watch};
use corelane::record::{Batch, Batches};
use corelane::storage::disk::read_whole;
use corelane::storage::journal::Journaled;
use corelane::storage::{Disk, Log, LogConfig, MemoryDisk, Recovered};
use corelane::topic::Catalog;
use corelane::types::{PartitionIndex, TopicId, TopicName};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub(crate) const KAFKA: &str = "kafka";
pub(crate) const DATA: &str = "data";

/// The partitions of the fixture that hold something, and where they end.
pub(crate) const PARTITIONS: [(&str, i32, i64); 5] = [
    ("__consumer_offsets", 1, 5),
    ("codecs", 0, 100),
    ("codecs", 1, 38),
    ("compacted", 0, 51),
    ("shortened", 0, 40),
];

pub(crate) fn kafka(seed: u64) -> MemoryDisk {
    let disk = MemoryDisk::new(seed);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kafka-4");
    for entry in walkdir::WalkDir::new(&root) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let place = entry.path().strip_prefix(&root).unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            disk.write_file(&Path::new(KAFKA).join(place), &bytes)
                .unwrap();
        }
    }
    disk.write_file(Path::new("data/format"), b"corelane 1\n")
        .unwrap();
    // The names of the directories themselves.
    for directory in ["", KAFKA, DATA] {
        disk.sync_directory(Path::new(directory)).unwrap();
    }
    disk
}

pub(crate) fn options() -> ImportOptions {
    ImportOptions {
        from: vec![PathBuf::from(KAFKA)],
        verify: true,
        ..ImportOptions::default()
    }
}

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

impl Watch for Notes {
    fn begin(&mut self, _: &TopicName) {}

    fn advance(&mut self, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn note(&mut self, note: &str) {
        self.0.push(note.to_owned());
    }
}

pub(crate) fn import(
    disk: &MemoryDisk,
    options: ImportOptions,
) -> Result<Vec<ImportedTopic>, ImportError> {
    import_noting(disk, options).0
}

pub(crate) fn import_noting(
    disk: &MemoryDisk,
    options: ImportOptions,
) -> (Result<Vec<ImportedTopic>, ImportError>, Vec<String>) {
    let mut notes = Notes::default();
    let imported =
        Import::prepare(disk, Path::new(DATA), options).and_then(|import| import.run(&mut notes));
    (imported, notes.0)
}

/// The import is refused for these reasons, and nothing was written.
pub(crate) fn refused(disk: &MemoryDisk, options: ImportOptions) -> Vec<Refusal> {
    let before = disk.operations();
    let refusals = match import(disk, options) {
        Err(ImportError::Refused(refusals)) => refusals,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(disk.operations(), before, "something was written");
    refusals
}

pub(crate) fn catalog(disk: &MemoryDisk) -> Catalog {
    let catalog = corelane::shard::read_catalog(disk, Path::new(DATA));
    catalog.unwrap().expect("there is a catalog")
}

pub(crate) fn place(root: &str, topic: &str, partition: i32) -> PathBuf {
    Path::new(root).join(format!("{topic}-{partition}"))
}

pub(crate) fn recover(disk: &MemoryDisk, id: TopicId, topic: &str, partition: i32) -> Recovered {
    Log::recover(
        disk,
        place(DATA, topic, partition),
        LogConfig::default(),
        id,
        PartitionIndex::new(partition),
        &Journaled::default(),
    )
    .unwrap()
}

/// All batches of a partition's directory, as they lie in its segments.
pub(crate) fn batches(disk: &MemoryDisk, directory: &Path) -> Vec<Batch> {
    let mut bytes = Vec::new();
    for entry in disk.list(directory).unwrap_or_default() {
        if entry.name.ends_with(".log") {
            bytes.extend(read_whole(disk, &directory.join(entry.name), 1 << 20).unwrap());
        }
    }
    Batches::new(bytes.into()).map(Result::unwrap).collect()
}

/// The same without those that only take up offsets.
pub(crate) fn records(disk: &MemoryDisk, directory: &Path) -> Vec<Vec<u8>> {
    let batches = batches(disk, directory).into_iter();
    let held = batches.filter(|batch| batch.header().record_count() > 0);
    held.map(|batch| batch.bytes().to_vec()).collect()
}

/// Every topic is there with all that Kafka had.
pub(crate) fn check_whole(disk: &MemoryDisk) {
    let catalog = catalog(disk);
    assert_eq!(catalog.topics().len(), 4);
    for (topic, partition, end) in PARTITIONS {
        let found = catalog
            .by_name(topic)
            .unwrap_or_else(|| panic!("{topic} is missing"));
        let log = recover(disk, found.id, topic, partition).log;
        assert_eq!(log.end().get(), end, "{topic}-{partition}");
        let kafkas = records(disk, &place(KAFKA, topic, partition));
        assert_eq!(records(disk, &place(DATA, topic, partition)), kafkas);
    }
}
