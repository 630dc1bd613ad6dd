//! What stands against an import, each by its name, before anything is written.

use crate::source::*;
use corelane::import::{ImportOptions, Refusal};
use corelane::storage::{Disk, MemoryDisk};
use std::path::{Path, PathBuf};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// The one refusal that a change to the fixture leads to.
fn only(change: impl FnOnce(&MemoryDisk)) -> Refusal {
    let disk = kafka(1);
    change(&disk);
    let mut refusals = refused(&disk, options());
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    refusals.remove(0)
}

fn put(disk: &MemoryDisk, place: &str, bytes: &[u8]) {
    disk.write_file(&Path::new(KAFKA).join(place), bytes)
        .unwrap();
}

fn remove(disk: &MemoryDisk, place: &str) {
    disk.remove_file(&Path::new(KAFKA).join(place)).unwrap();
}

#[test]
fn directories_that_kafka_had_not_finished_with() {
    for kind in ["future", "stray", "delete"] {
        let name = format!("codecs-0.{ID}-{kind}");
        let leave = |disk: &MemoryDisk| put(disk, &format!("{name}/partition.metadata"), b"");
        let refusal = only(leave);
        assert!(matches!(&refusal, Refusal::Leftover { name: found, .. } if *found == name));
        assert!(
            refusal.to_string().contains(&format!("--skip {name}")),
            "{refusal}"
        );
        let disk = kafka(2);
        leave(&disk);
        let skip = vec![name];
        import(&disk, ImportOptions { skip, ..options() }).unwrap();
        check_whole(&disk);
    }
}

#[test]
fn a_kafka_that_was_not_shut_down_cleanly() {
    let refusal = only(|disk| remove(disk, ".kafka_cleanshutdown"));
    assert!(matches!(refusal, Refusal::Unclean(_)), "{refusal}");
    assert!(refusal.to_string().contains("--unclean"));
}

#[test]
fn a_compaction_that_was_cut_short() {
    let refusal = only(|disk| put(disk, "compacted-0/00000000000000000000.log.swap", b"x"));
    assert!(
        matches!(refusal, Refusal::UnfinishedCompaction(_)),
        "{refusal}"
    );
}

#[test]
fn transactions_that_were_aborted_or_ended() {
    let refusal = only(|disk| put(disk, "codecs-1/00000000000000000000.txnindex", b"x"));
    assert!(matches!(refusal, Refusal::Transactions { .. }), "{refusal}");
    let refusal = only(|disk| {
        let path = Path::new(KAFKA).join("codecs-1/00000000000000000038.snapshot");
        let mut bytes = disk.read_file(&path).unwrap();
        // The first producer's coordinator epoch.
        bytes[10 + 34..10 + 38].copy_from_slice(&0_i32.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[6..]);
        bytes[2..6].copy_from_slice(&crc.to_be_bytes());
        disk.write_file(&path, &bytes).unwrap();
    });
    assert!(matches!(refusal, Refusal::Transactions { .. }), "{refusal}");
}

#[test]
fn topics_without_an_id_or_with_two() {
    let refusal = only(|disk| {
        let text = b"version: 0\ntopic_id: Y29yZWxhbmUtaW1wb3J0MQ";
        put(disk, "codecs-0/partition.metadata", text);
    });
    assert!(
        matches!(refusal, Refusal::TopicIdsDiffer { .. }),
        "{refusal}"
    );
    let refusal = only(|disk| remove(disk, "compacted-0/partition.metadata"));
    // Nothing else is known of the topic then.
    assert!(matches!(refusal, Refusal::TopicIdMissing(_)), "{refusal}");
}

#[test]
fn a_topic_that_the_metadata_does_not_know() {
    let refusal = only(|disk| {
        let text = b"version: 0\ntopic_id: Y29yZWxhbmUtaW1wb3J0MQ";
        put(disk, "shortened-0/partition.metadata", text);
    });
    assert!(matches!(refusal, Refusal::Stray { .. }), "{refusal}");
}

#[test]
fn partitions_that_are_elsewhere() {
    let refusal = only(|disk| {
        for entry in disk.list(Path::new("kafka/codecs-1")).unwrap() {
            remove(disk, &format!("codecs-1/{}", entry.name));
        }
        disk.remove_directory(Path::new("kafka/codecs-1")).unwrap();
    });
    let Refusal::PartitionsMissing {
        partitions: 2,
        missing,
        ..
    } = &refusal
    else {
        panic!("{refusal}")
    };
    assert_eq!(missing, &[1]);
}

#[test]
fn names_ids_and_places_that_are_taken() {
    let disk = kafka(3);
    import(&disk, options()).unwrap();
    let text = b"version: 0\ntopic_id: Y29yZWxhbmUtaW1wb3J0MQ";
    put(&disk, "shortened-0/partition.metadata", text);
    let refusals = refused(&disk, options());
    assert!(
        refusals
            .iter()
            .any(|refusal| matches!(refusal, Refusal::NameTaken { .. })),
        "{refusals:?}"
    );
    let refusal = only(|disk| {
        disk.write_file(Path::new("data/codecs-0/stranger"), b"x")
            .unwrap();
        let catalog = corelane::topic::Catalog::new("c".to_owned());
        let written = corelane::shard::write_catalog(Path::new(DATA), &catalog);
        written.perform(disk).unwrap();
    });
    assert!(matches!(refusal, Refusal::InTheWay(_)), "{refusal}");
}

#[test]
fn files_that_do_not_say_what_they_should() {
    for (place, bytes) in [
        ("log-start-offset-checkpoint", &b"0\n9\n"[..]),
        ("recovery-point-offset-checkpoint", b"x"),
        ("replication-offset-checkpoint", b"0\n1\ncodecs zero 1\n"),
        ("codecs-0/leader-epoch-checkpoint", b"0\n1\n2147483647 0\n"),
        ("codecs-0/partition.metadata", b"version: 0\ntopic_id: none"),
    ] {
        let disk = kafka(4);
        put(&disk, place, bytes);
        let refusals = refused(&disk, options());
        let named = |refusal: &Refusal| match refusal {
            Refusal::Unreadable { path, .. } => *path == Path::new(KAFKA).join(place),
            _ => false,
        };
        assert!(refusals.iter().any(named), "{place}: {refusals:?}");
    }
}

#[test]
fn what_is_no_kafka_or_of_two_clusters() {
    let refusal = only(|disk| remove(disk, "meta.properties"));
    assert!(matches!(refusal, Refusal::NotKafka(_)), "{refusal}");
    let disk = kafka(5);
    let other = b"version=1\ncluster.id=other\n";
    disk.write_file(Path::new("other/meta.properties"), other)
        .unwrap();
    disk.write_file(Path::new("other/.kafka_cleanshutdown"), b"")
        .unwrap();
    let from = vec![PathBuf::from(KAFKA), PathBuf::from("other")];
    let refusals = refused(&disk, ImportOptions { from, ..options() });
    assert!(
        matches!(&refusals[..], [Refusal::ClustersDiffer { .. }]),
        "{refusals:?}"
    );
    let from = vec![PathBuf::from(KAFKA), PathBuf::from(KAFKA)];
    let refusals = refused(&disk, ImportOptions { from, ..options() });
    let is_twice = |refusal: &Refusal| matches!(refusal, Refusal::Twice { .. });
    assert!(refusals.iter().all(is_twice), "{refusals:?}");
}

#[test]
fn topics_that_are_not_there_or_kafkas_own() {
    let disk = kafka(6);
    let topics = vec!["nowhere".to_owned(), "__transaction_state".to_owned()];
    let refusals = refused(
        &disk,
        ImportOptions {
            topics,
            ..options()
        },
    );
    let [Refusal::NoSuchTopic(name), Refusal::KafkasOwn(_)] = &refusals[..] else {
        panic!("{refusals:?}")
    };
    assert_eq!(name, "nowhere");
}

#[test]
fn a_disk_without_room() {
    let disk = kafka(7);
    disk.set_capacity(Some(disk.space_used() + 1000));
    let refusals = refused(&disk, options());
    assert!(
        matches!(&refusals[..], [Refusal::NoRoom { .. }]),
        "{refusals:?}"
    );
}
