//! The vocabulary: a type for every number and name that has a meaning of its own.
//!
//! No type here has a public field, so an offset cannot be passed where a position is wanted and
//! arithmetic happens only where it is defined. Everything is plain data: no clocks, no I/O.

mod epoch;
mod group;
mod ids;
mod offset;
mod producer;
mod time;
mod topic;

pub use epoch::{FetchSessionEpoch, LeaderEpoch};
pub use group::{Generation, GroupId, InstanceId, MemberId};
pub use ids::{
    AppendToken, ConnectionId, CoreId, DeletionToken, FetchSessionId, IoId, NodeId, RequestId,
    SlotId,
};
pub use offset::{Offset, Position};
pub use producer::{ProducerEpoch, ProducerId, Sequence};
pub use time::{Instant, Now, Timestamp};
pub use topic::{PartitionIndex, TopicId, TopicName, TopicNameError, TopicPartition};

/// Defines an integer newtype with `new`, `get`, ordering and `Display`.
macro_rules! integer {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($inner);

        impl $name {
            /// Wraps a raw number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The raw number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}
use integer;
