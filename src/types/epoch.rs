use super::integer;

integer! {
    /// How many times the leadership of a partition began anew. Raised by every unclean start, so
    /// that clients notice that a tail may have been cut (KIP-101, KIP-320).
    LeaderEpoch(i32)
}

impl LeaderEpoch {
    /// The epoch of a partition that never had an unclean start.
    pub const FIRST: Self = Self::new(0);
    /// What the protocol says for "not known".
    pub const NONE: Self = Self::new(-1);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.get() + 1)
    }
}
