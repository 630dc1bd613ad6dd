//! Memory as direct I/O wants it.

use super::disk::DIRECT_ALIGNMENT;
use std::fmt;

/// Bytes that begin at a multiple of [`DIRECT_ALIGNMENT`] in memory.
pub struct AlignedBuffer {
    /// Never grows, so that it stays where it is.
    memory: Box<[u8]>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// `length` zeros.
    pub fn zeroed(length: usize) -> Self {
        let memory = vec![0; length + DIRECT_ALIGNMENT - 1].into_boxed_slice();
        let start = memory.as_ptr().addr().wrapping_neg() % DIRECT_ALIGNMENT;
        Self {
            memory,
            start,
            length,
        }
    }

    /// Its first `length` bytes.
    #[must_use]
    pub fn truncated(self, length: usize) -> Self {
        let length = length.min(self.length);
        Self { length, ..self }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AlignedBuffer({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_aligned_zeroed_and_as_long_as_asked() {
        for length in [0, 1, 4095, 4096, 4097, 100_000] {
            let mut buffer = AlignedBuffer::zeroed(length);
            assert_eq!(buffer.as_slice(), vec![0; length]);
            assert!(
                buffer
                    .as_slice()
                    .as_ptr()
                    .addr()
                    .is_multiple_of(DIRECT_ALIGNMENT)
            );
            buffer.as_mut_slice().fill(7);
            let moved = [buffer];
            assert!(moved[0].as_slice().iter().all(|byte| *byte == 7));
            assert!(
                moved[0]
                    .as_slice()
                    .as_ptr()
                    .addr()
                    .is_multiple_of(DIRECT_ALIGNMENT)
            );
        }
    }
}
