//! What the device under a directory does: sequential writes, and small durable ones.

use super::super::CliError;
use super::super::latency::Percentiles;
use super::durable::{self, Load};
use super::{Bounds, Stopwatch, report, say};
use clap::Args;
use rustix::fs::{FallocateFlags, Mode, OFlags};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

/// What is written at once when writing sequentially.
const CHUNK_BYTES: usize = 1 << 20;
/// The sequential part writes at most this, whatever is asked: the device's cache is what a longer
/// run would measure, and other programs would suffer.
const SEQUENTIAL_BYTES_MAX: u64 = 1 << 30;

#[derive(Debug, Clone, Args)]
pub(crate) struct DiskArgs {
    /// Ask for so many durable batches a second too, at fixed times, as clients do
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Bytes of each of them
    #[arg(long, value_name = "N", default_value_t = 4096, requires = "rate")]
    #[arg(value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    batch_bytes: u32,
}

impl DiskArgs {
    /// Measures sequential and single writes for half of the time each, then batches at a rate,
    /// if that is asked for, for all of it.
    pub(super) fn measure(self, bounds: &Bounds) -> Result<report::Disk, CliError> {
        let failed = |error| CliError::io(bounds.directory.display().to_string(), error);
        let directory = TempDir::new_in(&bounds.directory).map_err(failed)?;
        let half = Bounds {
            time: bounds.time / 2,
            ..bounds.clone()
        };
        say("measuring sequential writes");
        let bytes = bounds.bytes.min(SEQUENTIAL_BYTES_MAX);
        let path = directory.path().join("sequential");
        let sequential = sequential(&path, &half.start(), bytes);
        let sequential_write_mb_per_s = report::rounded(sequential.map_err(failed)?);
        say("measuring durable writes");
        let durable = durable::measure(&journal_in(&directory), &half)?;
        bounds.interrupt.check()?;
        let at_rate = self.rate.map(|rate| Load {
            batches_per_s: rate.into(),
            batch_bytes: self.batch_bytes as usize,
        });
        let at_rate = at_rate.map(|load| measure_acks(bounds, load)).transpose()?;
        Ok(report::Disk {
            sequential_write_mb_per_s,
            direct_write_us: durable.writes.percentiles(),
            echo_us: durable.echoes.percentiles(),
            ack_us: at_rate,
        })
    }
}

/// Acks of batches at a rate, by a core that does nothing but write them.
pub(super) fn measure_acks(bounds: &Bounds, load: Load) -> Result<Percentiles, CliError> {
    let directory = TempDir::new_in(&bounds.directory)
        .map_err(|error| CliError::io(bounds.directory.display().to_string(), error))?;
    say("measuring durable writes at the same rate");
    let acks = durable::measure_open(&journal_in(&directory), bounds, load)?;
    bounds.interrupt.check()?;
    Ok(acks.percentiles())
}

/// Where a journal of this directory is: the disk pool knows it by its path.
fn journal_in(directory: &TempDir) -> PathBuf {
    directory.path().join("journals/0/direct")
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
