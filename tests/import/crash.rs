//! An import that ends between any two steps.

use crate::source::*;
use corelane::config::Settings;
use corelane::shard::Boot;
use corelane::storage::memory_disk::{FaultKind, Operation};
use corelane::storage::{Disk, MemoryDisk};
use corelane::types::CoreId;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A start finds every topic whole or not at all, and nothing else of them.
fn check_start(disk: &MemoryDisk) {
    let settings = Settings {
        data: Some(PathBuf::from(DATA)),
        cores: Some(1),
        ..Settings::default()
    };
    let config = Arc::new(settings.into_config(1).unwrap());
    let boot = Boot::load(disk, config, 7).expect("it starts");
    boot.shard(disk, CoreId::new(0)).expect("it serves");
    let catalog = catalog(disk);
    for (topic, partition, end) in PARTITIONS {
        match catalog.by_name(topic) {
            Some(found) => {
                let log = recover(disk, found.id, topic, partition).log;
                assert_eq!(log.end().get(), end, "{topic}-{partition}");
                let kafkas = records(disk, &place(KAFKA, topic, partition));
                assert_eq!(records(disk, &place(DATA, topic, partition)), kafkas);
            }
            None => assert!(disk.list(&place(DATA, topic, partition)).is_err()),
        }
    }
}

#[test]
fn a_crash_at_any_step_leaves_nothing_half_and_the_next_import_ends_it() {
    for power in [false, true] {
        let mut ended = false;
        for steps in 0.. {
            let disk = kafka(steps);
            disk.crash_after(steps);
            let is_over = import(&disk, options()).is_ok() && !disk.is_crashed();
            if power {
                disk.power_cut();
            } else {
                disk.process_crash();
            }
            check_start(&disk.fork());
            import(&disk, options()).expect("the next one goes through");
            check_whole(&disk);
            check_start(&disk);
            if is_over {
                ended = steps > 100;
                break;
            }
        }
        assert!(ended, "it has more steps than that");
    }
}

#[test]
fn a_crash_within_the_import_after_a_crash_is_as_good() {
    for steps in (0..400).step_by(23) {
        for within in (0..120).step_by(11) {
            let disk = kafka(steps + within);
            disk.crash_after(steps);
            let _ = import(&disk, options());
            disk.power_cut();
            disk.crash_after(within);
            let _ = import(&disk, options());
            disk.power_cut();
            import(&disk, options()).expect("the third one goes through");
            check_whole(&disk);
        }
    }
}

#[test]
fn a_failure_of_the_disk_is_told_and_leaves_nothing_half() {
    let operations = [
        Operation::Read,
        Operation::Open,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::SyncDirectory,
    ];
    for operation in operations {
        let mut failed = 0;
        for after in (0..60).step_by(3) {
            let disk = kafka(after);
            disk.fail_once(operation, after, FaultKind::Device);
            let is_err = import(&disk, options()).is_err();
            failed += u32::from(is_err);
            disk.heal();
            check_start(&disk.fork());
            import(&disk, options()).expect("the next one goes through");
            check_whole(&disk);
        }
        assert!(failed > 0, "{operation:?} never failed");
    }
}

#[test]
fn the_source_is_never_changed() {
    let disk = kafka(1);
    let before = contents(&disk);
    import(&disk, options()).unwrap();
    assert_eq!(contents(&disk), before);
    assert!(before.len() > 50);
}

fn contents(disk: &MemoryDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::from(KAFKA)];
    while let Some(directory) = directories.pop() {
        for entry in disk.list(Path::new(&directory)).unwrap() {
            let path = directory.join(entry.name);
            if entry.is_directory {
                directories.push(path);
            } else {
                let bytes = disk.read_file(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    files
}
