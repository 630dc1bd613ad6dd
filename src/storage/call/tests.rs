use super::*;
use crate::storage::MemoryDisk;

fn perform(disk: &MemoryDisk, call: DiskCall) {
    call.perform(disk).unwrap();
}

fn bury(disk: &MemoryDisk) {
    let (from, to) = (PathBuf::from("data/t-0"), PathBuf::from("data/t-0-delete"));
    perform(disk, DiskCall::BuryDirectory { from, to });
}

fn remove(disk: &MemoryDisk) {
    let path = PathBuf::from("data/t-0-delete");
    perform(disk, DiskCall::RemoveDirectory { path });
}

fn disk_with(names: &[&str]) -> MemoryDisk {
    let disk = MemoryDisk::new(1);
    for name in names {
        disk.write_file(&Path::new("data/t-0").join(name), b"x")
            .unwrap();
    }
    disk.sync_directory(Path::new("data")).unwrap();
    disk
}

#[test]
fn a_deleted_partition_is_buried_durably_and_then_removed() {
    let disk = disk_with(&["checkpoint", "00000000000000000000.log"]);
    bury(&disk);
    disk.power_cut();
    assert!(disk.list(Path::new("data/t-0")).is_err());
    bury(&disk);
    remove(&disk);
    disk.power_cut();
    assert_eq!(disk.list(Path::new("data")).unwrap(), []);
    remove(&disk);
}

#[test]
fn a_buried_directory_keeps_what_is_not_ours() {
    let disk = disk_with(&["checkpoint", "notes.txt", "00000000000000000000.index"]);
    bury(&disk);
    remove(&disk);
    let left = disk.list(Path::new("data/t-0-delete")).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name, "notes.txt");
}

#[test]
fn a_new_partition_does_not_take_up_what_a_deleted_one_left() {
    let disk = disk_with(&["checkpoint", "00000000000000000007.log"]);
    let call = DiskCall::CreateSegment {
        directory: PathBuf::from("data/t-0"),
        path: PathBuf::from("data/t-0/00000000000000000000.log"),
        reserve: Position::new(100),
        checkpoint: Some(b"new".to_vec()),
    };
    let error = call.perform(&disk).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    let checkpoint = disk.read_file(Path::new("data/t-0/checkpoint")).unwrap();
    assert_eq!(checkpoint, b"x");
}

#[test]
fn a_segment_with_bytes_in_it_is_never_taken_for_a_new_one() {
    let disk = disk_with(&["00000000000000000000.log"]);
    let call = || DiskCall::CreateSegment {
        directory: PathBuf::from("data/t-0"),
        path: PathBuf::from("data/t-0/00000000000000000000.log"),
        reserve: Position::new(100),
        checkpoint: None,
    };
    let error = call().perform(&disk).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(call().describe().contains("00000000000000000000.log"));
}
