use crate::types::ConnectionId;
use std::collections::VecDeque;

/// The bytes of request frames under way on a core, and the connections that wait for some.
#[derive(Debug)]
pub(super) struct Memory {
    used: u64,
    max: u64,
    waiting: VecDeque<ConnectionId>,
}

impl Memory {
    pub(super) fn new(max: u64) -> Self {
        Self {
            used: 0,
            max,
            waiting: VecDeque::new(),
        }
    }

    /// Takes `length` bytes, first come first served. One frame always fits, whatever its size.
    pub(super) fn reserve(&mut self, connection: ConnectionId, length: u32) -> bool {
        let next = self.waiting.front();
        let turn = next.is_none_or(|next| *next == connection);
        let fits = self.used == 0 || self.used + u64::from(length) <= self.max;
        if turn && fits {
            if next.is_some() {
                self.waiting.pop_front();
            }
            self.used += u64::from(length);
            return true;
        }
        if !self.waiting.contains(&connection) {
            self.waiting.push_back(connection);
        }
        false
    }

    /// Gives bytes back.
    pub(super) fn release(&mut self, length: u32) {
        self.used = self
            .used
            .checked_sub(u64::from(length))
            .expect("released once");
    }

    /// Whose turn it is.
    pub(super) fn next(&self) -> Option<ConnectionId> {
        self.waiting.front().copied()
    }

    /// A waiting connection is gone.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.waiting.retain(|waiting| *waiting != connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_always_fits_and_the_rest_wait_their_turn() {
        let (a, b, c) = (
            ConnectionId::new(1),
            ConnectionId::new(2),
            ConnectionId::new(3),
        );
        let mut memory = Memory::new(100);
        assert!(memory.reserve(a, 500));
        assert!(!memory.reserve(b, 10));
        assert!(!memory.reserve(c, 1));
        memory.release(500);
        assert!(!memory.reserve(c, 1), "b asked first");
        assert_eq!(memory.next(), Some(b));
        assert!(memory.reserve(b, 10));
        assert!(memory.reserve(c, 1));
        assert_eq!(memory.next(), None);
    }

    #[test]
    fn a_connection_that_is_gone_holds_nobody_up() {
        let (a, b, c) = (
            ConnectionId::new(1),
            ConnectionId::new(2),
            ConnectionId::new(3),
        );
        let mut memory = Memory::new(100);
        assert!(memory.reserve(a, 100));
        assert!(!memory.reserve(b, 10));
        assert!(!memory.reserve(c, 10));
        memory.forget(b);
        memory.release(100);
        assert!(memory.reserve(c, 10));
    }
}
