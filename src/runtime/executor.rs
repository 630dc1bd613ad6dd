//! One io_uring executor per core, and whether the kernel allows any.

use super::error::StartError;
use crate::types::CoreId;
use glommio::{GlommioError, LocalExecutor, LocalExecutorBuilder, Placement, PoolPlacement};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::thread;
use std::time::Duration;

/// After this long a task is asked to give way to the others, and the kernel is asked who else has
/// something: what a full core makes a quiet connection wait, measured with `bench beside`.
const PREEMPT_AFTER: Duration = Duration::from_micros(200);

/// The latency goal of the inbox. That there is one makes a message interrupt the connections at
/// once; a goal below the preemption timer would only shorten that timer.
pub(super) const INBOX_LATENCY: Duration = PREEMPT_AFTER;

/// Registered buffers are only for direct file I/O, which goes through the disk pool here.
const IO_MEMORY_BYTES: usize = 64 * 1024;

/// The kernel makes a ring's table of polls as long as the ring is deep, at most 256 chains, and
/// goes through a chain each time a timer is taken back, which glommio does several times per
/// wake-up. With 256 entries and 5 000 connections that was a third of an idle broker's time.
const RING_DEPTH: usize = 4096;

/// Makes this thread's executor.
pub(super) fn make() -> Result<LocalExecutor, StartError> {
    LocalExecutorBuilder::new(Placement::Unbound)
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(RING_DEPTH)
        .preempt_timer(PREEMPT_AFTER)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
        .make()
        .map_err(|error| refused(&error))
}

/// Finds out whether executors can be made, before anything else is started. Runs on a thread of
/// its own because an executor leaves traces in its thread.
pub(super) fn probe() -> Result<(), StartError> {
    let name = "ring-probe".to_owned();
    thread::Builder::new()
        .name(name.clone())
        .spawn(|| make().map(drop))
        .map_err(|source| StartError::Thread { name, source })?
        .join()
        .unwrap_or_else(|_| {
            Err(StartError::RingRefused {
                reason: "the probe failed".to_owned(),
                remedy: REMEDY_OLD_KERNEL,
            })
        })
}

const REMEDY_FORBIDDEN: &str = "a sandbox or a setting forbids it: in a container start it with \
     `--security-opt seccomp=unconfined` (or a profile that allows io_uring_setup, io_uring_enter \
     and io_uring_register), on the host set `sysctl kernel.io_uring_disabled=0`";
const REMEDY_OLD_KERNEL: &str = "use Linux 5.8 or newer, built with CONFIG_IO_URING";
const REMEDY_MEMORY: &str = "raise the limit of locked memory to at least 8 MiB: `ulimit -l 8192`, \
     LimitMEMLOCK=8M in a systemd unit, `--ulimit memlock=8388608` for a container";
const REMEDY_FILES: &str = "raise the limit of open files (`ulimit -n`)";
const REMEDY_UNKNOWN: &str = "corelane needs Linux 5.8 or newer with io_uring allowed";

fn refused(error: &GlommioError<()>) -> StartError {
    let reason = error.to_string();
    let code = match error {
        // The executor's own check of the limit comes without a code, as text in an I/O error.
        _ if reason.contains("MemLockLimit") => Some(Errno::NOMEM),
        GlommioError::IoError(error) | GlommioError::EnhancedIoError { source: error, .. } => {
            error.raw_os_error().map(Errno::from_raw_os_error)
        }
        _ => None,
    };
    let remedy = match code {
        Some(Errno::PERM | Errno::ACCESS) => REMEDY_FORBIDDEN,
        Some(Errno::NOSYS | Errno::INVAL) => REMEDY_OLD_KERNEL,
        Some(Errno::NOMEM | Errno::AGAIN) => REMEDY_MEMORY,
        Some(Errno::MFILE | Errno::NFILE) => REMEDY_FILES,
        _ => REMEDY_UNKNOWN,
    };
    StartError::RingRefused { reason, remedy }
}

/// Gives each core a processor of its own out of those that this process may use. Does nothing,
/// and says so, when there are fewer of them than cores.
pub(super) fn pin(core: CoreId, cores: u16) -> io::Result<bool> {
    let allowed = sched_getaffinity(None)?;
    if allowed.count() < u32::from(cores) {
        return Ok(false);
    }
    let Some(processor) = (0..CpuSet::MAX_CPU)
        .filter(|processor| allowed.is_set(*processor))
        .nth(core.index())
    else {
        return Ok(false);
    };
    let mut own = CpuSet::new();
    own.set(processor);
    sched_setaffinity(None, &own)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy_of(code: Errno) -> &'static str {
        match refused(&io::Error::from(code).into()) {
            StartError::RingRefused { remedy, .. } => remedy,
            other => panic!("unexpected {other}"),
        }
    }

    #[test]
    fn a_limit_of_locked_memory_is_recognised_in_its_disguise() {
        let kind = glommio::ReactorErrorKind::MemLockLimit(65_536, 524_288);
        let disguised = io::Error::other(format!("{kind:?}"));
        let StartError::RingRefused { remedy, .. } = refused(&disguised.into()) else {
            panic!("another error");
        };
        assert_eq!(remedy, REMEDY_MEMORY);
    }

    #[test]
    fn each_refusal_has_its_own_remedy() {
        assert_eq!(remedy_of(Errno::PERM), REMEDY_FORBIDDEN);
        assert_eq!(remedy_of(Errno::NOSYS), REMEDY_OLD_KERNEL);
        assert_eq!(remedy_of(Errno::NOMEM), REMEDY_MEMORY);
        assert_eq!(remedy_of(Errno::MFILE), REMEDY_FILES);
    }
}
