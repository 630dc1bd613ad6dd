//! Which topics exist, how they are set, and which core owns which partition.
//!
//! Invariants: a [`Catalog`] never changes once it is shared (the registrar makes a new one and
//! every core swaps it in), a topic's name and id point at each other, a name that is being
//! deleted cannot be taken before its directories are gone. Pure data: nothing here knows a disk.

mod catalog;
mod cleanup_policy;
mod definitions;
mod placement;
mod setting;
mod settings;
mod values;

pub use catalog::{BuriedTopic, Catalog, Topic};
pub use cleanup_policy::CleanupPolicy;
pub use placement::Placement;
pub use setting::{SettingDefinition, SettingError};
pub use settings::{Capacity, Durability, Overflow, TimestampSource, TopicSettings};
