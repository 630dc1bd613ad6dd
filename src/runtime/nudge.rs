//! Wakes an executor that fell asleep over its first task.
//!
//! The spare beats of the alarm keep a running core awake (see there); before the alarm has run
//! once there are none. A signal ends any sleep in the kernel, so a thread that has made its
//! executor and does not report is sent one.

use nix::sys::pthread::pthread_kill;
use nix::sys::signal::Signal;
use signal_hook::consts::SIGURG;
use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// Gives SIGURG a handler that does nothing, once per process: a signal that is ignored, as this
/// one is otherwise, does not end a sleep.
pub(super) fn prepare() -> io::Result<()> {
    static HANDLED: OnceLock<()> = OnceLock::new();
    if HANDLED.get().is_none() {
        signal_hook::flag::register(SIGURG, Arc::new(AtomicBool::new(false)))?;
        let _ = HANDLED.set(());
    }
    Ok(())
}

/// Ends the sleep of a thread that has not been joined.
pub(super) fn nudge(thread: &JoinHandle<()>) {
    if thread.is_finished() {
        return;
    }
    if let Err(error) = pthread_kill(thread.as_pthread_t(), Signal::SIGURG) {
        log::debug!("nudging {:?}: {error}", thread.thread().name());
    }
}
