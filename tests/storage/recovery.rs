//! What a start makes of every kind of damage, and what it never does.

use crate::partition::*;
use corelane::storage::journal::Journaled;
use corelane::storage::{Calls, Disk, DiskCall, LogConfig, MemoryDisk, RecoveryError, Ticket};
use corelane::types::{Offset, PartitionIndex, Position, TopicId};

/// Ten batches, of which `synced` are durable and noted as such.
fn partition_of(count: usize, synced: usize) -> Partition<MemoryDisk> {
    let mut partition = Partition::new(tiny(), 1);
    for i in 0..count {
        partition.append_values(&[&format!("value {i}")]);
        if i + 1 == synced {
            partition.sync();
            partition.checkpoint();
        }
    }
    partition.drain();
    partition
}

fn recovered_end(partition: &Partition<MemoryDisk>) -> Result<i64, RecoveryError> {
    let disk = partition.disk.fork();
    let recovered = recover(&disk, &partition.directory, &partition.config)?;
    Ok(recovered.log.end().get())
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_the_batch_before() {
    let partition = partition_of(10, 8);
    let path = partition.directory.join(log_name(0));
    let whole = partition.file(&log_name(0));
    let size = batch("value 9").bytes().len();
    for torn in 0..=size {
        partition
            .disk
            .write_file(&path, &whole[..whole.len() - torn])
            .unwrap();
        let expected = if torn == 0 { 10 } else { 9 };
        let expected = if torn == size { 9 } else { expected };
        assert_eq!(
            recovered_end(&partition).unwrap(),
            expected,
            "{torn} bytes short"
        );
    }
    for zeroed in 1..=size {
        let mut bytes = whole.clone();
        let from = bytes.len() - zeroed;
        bytes[from..].fill(0);
        if bytes == whole {
            continue;
        }
        partition.disk.write_file(&path, &bytes).unwrap();
        let end = recovered_end(&partition).unwrap();
        assert_eq!(end, 9, "{zeroed} bytes zero");
        let disk = partition.disk.fork();
        recover(&disk, &partition.directory, &partition.config).unwrap();
        assert_eq!(disk.read_file(&path).unwrap().len(), whole.len() - size);
    }
}

#[test]
fn a_flipped_bit_above_the_mark_cuts_and_below_it_is_never_cut() {
    let partition = partition_of(10, 8);
    let path = partition.directory.join(log_name(0));
    let whole = partition.file(&log_name(0));
    let size = batch("value 9").bytes().len();
    // The leader epoch lies outside the checksum, and any value of it is possible.
    let is_epoch = |at: usize| (12..16).contains(&(at % size));
    for at in (0..whole.len()).filter(|at| !is_epoch(*at)) {
        for mask in [0x01, 0x80] {
            let disk = partition.disk.fork();
            disk.corrupt(&path, Position::new(at as u64), mask).unwrap();
            let result = recover(&disk, &partition.directory, &partition.config);
            if at >= 8 * size {
                let end = result.unwrap().log.end().get();
                assert_eq!(end, (at / size) as i64, "byte {at}");
                continue;
            }
            match result {
                Ok(recovered) => assert_eq!(recovered.log.end().get(), 10, "byte {at}"),
                Err(RecoveryError::Damaged { path: named, .. }) => assert_eq!(named, path),
                Err(other) => panic!("byte {at}: {other}"),
            }
            let after = disk.read_file(&path).unwrap();
            assert_eq!(after.len(), whole.len(), "nothing durable is cut");
        }
    }
}

#[test]
fn damage_below_the_mark_takes_the_partition_offline_by_name() {
    let partition = partition_of(10, 8);
    let path = partition.directory.join(log_name(0));
    let size = batch("value 9").bytes().len() as u64;
    partition
        .disk
        .corrupt(&path, Position::new(3 * size + 8), 0x40)
        .unwrap();
    // Where the checkpoint vouches for an index nothing is walked, and reading tells.
    let disk = partition.disk.fork();
    let reopened = Partition::open(disk, partition.directory.clone(), tiny());
    assert_eq!(reopened.log.end(), Offset::new(10));
    assert!(reopened.read(3, 10, 10_000).is_err());
    let index = partition
        .directory
        .join(partition.disk_names("index")[0].as_str());
    partition.disk.remove_file(&index).unwrap();
    let error = recovered_end(&partition).unwrap_err();
    let RecoveryError::Damaged { position, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*position, Position::new(3 * size));
    assert!(error.to_string().contains(&log_name(0)), "{error}");
    // Shorter than what was durable.
    let partition = partition_of(10, 8);
    let bytes = partition.file(&log_name(0));
    partition
        .disk
        .write_file(&path, &bytes[..size as usize * 8 - 1])
        .unwrap();
    let error = recovered_end(&partition).unwrap_err();
    assert!(matches!(error, RecoveryError::Damaged { .. }), "{error}");
}

#[test]
fn a_start_walks_what_came_since_the_last_index_entry_before_the_checkpoint() {
    let config = LogConfig {
        segment_bytes: 100_000,
        ..tiny()
    };
    let size = batch("value 10").bytes().len() as u64;
    let few = u64::from(config.index_interval_bytes) + 2 * size;
    let mut partition = Partition::new(config, 1);
    for round in 0..3 {
        for i in 0..100 {
            partition.append_values(&[&format!("value {i}")]);
            if i % 30 == 0 {
                partition.sync();
                partition.checkpoint();
            }
        }
        let (_, report) = partition.crash();
        let walked = report.bytes_walked;
        assert!(walked <= few, "round {round}: {walked} bytes walked");
        assert!(report.bytes_scanned >= 9 * size, "{report:?}");
    }
    assert_eq!(partition.texts().len(), 300);
    // Index entries are not synced: what the power takes of them is walked.
    let disk = partition.disk.fork();
    let zeros = vec![0; partition.file(&log_name(0).replace("log", "index")).len()];
    let index = partition
        .directory
        .join(log_name(0).replace("log", "index"));
    disk.write_file(&index, &zeros).unwrap();
    let mut zeroed = Partition::open(disk, partition.directory.clone(), partition.config.clone());
    let (_, report) = zeroed.restart();
    assert!(report.bytes_walked > 200 * size, "{report:?}");
    assert_eq!(zeroed.texts(), partition.texts());
    // The next checkpoint vouches for all of them again.
    zeroed.epoch = zeroed.epoch.next();
    zeroed.append_values(&["one more"]);
    zeroed.sync();
    zeroed.checkpoint();
    let (_, report) = zeroed.crash();
    assert!(report.bytes_walked <= few, "{report:?}");
}

#[test]
fn a_segment_that_ends_under_a_checkpoint_is_sealed_after_it() {
    let mut partition = partition_of(10, 8);
    partition.sync();
    assert!(
        partition
            .log
            .checkpoint(partition.epoch, &partition.producers, &mut partition.calls)
    );
    let seals = |calls: &Calls| {
        let is_seal = |(_, call): &&(Ticket, DiskCall)| matches!(call, DiskCall::Seal { .. });
        calls.iter().filter(is_seal).count()
    };
    let large = tiny().segment_bytes as usize;
    let has_room = partition.log.make_room(large, NOW, &mut partition.calls);
    assert!(!has_room && partition.calls.len() == 2);
    assert_eq!(seals(&partition.calls), 0);
    partition.perform(0);
    assert_eq!(seals(&partition.calls), 1);
    partition.drain();
    assert_eq!(partition.disk_names("summary").len(), 1);
    partition.crash();
    assert_eq!(partition.log.end(), Offset::new(10));
}

#[test]
fn a_sealed_segment_without_hints_is_verified_byte_by_byte() {
    let partition = partition_of(60, 60);
    let names = partition.disk_names("summary");
    partition
        .disk
        .remove_file(&partition.directory.join(&names[0]))
        .unwrap();
    assert_eq!(recovered_end(&partition).unwrap(), 60);
    let path = partition.directory.join(log_name(0));
    for at in [70, 100, 200, 300] {
        partition.disk.corrupt(&path, Position::new(at), 1).unwrap();
        let error = recovered_end(&partition).unwrap_err();
        assert!(
            matches!(error, RecoveryError::Damaged { .. }),
            "byte {at}: {error}"
        );
        partition.disk.corrupt(&path, Position::new(at), 1).unwrap();
    }
}

#[test]
fn what_follows_the_last_record_of_a_sealed_segment_is_cut() {
    let mut partition = partition_of(60, 60);
    let path = partition.directory.join(log_name(0));
    let whole = partition.file(&log_name(0));
    // A failed append left the beginning of a batch there, and cutting it off failed.
    for rest in [5, 70] {
        let torn = [&whole[..], &whole[..rest]].concat();
        partition.disk.write_file(&path, &torn).unwrap();
        let (_, report) = partition.crash();
        assert_eq!(report.bytes_cut, rest as u64);
        assert_eq!(partition.texts().len(), 60);
        assert_eq!(partition.file(&log_name(0)), whole);
    }
}

#[test]
fn indexes_that_a_power_cut_zeroed_are_rebuilt_on_first_use() {
    let mut partition = partition_of(60, 60);
    let names = partition.disk_names("index");
    let times = partition.disk_names("timeindex");
    for name in names.iter().chain(&times) {
        let length = partition.file(name).len();
        let path = partition.directory.join(name);
        partition.disk.write_file(&path, &vec![0; length]).unwrap();
    }
    partition.crash();
    let end = partition.log.end();
    for asked in 0..60 {
        let offset = Offset::new(asked);
        let range = partition.log.read(offset, end, 1, true).unwrap().unwrap();
        assert_eq!(records_of(&range)[0].0, offset);
    }
    let found = partition.log.offset_for_timestamp(NOW, end).unwrap();
    assert_eq!(found, Some((Offset::ZERO, NOW)));
}

#[test]
fn missing_misplaced_and_foreign_segments_are_named() {
    let segments = partition_of(60, 60).disk_names("log");
    for name in &segments[..segments.len() - 1] {
        let partition = partition_of(60, 60);
        partition
            .disk
            .remove_file(&partition.directory.join(name))
            .unwrap();
        let error = recovered_end(&partition).unwrap_err();
        assert!(
            matches!(error, RecoveryError::SegmentMissing { .. }),
            "{name}: {error}"
        );
    }
    let last = segments.last().unwrap();
    let partition = partition_of(60, 60);
    partition
        .disk
        .remove_file(&partition.directory.join(last))
        .unwrap();
    assert!(recovered_end(&partition).is_err());

    // Two segments swapped.
    let partition = partition_of(60, 60);
    let (a, b) = (partition.file(&segments[0]), partition.file(&segments[1]));
    partition
        .disk
        .write_file(&partition.directory.join(&segments[0]), &b)
        .unwrap();
    partition
        .disk
        .write_file(&partition.directory.join(&segments[1]), &a)
        .unwrap();
    for name in &segments[..2] {
        let summary = name.replace(".log", ".summary");
        partition
            .disk
            .remove_file(&partition.directory.join(summary))
            .unwrap();
    }
    let error = recovered_end(&partition).unwrap_err();
    assert!(matches!(error, RecoveryError::Damaged { .. }), "{error}");

    // One more that holds offsets of another.
    let partition = partition_of(60, 60);
    let extra = partition.directory.join(log_name(5));
    partition
        .disk
        .write_file(&extra, &partition.file(&segments[1]))
        .unwrap();
    let error = recovered_end(&partition).unwrap_err();
    assert!(matches!(error, RecoveryError::Overlap { .. }), "{error}");
}

#[test]
fn another_partitions_directory_is_refused() {
    let partition = partition_of(10, 8);
    let open = |topic, partition_index| {
        corelane::storage::Log::recover(
            &partition.disk.fork(),
            partition.directory.clone(),
            tiny(),
            topic,
            partition_index,
            &Journaled::default(),
        )
    };
    let error = open(TopicId::from_bytes([6; 16]), PARTITION).unwrap_err();
    assert!(matches!(error, RecoveryError::Foreign { .. }), "{error}");
    assert!(open(TOPIC, PartitionIndex::new(4)).is_err());
    assert!(open(TOPIC, PARTITION).is_ok());
}

#[test]
fn a_checkpoint_that_is_missing_or_damaged_stops_the_start() {
    let partition = partition_of(10, 8);
    let path = partition.directory.join("checkpoint");
    let bytes = partition.file("checkpoint");
    for at in 0..bytes.len() {
        let is_reserved = (20..24).contains(&at);
        partition
            .disk
            .corrupt(&path, Position::new(at as u64), 0x10)
            .unwrap();
        let result = recovered_end(&partition);
        let refused = matches!(result, Err(RecoveryError::CheckpointDamaged { .. }));
        assert_eq!(refused, !is_reserved, "byte {at}: {result:?}");
        partition
            .disk
            .corrupt(&path, Position::new(at as u64), 0x10)
            .unwrap();
    }
    partition.disk.remove_file(&path).unwrap();
    let error = recovered_end(&partition).unwrap_err();
    assert!(
        matches!(error, RecoveryError::CheckpointMissing { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("checkpoint"), "{error}");
}

#[test]
fn unknown_files_are_left_alone() {
    let mut partition = partition_of(60, 60);
    let strangers = [
        "partition.metadata",
        "leader-epoch-checkpoint",
        "00000000000000000099.snapshot",
        "7.log",
    ];
    for name in strangers {
        partition
            .disk
            .write_file(&partition.directory.join(name), b"theirs")
            .unwrap();
    }
    partition.crash();
    assert_eq!(partition.log.end(), Offset::new(60));
    for name in strangers {
        assert_eq!(partition.file(name), b"theirs");
    }
}

#[test]
fn a_hole_in_the_middle_ends_the_log_there() {
    // Only the first two are noted as durable; the rest spans segments.
    let partition = partition_of(60, 2);
    let names = partition.disk_names("log");
    assert!(names.len() > 3);
    let path = partition.directory.join(&names[1]);
    let size = batch("value 10").bytes().len() as u64;
    partition
        .disk
        .corrupt(&path, Position::new(size + 70), 1)
        .unwrap();
    let disk = partition.disk.fork();
    let recovered = recover(&disk, &partition.directory, &partition.config).unwrap();
    let base: i64 = names[1].split('.').next().unwrap().parse().unwrap();
    assert_eq!(recovered.log.end(), Offset::new(base + 1));
    assert_eq!(recovered.report.segments_removed as usize, names.len() - 2);
    assert!(recovered.report.bytes_cut > 0);
    let left = disk.list(&partition.directory).unwrap();
    let left: Vec<_> = left
        .iter()
        .filter(|entry| entry.name.ends_with(".log"))
        .collect();
    assert_eq!(left.len(), 2);
}

#[test]
fn a_lost_segment_above_the_mark_ends_the_log_before_it() {
    let mut partition = partition_of(60, 2);
    let names = partition.disk_names("log");
    partition
        .disk
        .remove_file(&partition.directory.join(&names[2]))
        .unwrap();
    partition.crash();
    let base: i64 = names[2].split('.').next().unwrap().parse().unwrap();
    assert_eq!(partition.log.end(), Offset::new(base));
    partition.append_values(&["goes on"]);
    assert_eq!(partition.log.end(), Offset::new(base + 1));
}

#[test]
fn recovery_cut_at_every_step_comes_to_the_same_end() {
    for power in [false, true] {
        let mut partition = partition_of(60, 20);
        partition.sync();
        // A torn tail, and segments without hints.
        let last = partition.disk_names("log").pop().unwrap();
        let mut bytes = partition.file(&last);
        bytes.extend_from_slice(&[7; 40]);
        partition
            .disk
            .write_file(&partition.directory.join(&last), &bytes)
            .unwrap();
        partition.disk.process_crash();
        let mut finished = false;
        for operations in 0..100 {
            let disk = partition.disk.fork();
            disk.crash_after(operations);
            finished = recover(&disk, &partition.directory, &partition.config).is_ok();
            if power {
                disk.power_cut()
            } else {
                disk.process_crash()
            }
            let again = recover(&disk, &partition.directory, &partition.config).unwrap();
            assert_eq!(
                again.log.end(),
                Offset::new(60),
                "after {operations} operations"
            );
            assert!(!again.clean);
            if power {
                disk.power_cut()
            } else {
                disk.process_crash()
            }
            let third = recover(&disk, &partition.directory, &partition.config).unwrap();
            assert_eq!(third.log.end(), Offset::new(60));
            if finished {
                break;
            }
        }
        assert!(finished, "recovery has fewer steps");
    }
}

#[test]
fn a_clean_mark_is_not_believed_of_another_length() {
    let mut partition = partition_of(3, 3);
    partition.close();
    let whole = partition.file(&log_name(0));
    let path = partition.directory.join(log_name(0));
    let longer = [whole.as_slice(), &[7; 30]].concat();
    partition.disk.write_file(&path, &longer).unwrap();
    let (clean, report) = partition.crash();
    assert!(!clean);
    assert_eq!(report.bytes_cut, 30);
    assert_eq!(partition.file(&log_name(0)), whole);
}
