//! Progress on stderr, drawn only where a person watches.

use super::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar of bytes towards a known total, or a spinner with a count where none is known.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Progress in bytes. `quiet` or a stderr that is no terminal draws nothing.
    pub(crate) fn bytes(total: Option<u64>, quiet: bool) -> Self {
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg} eta {eta}",
            None => "{spinner} {bytes} {bytes_per_sec} {msg}",
        };
        Self::new(total, template, quiet)
    }

    /// Progress in records.
    pub(crate) fn records(total: Option<u64>, quiet: bool) -> Self {
        let template = match total {
            Some(_) => "{msg:9} {bar:30} {human_pos}/{human_len} records {per_sec} eta {eta}",
            None => "{msg} {spinner} {human_pos} records {per_sec}",
        };
        Self::new(total, template, quiet)
    }

    fn new(total: Option<u64>, template: &str, quiet: bool) -> Self {
        let target = if quiet || !output::stderr_is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let style = ProgressStyle::with_template(template)
            .expect("constant templates are valid")
            .progress_chars("━╸ ");
        let bar = ProgressBar::with_draw_target(total, target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Moves on by so much.
    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// Says what is going on.
    pub(crate) fn say(&self, what: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(what);
    }

    /// Writes a line to stderr without tearing the bar.
    pub(crate) fn message(&self, what: &str) {
        if self.0.is_hidden() {
            output::message(&what);
        } else {
            self.0.suspend(|| output::message(&what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
