//! Compactions that crash, fail or lose their segments under way: nothing is lost but the run.

use crate::compacted::*;
use crate::partition::*;
use corelane::storage::RecoveryError;
use corelane::storage::memory_disk::{FaultKind, Operation};
use corelane::types::{Offset, Position, Timestamp};

#[test]
fn a_crash_at_any_step_leaves_the_old_segments_or_the_new_one() {
    for power in [false, true] {
        let mut swapped = 0;
        for after in 0.. {
            let mut partition = new_partition(after);
            let before = filled(&mut partition, 150);
            assert!(begin(&mut partition, NOW));
            partition.disk.crash_after(after);
            go_on(&mut partition);
            let is_over = !partition.disk.is_crashed();
            if power {
                partition.power_cut();
            } else {
                partition.crash();
            }
            let records = read_all(&partition);
            check(&before, &records);
            swapped += u32::from(records.len() < before.len());
            assert!(partition.disk_names("swap").is_empty());
            assert!(partition.disk_names("cleaned").is_empty());
            // And once more within the start.
            partition.append(&keyed(1, Some(9), NOW));
            partition.sync();
            partition.checkpoint();
            let before = read_all(&partition);
            compact(&mut partition, NOW);
            check(&before, &read_all(&partition));
            if is_over {
                break;
            }
        }
        assert!(swapped > 3, "{swapped}");
    }
}

#[test]
fn a_crash_within_the_start_that_ends_a_swap_is_as_good() {
    for after in 0..200 {
        for within in 0..12 {
            let mut partition = new_partition(after);
            let before = filled(&mut partition, 60);
            assert!(begin(&mut partition, NOW));
            partition.disk.crash_after(after);
            go_on(&mut partition);
            if !partition.disk.is_crashed() {
                return;
            }
            partition.disk.power_cut();
            partition.disk.crash_after(within);
            let _ = recover(&partition.disk, &partition.directory, &partition.config);
            partition.power_cut();
            check(&before, &read_all(&partition));
        }
    }
    panic!("it never came to its end");
}

#[test]
fn a_failure_costs_the_run_and_nothing_else() {
    let operations = [
        Operation::Read,
        Operation::Open,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::RemoveFile,
        Operation::SyncDirectory,
    ];
    for operation in operations {
        for after in 0..12 {
            let mut partition = new_partition(after);
            let before = filled(&mut partition, 100);
            assert!(begin(&mut partition, NOW));
            partition
                .disk
                .fail_once(operation, after, FaultKind::Device);
            go_on(&mut partition);
            partition.disk.heal();
            assert!(partition.log.failure().is_none(), "{operation:?}");
            check(&before, &read_all(&partition));
            partition.append(&keyed(1, Some(9), NOW));
            partition.sync();
            partition.checkpoint();
            let before = read_all(&partition);
            if after % 2 == 0 {
                partition.power_cut();
            } else {
                partition.close();
                assert!(partition.restart().0);
            }
            let after_start = read_all(&partition);
            check(&before, &after_start);
            assert!(
                partition.disk_names("swap").is_empty(),
                "{operation:?} {after}"
            );
            let later = Timestamp::new(NOW.get() + 1_000_000);
            compact(&mut partition, later);
            let values = |records: &Records| {
                let newest = newest(records).into_iter();
                newest
                    .filter(|(_, (_, value))| value.is_some())
                    .collect::<Vec<_>>()
            };
            assert_eq!(values(&before), values(&read_all(&partition)));
        }
    }
}

#[test]
fn what_expires_under_way_ends_the_run() {
    for expire_after in 0..40 {
        let mut partition = new_partition(1);
        filled(&mut partition, 150);
        assert!(begin(&mut partition, NOW));
        for _ in 0..expire_after {
            partition.log.continue_compaction(400, &mut partition.calls);
            partition.drain();
        }
        partition.log.continue_compaction(400, &mut partition.calls);
        // While a piece may be under way.
        partition.log.truncate_start(Offset::new(70));
        let started =
            partition
                .log
                .checkpoint(partition.epoch, &partition.producers, &mut partition.calls);
        assert!(started);
        while !partition.calls.is_empty() {
            partition.perform(1);
        }
        let expected = read_all(&partition);
        assert!(expected.iter().all(|(offset, ..)| *offset >= 70));
        go_on(&mut partition);
        partition
            .log
            .expire(NOW, partition.log.synced(), &mut partition.calls);
        partition.drain();
        check(&expected, &read_all(&partition));
        partition.power_cut();
        check(&expected, &read_all(&partition));
        assert!(partition.disk_names("cleaned").is_empty());
    }
}

#[test]
fn a_damaged_swap_takes_the_partition_offline_and_changes_nothing() {
    let mut partition = new_partition(1);
    let before = filled(&mut partition, 100);
    assert!(begin(&mut partition, NOW));
    partition
        .disk
        .fail_once(Operation::RemoveFile, 1, FaultKind::Device);
    go_on(&mut partition);
    partition.disk.heal();
    let [swap] = &partition.disk_names("swap")[..] else {
        panic!("it failed within the swap");
    };
    let path = partition.directory.join(swap);
    partition.disk.process_crash();
    partition.disk.corrupt(&path, Position::new(20), 1).unwrap();
    let error = recover(&partition.disk, &partition.directory, &partition.config).unwrap_err();
    assert!(matches!(error, RecoveryError::Damaged { .. }), "{error}");
    partition.disk.corrupt(&path, Position::new(20), 1).unwrap();
    partition.crash();
    check(&before, &read_all(&partition));
}
