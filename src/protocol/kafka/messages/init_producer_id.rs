use super::ApiKey;
use crate::wire::message;

message! {
    /// Asks for a producer id (KIP-98).
    InitProducerIdRequest<'a> (key ApiKey::InitProducerId as i16, versions 0..=5, flexible 2) {
        /// The transactional id, null for a producer that is only idempotent.
        transactional_id: Option<&'a str>, 0..;
        /// How long a transaction may idle before it is aborted, in ms.
        transaction_timeout_ms: i32, 0..;
        /// The producer id to go on with, -1 for none (KIP-360).
        producer_id: i64, 3.., default -1;
        /// Its epoch, -1 for none.
        producer_epoch: i16, 3.., default -1;
    }

    /// A producer id.
    InitProducerIdResponse (key ApiKey::InitProducerId as i16, versions 0..=5, flexible 2) {
        /// How long the request was held back by a quota, in ms.
        throttle_time_ms: i32, 0.., else ignored;
        /// Why there is no id.
        error_code: i16, 0..;
        /// The producer id.
        producer_id: i64, 0.., default -1;
        /// The producer's epoch.
        producer_epoch: i16, 0..;
    }
}
