//! How long a thread waited for a processor while others had it.

use crate::types::Instant;
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// How old a reading may be that a step is compared with. A step that is shorter is not looked at.
const READ_EVERY: Duration = Duration::from_millis(1);

/// The kernel's count for one thread: the second field of its `schedstat`, in nanoseconds
/// (Documentation/scheduler/sched-stats.rst). What a hypervisor takes away is not in it.
#[derive(Debug)]
pub(super) struct RunQueue {
    /// `None` where the kernel does not count.
    file: Option<File>,
    read_at: Cell<Instant>,
    waited: Cell<Duration>,
}

impl RunQueue {
    /// Of the thread that calls.
    pub(super) fn of_this_thread() -> Self {
        Self {
            file: File::open("/proc/thread-self/schedstat").ok(),
            read_at: Cell::new(Instant::new(0)),
            waited: Cell::new(Duration::ZERO),
        }
    }

    /// A step begins.
    pub(super) fn begins(&self, now: Instant) {
        if now.since(self.read_at.get()) >= READ_EVERY {
            self.read_at.set(now);
            self.waited.set(self.read());
        }
    }

    /// How much of a step that ends now and took so long was spent waiting, with what was waited
    /// in the millisecond before it.
    pub(super) fn waited_of(&self, took: Duration) -> Duration {
        if took < READ_EVERY {
            return Duration::ZERO;
        }
        self.read().saturating_sub(self.waited.get()).min(took)
    }

    fn read(&self) -> Duration {
        let mut text = [0; 64];
        let length = self.file.as_ref().map(|file| file.read_at(&mut text, 0));
        let Some(Ok(length)) = length else {
            return Duration::ZERO;
        };
        parse(text.get(..length).unwrap_or_default()).unwrap_or_default()
    }
}

fn parse(schedstat: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(schedstat).ok()?;
    let waited = text.split_ascii_whitespace().nth(1)?;
    waited.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant as SteadyClock;

    #[test]
    fn the_second_field_is_taken_and_nothing_else() {
        assert_eq!(
            parse(b"80219 64736 2\n"),
            Some(Duration::from_nanos(64_736))
        );
        assert_eq!(parse(b"80219"), None);
        assert_eq!(parse(b"80219 -1 2"), None);
    }

    #[test]
    fn threads_that_share_a_processor_wait_for_it_and_one_that_sleeps_does_not() {
        let cpu = rustix::thread::sched_getcpu();
        let mut one = rustix::thread::CpuSet::new();
        one.set(cpu);
        let waited = |works: bool| {
            std::thread::spawn(move || {
                rustix::thread::sched_setaffinity(None, &one).unwrap();
                let queue = RunQueue::of_this_thread();
                queue.begins(Instant::new(1_000_000));
                let begun = SteadyClock::now();
                while begun.elapsed() < Duration::from_millis(200) {
                    if !works {
                        std::thread::sleep(Duration::from_millis(200));
                    }
                }
                queue.waited_of(begun.elapsed())
            })
        };
        let busy = [waited(true), waited(true)];
        let sleeper = waited(false);
        let busy: Duration = busy.map(|thread| thread.join().unwrap()).iter().sum();
        // Two that want all of it for 200 ms wait for 200 ms together, unless one begins late.
        assert!(busy > Duration::from_millis(50), "{busy:?}");
        assert!(sleeper.join().unwrap() < busy);
    }
}
