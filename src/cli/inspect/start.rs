//! A data directory as a start would find it.

use super::super::human;
use super::content::{Content, Examined};
use super::state;
use crate::shard::rehearse;
use crate::storage::RealDisk;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// See [`Content::DataDirectory`].
#[derive(Debug, Default, Serialize)]
pub(super) struct StartContent {
    /// Whether a broker holds the directory, so that no start was tried.
    pub(super) held: bool,
    pub(super) partitions: usize,
    pub(super) offline: usize,
    /// Bytes that only journals hold.
    pub(super) replayed_bytes: u64,
    /// Bytes at the ends of logs that nobody was told are durable.
    pub(super) cut_bytes: u64,
}

impl fmt::Display for StartContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.held {
            return f.write_str("data directory, held by a running broker, so no start was tried");
        }
        write!(
            f,
            "data directory, a start finds {} partitions, of which {} stay offline; it takes {} \
             from journals and cuts {} off",
            self.partitions,
            self.offline,
            human::bytes(self.replayed_bytes),
            human::bytes(self.cut_bytes),
        )
    }
}

/// Whether the path is a whole data directory.
pub(super) fn is_data_directory(path: &Path) -> bool {
    path.join("catalog").is_file()
}

/// Goes through what a start does, without a change to the disk.
pub(super) fn examine(data: &Path, bytes: u64) -> Examined {
    let mut content = StartContent::default();
    let mut problems = Vec::new();
    match state::is_locked(&data.join("lock")) {
        Ok(false) => rehearsed(data, &mut content, &mut problems),
        Ok(true) => content.held = true,
        Err(error) => problems.push(format!("its lock cannot be read: {error}")),
    }
    Examined {
        path: data.display().to_string(),
        bytes,
        content: Content::DataDirectory(content),
        problems,
    }
}

fn rehearsed(data: &Path, content: &mut StartContent, problems: &mut Vec<String>) {
    let rehearsed = match rehearse(&RealDisk::new(), data) {
        Ok(rehearsed) => rehearsed,
        Err(error) => return problems.push(format!("a start is refused: {error}")),
    };
    for partition in rehearsed {
        content.partitions += 1;
        match partition.outcome {
            Ok(report) => {
                content.replayed_bytes += report.bytes_replayed;
                content.cut_bytes += report.bytes_cut;
            }
            Err(error) => {
                content.offline += 1;
                let directory = partition.directory.display();
                problems.push(format!("{directory} stays offline: {error}"));
            }
        }
    }
}
