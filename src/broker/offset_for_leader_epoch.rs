use super::ByTopic;
use crate::types::{LeaderEpoch, Offset};

/// Find where leader epochs end (KIP-320), so that a client notices that what it has read was cut.
#[derive(Debug, Clone)]
pub struct OffsetForLeaderEpochRequest {
    /// What to find in each partition.
    pub topics: ByTopic<EpochQuestion>,
}

/// Whose end to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochQuestion {
    /// The epoch that the client believes in, or [`LeaderEpoch::NONE`].
    pub current: LeaderEpoch,
    /// The epoch whose end is wanted.
    pub epoch: LeaderEpoch,
}

/// Where an epoch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The greatest epoch at or below the asked one, [`LeaderEpoch::NONE`] if the asked one is not
    /// known.
    pub epoch: LeaderEpoch,
    /// The offset after its last record, -1 if the asked one is not known.
    pub end: Offset,
}

impl EpochEnd {
    /// The asked epoch is newer than all that are known.
    pub const UNKNOWN: Self = Self {
        epoch: LeaderEpoch::NONE,
        end: Offset::new(-1),
    };
}
