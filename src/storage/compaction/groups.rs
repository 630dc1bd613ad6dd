//! Which segments become one: neighbours that are together no larger than a segment may be, and whose
//! offsets fit the 31 bits that an index has for them.

use super::source::Source;
use std::ops::Range;

/// Splits segments into runs of neighbours.
pub(super) fn groups_of(sources: &[Source], segment_bytes: u64) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, source) in sources.iter().enumerate() {
        if let Some(group) = groups.last_mut()
            && let Some(first) = sources.get(group.start)
            && bytes + source.size <= segment_bytes
            && source.end.since(first.base) - 1 <= i64::from(i32::MAX)
        {
            group.end = at + 1;
            bytes += source.size;
        } else {
            groups.push(at..at + 1);
            bytes = source.size;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::{Disk, OpenMode};
    use crate::storage::memory_disk::MemoryDisk;
    use crate::types::Offset;
    use std::path::Path;

    #[test]
    fn neighbours_fill_a_segment_and_its_offsets() {
        let disk = MemoryDisk::new(1);
        let file = disk.open(Path::new("f"), OpenMode::CreateNew).unwrap();
        let source = |base, end, size| Source {
            path: "f".into(),
            base: Offset::new(base),
            end: Offset::new(end),
            file: file.clone(),
            size,
            is_cleaned: false,
        };
        let far = i64::from(i32::MAX) + 500;
        let sources = [
            source(0, 10, 40),
            source(10, 20, 60),
            source(20, 30, 200),
            source(30, 40, 1),
            source(40, 500, 1),
            source(500, far, 1),
            source(far, far + 1, 1),
        ];
        assert_eq!(groups_of(&sources, 100), [0..2, 2..3, 3..5, 5..6, 6..7]);
        assert!(groups_of(&[], 100).is_empty());
    }
}
