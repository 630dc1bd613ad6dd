//! A broker of one core over a disk in memory, for tests of what its shard does by itself.

use super::{Boot, Effect, Event, Shard};
use crate::config::Settings;
use crate::storage::MemoryDisk;
use crate::storage::call::DiskCall;
use crate::types::{CoreId, Instant, Now, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// Starts on what `data` holds.
pub(super) fn boot(disk: &MemoryDisk) -> (Boot, Shard) {
    let settings = Settings {
        data: Some("data".into()),
        ..Settings::default()
    };
    let mut config = settings.into_config(1).unwrap();
    config.limits.journal_file_bytes = 1 << 20;
    config.limits.compaction_bytes_per_second_max = 64 << 20;
    let boot = Boot::load(disk, Arc::new(config), 1).unwrap();
    let shard = boot.shard(disk, CoreId::REGISTRAR).unwrap();
    (boot, shard)
}

/// Lets seconds pass, each tick at its time, and counts disk calls: the most of a second, and of
/// all.
pub(super) fn pass(
    shard: &mut Shard,
    disk: &MemoryDisk,
    seconds: Range<u64>,
    counts: impl Fn(&DiskCall) -> usize,
) -> (usize, usize) {
    let (mut most, mut all) = (0, 0);
    for second in seconds {
        let mut at = Instant::new(second * 1_000_000);
        let next_second = Instant::new((second + 1) * 1_000_000);
        let mut counted = 0;
        while at < next_second {
            let now = now(at);
            let mut effects = Vec::new();
            shard.step(now, Event::Tick, &mut effects);
            while let Some(effect) = effects.pop() {
                let Effect::Disk { io, call } = effect else {
                    continue;
                };
                counted += counts(&call);
                let result = call.perform(disk);
                shard.step(now, Event::DiskDone { io, result }, &mut effects);
            }
            let due = shard.next_deadline().unwrap_or(next_second);
            assert!(due > at, "a tick is due again at once");
            at = due;
        }
        most = most.max(counted);
        all += counted;
    }
    (most, all)
}

/// This instant, while the wall clock stands still.
pub(super) fn now(monotonic: Instant) -> Now {
    Now {
        wall: Timestamp::new(1),
        monotonic,
    }
}
