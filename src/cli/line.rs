//! Cuts streams of arbitrary bytes into lines, whatever pieces they arrive in.
//!
//! Invariants: every byte that was pushed is in exactly one line or is one `\n` that ended one;
//! nothing but `\n` ends a line (a `\r` before it stays); a last line needs no `\n`; memory is
//! bounded by the longest allowed line, whatever arrives.

use std::io::BufRead;

/// A line without its `\n`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It was longer than allowed and is dropped; how many bytes it had.
    TooLong(u64),
}

/// Remembers an unfinished line between pieces.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    unfinished: Vec<u8>,
    /// Bytes of the unfinished line that were dropped as it was too long already.
    dropped: u64,
    line_bytes_max: usize,
}

impl LineSplitter {
    /// Splits into lines of at most `line_bytes_max` bytes.
    pub(crate) const fn new(line_bytes_max: usize) -> Self {
        Self {
            unfinished: Vec::new(),
            dropped: 0,
            line_bytes_max,
        }
    }

    /// Takes the next piece and hands each line that it ends to `each`; stops at its first error.
    pub(crate) fn push<E>(
        &mut self,
        mut piece: &[u8],
        mut each: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((line, rest)) = split_once(piece) {
            piece = rest;
            if self.unfinished.is_empty() && self.dropped == 0 {
                each(self.checked(line))?;
                continue;
            }
            self.keep(line);
            self.finish(&mut each)?;
        }
        self.keep(piece);
        Ok(())
    }

    /// The stream ended: hands over a last line that had no `\n`, if there is one.
    pub(crate) fn end<E>(
        &mut self,
        mut each: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.unfinished.is_empty() && self.dropped == 0 {
            return Ok(());
        }
        self.finish(&mut each)
    }

    const fn checked<'a>(&self, line: &'a [u8]) -> Line<'a> {
        if line.len() > self.line_bytes_max {
            return Line::TooLong(line.len() as u64);
        }
        Line::Whole(line)
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.dropped == 0 && self.unfinished.len() + piece.len() <= self.line_bytes_max {
            self.unfinished.extend_from_slice(piece);
            return;
        }
        self.dropped += (self.unfinished.len() + piece.len()) as u64;
        self.unfinished.clear();
    }

    fn finish<E>(&mut self, each: &mut impl FnMut(Line<'_>) -> Result<(), E>) -> Result<(), E> {
        let dropped = std::mem::take(&mut self.dropped);
        let done = if dropped > 0 {
            each(Line::TooLong(dropped))
        } else {
            each(Line::Whole(&self.unfinished))
        };
        self.unfinished.clear();
        done
    }
}

/// Splits at the first `\n`, which is in neither half.
fn split_once(piece: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = piece;
    // On a slice this is the standard library's vectored search, and cannot fail.
    let taken = rest.skip_until(b'\n').unwrap_or(0);
    let line = piece.get(..taken)?.strip_suffix(b"\n")?;
    Some((line, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn lines(pieces: &[Vec<u8>], line_bytes_max: usize) -> Vec<Result<Vec<u8>, u64>> {
        let mut splitter = LineSplitter::new(line_bytes_max);
        let mut out = Vec::new();
        let mut each = |line: Line<'_>| -> Result<(), Infallible> {
            out.push(match line {
                Line::Whole(bytes) => Ok(bytes.to_vec()),
                Line::TooLong(bytes) => Err(bytes),
            });
            Ok(())
        };
        for piece in pieces {
            splitter.push(piece, &mut each).expect("infallible");
        }
        splitter.end(&mut each).expect("infallible");
        out
    }

    #[test]
    fn only_newlines_end_lines() {
        let got = lines(&[b"a\r\n\nb\xff\0".to_vec(), b"c".to_vec()], 100);
        assert_eq!(
            got,
            [Ok(b"a\r".to_vec()), Ok(vec![]), Ok(b"b\xff\0c".to_vec())]
        );
        assert_eq!(lines(&[], 100), []);
    }

    #[test]
    fn a_line_too_long_costs_only_itself() {
        let got = lines(&[b"12345".to_vec(), b"67\nok\n123456\n".to_vec()], 5);
        assert_eq!(got, [Err(7), Ok(b"ok".to_vec()), Err(6)]);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..300),
            cuts in proptest::collection::vec(0usize..300, 0..8),
            line_bytes_max in 1usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<Vec<u8>> = cuts.windows(2).map(|w| text[w[0]..w[1]].to_vec()).collect();

            let mut model: Vec<Result<Vec<u8>, u64>> = text
                .split(|byte| *byte == b'\n')
                .map(|line| if line.len() > line_bytes_max { Err(line.len() as u64) } else { Ok(line.to_vec()) })
                .collect();
            if model.last() == Some(&Ok(vec![])) {
                model.pop();
            }
            prop_assert_eq!(lines(&pieces, line_bytes_max), model);
        }
    }
}
