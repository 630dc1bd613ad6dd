use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Lets one task wait for state that another task of the same core changes.
#[derive(Default)]
pub(super) struct LocalWake {
    waiting: Cell<Option<Waker>>,
}

impl fmt::Debug for LocalWake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalWake")
    }
}

impl LocalWake {
    /// Lets the waiting task, if any, look again.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until `ready` says something. One task waits at a time.
    pub(super) async fn until<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        poll_fn(|context| {
            if let Some(value) = ready() {
                return Poll::Ready(value);
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }
}
