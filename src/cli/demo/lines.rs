//! A file's lines as a workload: dealt out over streams, each of which keeps its order.

use super::workload::{Item, Workload, push_decimal};
use std::ops::Range;

/// How many streams the lines are dealt out over, round robin.
const STREAMS: u32 = 1024;
const KEY_PREFIX: &[u8] = b"stream-";
const KEY_DIGITS: usize = 4;

/// Lines of a text held in memory, repeated from the start if more records are wanted.
#[derive(Debug)]
pub(super) struct Lines {
    text: Vec<u8>,
    lines: Vec<Range<usize>>,
    records: u64,
}

impl Lines {
    /// Cuts `text` into lines; `records` of them, or each once. A text without lines has none.
    pub(super) fn new(text: Vec<u8>, records: Option<u64>) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let length = line.strip_suffix(b"\n").unwrap_or(line).len();
            lines.push(start..start + length);
            start += line.len();
        }
        let most = u64::from(u32::MAX) * u64::from(STREAMS);
        let records = match lines.len() as u64 {
            0 => 0,
            count => records.unwrap_or(count).min(most),
        };
        Self {
            text,
            lines,
            records,
        }
    }
}

impl Workload for Lines {
    fn entities(&self) -> u32 {
        STREAMS
    }

    fn steps(&self, entity: u32) -> u32 {
        let before = u64::from(entity);
        self.records
            .saturating_sub(before)
            .div_ceil(u64::from(STREAMS)) as u32
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn noun(&self) -> &'static str {
        "stream"
    }

    fn write_key(&self, entity: u32, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(KEY_PREFIX);
        push_decimal(key, u64::from(entity), KEY_DIGITS);
    }

    fn entity_of(&self, key: &[u8]) -> Option<u32> {
        let digits = key.strip_prefix(KEY_PREFIX)?;
        let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let exact = digits.len() == KEY_DIGITS && digits.iter().all(u8::is_ascii_digit);
        (exact && number < STREAMS).then_some(number)
    }

    fn write_value(&self, item: Item, _at_ms: i64, value: &mut Vec<u8>) {
        value.clear();
        let index = u64::from(item.step) * u64::from(STREAMS) + u64::from(item.entity);
        let line = index
            .checked_rem(self.lines.len() as u64)
            .and_then(|line| self.lines.get(line as usize))
            .and_then(|range| self.text.get(range.clone()));
        value.extend_from_slice(line.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::Schedule;
    use super::*;

    fn produced(lines: &Lines) -> Vec<Vec<u8>> {
        let mut value = Vec::new();
        Schedule::new(lines, 0, 1)
            .map(|item| {
                lines.write_value(item, 0, &mut value);
                value.clone()
            })
            .collect()
    }

    #[test]
    fn every_line_comes_once_whatever_its_bytes() {
        let lines = Lines::new(b"a\r\n\n\xff\x00\nlast".to_vec(), None);
        let mut got = produced(&lines);
        got.sort();
        assert_eq!(
            got,
            [
                b"".to_vec(),
                b"a\r".to_vec(),
                b"last".to_vec(),
                b"\xff\0".to_vec()
            ]
        );
        assert_eq!(produced(&Lines::new(vec![], Some(5))).len(), 0);
    }

    #[test]
    fn more_records_than_lines_repeat_the_lines() {
        let lines = Lines::new(b"a\nb\nc\n".to_vec(), Some(3000));
        assert_eq!(lines.records(), 3000);
        let got = produced(&lines);
        assert_eq!(got.len(), 3000);
        assert_eq!(got.iter().filter(|line| *line == b"b").count(), 1000);
    }

    #[test]
    fn keys_name_their_streams() {
        let lines = Lines::new(b"a\n".to_vec(), None);
        let mut key = Vec::new();
        lines.write_key(7, &mut key);
        assert_eq!(key, b"stream-0007");
        assert_eq!(lines.entity_of(&key), Some(7));
        assert_eq!(lines.entity_of(b"stream-+007"), None);
        assert_eq!(lines.entity_of(b"stream-1024"), None);
        assert_eq!(lines.entity_of(b"stream-7"), None);
    }
}
