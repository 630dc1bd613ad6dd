use super::integer;

integer! {
    /// An idempotent producer's identity, given by `InitProducerId` (KIP-98).
    ProducerId(i64)
}

integer! {
    /// A producer's incarnation; a batch of an older one is refused (KIP-98).
    ProducerEpoch(i16)
}

integer! {
    /// A record's number among those that one producer sent to one partition; wraps at
    /// `i32::MAX` to 0 (KIP-98).
    Sequence(i32)
}

impl ProducerId {
    /// What the protocol says for "no producer id".
    pub const NONE: Self = Self::new(-1);
}

impl ProducerEpoch {
    /// What the protocol says for "no epoch".
    pub const NONE: Self = Self::new(-1);
}

impl Sequence {
    /// What the protocol says for "no sequence".
    pub const NONE: Self = Self::new(-1);
    /// The first sequence of a producer.
    pub const FIRST: Self = Self::new(0);

    /// This sequence moved on by `count` records, wrapping at `i32::MAX` to 0.
    #[must_use]
    pub const fn advanced(self, count: i32) -> Self {
        let sum = self.get() as i64 + count as i64;
        Self::new((sum % (i32::MAX as i64 + 1)) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn sequence_wraps_to_zero_after_the_largest() {
        assert_eq!(Sequence::new(i32::MAX).advanced(1), Sequence::new(0));
        assert_eq!(Sequence::new(i32::MAX - 1).advanced(3), Sequence::new(1));
        assert_eq!(Sequence::new(5).advanced(0), Sequence::new(5));
    }
}
