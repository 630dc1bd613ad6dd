use super::ByTopic;
use crate::types::Offset;

/// Delete the records below an offset (KIP-107).
#[derive(Debug, Clone)]
pub struct DeleteRecordsRequest {
    /// The first offset that stays, of each partition; `None` deletes all that may be read.
    pub topics: ByTopic<Option<Offset>>,
}
