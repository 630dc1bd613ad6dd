//! Protocol-neutral operations.

mod error;
mod part;

pub use error::BrokerError;
pub use part::Part;
