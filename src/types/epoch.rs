use super::integer;

integer! {
    /// How many times the leadership of a partition began anew. Raised by every unclean start, so
    /// that clients notice that a tail may have been cut (KIP-101, KIP-320).
    LeaderEpoch(i32)
}

integer! {
    /// A request's number in its fetch session (KIP-227).
    FetchSessionEpoch(i32)
}

impl FetchSessionEpoch {
    /// Of a request that names all its partitions, to begin a session with.
    pub const INITIAL: Self = Self::new(0);
    /// Of a request without a session, which ends the one it names.
    pub const FINAL: Self = Self::new(-1);

    /// The number of the request after this one: past the largest comes 1.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.get() {
            i32::MAX => Self::new(1),
            epoch => Self::new(epoch + 1),
        }
    }
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
