//! InitProducerId: an idempotent producer asks for its number.

use super::answer::frame;
use super::error::outcome_code;
use super::{Call, Malformed};
use crate::broker::{BrokerError, InitProducerIdRequest, InitProducerIdResponse, Part};
use crate::protocol::kafka::messages::{self, ErrorCode};
use crate::types::{ProducerEpoch, ProducerId};
use crate::wire::{EncodeError, Message, Reader};

/// Versions that carry no identity to go on with yield none.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    version: i16,
) -> Result<InitProducerIdRequest, Malformed> {
    let request = messages::InitProducerIdRequest::decode(reader, version)?;
    Ok(InitProducerIdRequest {
        transactional_id: request.transactional_id.map(str::to_owned),
        producer_id: ProducerId::new(request.producer_id),
        producer_epoch: ProducerEpoch::new(request.producer_epoch),
    })
}

pub(super) fn encode(
    call: &Call,
    response: &InitProducerIdResponse,
) -> Result<Vec<Part>, EncodeError> {
    let none = (ProducerId::NONE, ProducerEpoch::NONE);
    let (producer_id, producer_epoch) = *response.result.as_ref().unwrap_or(&none);
    let error_code = match &response.result {
        // What a stopping broker says elsewhere is fatal to a producer here; this it retries.
        Err(BrokerError::ShuttingDown) => ErrorCode::CoordinatorLoadInProgress.code(),
        result => outcome_code(result),
    };
    let message = messages::InitProducerIdResponse {
        error_code,
        producer_id: producer_id.get(),
        producer_epoch: producer_epoch.get(),
        ..messages::InitProducerIdResponse::default()
    };
    frame(call, &message)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{parsed, read, response_bytes};
    use super::*;
    use crate::broker::{BrokerError, Request, Response};

    #[test]
    fn identities_pass_in_every_version() {
        for version in messages::InitProducerIdRequest::VERSIONS {
            let mut request = messages::InitProducerIdRequest::default();
            if version >= 3 {
                (request.producer_id, request.producer_epoch) = (7, 1);
            }
            let (call, Request::InitProducerId(init)) = parsed(&request, version) else {
                panic!("an init-producer-id request expected");
            };
            assert_eq!(init.transactional_id, None);
            let known = if version < 3 { (-1, -1) } else { (7, 1) };
            assert_eq!((init.producer_id.get(), init.producer_epoch.get()), known);

            let given = (ProducerId::new(7), ProducerEpoch::new(2));
            let refused = BrokerError::TransactionsNotSupported;
            for (result, expected) in [(Ok(given), (0, 7, 2)), (Err(refused), (35, -1, -1))] {
                let response = Response::InitProducerId(InitProducerIdResponse { result });
                let bytes = response_bytes(&call, response);
                let response: messages::InitProducerIdResponse = read(&bytes, version);
                let identity = (response.producer_id, response.producer_epoch);
                assert_eq!((response.error_code, identity.0, identity.1), expected);
            }
        }
    }
}
