//! `corelane inspect`: what is on disk and whether its checksums hold. Only reads.

mod content;
mod journal;
mod segment;
mod start;
mod state;

use super::{CliError, output};
use clap::Args;
use content::{Content, Examined};
use journal::Journals;
use segment::{Depth, Found};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Show what is in a data directory, a segment, an index, a journal or a checkpoint
#[derive(Debug, Args)]
#[command(after_help = "\
Only reads, and may be used while a broker runs: then the end of a segment can be in the making.
With --verify, a data directory that no broker holds is also gone through as by a start, and what
would refuse the start or keep a partition offline is told.
The exit code is 1 if something is wrong.

Examples:
  corelane inspect /var/lib/corelane
  corelane inspect --verify /var/lib/corelane/orders-0
  corelane inspect --batches /var/lib/corelane/orders-0/00000000000000000000.log
  corelane inspect --verify --json /var/lib/corelane | jq '.files[] | select(.problems != [])'")]
pub(crate) struct InspectArgs {
    /// A data directory, a partition's directory in it, or one file
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,

    /// Compute every checksum, hold indexes against their segments, and try a start
    #[arg(long)]
    verify: bool,

    /// List every batch of every segment, and what journals hold of each partition
    #[arg(long)]
    batches: bool,

    /// Write one JSON object to stdout
    #[arg(long)]
    json: bool,
}

/// How deep directories are entered.
const DEPTH_MAX: usize = 4;

#[derive(Serialize)]
struct Report {
    files: Vec<Examined>,
    problems: usize,
}

impl InspectArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let depth = Depth {
            verify: self.verify,
            batches: self.batches,
        };
        let mut files = Vec::new();
        let mut take = |examined: Examined| {
            if !self.json {
                show(&examined)?;
            }
            // For text, only what is counted is kept.
            if self.json || !examined.problems.is_empty() {
                files.push(examined);
            }
            Ok::<(), CliError>(())
        };
        let journals = Journals::default();
        for path in &self.paths {
            let mut bytes = 0;
            for file in files_of(path, DEPTH_MAX)? {
                let examined = examine(&file, depth, &journals);
                bytes += examined.bytes;
                take(examined)?;
            }
            if self.verify && start::is_data_directory(path) {
                take(start::examine(path, bytes))?;
            }
        }
        let problems = files.iter().map(|file| file.problems.len()).sum();
        if self.json {
            output::json(&Report { files, problems })?;
        } else if problems > 0 {
            let damaged = files.len();
            output::message(&format_args!("{problems} problems in {damaged} files"));
        }
        if problems == 0 {
            Ok(())
        } else {
            Err(CliError::Failed)
        }
    }
}

fn show(examined: &Examined) -> Result<(), CliError> {
    let mut out = output::stdout();
    writeln!(out, "{examined}")
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)
}

/// The file itself, or all files under a directory, in the order of their names.
fn files_of(path: &Path, depth: usize) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error: io::Error| CliError::io(path.display().to_string(), error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(path)
        .and_then(Iterator::collect)
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let (mut files, mut below) = (Vec::new(), Vec::new());
    for entry in entries {
        // Links are not followed.
        if entry.file_type().map_err(failed)?.is_dir() {
            if depth > 0 {
                below.extend(files_of(&entry.path(), depth - 1)?);
            }
        } else {
            files.push(entry.path());
        }
    }
    files.append(&mut below);
    Ok(files)
}

fn examine(path: &Path, depth: Depth, journals: &Journals) -> Examined {
    let bytes = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    let (content, problems) = look_into(path, depth, journals).unwrap_or_else(|error| {
        (
            Content::Unknown,
            vec![format!("it cannot be read: {error}")],
        )
    });
    Examined {
        path: path.display().to_string(),
        bytes,
        content,
        problems,
    }
}

fn look_into(path: &Path, depth: Depth, journals: &Journals) -> io::Result<Found> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if let (Some(base), Some(extension)) = (segment::base_of(path), extension) {
        match extension {
            // One that takes the place of others is a segment as well.
            "log" | "swap" => return segment::log(path, base, depth, journals),
            "index" => return segment::offset_index(path, base, depth),
            "timeindex" => return segment::time_index(path),
            "summary" => return segment::summary(path, base, depth),
            "cleaned" => return Ok((Content::Temporary, Vec::new())),
            _ => {}
        }
    }
    match path.file_name().and_then(|name| name.to_str()) {
        Some("checkpoint") => state::checkpoint(path),
        Some("catalog") => state::catalog(path),
        Some("format") => state::format(path),
        Some("lock") => state::lock(path),
        Some("unrecovered") => journal::unrecovered(path),
        _ if extension == Some("journal") => journal::file(path, depth),
        _ if extension == Some("tmp") => Ok((Content::Temporary, Vec::new())),
        _ => Ok((Content::Unknown, Vec::new())),
    }
}

#[cfg(test)]
mod tests;
