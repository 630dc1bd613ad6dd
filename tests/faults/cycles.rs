//! How often a fault is made, by which seed, and what is said of it.

use std::env;
use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Says something that the test harness does not swallow.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn given<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let value = text.parse().ok();
    Some(value.unwrap_or_else(|| panic!("{name}={text} is no number")))
}

/// The cycles of one test.
#[derive(Debug)]
pub(crate) struct Cycles {
    name: &'static str,
    pub(crate) seed: u64,
    begun: Instant,
    limit: Option<Duration>,
    max: u64,
    done: u64,
}

impl Cycles {
    /// As many as the environment says, or else `default`.
    pub(crate) fn new(name: &'static str, default: u64) -> Self {
        let limit = given("CORELANE_FAULTS_SECONDS").map(Duration::from_secs);
        let seed = given("CORELANE_FAULTS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
        let default = limit.map_or(default, |_| u64::MAX);
        Self {
            name,
            seed,
            begun: Instant::now(),
            limit,
            max: given("CORELANE_FAULTS_CYCLES").unwrap_or(default),
            done: 0,
        }
    }

    /// Whether there is another one.
    pub(crate) fn next(&mut self) -> bool {
        let more = !self.is_over();
        self.done += u64::from(more);
        more
    }

    /// Whether that was all.
    pub(crate) fn is_over(&self) -> bool {
        self.done >= self.max
            || self
                .limit
                .is_some_and(|limit| self.begun.elapsed() >= limit)
    }

    /// What was done so far, for a summary.
    pub(crate) fn told(&self, more: &str) {
        let Self {
            name, done, seed, ..
        } = self;
        let seconds = self.begun.elapsed().as_secs_f32();
        say(&format!(
            "{name}: {done} cycles in {seconds:.1} s, seed {seed}: {more}"
        ));
    }
}

impl Drop for Cycles {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.told("FAILED in the last one");
        }
    }
}
