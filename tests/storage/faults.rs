//! Full and failing disks, and batches that lie.

use crate::log::with_numbered;
use crate::partition::*;
use corelane::record::Batch;
use corelane::storage::memory_disk::{FaultKind, Operation};
use corelane::storage::{Completed, LogConfig, MemoryDisk, ReadError};
use corelane::types::{LeaderEpoch, Offset, Position};
use std::io;

#[test]
fn a_full_disk_refuses_appends_and_takes_them_again_with_space() {
    let mut partition = Partition::new(tiny(), 1);
    partition.disk.set_capacity(Some(4000));
    let mut appended = 0;
    let error = loop {
        match partition.try_append(&batch(&format!("value {appended}")), NOW) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
        assert!(appended < 100);
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(partition.log.failure().is_none());
    assert_eq!(partition.texts().len(), appended, "reading goes on");
    assert!(partition.try_append(&batch("still full"), NOW).is_err());
    assert!(
        partition.disk.space_used() > 3000,
        "space is used up to the end"
    );
    partition.disk.set_capacity(None);
    partition.append_values(&["fits again"]);
    partition.sync();
    partition.power_cut();
    let texts = partition.texts();
    assert_eq!(texts.len(), appended + 1);
    assert_eq!(texts[appended], "fits again");
}

#[test]
fn a_segment_is_made_without_space_for_its_step() {
    let config = LogConfig {
        segment_bytes: 20_000,
        reserve_bytes_min: 10_000,
        reserve_bytes_max: 10_000,
        ..tiny()
    };
    let mut partition = Partition::new(config, 1);
    partition.disk.set_capacity(Some(9_000));
    partition.append_values(&["fits"]);
    assert_eq!(partition.texts(), ["fits"]);
}

#[test]
fn an_append_that_finds_no_space_leaves_nothing_readable() {
    for seed in 0..20 {
        let mut partition = Partition::new(tiny(), seed);
        partition.append_values(&["a", "b"]);
        partition
            .disk
            .fail_once(Operation::Write, 0, FaultKind::NoSpace);
        let long = "long enough to reach far past the next batch ".repeat(3);
        let error = partition.try_append(&batch(&long), NOW).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(partition.texts(), ["a", "b"]);
        partition.append_values(&["c"]);
        partition.drain();
        assert_eq!(partition.texts(), ["a", "b", "c"]);
        let (_, report) = partition.crash();
        assert_eq!(report.bytes_cut, 0, "what was half written is gone");
        assert_eq!(partition.texts(), ["a", "b", "c"]);
    }
}

#[test]
fn what_was_cut_off_a_full_segment_does_not_come_back() {
    for seed in 0..20 {
        let mut partition = Partition::new(tiny(), seed);
        let half = "x".repeat(700);
        partition.append_values(&[&half]);
        partition
            .disk
            .fail_once(Operation::Write, 0, FaultKind::NoSpace);
        partition.try_append(&batch("torn"), NOW).unwrap_err();
        // What is left of it becomes durable, and is cut off right before the log rolls.
        partition.sync();
        partition.append_values(&[&half, &half]);
        partition.sync();
        partition.checkpoint();
        partition.power_cut();
        assert_eq!(partition.texts().len(), 3);
    }
}

#[test]
fn an_append_that_fails_is_the_last() {
    let mut partition = Partition::new(tiny(), 1);
    partition.append_values(&["a"]);
    partition.sync();
    partition.append_values(&["b"]);
    partition
        .disk
        .fail_once(Operation::Write, 0, FaultKind::Device);
    assert!(partition.try_append(&batch("c"), NOW).is_err());
    assert!(partition.log.failure().unwrap().contains("orders-3"));
    assert!(partition.try_append(&batch("d"), NOW).is_err());
    assert_eq!(partition.texts(), ["a", "b"]);
    assert!(!partition.log.begin_sync(&mut partition.calls));
    partition.crash();
    assert_eq!(partition.texts(), ["a", "b"]);
    partition.append_values(&["e"]);
}

#[test]
fn a_failed_sync_is_final_and_takes_back_what_was_not_durable() {
    let mut partition = Partition::new(tiny(), 1);
    partition.append_values(&["a", "b"]);
    partition.sync();
    partition.append_values(&["c"]);
    partition
        .disk
        .fail_once(Operation::Sync, 0, FaultKind::Device);
    partition.sync();
    let failed = |event: &Completed| matches!(event, Completed::Failed { is_final: true, .. });
    assert!(
        partition.events.iter().any(failed),
        "{:?}",
        partition.events
    );
    assert_eq!(partition.log.synced(), Offset::new(2));
    assert!(
        !partition.log.begin_sync(&mut partition.calls),
        "never retried"
    );
    assert!(partition.try_append(&batch("d"), NOW).is_err());
    let error = partition.read(2, 3, 1000).unwrap_err();
    assert!(matches!(error, ReadError::Lost { .. }), "{error}");
    let range = partition.read(0, 3, 1000).unwrap().unwrap();
    assert_eq!(range.next, Offset::new(2));
    assert!(partition.log.close(
        LeaderEpoch::FIRST,
        &partition.producers,
        &mut partition.calls
    ));
    partition.disk.evict();
    partition.power_cut();
    assert_eq!(partition.texts(), ["a", "b"]);
    assert_eq!(partition.epoch, LeaderEpoch::new(1));
}

#[test]
fn failures_of_a_roll_are_told_and_tried_again() {
    let operations = [
        Operation::Open,
        Operation::Reserve,
        Operation::SyncDirectory,
        Operation::CreateDirectory,
        Operation::Rename,
        Operation::Sync,
        Operation::Write,
    ];
    for operation in operations {
        for after in 0..3 {
            let mut partition = Partition::new(tiny(), 1);
            partition
                .disk
                .fail_once(operation, after, FaultKind::Device);
            let mut appended = Vec::new();
            for i in 0..40 {
                let value = format!("value {i}");
                match partition.try_append(&batch(&value), NOW) {
                    Ok(_) => appended.push(value),
                    Err(_) if partition.log.failure().is_some() => break,
                    Err(_) => {}
                }
            }
            partition.drain();
            partition.disk.heal();
            assert_eq!(partition.texts(), appended, "{operation:?} {after}");
            partition.crash();
            assert_eq!(partition.texts(), appended, "{operation:?} {after}");
            partition.append_values(&["goes on"]);
        }
    }
}

#[test]
fn a_checkpoint_that_fails_leaves_the_one_before() {
    for operation in [
        Operation::Open,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
    ] {
        let mut partition = Partition::new(tiny(), 1);
        partition.append_values(&["a"]);
        partition.sync();
        partition.checkpoint();
        partition.append_values(&["b"]);
        partition.sync();
        partition.disk.fail_once(operation, 0, FaultKind::NoSpace);
        partition.checkpoint();
        let last = partition.events.last().unwrap();
        assert!(
            matches!(
                last,
                Completed::Failed {
                    is_final: false,
                    ..
                }
            ),
            "{last:?}"
        );
        partition.append_values(&["c"]);
        partition.power_cut();
        assert_eq!(partition.texts()[..2], ["a", "b"]);
    }
}

/// Some file systems make files slowly for minutes after others were deleted.
#[test]
fn the_first_checkpoint_keeps_the_file_that_it_replaces_for_the_next_one() {
    let mut partition = Partition::new(tiny(), 1);
    partition.append_values(&["a"]);
    assert!(partition.disk_names("tmp").is_empty());
    partition.sync();
    partition.checkpoint();
    assert_eq!(partition.disk_names("tmp"), ["checkpoint.tmp"]);
}

/// What a checkpoint replaced may still be called so after a power cut if the replacement failed:
/// the next one must not be written over it.
#[test]
fn a_checkpoint_after_a_failed_one_is_never_torn() {
    let config = LogConfig {
        segment_bytes: 1 << 20,
        ..tiny()
    };
    for (seed, operations) in (0..50).flat_map(|seed| (1..12).map(move |count| (seed, count))) {
        let mut partition = Partition::new(config.clone(), seed);
        let mut round = 0;
        // Of several sectors, and different in all of them each time.
        let mut append = |partition: &mut Partition<MemoryDisk>| {
            for producer in 0..20 {
                partition.append(&batch_from(producer, 0, round, &[b"value".to_vec()]));
            }
            partition.sync();
            round += 1;
        };
        for _ in 0..2 {
            append(&mut partition);
            partition.checkpoint();
        }
        append(&mut partition);
        let disk = partition.disk.clone();
        disk.fail_once(Operation::SyncDirectory, 0, FaultKind::Device);
        partition.checkpoint();
        let last = partition.events.last();
        assert!(matches!(last, Some(Completed::Failed { .. })), "{last:?}");
        append(&mut partition);
        disk.crash_after(operations);
        partition.checkpoint();
        partition.power_cut();
        assert_eq!(partition.texts().len(), 80);
    }
}

#[test]
fn hints_that_cannot_be_written_are_rebuilt() {
    let mut partition = Partition::new(tiny(), 1);
    let mut i = 0;
    while partition.disk.operations() < 8 || partition.disk_names("log").len() < 2 {
        partition.append_values(&[&format!("value {i}")]);
        i += 1;
        assert!(i < 100);
    }
    // The seal waits in the queue and fails.
    partition
        .disk
        .fail_once(Operation::Truncate, 0, FaultKind::Device);
    for j in i..60 {
        partition.append_values(&[&format!("value {j}")]);
    }
    partition.drain();
    partition.sync();
    partition.checkpoint();
    assert_eq!(partition.texts().len(), 60);
    let (_, report) = partition.crash();
    assert!(report.indexes_rebuilt >= 1);
    assert_eq!(partition.texts().len(), 60);
}

#[test]
fn a_clean_stop_that_fails_is_an_unclean_one() {
    for operation in [Operation::Sync, Operation::Truncate, Operation::Rename] {
        let mut partition = Partition::new(tiny(), 1);
        partition.append_values(&["a", "b"]);
        partition.drain();
        partition.disk.fail_once(operation, 0, FaultKind::Device);
        let waits =
            !partition
                .log
                .close(partition.epoch, &partition.producers, &mut partition.calls);
        assert!(waits);
        partition.drain();
        let last = partition.events.last().unwrap();
        assert!(
            matches!(last, Completed::Failed { is_final: true, .. }),
            "{operation:?}: {last:?}"
        );
        let (clean, _) = partition.crash();
        assert!(!clean);
        // A start believes the device: what a failed sync left in memory alone is not kept.
        let kept: &[&str] = match operation {
            Operation::Sync => &[],
            _ => &["a", "b"],
        };
        assert_eq!(partition.texts(), kept, "{operation:?}");
    }
}

/// A batch that claims as many records as there can be, checksum and all.
fn forged() -> Batch {
    let mut bytes = batch("forged").bytes().to_vec();
    bytes[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    bytes[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    Batch::validate(bytes.into()).unwrap()
}

#[test]
fn forged_record_counts_overflow_no_index() {
    let config = LogConfig {
        index_interval_bytes: 0,
        ..tiny()
    };
    let mut partition = Partition::new(config, 1);
    for _ in 0..10 {
        partition.append(&batch("true"));
        partition.append(&forged());
    }
    partition.drain();
    let end = partition.log.end();
    assert_eq!(end.get(), 10 + 10 * i64::from(i32::MAX));
    let mut next = Offset::ZERO;
    while next < end {
        next = partition
            .log
            .read(next, end, 100, true)
            .unwrap()
            .unwrap()
            .next;
    }
    partition.crash();
    assert_eq!(partition.log.end(), end);
}

#[test]
fn a_header_that_claims_too_much_is_an_error_and_not_the_end() {
    let mut partition = with_numbered(60);
    partition.close();
    // The first batch claims 256 records more, so that it seems to end past what is readable.
    let (path, at) = (directory().join(log_name(0)), Position::new(25));
    partition.disk.corrupt(&path, at, 1).unwrap();
    assert!(partition.restart().0);
    let error = partition.read(0, 2, 1000).unwrap_err();
    assert!(matches!(error, ReadError::Storage { .. }), "{error}");
}
