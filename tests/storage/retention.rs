//! What is forgotten: by size, by age, by request; never before that is durable.

use crate::log::{numbered, with_numbered};
use crate::partition::*;
use corelane::storage::{LogConfig, ReadError};
use corelane::types::{Offset, Timestamp};

#[test]
fn retention_by_size_unlinks_after_the_checkpoint_and_after_the_last_reader() {
    let mut partition = with_numbered(60);
    partition.sync();
    partition.checkpoint();
    let lent = partition.read(0, 60, 10_000).unwrap().unwrap();
    let config = LogConfig {
        retention_bytes: Some(2000),
        ..tiny()
    };
    partition.log.set_config(config);
    let limit = partition.log.end();
    let start = partition
        .log
        .expire(NOW, limit, &mut partition.calls)
        .unwrap();
    assert!(start > Offset::ZERO && start < limit);
    assert!(
        partition.read(0, 60, 1000).is_ok(),
        "the start is not durable"
    );
    assert!(
        partition.calls.is_empty(),
        "nothing goes before the checkpoint"
    );
    partition.checkpoint();
    assert_eq!(partition.log.start(), start);
    let error = partition.read(0, 60, 1000).unwrap_err();
    assert!(matches!(error, ReadError::BelowStart { .. }), "{error}");
    let names = partition.disk_names("log");
    assert!(names.contains(&log_name(0)), "lent");
    let second = names.get(1).cloned().unwrap();
    assert!(base(&second) >= start.get() || names.len() < 4, "{names:?}");
    assert!(!records_of(&lent).is_empty());
    drop(lent);
    partition.log.expire(NOW, limit, &mut partition.calls);
    partition.drain();
    assert_eq!(base(&partition.disk_names("log")[0]), start.get());
    assert_eq!(
        partition.disk_names("index").len() + 1,
        partition.disk_names("log").len()
    );
    partition.crash();
    assert_eq!(partition.log.start(), start);
    assert_eq!(partition.texts(), numbered(60)[start.get() as usize..]);
}

#[test]
fn files_stay_for_as_long_as_they_are_told_to() {
    let mut partition = with_numbered(60);
    partition.sync();
    partition.checkpoint();
    partition.log.set_config(LogConfig {
        retention_bytes: Some(2000),
        file_delete_delay_ms: 500,
        ..tiny()
    });
    let limit = partition.log.end();
    let before = partition.disk_names("log");
    partition.log.expire(NOW, limit, &mut partition.calls);
    partition.checkpoint();
    let start = partition.log.start();
    assert!(start > Offset::ZERO);
    for (later_ms, stay) in [(0, true), (499, true), (500, false)] {
        let now = NOW.after(later_ms);
        partition.log.expire(now, limit, &mut partition.calls);
        partition.drain();
        assert_eq!(partition.disk_names("log") == before, stay, "{later_ms} ms");
    }
    assert_eq!(base(&partition.disk_names("log")[0]), start.get());
}

#[test]
fn retention_by_age_forgets_all_and_keeps_counting() {
    let mut partition = with_numbered(20);
    partition.sync();
    partition.checkpoint();
    partition.log.set_config(LogConfig {
        retention_ms: Some(1000),
        ..tiny()
    });
    let limit = partition.log.end();
    assert_eq!(
        partition.log.expire(NOW, limit, &mut partition.calls),
        None,
        "not old yet"
    );
    let later = Timestamp::new(NOW.get() + 1001);
    partition.log.expire(later, limit, &mut partition.calls);
    partition.drain();
    partition.log.expire(later, limit, &mut partition.calls);
    assert_eq!(partition.log.start(), Offset::ZERO);
    partition.checkpoint();
    assert_eq!(partition.log.start(), limit);
    assert_eq!(partition.disk_names("log").len(), 0);
    partition.crash();
    partition.power_cut();
    assert_eq!((partition.log.start(), partition.log.end()), (limit, limit));
    partition.append_values(&["next"]);
    assert_eq!(partition.texts(), ["next"]);
    assert_eq!(partition.log.end(), limit.next());
}

#[test]
fn retention_stops_at_the_limit_and_at_the_checkpoint() {
    let mut partition = with_numbered(60);
    partition.log.set_config(LogConfig {
        retention_bytes: Some(0),
        ..tiny()
    });
    let end = partition.log.end();
    assert_eq!(
        partition.log.expire(NOW, end, &mut partition.calls),
        None,
        "not synced"
    );
    partition.sync();
    assert_eq!(
        partition.log.expire(NOW, end, &mut partition.calls),
        None,
        "no checkpoint"
    );
    partition.checkpoint();
    let limit = Offset::new(30);
    let start = partition
        .log
        .expire(NOW, limit, &mut partition.calls)
        .unwrap();
    assert!(start <= limit && start > Offset::ZERO);
}

#[test]
fn the_segment_in_which_a_start_goes_on_is_not_removed() {
    let mut partition = with_numbered(3);
    partition.sync();
    let end = partition.log.end();
    partition.log.truncate_start(end);
    let (epoch, producers) = (partition.epoch, partition.producers.clone());
    let mut checkpoint = Vec::new();
    assert!(partition.log.checkpoint(epoch, &producers, &mut checkpoint));
    // The active segment, which the checkpoint goes on in, is sealed before that is durable.
    partition.append_values(&["more than fits".repeat(1_000).as_str()]);
    partition.sync();
    partition.calls.extend(checkpoint);
    partition.drain();
    assert_eq!(partition.log.start(), end);
    assert!(partition.log.is_start_waiting(), "for the next checkpoint");
    let texts = partition.texts();
    partition.power_cut();
    assert_eq!((partition.log.start(), partition.texts()), (end, texts));
    partition.checkpoint();
    assert!(base(&partition.disk_names("log")[0]) >= end.get());
    assert!(!partition.log.is_start_waiting());
}

#[test]
fn the_largest_timestamp_is_one_that_is_kept() {
    let mut partition = Partition::new(tiny(), 1);
    for (count, time) in [(3, 5_000), (1, 1_000), (1, 3_000), (2, 2_000)] {
        let values = vec![b"v".to_vec(); count];
        partition.append(&batch_of(&values, Timestamp::new(time)));
    }
    partition.sync();
    for (start, offset, time) in [(2, 2, 5_000), (3, 4, 3_000), (5, 5, 2_000)] {
        partition.log.truncate_start(Offset::new(start));
        partition.checkpoint();
        let upto = partition.log.end();
        let latest = partition.log.latest_timestamp(upto).unwrap();
        assert_eq!(latest, Some((Offset::new(offset), Timestamp::new(time))));
    }
    let upto = partition.log.end();
    partition.log.truncate_start(upto);
    partition.checkpoint();
    assert_eq!(partition.log.latest_timestamp(upto).unwrap(), None);
}

#[test]
fn deleted_records_stay_deleted() {
    let mut partition = with_numbered(40);
    partition.sync();
    assert_eq!(
        partition.log.truncate_start(Offset::new(25)),
        Some(Offset::new(25))
    );
    assert_eq!(partition.log.truncate_start(Offset::new(20)), None);
    partition.checkpoint();
    partition.power_cut();
    assert_eq!(partition.log.start(), Offset::new(25));
    assert_eq!(partition.texts(), numbered(40)[25..]);
    let end = partition.log.end();
    partition.checkpoint();
    partition.log.expire(NOW, end, &mut partition.calls);
    partition.checkpoint();
    assert!(base(&partition.disk_names("log")[0]) > 0);
}
