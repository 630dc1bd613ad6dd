//! Where results and messages go: results to stdout through one buffer, messages to stderr.

use super::CliError;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Buffered stdout.
pub(crate) type Stdout = BufWriter<StdoutLock<'static>>;

/// Stdout behind a buffer of 64 KiB; flush it before ending or waiting.
pub(crate) fn stdout() -> Stdout {
    BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// Writes one JSON object and a newline to stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let mut out = stdout();
    serde_json::to_writer_pretty(&mut out, value)
        .map_err(|error| CliError::stdout(error.into()))?;
    out.write_all(b"\n")
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)
}

/// Writes text to stdout.
pub(crate) fn text(text: impl Display) -> Result<(), CliError> {
    let mut out = stdout();
    write!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)
}

/// Tells the user on stderr that something went wrong.
pub(crate) fn complain(what: &dyn Display) {
    message(&format_args!("corelane: {what}"));
}

/// Writes a line to stderr; where stderr is gone too there is nobody left to tell.
pub(crate) fn message(what: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{what}");
}

/// Whether a person watches stderr.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
