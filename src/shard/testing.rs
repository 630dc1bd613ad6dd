//! A broker of one core over a disk in memory, for tests of what its shard does by itself.

use super::{Boot, Shard};
use crate::config::Settings;
use crate::storage::MemoryDisk;
use crate::types::CoreId;
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
