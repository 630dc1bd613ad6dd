//! Taking over the topics of an Apache Kafka that was stopped.
//!
//! - [`SourceDirectory`] is what lies in one of Kafka's log directories; nothing is written there.
//! - [`Plan`] is what will be taken over, or all that stands against it, by name.
//! - [`Import`] copies topic by topic, and makes each one known to the catalog when it is whole.
//!
//! Invariants: a topic is in the catalog only when all its partitions are durable. Until then the
//! catalog has a tombstone of it, so that a start, or the next import, removes what a crash left. All
//! that is appended later is under a higher leader epoch, and producer ids that Kafka gave out are not
//! given out again.

mod error;
mod metadata_log;
mod partition;
mod plan;
mod producer_snapshot;
mod run;
mod source;
mod text_file;

pub use error::{ImportError, Refusal};
pub use metadata_log::{Metadata, MetadataError, MetadataTopic};
pub use plan::{ImportOptions, Plan, PlannedPartition, PlannedTopic};
pub use producer_snapshot::{SnapshotEntry, SnapshotError, decode as decode_producer_snapshot};
pub use run::{Import, ImportedPartition, ImportedTopic, Watch};
pub use source::{Leftover, SourceDirectory, SourcePartition};
