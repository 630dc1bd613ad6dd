//! The command line against a broker of this process: what goes in comes out, byte for byte, and
//! what goes wrong is told and has its exit code.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of processes has files and threads"
)]

mod broker;
mod groups;
mod import;

use broker::{Broker, corelane, json, run, stderr};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use tempfile::TempDir;

#[test]
fn lines_come_back_byte_for_byte() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let lines: Vec<Vec<u8>> = (0..20_000u32)
        .map(|number| {
            [
                format!("{number} ").as_bytes(),
                &[0xff, 0, 0xc3, b'\r'],
                &[b'x'; 40],
            ]
            .concat()
        })
        .chain([vec![], b"last, without a newline".to_vec()])
        .collect();
    let input = lines.join(&b'\n');
    broker.ok(
        &["topic", "create", "--topic", "lines", "--partitions", "3"],
        b"",
    );
    let summary = broker.ok(&["produce", "--topic", "lines", "--json"], &input);
    let summary = json(&summary);
    assert_eq!(summary["delivered"], lines.len());
    assert_eq!(summary["read_bytes"], input.len());
    assert!(
        summary["compression_ratio"].as_f64() > Some(2.0),
        "{summary}"
    );

    let output = broker.ok(&["consume", "--topic", "lines"], b"");
    let text = output.strip_suffix(b"\n").expect("whole lines");
    let mut got: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let mut expected: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    got.sort_unstable();
    expected.sort_unstable();
    assert!(got == expected, "{} lines of {}", got.len(), expected.len());
}

#[test]
fn keys_keep_their_lines_in_order() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let input: String = (0..3000)
        .map(|number| format!("k{}:{number}\n", number % 7))
        .collect();
    broker.ok(
        &["topic", "create", "--topic", "keyed", "--partitions", "4"],
        b"",
    );
    let arguments = [
        "produce",
        "--topic",
        "keyed",
        "--key-separator",
        ":",
        "--compression",
        "lz4",
    ];
    broker.ok(&arguments, input.as_bytes());
    let output = broker.ok(&["consume", "--topic", "keyed", "--json"], b"");
    let mut last = std::collections::BTreeMap::new();
    let mut count = 0;
    for line in output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let record = json(line);
        let number: i64 = record["value"]
            .as_str()
            .and_then(|v| v.parse().ok())
            .expect("a number");
        let key = record["key"].as_str().expect("a key").to_owned();
        let place = (record["partition"].as_i64(), number);
        if let Some((partition, before)) = last.insert(key, place) {
            assert_eq!(partition, place.0, "a key stays in its partition");
            assert!(before < number, "{before} came before {number}");
        }
        count += 1;
    }
    assert_eq!(count, 3000);
}

#[test]
fn reading_starts_and_ends_where_it_is_told() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let input: String = (0..1000).map(|number| format!("{number}\n")).collect();
    broker.ok(
        &["topic", "create", "--topic", "t", "--partitions", "1"],
        b"",
    );
    broker.ok(&["produce", "--topic", "t"], input.as_bytes());
    let read = |more: &[&str]| {
        let arguments = [&["consume", "--topic", "t"], more].concat();
        String::from_utf8(broker.ok(&arguments, b"")).expect("text")
    };
    assert_eq!(read(&["--from", "998"]), "998\n999\n");
    assert_eq!(read(&["--from", "5", "--count", "2"]), "5\n6\n");
    assert_eq!(read(&["--from", "end"]), "");
    assert_eq!(read(&["--from", "@-1h", "--count", "1"]), "0\n");
    assert_eq!(read(&["--from", "@2999-01-01T00:00:00Z"]), "");
    assert_eq!(read(&["--partition", "0", "--from", "999999"]), "");
}

#[test]
fn what_is_wrong_is_named_and_has_its_exit_code() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let output = broker.run(&["consume", "--topic", "absent"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("\"absent\""),
        "{}",
        stderr(&output)
    );

    broker.ok(&["topic", "create", "--topic", "t"], b"");
    let output = broker.run(&["topic", "create", "--topic", "t"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("TOPIC_ALREADY_EXISTS"),
        "{}",
        stderr(&output)
    );

    let file = broker.data.path().join("absent.log");
    let file = file.to_str().expect("UTF-8");
    let output = broker.run(&["produce", "--topic", "t", file, "-"], b"a\nb\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("absent.log"),
        "{}",
        stderr(&output)
    );
    assert_eq!(broker.ok(&["consume", "--topic", "t"], b""), b"a\nb\n");

    let output = broker.run(&["consume", "--topic", "t", "--from", "yesterday"], b"");
    assert_eq!(output.status.code(), Some(2));

    let nobody = run(
        corelane(&["topic", "list", "--bootstrap", "127.0.0.1:1"]),
        b"",
    );
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        stderr(&nobody).contains("is `corelane serve` running?"),
        "{}",
        stderr(&nobody)
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let input: String = (0..50_000)
        .map(|number| format!("{number:0100}\n"))
        .collect();
    broker.ok(&["produce", "--topic", "t"], input.as_bytes());
    let mut child = broker
        .command(&["consume", "--topic", "t"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    let output = child.wait_with_output().expect("the binary ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn topics_are_made_shown_altered_and_deleted() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let create = [
        "topic",
        "create",
        "--topic",
        "t",
        "--partitions",
        "2",
        "--config",
        "retention.ms=60000",
    ];
    broker.ok(&create, b"");
    broker.ok(&["produce", "--topic", "t"], b"a\nb\nc\n");
    let described = json(&broker.ok(&["topic", "describe", "--topic", "t", "--json"], b""));
    assert_eq!(described["configs"]["retention.ms"], "60000");
    let partitions = described["partitions"].as_array().expect("partitions");
    let records: i64 = partitions.iter().filter_map(|p| p["latest"].as_i64()).sum();
    assert_eq!((partitions.len(), records), (2, 3));

    broker.ok(
        &["topic", "alter", "--topic", "t", "--partitions", "5"],
        b"",
    );
    let listed = json(&broker.ok(&["topic", "list", "--json"], b""));
    assert_eq!(listed["topics"][0]["partitions"], 5);
    broker.ok(&["topic", "delete", "--topic", "t"], b"");
    broker.ok(&["topic", "delete", "--topic", "t", "--if-exists"], b"");
    let listed = json(&broker.ok(&["topic", "list", "--json"], b""));
    assert_eq!(listed["topics"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_demo_checks_itself_and_leaves_nothing() {
    if Broker::start().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let input = directory.path().join("input.log");
    std::fs::write(&input, "one\ntwo\n\nfour").expect("written");
    let place = directory.path().to_str().expect("UTF-8");
    let input = input.to_str().expect("UTF-8");
    for more in [
        &["--records", "5000"][..],
        &["--input", input, "--records", "3000"],
    ] {
        let arguments = [&["demo", "--json", "--directory", place], more].concat();
        let output = run(corelane(&arguments), b"");
        assert!(output.status.success(), "{}", stderr(&output));
        let report = json(&output.stdout);
        assert_eq!(report["ok"], true);
        assert_eq!(report["replay"]["records"], report["records"]);
    }
    let left = std::fs::read_dir(directory.path())
        .expect("readable")
        .count();
    assert_eq!(left, 1, "only the input");
}

#[test]
fn inspect_finds_nothing_wrong_and_then_what_is() {
    let Some(Broker { engine, data }) = Broker::start() else {
        return;
    };
    let address = engine.address().to_string();
    let input: String = (0..20_000)
        .map(|number| format!("{number:050}\n"))
        .collect();
    let arguments = [
        "produce",
        "--topic",
        "t",
        "--compression",
        "none",
        "--bootstrap",
        &address,
    ];
    assert!(run(corelane(&arguments), input.as_bytes()).status.success());
    drop(engine);
    let place = data.path().to_str().expect("UTF-8");
    let inspect = || run(corelane(&["inspect", "--verify", "--json", place]), b"");
    let whole = inspect();
    let report = json(&whole.stdout);
    assert!(whole.status.success(), "{report}");
    let logs = report["files"].as_array().expect("files").iter();
    let records: u64 = logs.filter_map(|file| file["records"].as_u64()).sum();
    assert_eq!(records, 20_000);

    flip_a_byte(&data.path().join("t-0/00000000000000000000.log"));
    let damaged = inspect();
    assert_eq!(damaged.status.code(), Some(1));
    assert!(json(&damaged.stdout)["problems"].as_u64() > Some(0));
}

/// What a broker leaves that is killed now, while it does nothing.
fn copy_of(data: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    let mut waiting = vec![data.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).expect("readable") {
            let from = entry.expect("readable").path();
            let to = copy.path().join(from.strip_prefix(data).expect("below it"));
            if from.is_dir() {
                std::fs::create_dir(&to).expect("made");
                waiting.push(from);
            } else {
                std::fs::copy(&from, &to).expect("copied");
            }
        }
    }
    copy
}

#[test]
fn inspect_tries_a_start_without_a_broker() {
    let Some(broker) = Broker::start() else {
        return;
    };
    for line in [&b"one\n"[..], b"two\n", b"three\n"] {
        broker.ok(&["produce", "--topic", "t"], line);
    }
    let place = broker.data.path().to_str().expect("UTF-8");
    let held = run(corelane(&["inspect", "--verify", place]), b"");
    let text = String::from_utf8_lossy(&held.stdout);
    assert!(text.contains("held by a running broker"), "{text}");

    let copy = copy_of(broker.data.path());
    let place = copy.path().to_str().expect("UTF-8");
    let inspect = || run(corelane(&["inspect", "--verify", "--json", place]), b"");
    let last = |output: &Output| {
        json(&output.stdout)["files"]
            .as_array()
            .expect("files")
            .last()
            .cloned()
    };
    let start = last(&inspect()).expect("a file");
    assert_eq!(start["kind"], "data_directory");
    assert_eq!(
        (&start["offline"], &start["replayed_bytes"]),
        (&0.into(), &0.into())
    );

    // What the segment has lost is in the journal.
    let log = copy.path().join("t-0/00000000000000000000.log");
    let length = std::fs::metadata(&log).expect("a segment").len();
    std::fs::write(&log, b"").expect("written");
    let output = inspect();
    assert!(output.status.success(), "{}", json(&output.stdout));
    assert_eq!(last(&output).expect("a file")["replayed_bytes"], length);
    assert_eq!(
        std::fs::metadata(&log).expect("a segment").len(),
        0,
        "only read"
    );

    let text = run(corelane(&["inspect", place]), b"").stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.contains("journal of core 0, start 1, blocks 1 to"),
        "{text}"
    );
    let journal = std::fs::read_dir(copy.path().join("journal/0")).expect("readable");
    let names = journal.map(|entry| entry.expect("readable").path());
    let first = names.min().expect("a journal file");
    let mut bytes = std::fs::read(&first).expect("a journal");
    bytes[4096 + 40] ^= 1;
    std::fs::write(&first, bytes).expect("written");
    let damaged = inspect();
    assert_eq!(damaged.status.code(), Some(1));
    let problem = &last(&damaged).expect("a file")["problems"][0];
    let problem = problem.as_str().expect("a problem");
    assert!(
        problem.contains("a start is refused") && problem.contains("byte 4096"),
        "{problem}"
    );
}

fn flip_a_byte(path: &Path) {
    let mut bytes = std::fs::read(path).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}
