//! Ctrl-C and SIGTERM as a flag that loops look at.

use super::CliError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once the user asked to stop. A second Ctrl-C ends the process at once.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over SIGINT and SIGTERM.
    pub(crate) fn install() -> Result<Self, CliError> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the second signal sees the flag that the first one set.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .map_err(|error| CliError::io("cannot listen for signals", error))?;
        }
        Ok(Self(flag))
    }

    /// Whether the user asked to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once the user asked to stop.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        if self.is_set() {
            return Err(CliError::Interrupted);
        }
        Ok(())
    }
}
