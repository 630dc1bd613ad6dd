use super::*;
use crate::storage::AlignedBuffer;
use crate::storage::disk::{replace_file, replace_in_turn, write_all};

fn disk_with_file(seed: u64) -> (MemoryDisk, FileRef) {
    let disk = MemoryDisk::new(seed);
    disk.create_directory(Path::new("d")).unwrap();
    disk.sync_directory(Path::new("")).unwrap();
    let file = disk.open(Path::new("d/f"), OpenMode::CreateNew).unwrap();
    (disk, file)
}

#[test]
fn synced_bytes_and_names_survive_a_power_cut() {
    for seed in 0..50 {
        let (disk, file) = disk_with_file(seed);
        write_all(&*file, Position::ZERO, b"kept").unwrap();
        file.sync().unwrap();
        disk.sync_directory(Path::new("d")).unwrap();
        write_all(&*file, Position::new(4), &[7; 5000]).unwrap();
        disk.power_cut();
        let bytes = disk.read_file(Path::new("d/f")).unwrap();
        assert_eq!(&bytes[..4], b"kept");
        assert!(bytes[4..].iter().all(|byte| matches!(byte, 0 | 7)));
    }
}

#[test]
fn a_power_cut_may_lose_what_was_not_synced() {
    let outcomes: Vec<Option<Vec<u8>>> = (0..500)
        .map(|seed| {
            let (disk, file) = disk_with_file(seed);
            write_all(&*file, Position::ZERO, &[1; 1024]).unwrap();
            disk.power_cut();
            disk.read_file(Path::new("d/f")).ok()
        })
        .collect();
    assert!(outcomes.contains(&None), "the name is lost sometimes");
    assert!(
        outcomes.contains(&Some(vec![])),
        "the length is lost sometimes"
    );
    let whole = Some(vec![1; 1024]);
    assert!(outcomes.contains(&whole), "all is kept sometimes");
    let torn = |bytes: &Vec<u8>| bytes.len() == 1024 && bytes[0] != bytes[512];
    assert!(
        outcomes.iter().flatten().any(torn),
        "sectors part sometimes"
    );
}

#[test]
fn a_process_crash_keeps_the_page_cache_and_kills_handles() {
    let (disk, file) = disk_with_file(1);
    write_all(&*file, Position::ZERO, b"abc").unwrap();
    disk.process_crash();
    assert_eq!(disk.read_file(Path::new("d/f")).unwrap(), b"abc");
    assert!(write_all(&*file, Position::ZERO, b"x").is_err());
}

#[test]
fn a_failed_sync_is_followed_by_one_that_lies() {
    let (disk, file) = disk_with_file(1);
    write_all(&*file, Position::ZERO, b"abc").unwrap();
    disk.fail_once(Operation::Sync, 0, FaultKind::Device);
    assert!(file.sync().is_err());
    assert!(file.sync().is_ok());
    disk.evict();
    assert_eq!(disk.read_file(Path::new("d/f")).unwrap(), [0, 0, 0]);
}

#[test]
fn capacity_counts_reservations() {
    let (disk, file) = disk_with_file(1);
    disk.set_capacity(Some(1000));
    file.reserve(Position::new(900)).unwrap();
    let error = file.reserve(Position::new(1001)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    write_all(&*file, Position::ZERO, &[1; 900]).unwrap();
    assert!(write_all(&*file, Position::new(900), &[1; 200]).is_err());
    file.truncate(Position::new(10)).unwrap();
    assert_eq!(disk.space_used(), 10);
}

#[test]
fn a_dead_process_changes_nothing_more() {
    let (disk, file) = disk_with_file(1);
    disk.crash_after(1);
    write_all(&*file, Position::ZERO, b"abc").unwrap();
    assert!(file.truncate(Position::ZERO).is_err());
    assert!(disk.is_crashed());
    assert!(disk.rename(Path::new("d/f"), Path::new("d/g")).is_err());
    disk.process_crash();
    assert_eq!(disk.read_file(Path::new("d/f")).unwrap(), b"abc");
}

#[test]
fn an_unlinked_file_lives_as_long_as_its_handle() {
    let (disk, file) = disk_with_file(1);
    write_all(&*file, Position::ZERO, b"abc").unwrap();
    disk.remove_file(Path::new("d/f")).unwrap();
    disk.sync_directory(Path::new("d")).unwrap();
    let mut buffer = [0; 3];
    assert_eq!(file.read_at(Position::ZERO, &mut buffer).unwrap(), 3);
    drop(file);
    assert_eq!(disk.space_used(), 0);
}

fn sevens(length: usize) -> AlignedBuffer {
    let mut buffer = AlignedBuffer::zeroed(length);
    buffer.as_mut_slice().fill(7);
    buffer
}

#[test]
fn a_direct_write_is_durable_when_it_returns() {
    let (disk, path) = (MemoryDisk::new(1), Path::new("f"));
    let file = disk.open(path, OpenMode::Direct).unwrap();
    disk.sync_directory(Path::new("")).unwrap();
    file.write_at(
        Position::new(4096),
        &[IoSlice::new(sevens(4096).as_slice())],
    )
    .unwrap();
    disk.power_cut();
    let kept = [vec![0; 4096], vec![7; 4096]].concat();
    assert_eq!(disk.read_file(path).unwrap(), kept);
    let file = disk.open(path, OpenMode::Direct).unwrap();
    let mut read = [1; 3];
    assert_eq!(file.read_at(Position::new(4094), &mut read).unwrap(), 3);
    assert_eq!(read, [0, 0, 7]);
    assert!(write_all(&*file, Position::ZERO, &sevens(4096).as_slice()[..4095]).is_err());
    assert!(write_all(&*file, Position::new(1), sevens(4096).as_slice()).is_err());
}

#[test]
fn a_direct_write_that_is_cut_leaves_any_of_its_sectors() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..2_000 {
        let (disk, path) = (MemoryDisk::new(seed), Path::new("f"));
        disk.write_file(path, &[1; 4096]).unwrap();
        let file = disk.open(path, OpenMode::Direct).unwrap();
        disk.crash_after(0);
        assert!(write_all(&*file, Position::ZERO, sevens(4096).as_slice()).is_err());
        disk.power_cut();
        let sectors = disk.read_file(path).unwrap();
        let sectors = sectors.chunks(512).map(|sector| match sector {
            [7, .., 7] => true,
            [1, .., 1] => false,
            _ => panic!("a sector is torn"),
        });
        outcomes.insert(sectors.collect::<Vec<_>>());
    }
    assert!(outcomes.contains(&vec![false; 8]) && outcomes.contains(&vec![true; 8]));
    assert!(outcomes.len() > 200, "combinations: {}", outcomes.len());
}

#[test]
fn a_replacement_that_is_cut_leaves_the_old_content_or_the_new() {
    let path = Path::new("d/f");
    let (old, new) = (vec![1; 2000], vec![2; 3000]);
    let mut left = Vec::new();
    for (seed, operations) in (0..200).flat_map(|seed| (0..8).map(move |count| (seed, count))) {
        let (disk, _) = disk_with_file(seed);
        replace_file(&disk, path, &[0; 4000]).unwrap();
        replace_in_turn(&disk, path, &old).unwrap();
        disk.crash_after(operations);
        let replaced = replace_in_turn(&disk, path, &new).is_ok();
        disk.power_cut();
        let found = disk.read_file(path).unwrap();
        assert!(found == new || (found == old && !replaced), "{operations}");
        left.push(found);
    }
    assert!(left.contains(&old) && left.contains(&new));
}

#[test]
fn where_files_cannot_be_exchanged_one_is_renamed_over_the_other() {
    let (disk, _) = disk_with_file(1);
    let path = Path::new("d/f");
    replace_in_turn(&disk, path, b"old").unwrap();
    disk.fail_once(Operation::Rename, 0, FaultKind::Unknown);
    replace_in_turn(&disk, path, b"new").unwrap();
    assert_eq!(disk.read_file(path).unwrap(), b"new");
    assert_eq!(disk.list(Path::new("d")).unwrap().len(), 1);
    replace_in_turn(&disk, path, b"newer").unwrap();
    assert_eq!(disk.read_file(path).unwrap(), b"newer");
}
