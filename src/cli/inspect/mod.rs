//! `corelane inspect`: what is on disk and whether its checksums hold. Only reads.

mod content;
mod segment;
mod state;

use super::{CliError, output};
use clap::Args;
use content::{Content, Examined};
use segment::{Depth, Found};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Show what is in a data directory, a segment, an index or a checkpoint
#[derive(Debug, Args)]
#[command(after_help = "\
Only reads, and may be used while a broker runs: then the end of a segment can be in the making.
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

    /// Compute every checksum and hold indexes against their segments
    #[arg(long)]
    verify: bool,

    /// List every batch of every segment
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
        for path in &self.paths {
            for file in files_of(path, DEPTH_MAX)? {
                let examined = examine(&file, depth);
                if !self.json {
                    show(&examined)?;
                }
                // For text, only what is counted is kept.
                if self.json || !examined.problems.is_empty() {
                    files.push(examined);
                }
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

fn examine(path: &Path, depth: Depth) -> Examined {
    let bytes = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    let (content, problems) = look_into(path, depth).unwrap_or_else(|error| {
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

fn look_into(path: &Path, depth: Depth) -> io::Result<Found> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if let (Some(base), Some(extension)) = (segment::base_of(path), extension) {
        match extension {
            "log" => return segment::log(path, base, depth),
            "index" => return segment::offset_index(path, base, depth),
            "timeindex" => return segment::time_index(path),
            "summary" => return segment::summary(path, base, depth),
            _ => {}
        }
    }
    match path.file_name().and_then(|name| name.to_str()) {
        Some("checkpoint") => state::checkpoint(path),
        Some("catalog") => state::catalog(path),
        Some("format") => state::format(path),
        Some("lock") => state::lock(path),
        _ if extension == Some("tmp") => Ok((Content::Temporary, Vec::new())),
        _ => Ok((Content::Unknown, Vec::new())),
    }
}

#[cfg(test)]
mod tests;
