//! When a segment ends, but for its size.

use crate::partition::*;
use corelane::storage::LogConfig;
use corelane::types::Timestamp;

fn spacious() -> LogConfig {
    LogConfig {
        segment_bytes: 1 << 20,
        index_interval_bytes: 0,
        ..tiny()
    }
}

#[test]
fn segments_end_before_their_time_by_a_jitter_of_their_own() {
    let config = LogConfig {
        segment_ms: 1000,
        segment_jitter_ms: 400,
        ..spacious()
    };
    let mut partition = Partition::new(config, 1);
    let (mut now, mut begun) = (NOW, NOW);
    let mut ages = Vec::new();
    while ages.len() < 10 {
        let segments = partition.disk_names("log").len();
        partition.try_append(&batch("value"), now).expect("appends");
        partition.drain();
        if segments > 0 && partition.disk_names("log").len() > segments {
            ages.push(now.get() - begun.get());
            begun = now;
        }
        now = now.after(20);
    }
    assert!(
        ages.iter().all(|age| (600..=1000).contains(age)),
        "{ages:?}"
    );
    ages.sort_unstable();
    ages.dedup();
    assert!(ages.len() > 3, "{ages:?}");
}

#[test]
fn segments_end_when_an_index_is_full() {
    // An entry per batch but the first: 8 bytes, and 12 where time goes on.
    for (step_ms, batches) in [(0, 129), (1, 85)] {
        let config = LogConfig {
            segment_index_bytes: 1024,
            ..spacious()
        };
        let mut partition = Partition::new(config, 1);
        for number in 0..300 {
            let time = Timestamp::new(NOW.get() + number * step_ms);
            partition.append(&batch_of(&[vec![7]], time));
        }
        partition.drain();
        let names = partition.disk_names("log");
        let bases: Vec<i64> = names.iter().map(|name| base(name)).collect();
        let expected: Vec<i64> = (0..300).step_by(batches).collect();
        assert_eq!(bases, expected);
        for extension in ["index", "timeindex"] {
            for name in partition.disk_names(extension) {
                assert!(partition.file(&name).len() <= 1024, "{name}");
            }
        }
    }
}
