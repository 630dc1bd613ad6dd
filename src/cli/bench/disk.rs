//! What the device under a directory does: sequential writes, and small durable ones.

use super::super::CliError;
use super::super::latency::Latencies;
use super::{Bounds, Stopwatch, report};
use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// What is written at once when writing sequentially.
const CHUNK_BYTES: usize = 1 << 20;
/// A durable write, and what direct ones must be aligned to.
const BLOCK_BYTES: usize = 4096;
/// The space that durable writes go around in, as a journal is.
const JOURNAL_BYTES: usize = 16 << 20;
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
    let (latencies, direct) =
        durable(&directory.path().join("journal"), &half.start()).map_err(failed)?;
    bounds.interrupt.check()?;
    Ok(report::Disk {
        sequential_write_mb_per_s,
        direct_write_us: latencies.percentiles(),
        direct,
    })
}

fn create(path: &Path, extra: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | extra;
    Ok(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?)
}

/// MB per second, the sync at the end included.
fn sequential(path: &Path, watch: &Stopwatch, bytes: u64) -> io::Result<f64> {
    let file = create(path, OFlags::empty())?;
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

/// Latencies of writes that are on the device when they return, and whether they are direct.
fn durable(path: &Path, watch: &Stopwatch) -> io::Result<(Latencies, bool)> {
    // Written once before, so that the measured writes change no metadata.
    let file = create(path, OFlags::empty())?;
    write_all(&file, &vec![0; JOURNAL_BYTES], 0)?;
    rustix::fs::fsync(&file)?;
    let (file, direct) = match create(path, OFlags::DSYNC | OFlags::DIRECT) {
        Ok(file) => (file, true),
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            (create(path, OFlags::DSYNC)?, false)
        }
        Err(error) => return Err(error),
    };
    let memory = vec![0x5a_u8; 2 * BLOCK_BYTES];
    let aligned = memory.as_ptr().align_offset(BLOCK_BYTES);
    let block = memory
        .get(aligned..aligned + BLOCK_BYTES)
        .unwrap_or_default();
    let mut latencies = Latencies::new();
    for place in (0..JOURNAL_BYTES as u64).step_by(BLOCK_BYTES).cycle() {
        let before = Instant::now();
        write_all(&file, block, place)?;
        latencies.record(before.elapsed());
        if watch.is_over() {
            break;
        }
    }
    Ok((latencies, direct))
}

fn write_all(file: &OwnedFd, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::pwrite(file, bytes, at)?;
        bytes = bytes.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}
