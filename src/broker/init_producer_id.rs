use super::BrokerError;
use crate::types::{ProducerEpoch, ProducerId};

/// Give an idempotent producer its identity (KIP-98, KIP-360).
#[derive(Debug, Clone)]
pub struct InitProducerIdRequest {
    /// Set by transactional producers, which are not served yet.
    pub transactional_id: Option<String>,
    /// The identity the producer had, or [`ProducerId::NONE`].
    pub producer_id: ProducerId,
    /// The epoch it had, or [`ProducerEpoch::NONE`].
    pub producer_epoch: ProducerEpoch,
}

/// The identity, or why there is none.
#[derive(Debug, Clone)]
pub struct InitProducerIdResponse {
    /// Id and epoch.
    pub result: Result<(ProducerId, ProducerEpoch), BrokerError>,
}
