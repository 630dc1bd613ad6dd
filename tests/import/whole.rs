//! What an import leaves in the data directory.

use crate::source::*;
use corelane::config::Settings;
use corelane::record::{BatchHeader, Records};
use corelane::shard::Boot;
use corelane::storage::SequenceCheck;
use corelane::storage::checkpoint::Checkpoint;
use corelane::storage::disk::read_whole;
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::{CoreId, LeaderEpoch, Offset};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn everything_is_taken_over_byte_for_byte() {
    let disk = kafka(1);
    let imported = import(&disk, options()).unwrap();
    let names: Vec<&str> = imported.iter().map(|topic| topic.topic.as_str()).collect();
    assert_eq!(
        names,
        ["codecs", "compacted", "shortened", "__consumer_offsets"]
    );
    let codecs = &imported[0].partitions;
    assert_eq!(
        (codecs[0].records, codecs[0].next_offset, codecs[0].segments),
        (100, 100, 2)
    );
    assert_eq!((codecs[1].records, codecs[1].producers), (38, 5));
    let shortened = &imported[2].partitions[0];
    assert_eq!((shortened.first_offset, shortened.next_offset), (33, 40));
    check_whole(&disk);
}

#[test]
fn ids_settings_and_the_cluster_are_kafkas() {
    let disk = kafka(2);
    import(&disk, options()).unwrap();
    let catalog = catalog(&disk);
    assert_eq!(catalog.cluster_id, "Y29yZWxhbmUtaW1wb3J0MQ");
    let codecs = catalog.by_name("codecs").unwrap();
    assert_eq!(
        codecs.id.to_string(),
        "25b1a902-c3f0-4a42-8166-f1a5367785bf"
    );
    assert_eq!(codecs.partitions, 2);
    // Nothing says how long its records are kept.
    assert_eq!(codecs.settings.retention_ms(), None);
    let compacted = &catalog.by_name("compacted").unwrap().settings;
    assert!(compacted.cleanup().compacts && !compacted.cleanup().deletes);
    assert_eq!(compacted.retention_ms(), Some(7_777_777));
    assert_eq!(compacted.segment_ms(), 300);
    assert_eq!(compacted.dirty_millionths_min(), 10_000);
    let offsets = catalog.by_name("__consumer_offsets").unwrap();
    assert_eq!(offsets.partitions, 3);
    assert_eq!(offsets.settings.segment_bytes(), 104_857_600);
    // Kafka gave out a block of a thousand.
    assert_eq!(catalog.next_producer_id, 1000);
    assert!(catalog.buried.is_empty());
}

#[test]
fn what_is_not_served_is_told() {
    let disk = kafka(3);
    let import = corelane::import::Import::prepare(&disk, Path::new(DATA), options()).unwrap();
    let notes = import.plan().notes.join("\n");
    for part in [
        "codecs: internal.segment.bytes=2000 is left out",
        "shortened: internal.segment.bytes=1000 is left out",
        "codecs: how long its records are kept is not set on it",
    ] {
        assert!(notes.contains(part), "{part:?} is not in {notes}");
    }
    assert!(!notes.contains("compacted"), "{notes}");
}

#[test]
fn given_settings_are_for_topics_without_their_own() {
    let disk = kafka(4);
    let settings = [("retention.ms".to_owned(), "5000".to_owned())];
    let options = corelane::import::ImportOptions {
        settings: settings.into(),
        ..options()
    };
    import(&disk, options).unwrap();
    let catalog = catalog(&disk);
    let retention_ms = |topic: &str| catalog.by_name(topic).unwrap().settings.retention_ms();
    assert_eq!(retention_ms("codecs"), Some(5000));
    assert_eq!(retention_ms("compacted"), Some(7_777_777));
    assert_eq!(retention_ms("shortened"), None);
}

#[test]
fn a_retry_of_what_kafka_took_is_a_duplicate() {
    let disk = kafka(5);
    import(&disk, options()).unwrap();
    let id = catalog(&disk).by_name("codecs").unwrap().id;
    let recovered = recover(&disk, id, "codecs", 1);
    let mut seen = 0;
    for batch in batches(&disk, &place(KAFKA, "codecs", 1)) {
        let header: &BatchHeader = batch.header();
        if header.has_producer() {
            seen += 1;
            let check = recovered.producers.check(header).unwrap();
            let SequenceCheck::Duplicate {
                base_offset,
                last_offset,
                ..
            } = check
            else {
                panic!("{header:?} would be taken again");
            };
            assert_eq!(
                (base_offset, last_offset),
                (header.base_offset(), header.last_offset())
            );
        }
    }
    assert!(seen >= 15, "{seen} batches of idempotent producers");
}

#[test]
fn producers_whose_batches_are_gone_come_from_the_snapshot() {
    let disk = kafka(6);
    // The log is shortened to its second segment, by which Kafka wrote a snapshot.
    let directory = place(KAFKA, "codecs", 1);
    let first = *batches(&disk, &directory)[0].header();
    for extension in ["log", "index", "timeindex"] {
        let path = directory.join(format!("00000000000000000000.{extension}"));
        disk.remove_file(&path).unwrap();
    }
    import(&disk, options()).unwrap();
    let id = catalog(&disk).by_name("codecs").unwrap().id;
    let recovered = recover(&disk, id, "codecs", 1);
    assert_eq!(recovered.log.start(), Offset::new(27));
    assert_eq!(recovered.producers.len(), 5);
    let known = |(id, _, _): &(_, _, _)| *id == first.producer_id();
    assert!(
        recovered
            .producers
            .newest()
            .any(|producer| known(&producer))
    );
}

#[test]
fn offsets_that_compaction_left_out_are_taken_up() {
    let disk = kafka(7);
    import(&disk, options()).unwrap();
    let directory = place(DATA, "compacted", 0);
    let mut next = Offset::ZERO;
    let mut gaps = 0;
    for batch in batches(&disk, &directory) {
        gaps += u32::from(batch.header().base_offset() > next);
        next = batch.header().next_offset();
    }
    assert!(gaps > 0, "Kafka left gaps");
    assert_eq!(next, Offset::new(51));
    // Also where the hints are lost: the segments alone must tell.
    for entry in disk.list(&directory).unwrap() {
        if entry.name.ends_with(".summary") || entry.name.ends_with("index") {
            disk.remove_file(&directory.join(entry.name)).unwrap();
        }
    }
    check_whole(&disk);
}

fn boot(disk: &MemoryDisk) -> Boot {
    let settings = Settings {
        data: Some(PathBuf::from(DATA)),
        cores: Some(1),
        ..Settings::default()
    };
    let config = Arc::new(settings.into_config(1).unwrap());
    let boot = Boot::load(disk, config, 7).unwrap();
    boot.shard(disk, CoreId::new(0)).unwrap();
    boot
}

#[test]
fn what_comes_after_is_under_a_higher_epoch() {
    let disk = kafka(8);
    let epochs = "0\n2\n0 0\n9 20\n";
    let path = place(KAFKA, "codecs", 0).join("leader-epoch-checkpoint");
    disk.write_file(&path, epochs.as_bytes()).unwrap();
    import(&disk, options()).unwrap();
    let id = catalog(&disk).by_name("codecs").unwrap().id;
    let recovered = recover(&disk, id, "codecs", 0);
    let end_of_first = recovered.log.epoch_end(LeaderEpoch::new(3));
    assert_eq!(end_of_first, (LeaderEpoch::new(0), Offset::new(20)));
    // Clean, so the first start does not raise it; a crash does.
    assert_eq!(boot(&disk).leader_epoch(), LeaderEpoch::new(10));
    disk.process_crash();
    assert_eq!(boot(&disk).leader_epoch(), LeaderEpoch::new(11));
    check_whole(&disk);
}

#[test]
fn producer_ids_that_a_broker_gave_out_are_not_confused_with_kafkas() {
    let disk = kafka(9);
    boot(&disk);
    import(&disk, options()).unwrap();
    let producers = |disk: &MemoryDisk| {
        let bytes = read_whole(disk, &place(DATA, "codecs", 1).join("checkpoint"), 1 << 20);
        Checkpoint::decode(&bytes.unwrap()).unwrap().producers.len()
    };
    // It gave none out yet.
    assert_eq!(producers(&disk), 5);
    let disk = kafka(10);
    boot(&disk);
    let mut stored = catalog(&disk);
    stored.next_producer_id = 1000;
    let written = corelane::shard::write_catalog(Path::new(DATA), &stored);
    written.perform(&disk).unwrap();
    import(&disk, options()).unwrap();
    assert_eq!(producers(&disk), 0);
}

#[test]
fn headers_keys_and_times_are_those_of_kafka() {
    let disk = kafka(11);
    import(&disk, options()).unwrap();
    let batches = batches(&disk, &place(DATA, "codecs", 1));
    let limits = corelane::record::DecompressionLimits::new(1 << 20, 1000);
    let records: Records = batches.last().unwrap().records(&limits).unwrap();
    let last = records.iter().last().unwrap().unwrap();
    assert_eq!((last.key, last.value), (None, Some(&b"nobody"[..])));
    let names: Vec<_> = last.headers().map(|header| header.name_lossy()).collect();
    assert_eq!(names, ["source", "hop"]);
}

#[test]
fn again_there_is_nothing_to_do() {
    let disk = kafka(12);
    import(&disk, options()).unwrap();
    assert_eq!(import(&disk, options()).unwrap(), []);
    check_whole(&disk);
}

#[test]
fn topics_are_chosen_by_name() {
    let disk = kafka(13);
    let only = corelane::import::ImportOptions {
        topics: vec!["shortened".to_owned()],
        ..options()
    };
    import(&disk, only).unwrap();
    assert_eq!(catalog(&disk).topics().len(), 1);
    let rest = corelane::import::ImportOptions {
        skip: vec!["__consumer_offsets".to_owned()],
        ..options()
    };
    import(&disk, rest).unwrap();
    assert_eq!(catalog(&disk).topics().len(), 3);
}
