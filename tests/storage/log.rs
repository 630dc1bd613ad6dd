//! The log on a sound disk: appending, reading, rolling, checkpoints, clean stops.

use crate::partition::*;
use corelane::storage::log::RecoveryReport;
use corelane::storage::{Completed, DiskCall, LogConfig, MemoryDisk, ReadError, RealDisk};
use corelane::types::{LeaderEpoch, Offset, Position, Timestamp};

pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("value {i}")).collect()
}

pub(crate) fn with_numbered(count: usize) -> Partition<MemoryDisk> {
    let mut partition = Partition::new(tiny(), 1);
    for value in numbered(count) {
        partition.append(&batch(&value));
    }
    partition.drain();
    partition
}

#[test]
fn nothing_is_on_the_disk_before_the_first_append() {
    let mut partition = Partition::new(tiny(), 1);
    let before = partition.disk.operations();
    assert_eq!(partition.log.end(), Offset::ZERO);
    assert!(partition.log.close(
        LeaderEpoch::FIRST,
        &partition.producers,
        &mut partition.calls
    ));
    assert_eq!(partition.disk.operations(), before);
    partition.restart();
    partition.append_values(&["a"]);
    assert_eq!(partition.texts(), ["a"]);
}

#[test]
fn what_is_appended_is_read_in_any_portion() {
    let partition = with_numbered(100);
    assert_eq!(partition.log.end(), Offset::new(100));
    let expected: Vec<Vec<u8>> = numbered(100).into_iter().map(String::into_bytes).collect();
    for bytes_max in [0, 1, 77, 78, 200, 1000, 5000, 1 << 20] {
        for from in [0, 1, 17, 50, 99] {
            let values = partition.values_from(Offset::new(from), bytes_max);
            assert_eq!(
                values,
                expected[from as usize..],
                "from {from}, {bytes_max} bytes"
            );
        }
    }
}

#[test]
fn a_read_keeps_to_its_limits() {
    let partition = with_numbered(100);
    let size = batch("value 0").bytes().len() as u64;
    for upto in 1..=15 {
        for bytes_max in [1, 100, 200, 300, 500, 1000] {
            let range = partition.read(0, upto, bytes_max).unwrap().unwrap();
            assert!(range.next <= Offset::new(upto));
            let fits = range.length() <= u64::from(bytes_max);
            assert!(fits || range.next == Offset::new(1), "{range:?}");
            // One more batch would have broken a limit.
            let more = range.length() + size + 1;
            assert!(
                range.next == Offset::new(upto) || more > u64::from(bytes_max),
                "{range:?}"
            );
        }
    }
    let none = partition
        .log
        .read(Offset::ZERO, Offset::new(9), 10, false)
        .unwrap();
    assert!(none.is_none(), "not even one batch fits");
    assert!(partition.read(5, 5, 1000).unwrap().is_none());
    assert!(partition.read(100, 100, 1000).unwrap().is_none());
    let error = partition.read(101, 101, 1000).unwrap_err();
    assert!(matches!(error, ReadError::AboveEnd { .. }), "{error}");
}

/// Room for a segment of 100 kB in steps of 4, 8, 16, 32 and 64 KiB.
fn stepping() -> LogConfig {
    LogConfig {
        segment_bytes: 100_000,
        reserve_bytes_min: 4096,
        reserve_bytes_max: 65536,
        ..tiny()
    }
}

/// How often a writer of this many batches waited before the log rolled for the first time, and
/// what the next segment reserved at first.
fn waits_until_roll(partition: &mut Partition<MemoryDisk>, now: Timestamp) -> (usize, u64) {
    let batch = batch(&"steady".repeat(10));
    let mut waits = 0;
    loop {
        while !partition
            .log
            .make_room(batch.bytes().len(), now, &mut partition.calls)
        {
            waits += 1;
            for (_, call) in &partition.calls {
                if let DiskCall::CreateSegment { reserve, .. } = call
                    && partition.log.end() > Offset::ZERO
                {
                    return (waits, reserve.get());
                }
            }
            partition.drain();
        }
        partition.append(&batch);
    }
}

#[test]
fn a_steady_writer_waits_as_often_as_steps_double() {
    let mut partition = Partition::new(stepping(), 1);
    let (waits, next) = waits_until_roll(&mut partition, NOW);
    // The first segment, four more steps up to the segment's largest size, the roll.
    assert_eq!(waits, 6);
    assert_eq!(next, 65536, "it goes on with the step that was reached");
}

#[test]
fn a_segment_after_one_that_was_not_full_begins_small() {
    let mut partition = Partition::new(stepping(), 1);
    for _ in 0..200 {
        partition.append(&batch(&"steady".repeat(10)));
    }
    partition.drain();
    let later = Timestamp::new(NOW.get() + 1_000_000);
    let (waits, next) = waits_until_roll(&mut partition, later);
    assert_eq!((waits, next), (1, 4096));
}

#[test]
fn nothing_is_appended_while_space_is_reserved() {
    let mut partition = Partition::new(stepping(), 1);
    partition.append_values(&["first"]);
    let small = batch("fits").bytes().len();
    assert!(partition.log.make_room(small, NOW, &mut partition.calls));
    assert!(!partition.log.make_room(5000, NOW, &mut partition.calls));
    let [(_, DiskCall::Reserve { .. })] = partition.calls.as_slice() else {
        panic!("{:?}", partition.calls);
    };
    assert!(!partition.log.make_room(small, NOW, &mut partition.calls));
    assert_eq!(partition.calls.len(), 1, "one reservation at a time");
    partition.drain();
    assert!(partition.log.make_room(small, NOW, &mut partition.calls));
    assert!(partition.log.make_room(5000, NOW, &mut partition.calls));
}

#[test]
fn segments_roll_by_size_and_by_age() {
    let mut partition = with_numbered(40);
    let names = partition.disk_names("log");
    assert!(names.len() > 1, "{names:?}");
    for name in &names {
        assert!(partition.file(name).len() <= 1500);
    }
    let later = Timestamp::new(NOW.get() + 1_000_000);
    partition.try_append(&batch("old enough"), later).unwrap();
    assert_eq!(partition.disk_names("log").len(), names.len() + 1);
    assert_eq!(
        partition.file(&log_name(40)).len(),
        batch("old enough").bytes().len()
    );
}

#[test]
fn a_batch_larger_than_a_segment_has_one_of_its_own() {
    let mut partition = Partition::new(tiny(), 1);
    let large = "x".repeat(5000);
    partition.append_values(&["a", &large, "b"]);
    assert_eq!(partition.disk_names("log").len(), 3);
    assert_eq!(partition.texts(), ["a", large.as_str(), "b"]);
}

#[test]
fn rebuilt_indexes_equal_those_written() {
    let mut partition = with_numbered(60);
    partition.sync();
    partition.checkpoint();
    let hints = ["index", "timeindex", "summary"];
    let written: Vec<_> = hints
        .iter()
        .flat_map(|kind| partition.disk_names(kind))
        .collect();
    assert!(written.len() >= 9, "{written:?}");
    let before: Vec<_> = written.iter().map(|name| partition.file(name)).collect();
    for name in &written {
        let path = partition.directory.join(name);
        corelane::storage::Disk::remove_file(&partition.disk, &path).unwrap();
    }
    let (clean, report) = partition.crash();
    assert!(!clean);
    assert!(report.indexes_rebuilt >= 3, "{report:?}");
    let after: Vec<_> = written.iter().map(|name| partition.file(name)).collect();
    assert_eq!(before, after);
    assert_eq!(partition.texts(), numbered(60));
}

#[test]
fn an_index_that_lies_is_rebuilt_on_use() {
    let partition = with_numbered(60);
    for name in partition
        .disk_names("index")
        .into_iter()
        .chain(partition.disk_names("timeindex"))
    {
        let length = partition.file(&name).len();
        for position in 0..length as u64 {
            let path = partition.directory.join(&name);
            partition
                .disk
                .corrupt(&path, Position::new(position), 0x15)
                .unwrap();
        }
    }
    assert_eq!(partition.texts(), numbered(60));
    for offset in 0..60 {
        let range = partition.read(offset, offset + 1, 1).unwrap().unwrap();
        assert_eq!(records_of(&range).last().unwrap().0, Offset::new(offset));
    }
    let found = partition
        .log
        .offset_for_timestamp(NOW, Offset::new(60))
        .unwrap();
    assert_eq!(found, Some((Offset::ZERO, NOW)));
}

#[test]
fn a_clean_stop_leaves_nothing_to_scan() {
    let mut partition = with_numbered(30);
    partition.close();
    let active = partition.disk_names("log").last().unwrap().clone();
    assert!(partition.log.synced() == Offset::new(30));
    let (clean, report) = partition.restart();
    assert!(clean);
    // Past the last entry of its index the active segment's headers are walked.
    let walked = report.bytes_walked;
    assert!(walked <= 2 * 200, "{walked} bytes");
    let nothing = RecoveryReport {
        bytes_walked: walked,
        ..RecoveryReport::default()
    };
    assert_eq!(report, nothing);
    assert_eq!(partition.texts(), numbered(30));
    assert_eq!(partition.epoch, LeaderEpoch::FIRST);
    // A stop without an append between is as clean.
    partition.close();
    assert!(partition.restart().0);
    // The first append takes the mark back before it writes.
    partition.append_values(&["more"]);
    assert!(partition.file(&active).len() > 10);
    let (clean, _) = partition.power_cut();
    assert!(!clean);
    assert_eq!(partition.epoch, LeaderEpoch::new(1));
    assert_eq!(partition.texts()[..30], numbered(30));
}

#[test]
fn a_start_after_lost_appends_is_not_a_clean_one() {
    let mut partition = with_numbered(10);
    partition.close();
    partition.restart();
    let active = partition.disk_names("log").pop().unwrap();
    let before = partition.file(&active);
    partition.append_values(&["read by someone, and lost"]);
    partition.disk.process_crash();
    let path = partition.directory.join(&active);
    partition.disk.write_file(&path, &before).unwrap();
    let (clean, _) = partition.restart();
    assert!(!clean, "its offset may be given again, under another epoch");
    assert_eq!(partition.epoch, LeaderEpoch::new(1));
}

#[test]
fn epochs_that_were_lost_are_forgotten() {
    let mut partition = with_numbered(5);
    partition.sync();
    partition.crash();
    let before = partition.file(&log_name(0));
    partition.append_values(&["under epoch 1"]);
    partition.drain();
    partition.checkpoint();
    partition.disk.process_crash();
    let path = partition.directory.join(log_name(0));
    partition.disk.write_file(&path, &before).unwrap();
    partition.restart();
    let end = partition.log.epoch_end(LeaderEpoch::new(1));
    assert_eq!(end, (LeaderEpoch::FIRST, Offset::new(5)));
}

#[test]
fn indexes_after_a_clean_stop_go_on_as_if_there_was_none() {
    let mut stopped = with_numbered(10);
    stopped.close();
    stopped.restart();
    let mut straight = with_numbered(10);
    for partition in [&mut stopped, &mut straight] {
        for value in numbered(50) {
            partition.append(&batch(&value));
        }
        partition.drain();
    }
    for kind in ["index", "timeindex", "summary"] {
        for name in straight.disk_names(kind) {
            assert_eq!(stopped.file(&name), straight.file(&name), "{name}");
        }
    }
}

#[test]
fn records_are_found_by_time() {
    let mut partition = Partition::new(tiny(), 1);
    // Times go up and down, and batches hold several.
    let mut times = Vec::new();
    for i in 0..60_i64 {
        let time = 1000 + i * 10 + if i % 7 == 3 { 55 } else { 0 };
        let values = vec![vec![b'v'; 5]; (i % 3 + 1) as usize];
        let batch = batch_of(&values, Timestamp::new(time));
        partition.append(&batch);
        times.extend(values.iter().map(|_| time));
    }
    partition.drain();
    let upto = partition.log.end();
    for asked in (900..1700).step_by(3) {
        let expected = times.iter().position(|time| *time >= asked);
        let expected = expected.map(|at| (Offset::new(at as i64), Timestamp::new(times[at])));
        let found = partition
            .log
            .offset_for_timestamp(Timestamp::new(asked), upto)
            .unwrap();
        assert_eq!(found, expected, "asked for {asked}");
        let limited = Offset::new(50);
        let found = partition
            .log
            .offset_for_timestamp(Timestamp::new(asked), limited)
            .unwrap();
        assert_eq!(
            found,
            expected.filter(|found| found.0 < limited),
            "asked for {asked}"
        );
    }
    let latest = partition.log.latest_timestamp(upto).unwrap().unwrap();
    let largest = *times.iter().max().unwrap();
    assert_eq!(latest.1.get(), largest);
    assert_eq!(times[latest.0.get() as usize], largest);
}

#[test]
fn a_time_index_that_lies_hides_no_record() {
    let mut partition = Partition::new(tiny(), 1);
    for i in 0..40 {
        partition.append(&batch_of(&[vec![b'v']], Timestamp::new(1000 + i)));
    }
    partition.drain();
    // It claims that nothing up to the segment's end is later than 1000.
    let mut entry = 1000_i64.to_be_bytes().to_vec();
    entry.extend(10_i32.to_be_bytes());
    let name = partition.disk_names("timeindex").remove(0);
    for (at, byte) in partition.file(&name).iter().take(12).enumerate() {
        let path = partition.directory.join(&name);
        let position = Position::new(at as u64);
        partition
            .disk
            .corrupt(&path, position, byte ^ entry[at])
            .unwrap();
    }
    for asked in 1001..1010 {
        let timestamp = Timestamp::new(asked);
        let found = partition
            .log
            .offset_for_timestamp(timestamp, partition.log.end())
            .unwrap();
        assert_eq!(found, Some((Offset::new(asked - 1000), timestamp)));
    }
}

#[test]
fn epochs_are_kept_with_their_starts() {
    let mut partition = with_numbered(5);
    partition.crash();
    partition.append_values(&["under epoch 1"]);
    partition.sync();
    partition.close();
    partition.restart();
    let ends = |epoch| partition.log.epoch_end(LeaderEpoch::new(epoch));
    assert_eq!(ends(0), (LeaderEpoch::FIRST, Offset::new(5)));
    assert_eq!(ends(7), (LeaderEpoch::new(1), Offset::new(6)));
    assert_eq!(partition.log.latest_epoch(), Some(LeaderEpoch::new(1)));
}

#[test]
fn writing_back_goes_piece_by_piece() {
    let piece = |partition: &mut Partition<MemoryDisk>| {
        partition.log.write_behind(&mut partition.calls);
        let bytes = match partition.calls.first() {
            Some((_, DiskCall::WriteBehind { from, upto, .. })) => Some(upto.since(*from)),
            _ => None,
        };
        partition.drain();
        bytes
    };
    let mut partition = with_numbered(0);
    let mut pieces = Vec::new();
    for number in 0..12 {
        partition.append_values(&[&format!("record {number}")]);
        pieces.extend(piece(&mut partition));
    }
    assert!(pieces.len() >= 3, "{pieces:?}");
    assert!(pieces.iter().all(|bytes| (256..512).contains(bytes)));
    // What has gathered goes at once, up to a limit.
    let mut partition = with_numbered(15);
    let first = piece(&mut partition).unwrap();
    assert!(first > 512 && first <= 8 * 256, "{first}");
    // Where more is appended during a piece, the next one waits for more.
    let mut partition = with_numbered(5);
    partition.log.write_behind(&mut partition.calls);
    let under_way = std::mem::take(&mut partition.calls);
    assert_eq!(under_way.len(), 1);
    for value in ["a", "b", "c"] {
        partition.append_values(&[value]);
    }
    partition.calls = under_way;
    partition.drain();
    partition.append_values(&["d"]);
    assert_eq!(piece(&mut partition), None);
    for value in numbered(12) {
        partition.append_values(&[&value]);
    }
    assert!(piece(&mut partition).is_some_and(|bytes| bytes > 512));
}

#[test]
fn populated_ranges_are_remembered() {
    let mut partition = with_numbered(10);
    let range = partition.read(0, 10, 500).unwrap().unwrap();
    assert!(!range.populated);
    partition.log.populated(&range.file, range.from, range.upto);
    assert!(partition.read(0, 10, 500).unwrap().unwrap().populated);
    assert!(partition.read(2, 4, 500).unwrap().unwrap().populated);
    assert!(!partition.read(0, 10, 1000).unwrap().unwrap().populated);
}

#[test]
fn it_works_on_a_real_disk() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("orders-3");
    let mut partition = Partition::open(RealDisk::new(), directory.clone(), tiny());
    for value in numbered(50) {
        partition.append(&batch(&value));
    }
    partition.sync();
    partition.checkpoint();
    partition.append_values(&["not synced"]);
    let (clean, report) = partition.restart();
    assert!(!clean && report.bytes_scanned > 0);
    assert_eq!(partition.log.end(), Offset::new(51));
    partition.append_values(&["more"]);
    let range = partition.read(0, 50, 700).unwrap().unwrap();
    range.file.populate(range.from, range.upto).unwrap();
    assert!(range.file.is_resident(range.from, range.upto));
    let mapped = range.file.mapped(range.from, range.upto).unwrap();
    assert_eq!(mapped.length() as u64, range.length());
    partition.close();
    assert!(
        partition
            .events
            .iter()
            .any(|event| matches!(event, Completed::Closed))
    );
    assert!(partition.restart().0);
    assert_eq!(partition.texts()[..50], numbered(50));
    assert_eq!(partition.texts().len(), 52);
}
