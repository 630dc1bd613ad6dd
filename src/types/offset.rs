use super::integer;

integer! {
    /// A record's number in its partition. Dense, from 0, never used twice once it was readable.
    Offset(i64)
}

integer! {
    /// A byte's place in a file.
    Position(u64)
}

impl Offset {
    /// The first offset of a partition.
    pub const ZERO: Self = Self::new(0);

    /// The offset right after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.get() + 1)
    }

    /// This offset moved on by `count` records.
    #[must_use]
    pub const fn advanced(self, count: i64) -> Self {
        Self::new(self.get() + count)
    }

    /// How many records lie between `earlier` and this offset.
    pub const fn since(self, earlier: Self) -> i64 {
        self.get() - earlier.get()
    }
}

impl Position {
    /// The start of a file.
    pub const ZERO: Self = Self::new(0);

    /// This position moved on by `bytes`.
    #[must_use]
    pub const fn advanced(self, bytes: u64) -> Self {
        Self::new(self.get() + bytes)
    }

    /// How many bytes lie between `earlier` and this position.
    pub const fn since(self, earlier: Self) -> u64 {
        self.get() - earlier.get()
    }
}
