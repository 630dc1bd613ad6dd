//! Groups of consumers and the offsets that they commit (Kafka's group coordinator).
//!
//! A coordinator is a state machine without I/O: a request or the passing of time yields records
//! to be kept and answers that are due once they are ([`Outcome`]). The records go to a partition
//! of [`OFFSETS_TOPIC`], in Kafka's own layout, and rebuild the state when they are replayed. It
//! knows neither that partition nor the clients' connections.
//!
//! Invariants:
//! - An answer is given only when all records that came before it are durable, so that no client
//!   sees what a crash can take back.
//! - What one request changes is in one batch: a crash keeps all of it or nothing.
//! - If records cannot be kept the coordinator is thrown away and read anew.

mod classic;
mod consumer;
#[expect(
    clippy::module_inception,
    reason = "the file of the type that the layer is named for"
)]
mod coordinator;
mod environment;
mod error;
mod group;
#[expect(unreachable_pub, reason = "messages declare their structs public")]
mod layout;
mod offsets;
mod placement;
mod reply;
mod request;
mod timers;

pub use crate::config::GroupConfig;
pub use consumer::{Assignment, Assignor};
pub use coordinator::Coordinator;
pub use environment::{GroupToken, Outcome};
pub use error::GroupError;
pub use layout::{LayoutError, OffsetsRecord};
pub use placement::partition_of;
pub use reply::{
    CommittedOffset, ConsumerBeat, ConsumerGroupDescription, ConsumerMemberDescription,
    GroupDescription, GroupReply, GroupState, GroupType, JoinReply, Joined, JoinedMember,
    ListedGroup, MemberDescription, NamedPartitions, OffsetOutcomes, Synced,
};
pub use request::{
    CommitOffsets, CommitPartition, ConsumerHeartbeat, FetchOffsets, GroupFilter, GroupRequest,
    JoinGroup, LeavingMember, MemberOf, SyncGroup,
};

/// The topic that keeps what coordinators know, as Kafka names it.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
