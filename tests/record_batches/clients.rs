//! Batches that real clients made; how is in `tests/fixtures/record/README.md`.

use super::{Owned, read_all};
use bytes::Bytes;
use corelane::record::{Batch, Compression, TimestampType};
use std::path::Path;

fn fixture(client: &str, name: &str) -> Batch {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/record")
        .join(format!("{client}-{name}.bin"));
    let bytes = std::fs::read(&path).expect("the fixture is there");
    Batch::validate(Bytes::from(bytes)).expect("a client's batch is valid")
}

fn record(offset: i64, timestamp: i64, key: Option<&str>, value: Option<&str>) -> Owned {
    Owned {
        offset,
        timestamp,
        key: key.map(|key| key.as_bytes().to_vec()),
        value: value.map(|value| value.as_bytes().to_vec()),
        headers: Vec::new(),
    }
}

fn trace_headers(last: (&str, Option<&str>)) -> Vec<(String, Option<Vec<u8>>)> {
    let (name, value) = last;
    let value = value.map(|value| value.as_bytes().to_vec());
    vec![
        ("trace".into(), Some(b"abc".to_vec())),
        (name.into(), value),
    ]
}

/// What `MakeJava.java` and `make_kafka_python.py` put into a batch.
fn builder_records() -> Vec<Owned> {
    let mut with_headers = record(3, 1_700_000_000_001, Some(""), Some(""));
    with_headers.headers = trace_headers(("null", None));
    with_headers
        .headers
        .push(("trace".into(), Some(Vec::new())));
    vec![
        record(0, 1_700_000_000_000, Some("key-0"), Some("value-0")),
        record(1, 1_700_000_000_500, None, Some("no key")),
        record(2, 1_699_999_999_000, Some("tombstone"), None),
        with_headers,
        record(4, 1_700_000_000_002, Some("long"), Some(&"x".repeat(1000))),
    ]
}

#[test]
fn java_and_python_batches_have_the_fields_they_were_given() {
    for client in ["java", "kafka-python"] {
        for compression in Compression::ALL {
            let batch = fixture(client, compression.name());
            let header = batch.header();
            assert_eq!(header.compression(), compression, "{client}");
            assert_eq!(header.size(), batch.bytes().len());
            assert_eq!(header.base_offset().get(), 0);
            assert_eq!(header.last_offset().get(), 4);
            assert_eq!(header.next_offset().get(), 5);
            assert_eq!(header.record_count(), 5);
            assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
            assert_eq!(header.base_timestamp().get(), 1_700_000_000_000);
            assert_eq!(header.max_timestamp().get(), 1_700_000_000_500);
            assert_eq!(header.producer_id().get(), 4711);
            assert_eq!(header.producer_epoch().get(), 3);
            assert_eq!(header.base_sequence().get(), 42);
            assert_eq!(header.last_sequence().get(), 46);
            assert!(header.has_producer() && !header.is_transactional() && !header.is_control());
            assert_eq!(
                read_all(&batch),
                builder_records(),
                "{client} {compression}"
            );
            assert_eq!(batch.validate_records(&Default::default()), Ok(()));
        }
    }
}

#[test]
fn librdkafka_batches_have_the_fields_they_were_given() {
    for name in ["none", "gzip", "snappy", "lz4", "zstd", "idempotent"] {
        let batch = fixture("kcat", name);
        let header = batch.header();
        let compression = name.parse().unwrap_or(Compression::None);
        assert_eq!(header.compression(), compression);
        assert_eq!(header.record_count(), 3);
        let records = read_all(&batch);
        // kcat gives each record the time it was read at, a fixture its own.
        let times: Vec<_> = records.iter().map(|record| record.timestamp).collect();
        assert_eq!(times.first(), Some(&header.base_timestamp().get()));
        assert_eq!(times.iter().max(), Some(&header.max_timestamp().get()));
        if name == "idempotent" {
            assert_eq!(header.producer_id().get(), 4711);
            assert_eq!(header.producer_epoch().get(), 3);
            assert_eq!(header.last_sequence().get(), 2);
        } else {
            assert!(!header.has_producer());
            assert_eq!(header.last_sequence().get(), -1);
        }
        let mut expected = vec![
            record(0, times[0], Some("key-0"), Some("value-0")),
            record(1, times[1], Some(""), Some("empty key")),
            record(2, times[2], Some("long"), Some(&"x".repeat(1000))),
        ];
        for record in &mut expected {
            record.headers = trace_headers(("none", None));
        }
        assert_eq!(records, expected, "{name}");
    }
}
