//! Which ranges of a file are known to be mapped: few, merged, sorted.

/// Ranges past this many are forgotten: a populate too many costs little.
const RANGES_MAX: usize = 32;

/// A bounded set of byte ranges.
#[derive(Debug, Clone, Default)]
pub(super) struct RangeSet {
    /// Sorted, neither overlapping nor touching; each `from < upto`.
    ranges: Vec<(u64, u64)>,
}

impl RangeSet {
    pub(super) fn insert(&mut self, from: u64, upto: u64) {
        if from >= upto {
            return;
        }
        let first = self.ranges.partition_point(|range| range.1 < from);
        let past = self.ranges.partition_point(|range| range.0 <= upto);
        let merged = self.ranges.get(first..past).unwrap_or_default();
        let from = merged.first().map_or(from, |range| range.0.min(from));
        let upto = merged.last().map_or(upto, |range| range.1.max(upto));
        self.ranges.splice(first..past, [(from, upto)]);
        if self.ranges.len() > RANGES_MAX {
            self.ranges.remove(0);
        }
    }

    pub(super) fn contains(&self, from: u64, upto: u64) -> bool {
        let candidate = self.ranges.partition_point(|range| range.1 < upto);
        self.ranges
            .get(candidate)
            .is_some_and(|range| range.0 <= from && upto <= range.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_a_set_of_bytes_says(
            inserts in prop::collection::vec((0_u64..60, 0_u64..10), 0..20),
            from in 0_u64..60,
            length in 1_u64..10,
        ) {
            let mut set = RangeSet::default();
            let mut bytes = [false; 100];
            for (from, length) in inserts {
                set.insert(from, from + length);
                bytes[from as usize..(from + length) as usize].fill(true);
            }
            let expected = bytes[from as usize..(from + length) as usize].iter().all(|byte| *byte);
            prop_assert_eq!(set.contains(from, from + length), expected);
        }
    }

    #[test]
    fn it_stays_small() {
        let mut set = RangeSet::default();
        for i in 0..1000 {
            set.insert(i * 10, i * 10 + 5);
        }
        assert!(set.ranges.len() <= RANGES_MAX);
        assert!(set.contains(9990, 9995));
    }
}
