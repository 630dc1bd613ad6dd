//! What a process has used, from `/proc`.

use std::fs;

/// A process's use of the machine. Another user's process, or one that ended, tells nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pid: u32,
}

impl Process {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Seconds of processor time so far, user and system.
    pub(super) fn cpu_s(self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The name may hold anything, even spaces; fields are counted after its end.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let per_second = rustix::param::clock_ticks_per_second();
        Some((ticks(11)? + ticks(12)?) as f64 / per_second as f64)
    }

    /// Memory that no file backs, in MB.
    pub(super) fn rss_anon_mb(self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib as f64 * 1024.0 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let own = Process::new(std::process::id());
        assert!(own.cpu_s().is_some());
        assert!(own.rss_anon_mb().is_some_and(|mb| mb > 0.1));
    }

    #[test]
    fn a_process_that_is_not_there_tells_nothing() {
        let none = Process::new(u32::MAX);
        assert!(none.cpu_s().is_none() && none.rss_anon_mb().is_none());
    }
}
