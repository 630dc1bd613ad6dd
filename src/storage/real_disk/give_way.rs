//! Work that nobody waits for lets others have the processor.
//!
//! A nice value says who gets more, not who is next: Linux lets a thread end its slice of some
//! milliseconds before one that woke up meanwhile runs. Whoever sleeps often keeps others waiting
//! only until it does. To yield would cost less, but gives up the rest of the slice: on a machine
//! without an idle processor a third of the work was done, while sleep leaves it its share.

#![expect(
    clippy::disallowed_methods,
    reason = "a thread of its own works here, never a core"
)]

use rustix::thread::set_current_timer_slack;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

/// How long others wait at most, but for the step that it is in.
const WORK: Duration = Duration::from_micros(250);
/// Long enough to fall asleep at all.
const SLEEP: Duration = Duration::from_micros(10);
/// By how many nanoseconds the kernel may wake it later, where the usual 50 µs would be most of the
/// sleep.
const SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

thread_local! {
    /// When this thread last woke up here.
    static RESTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Sleeps if this thread has worked for [`WORK`] since it last did.
pub(super) fn give_way() {
    let rested = RESTED.get();
    if rested.is_some_and(|since| since.elapsed() < WORK) {
        return;
    }
    if rested.is_none()
        && let Err(error) = set_current_timer_slack(Some(SLACK_NS))
    {
        log::debug!("sleeping amid a compaction takes longer than it has to: {error}");
    }
    thread::sleep(SLEEP);
    RESTED.set(Some(Instant::now()));
}
