use crate::types::CoreId;
use std::error::Error;
use std::io;
use std::net::SocketAddr;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel or a sandbox refuses io_uring.
    #[error("io_uring is not usable here ({reason}); {remedy}")]
    RingRefused {
        /// What the kernel said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Somebody listens on the address already.
    #[error(
        "port {} is in use on {}; stop the process that listens there (`ss -ltnp` names it) or \
         choose another port with --listen",
        .address.port(), .address.ip()
    )]
    PortInUse {
        /// The wanted address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The wanted address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The last core's own port would lie past 65535.
    #[error(
        "{cores} cores need the ports after {port} for themselves, which ends past 65535; choose a \
         lower port with --listen"
    )]
    PortsExhausted {
        /// The shared port.
        port: u16,
        /// How many cores.
        cores: u16,
    },
    /// A core's state could not be made.
    #[error("core {core} cannot start: {source}")]
    Lane {
        /// Which core.
        core: CoreId,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A signal cannot be handled.
    #[error("cannot handle signals: {source}")]
    Signals {
        /// What the system said.
        source: io::Error,
    },
    /// The operating system gave no thread.
    #[error("cannot start the thread {name:?}: {source}")]
    Thread {
        /// The thread's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}
