//! What the device under a directory does: sequential writes, and small durable ones.

use super::super::CliError;
use super::{Bounds, Stopwatch, durable, report};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// What is written at once when writing sequentially.
const CHUNK_BYTES: usize = 1 << 20;
/// The sequential part writes at most this, whatever is asked: the device's cache is what a longer
/// run would measure, and other programs would suffer.
const SEQUENTIAL_BYTES_MAX: u64 = 1 << 30;

/// Measures both, half of the time each.
pub(super) fn measure(bounds: &Bounds) -> Result<report::Disk, CliError> {
    let failed = |error| CliError::io(bounds.directory.display().to_string(), error);
    let directory = TempDir::new_in(&bounds.directory).map_err(failed)?;
    let half = Bounds {
        time: bounds.time / 2,
        ..bounds.clone()
    };
    let bytes = bounds.bytes.min(SEQUENTIAL_BYTES_MAX);
    let path = directory.path().join("sequential");
    let sequential = sequential(&path, &half.start(), bytes);
    let sequential_write_mb_per_s = report::rounded(sequential.map_err(failed)?);
    let durable = durable::measure(&directory.path().join("journals/0/direct"), &half)?;
    bounds.interrupt.check()?;
    Ok(report::Disk {
        sequential_write_mb_per_s,
        direct_write_us: durable.writes.percentiles(),
        echo_us: durable.echoes.percentiles(),
    })
}

/// MB per second, the sync at the end included.
fn sequential(path: &Path, watch: &Stopwatch, bytes: u64) -> io::Result<f64> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes)?;
    let chunk = vec![0x5a; CHUNK_BYTES];
    let started = Instant::now();
    let mut at = 0;
    while at < bytes && !watch.is_over() {
        write_all(&file, &chunk, at)?;
        at += chunk.len() as u64;
    }
    rustix::fs::fdatasync(&file)?;
    Ok(at as f64 / 1e6 / started.elapsed().as_secs_f64())
}

fn write_all(file: &OwnedFd, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(file, bytes, at)?;
        bytes = bytes.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}
