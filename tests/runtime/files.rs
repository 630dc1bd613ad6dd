//! Answers out of files: from their mappings, from disks that have none, and where reading fails.

use crate::client::Client;
use crate::echo_lane::{EchoLane, RANGE, listeners, settings};
use corelane::config::Nodes;
use corelane::runtime::Broker;
use corelane::storage::{Disk, FileRef, MemoryDisk, OpenMode, RealDisk};
use corelane::types::Position;
use std::convert::Infallible;
use std::io::IoSlice;
use std::path::Path;
use tempfile::TempDir;

const FILE_BYTES: u32 = 3_000_000;

fn content() -> Vec<u8> {
    (0..FILE_BYTES).map(|place| (place % 251) as u8).collect()
}

fn write(disk: &dyn Disk, path: &Path) -> FileRef {
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    let content = content();
    file.write_at(Position::ZERO, &[IoSlice::new(&content)])
        .unwrap();
    file
}

fn serve(file: FileRef) -> Broker {
    let make = move |_| Ok::<_, Infallible>(EchoLane::of(file.clone()));
    Broker::start(listeners(Nodes::Single, 1), &settings(1), make).unwrap()
}

fn ask(position: u32, length: u32) -> Vec<u8> {
    let mut body = vec![RANGE];
    body.extend(position.to_be_bytes());
    body.extend(length.to_be_bytes());
    body
}

fn ranges_come_whole_and_in_order(broker: &Broker) {
    let mut client = Client::connect(broker.address());
    let content = content();
    let ranges = [
        (0, 0),
        (0, 1),
        (4_095, 2),
        (1_000_003, 1_700_001),
        (0, FILE_BYTES),
    ];
    for (position, length) in ranges {
        client.send(&ask(position, length));
        client.send(b"between");
    }
    for (position, length) in ranges {
        let range = position as usize..(position + length) as usize;
        assert!(client.receive() == content[range], "{length} at {position}");
        assert_eq!(client.receive(), b"between");
    }
}

#[test]
fn ranges_of_a_mapping_are_sent() {
    let directory = TempDir::new().unwrap();
    let broker = serve(write(&RealDisk::new(), &directory.path().join("file")));
    ranges_come_whole_and_in_order(&broker);
    broker.stop();
}

#[test]
fn ranges_of_a_file_without_a_mapping_are_read_and_sent() {
    let disk = MemoryDisk::new(1);
    let broker = serve(write(&disk, Path::new("file")));
    ranges_come_whole_and_in_order(&broker);
    broker.stop();
}

#[test]
fn a_range_that_cannot_be_read_ends_its_connection_alone() {
    let directory = TempDir::new().unwrap();
    let file = write(&RealDisk::new(), &directory.path().join("file"));
    let broker = serve(file);
    let mut other = Client::connect(broker.address());
    assert_eq!(other.call(b"before"), b"before");
    let mut client = Client::connect(broker.address());
    // Mapped, but far past the end of the file: a load there would be fatal.
    client.send(&ask(64 << 20, 10_000));
    assert!(client.try_receive().is_err());
    assert_eq!(other.call(b"after"), b"after");
    broker.stop();
}
