use rustc_hash::FxHashMap;
use std::ops::RangeInclusive;

/// The versions of each API that a broker serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(FxHashMap<i16, (i16, i16)>);

impl Versions {
    /// Takes note of what a broker says; of two entries for one API the last counts.
    pub fn new(ranges: impl IntoIterator<Item = (i16, RangeInclusive<i16>)>) -> Self {
        Self(
            ranges
                .into_iter()
                .map(|(key, range)| (key, (*range.start(), *range.end())))
                .collect(),
        )
    }

    /// The newest version of API `key` that both the broker and `ours` have.
    pub fn newest(&self, key: i16, ours: &RangeInclusive<i16>) -> Option<i16> {
        let (oldest, newest) = self.0.get(&key)?;
        let version = *newest.min(ours.end());
        (version >= *oldest && version >= *ours.start()).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::Versions;

    #[test]
    fn the_newest_common_version_is_chosen() {
        let versions = Versions::new([(0, 3..=13), (1, 4..=4)]);
        assert_eq!(versions.newest(0, &(0..=12)), Some(12));
        assert_eq!(versions.newest(0, &(0..=20)), Some(13));
        assert_eq!(versions.newest(0, &(14..=20)), None);
        assert_eq!(versions.newest(0, &(0..=2)), None);
        assert_eq!(versions.newest(1, &(4..=18)), Some(4));
        assert_eq!(versions.newest(99, &(0..=1)), None);
    }
}
