use crate::client::ClientError;
use std::io;
use std::process::ExitCode;
use thiserror::Error;

/// Why a subcommand ended early, and with what exit code.
#[derive(Debug, Error)]
pub enum CliError {
    /// The reader of our output went away; nothing to say about it.
    #[error("the reader of the output is gone")]
    BrokenPipe,
    /// The arguments contradict each other or name nothing. Exit code 2, as for clap's own errors.
    #[error("{0}")]
    Usage(String),
    /// The work was done, and its result is a failure that was already told. Exit code 1.
    #[error("failed")]
    Failed,
    /// Ctrl-C. Exit code 130.
    #[error("interrupted")]
    Interrupted,
    /// A broker could not be reached or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file or stream of ours failed.
    #[error("{what}: {source}")]
    Io {
        /// The thing, by name.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the user can act on; a whole sentence.
    #[error("{0}")]
    Message(String),
}

impl CliError {
    /// An I/O error of `what`.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// An error of writing to stdout: a closed pipe is how `| head` ends, not a failure.
    pub(crate) fn stdout(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::io("stdout", source)
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::BrokenPipe => 0,
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            Self::Failed | Self::Client(_) | Self::Io { .. } | Self::Message(_) => 1,
        })
    }

    /// Whether the user was told already, or need not be.
    pub(crate) const fn is_silent(&self) -> bool {
        matches!(self, Self::BrokenPipe | Self::Failed | Self::Interrupted)
    }
}
