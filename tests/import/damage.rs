//! Damage in Kafka's segments, and what its own recovery would cut.

use crate::source::*;
use corelane::import::{ImportError, ImportOptions};
use corelane::record::{BatchBuilder, Compression};
use corelane::storage::disk::read_whole;
use corelane::storage::log_copy::LogCopyError;
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::{Offset, Position, Timestamp};
use std::path::{Path, PathBuf};

fn last_segment() -> PathBuf {
    place(KAFKA, "codecs", 0).join("00000000000000000030.log")
}

fn unclean(disk: &MemoryDisk) -> ImportOptions {
    disk.remove_file(Path::new("kafka/.kafka_cleanshutdown"))
        .unwrap();
    ImportOptions {
        unclean: true,
        ..options()
    }
}

/// Nothing of the topic is left, and a start is not held up.
fn check_left_out(disk: &MemoryDisk, topic: &str) {
    assert!(catalog(disk).by_name(topic).is_none());
    assert!(
        disk.list(&place(DATA, topic, 0)).is_err(),
        "its directory stays"
    );
}

#[test]
fn any_flipped_byte_is_found_and_named() {
    let length = read_whole(&kafka(1), &last_segment(), 1 << 20)
        .unwrap()
        .len();
    for position in (0..length).step_by(7) {
        let disk = kafka(1);
        let position = Position::new(position as u64);
        disk.corrupt(&last_segment(), position, 0x11).unwrap();
        match import(&disk, options()) {
            Err(ImportError::Copy(LogCopyError::Damaged { path, .. })) => {
                assert_eq!(path, last_segment());
                check_left_out(&disk, "codecs");
            }
            // The offset of the last batch: no checksum covers it.
            Err(ImportError::EndsLate { .. }) => check_left_out(&disk, "codecs"),
            // The one field that no checksum covers and that follows from nothing.
            Ok(_) => {
                let batches = batches(&disk, &place(KAFKA, "codecs", 0));
                let epochs = batches
                    .iter()
                    .map(|batch| batch.header().leader_epoch().get());
                assert!(epochs.sum::<i32>() != 0, "byte {position} went unnoticed");
            }
            other => panic!("byte {position}: {other:?}"),
        }
    }
}

#[test]
fn a_lost_end_shows_by_the_high_watermark() {
    let disk = kafka(2);
    let bytes = read_whole(&disk, &last_segment(), 1 << 20).unwrap();
    let first = corelane::record::BatchHeader::read(&bytes).unwrap().size();
    disk.write_file(&last_segment(), &bytes[..first]).unwrap();
    let error = import(&disk, options()).unwrap_err();
    assert!(matches!(error, ImportError::EndsEarly { .. }), "{error}");
    check_left_out(&disk, "codecs");
}

#[test]
fn an_old_message_format_is_named() {
    let disk = kafka(3);
    let mut bytes = read_whole(&disk, &last_segment(), 1 << 20).unwrap();
    bytes[16] = 1;
    disk.write_file(&last_segment(), &bytes).unwrap();
    let error = import(&disk, options()).unwrap_err().to_string();
    assert!(error.contains("message format 1 is too old"), "{error}");
}

#[test]
fn batches_of_transactions_and_their_markers_are_named() {
    for attribute in [0x10_u8, 0x20] {
        let disk = kafka(4);
        let mut bytes = read_whole(&disk, &last_segment(), 1 << 20).unwrap();
        let size = corelane::record::BatchHeader::read(&bytes).unwrap().size();
        bytes[22] |= attribute;
        let crc = crc32c::crc32c(&bytes[21..size]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        disk.write_file(&last_segment(), &bytes).unwrap();
        let error = import(&disk, options()).unwrap_err();
        let named = matches!(
            &error,
            ImportError::Copy(LogCopyError::Transactional { .. })
        );
        assert!(named, "{error}");
        assert!(error.to_string().contains("--skip"), "{error}");
        check_left_out(&disk, "codecs");
        // All the others can be had.
        let skip = vec!["codecs".to_owned()];
        assert_eq!(
            import(&disk, ImportOptions { skip, ..options() })
                .unwrap()
                .len(),
            3
        );
    }
}

#[test]
fn a_segment_that_reaches_into_the_next_is_named() {
    let disk = kafka(5);
    let first = place(KAFKA, "codecs", 0).join("00000000000000000000.log");
    let mut bytes = read_whole(&disk, &first, 1 << 20).unwrap();
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.append(Timestamp::new(1), None, Some(b"twice"), &[]);
    bytes.extend_from_slice(&builder.build(Offset::new(30)).unwrap());
    disk.write_file(&first, &bytes).unwrap();
    let error = import(&disk, options()).unwrap_err();
    let named = matches!(&error, ImportError::Copy(LogCopyError::Overlap { .. }));
    assert!(named, "{error}");
}

#[test]
fn above_the_recovery_point_an_unclean_end_is_cut() {
    let disk = kafka(6);
    let recovery_point = b"0\n1\ncodecs 0 30\n";
    disk.write_file(
        Path::new("kafka/recovery-point-offset-checkpoint"),
        recovery_point,
    )
    .unwrap();
    let bytes = read_whole(&disk, &last_segment(), 1 << 20).unwrap();
    let torn = bytes.len() - 5;
    disk.write_file(&last_segment(), &bytes[..torn]).unwrap();
    let (imported, notes) = import_noting(&disk, unclean(&disk));
    let imported = imported.unwrap();
    let partition = &imported[0].partitions[0];
    assert!((30..100).contains(&partition.next_offset), "{partition:?}");
    assert!(partition.cut_bytes > 0);
    assert!(
        notes.iter().any(|note| note.contains("are left out")),
        "{notes:?}"
    );
    let kafkas = records(&disk, &place(KAFKA, "codecs", 0));
    let ours = records(&disk, &place(DATA, "codecs", 0));
    assert_eq!(ours, kafkas, "Kafka's whole batches");
}

#[test]
fn damage_at_the_first_byte_of_a_segment_ends_the_log_before_it() {
    let disk = kafka(7);
    let recovery_point = b"0\n1\ncodecs 0 30\n";
    disk.write_file(
        Path::new("kafka/recovery-point-offset-checkpoint"),
        recovery_point,
    )
    .unwrap();
    disk.write_file(&last_segment(), &[0; 500]).unwrap();
    let imported = import(&disk, unclean(&disk)).unwrap();
    assert_eq!(imported[0].partitions[0].next_offset, 30);
    assert_eq!(imported[0].partitions[0].cut_bytes, 500);
    let id = catalog(&disk).by_name("codecs").unwrap().id;
    assert_eq!(recover(&disk, id, "codecs", 0).log.end(), Offset::new(30));
}

#[test]
fn below_the_recovery_point_nothing_is_cut() {
    let disk = kafka(8);
    disk.corrupt(&last_segment(), Position::new(100), 0x55)
        .unwrap();
    let error = import(&disk, unclean(&disk)).unwrap_err();
    let named = matches!(&error, ImportError::Copy(LogCopyError::Damaged { .. }));
    assert!(named, "{error}");
}

#[test]
fn a_damaged_snapshot_costs_only_what_it_alone_knew() {
    let disk = kafka(9);
    let path = place(KAFKA, "codecs", 1).join("00000000000000000038.snapshot");
    disk.corrupt(&path, Position::new(20), 1).unwrap();
    let (imported, notes) = import_noting(&disk, options());
    assert_eq!(imported.unwrap()[0].partitions[1].producers, 5);
    assert!(
        notes.iter().any(|note| note.contains("checksum")),
        "{notes:?}"
    );
}
