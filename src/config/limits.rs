//! What bounds bytes, memory and work, with defaults. Some of it operators may set.

use super::{ConfigError, MIB, in_range};
use std::time::Duration;

/// Journal files are written in units of this.
const JOURNAL_UNIT_BYTES: u64 = 4096;

/// Over all cores, and together less than a gibibyte, which is what a start after a crash has to
/// read again: bytes appended and not synced, and bytes synced that no checkpoint covers.
const UNSYNCED_BYTES_MAX: u64 = 512 * MIB;
const UNCHECKPOINTED_BYTES_MAX: u64 = 384 * MIB;
/// A core's share of these is no smaller than an eighth, however many cores there are: each core
/// reads its own.
const SHARES_MAX: u64 = 8;

/// What bounds bytes and memory taken on a peer's word, and the work that goes on behind. Tests run
/// with tiny ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request frame accepted, in bytes (Kafka's `socket.request.max.bytes`).
    pub frame_bytes_max: u32,
    /// Requests under way per connection; past it the socket is not read.
    pub slots_per_connection_max: usize,
    /// Bytes of request frames under way per core; past it sockets are not read. At least one
    /// frame of the largest size is always admitted.
    pub request_bytes_per_core_max: u64,
    /// Bytes appended but not yet synced per core; past it appends wait.
    pub unsynced_bytes_per_core_max: u64,
    /// About how many bytes per core may be synced without a checkpoint that covers them: what a
    /// start after a crash scans beside those that were not synced.
    pub uncheckpointed_bytes_per_core_max: u64,
    /// Bytes of a journal file.
    pub journal_file_bytes: u64,
    /// Journal files per core at most; while all are full durable appends wait for segments to be
    /// synced.
    pub journal_files_max: usize,
    /// Bytes of a journal write at most; bulk syncs its segments instead.
    pub journal_block_bytes_max: usize,
    /// How long segments are left alone after one was synced for the journal's sake, at most; the
    /// fuller the journal the shorter.
    pub sync_pause_max: Duration,
    /// Bytes of sealed segments that a core compares with their checksums each second; none with 0.
    pub scrub_bytes_per_second_max: u64,
    /// About how many bytes of segments a core reads to compact them each second.
    pub compaction_bytes_per_second_max: u64,
    /// Bytes of memory per core for the keys of what it compacts.
    pub compaction_map_bytes_per_core: u64,
    /// About how many bytes a core appends before other connections get their turn.
    pub append_bytes_per_step_max: u64,
    /// Connections per core; past it a new one is closed with a log line.
    pub connections_per_core_max: usize,
    /// Partitions of one topic.
    pub partitions_per_topic_max: i32,
    /// Fetch sessions per core (Kafka's `max.incremental.fetch.session.cache.slots`).
    pub fetch_sessions_per_core_max: usize,
    /// Partitions of all fetch sessions of a core together.
    pub fetch_session_partitions_per_core_max: usize,
    /// The longest a fetch may wait, whatever it asks.
    pub fetch_wait_max: Duration,
    /// The most bytes one fetch answers, whatever it asks.
    pub fetch_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 100 * MIB as u32,
            slots_per_connection_max: 64,
            request_bytes_per_core_max: 256 * MIB,
            unsynced_bytes_per_core_max: UNSYNCED_BYTES_MAX,
            uncheckpointed_bytes_per_core_max: UNCHECKPOINTED_BYTES_MAX,
            journal_file_bytes: 64 * MIB,
            journal_files_max: 8,
            journal_block_bytes_max: 256 * 1024,
            sync_pause_max: Duration::from_millis(40),
            scrub_bytes_per_second_max: 4 * MIB,
            compaction_bytes_per_second_max: 1024 * MIB,
            compaction_map_bytes_per_core: 32 * MIB,
            append_bytes_per_step_max: MIB,
            connections_per_core_max: 10_000,
            partitions_per_topic_max: 10_000,
            fetch_sessions_per_core_max: 1_000,
            fetch_session_partitions_per_core_max: 200_000,
            fetch_wait_max: Duration::from_secs(300),
            fetch_bytes_max: 55 * MIB as u32,
        }
    }
}

impl Limits {
    /// The defaults of a broker with so many cores.
    pub fn for_cores(cores: u16) -> Self {
        let shares = u64::from(cores).clamp(1, SHARES_MAX);
        Self {
            unsynced_bytes_per_core_max: UNSYNCED_BYTES_MAX / shares,
            uncheckpointed_bytes_per_core_max: UNCHECKPOINTED_BYTES_MAX / shares,
            ..Self::default()
        }
    }

    /// Checks how what goes on behind is paced.
    pub(super) fn check_pacing(&self) -> Result<(), ConfigError> {
        let file = self.journal_file_bytes;
        let wanted = "from 1048576 to 1073741824 bytes is wanted";
        in_range("journal-file-bytes", file, MIB..=1024 * MIB, wanted)?;
        if !file.is_multiple_of(JOURNAL_UNIT_BYTES) {
            return Err(ConfigError::OutOfRange {
                name: "journal-file-bytes",
                value: file,
                wanted: "a multiple of 4096 is wanted, as the disk is written in such units",
            });
        }
        let files = self.journal_files_max as u64;
        let wanted = "from 2 to 64 is wanted: one file is written while another waits to be used \
                      again";
        in_range("journal-files-max", files, 2..=64, wanted)?;
        let pause = self.sync_pause_max.as_millis() as u64;
        let wanted = "from 0 to 1000 milliseconds is wanted";
        in_range("sync-pause-ms-max", pause, 0..=1000, wanted)?;
        let compaction = self.compaction_bytes_per_second_max;
        let wanted = "at least 1048576 bytes is wanted";
        in_range(
            "compaction-bytes-per-second-max",
            compaction,
            MIB..=u64::MAX,
            wanted,
        )?;
        let scrub = self.scrub_bytes_per_second_max;
        if scrub > 0 {
            let wanted = "0 for none, or from 1048576 to 1073741824 bytes is wanted";
            in_range(
                "scrub-bytes-per-second-max",
                scrub,
                MIB..=1024 * MIB,
                wanted,
            )?;
        }
        Ok(())
    }
}
