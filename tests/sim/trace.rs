//! What happened in a run: a running hash, by which two runs are compared, and on request the last
//! lines in words.

use std::collections::VecDeque;
use std::fmt::{Arguments, Write};

/// How many lines a failing run shows unless told otherwise.
const LINES_KEPT: usize = 400;

#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    line: String,
    kept: Option<VecDeque<String>>,
    lines_max: usize,
    /// The scheduler's step that is under way.
    pub(crate) step: u64,
}

impl Trace {
    /// A trace that also keeps its last lines.
    pub(crate) fn verbose() -> Self {
        let wanted = std::env::var("CORELANE_SIM_LINES").ok();
        let lines_max = wanted.and_then(|text| text.parse().ok());
        Self {
            kept: Some(VecDeque::new()),
            lines_max: lines_max.unwrap_or(LINES_KEPT),
            ..Self::default()
        }
    }

    pub(crate) fn note(&mut self, what: Arguments<'_>) {
        self.line.clear();
        write!(self.line, "{:>6} {what}", self.step).expect("a string takes everything");
        let crc = crc32c::crc32c_append(self.hash as u32, self.line.as_bytes());
        self.hash = self.hash.rotate_left(7) ^ u64::from(crc) ^ (u64::from(crc) << 32);
        if let Some(kept) = &mut self.kept {
            if kept.len() == self.lines_max {
                kept.pop_front();
            }
            kept.push_back(self.line.clone());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        for line in self.kept.iter().flatten() {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
