//! `corelane import` as people use it; what it does is tested in `tests/import`.

use crate::broker::{corelane, json, run, stderr};
use rustix::fs::{FlockOperation, fcntl_lock};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

fn import(from: &Path, data: &Path, more: &[&str]) -> Output {
    let (from, data) = (from.to_str().expect("text"), data.to_str().expect("text"));
    let arguments = [&["import", "--from", from, "--data", data], more].concat();
    run(corelane(&arguments), b"")
}

/// A copy of what Kafka wrote.
fn kafka(parent: &Path) -> PathBuf {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kafka-4");
    let copy = parent.join("kafka");
    for entry in walkdir::WalkDir::new(&fixture) {
        let entry = entry.expect("the fixture is there");
        let place = entry.path().strip_prefix(&fixture).expect("below it");
        if entry.file_type().is_dir() {
            fs::create_dir_all(copy.join(place)).expect("a directory");
        } else {
            fs::copy(entry.path(), copy.join(place)).expect("a copy");
        }
    }
    copy
}

#[test]
fn one_object_tells_what_was_taken_over() {
    let parent = tempfile::tempdir().expect("a directory");
    let (from, data) = (kafka(parent.path()), parent.path().join("data"));
    let output = import(&from, &data, &["--json", "--verify"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = json(&output.stdout);
    let codecs = &report["imported"][0];
    assert_eq!(codecs["topic"], "codecs");
    assert_eq!(codecs["id"], "25b1a902-c3f0-4a42-8166-f1a5367785bf");
    assert_eq!(codecs["partitions"][0]["records"], 100);
    assert_eq!(codecs["partitions"][0]["next_offset"], 100);
    assert_eq!(report["imported"].as_array().map(Vec::len), Some(4));
    let again = json(&import(&from, &data, &["--json"]).stdout);
    assert_eq!(again["imported"].as_array().map(Vec::len), Some(0));
    assert_eq!(again["present"].as_array().map(Vec::len), Some(4));
    let inspected = run(
        corelane(&["inspect", "--verify", data.to_str().expect("text")]),
        b"",
    );
    assert!(inspected.status.success(), "{}", stderr(&inspected));
}

#[test]
fn a_kafka_that_runs_is_left_alone() {
    let parent = tempfile::tempdir().expect("a directory");
    let (from, data) = (kafka(parent.path()), parent.path().join("data"));
    let lock = fs::File::create(from.join(".lock")).expect("a lock file");
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).expect("nobody has it");
    let output = import(&from, &data, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("a Kafka runs on"),
        "{}",
        stderr(&output)
    );
    assert!(!data.exists(), "nothing was begun");
    drop(lock);
    assert!(import(&from, &data, &[]).status.success());
}

#[test]
fn directories_that_lie_in_each_other_are_refused() {
    let parent = tempfile::tempdir().expect("a directory");
    let from = kafka(parent.path());
    for data in [from.clone(), from.join("ours"), parent.path().to_owned()] {
        let output = import(&from, &data, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("lie in each other"));
    }
    assert!(!from.join("ours").exists() && !from.join("format").exists());
}

#[test]
fn what_stands_against_it_is_told_at_once() {
    let parent = tempfile::tempdir().expect("a directory");
    let (from, data) = (kafka(parent.path()), parent.path().join("data"));
    fs::remove_file(from.join(".kafka_cleanshutdown")).expect("it was clean");
    fs::remove_file(from.join("compacted-0/partition.metadata")).expect("it was there");
    let output = import(&from, &data, &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("--unclean") && told.contains("partition.metadata"),
        "{told}"
    );
}
