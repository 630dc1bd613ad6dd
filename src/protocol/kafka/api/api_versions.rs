use super::answer::frame;
use super::{Call, Refusal};
use crate::broker::Part;
use crate::protocol::kafka::messages::{
    ApiKey, ApiVersion, ApiVersionsRequest, ApiVersionsResponse, ErrorCode,
};
use crate::wire::{Message, Reader};

/// Answers at once. A client that is newer than we are gets an answer in version 0, with the list
/// from which it picks a version that we know (KIP-511).
pub(super) fn answer(call: &Call, reader: &mut Reader<'_>) -> Result<Vec<Part>, Refusal> {
    if !ApiKey::ApiVersions.serves(call.version()) {
        return Ok(encode(&call.at_version(0), ErrorCode::UnsupportedVersion));
    }
    ApiVersionsRequest::decode(reader, call.version())
        .map_err(|error| Refusal::malformed(call, error))?;
    Ok(encode(call, ErrorCode::None))
}

/// No features are told: each would make clients expect what is not served (transactions of the
/// second kind, for one).
fn encode(call: &Call, error: ErrorCode) -> Vec<Part> {
    let api_keys = ApiKey::ALL.iter().map(|api| ApiVersion {
        api_key: api.code(),
        min_version: *api.advertised().start(),
        max_version: *api.advertised().end(),
    });
    let response = ApiVersionsResponse {
        error_code: error.code(),
        api_keys: api_keys.collect(),
        ..ApiVersionsResponse::default()
    };
    frame(call, &response).expect("a list of numbers fits into every version")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{read, request_frame, whole};
    use super::super::{Parsed, parse};
    use super::*;
    use bytes::Bytes;

    fn answered(frame: &Bytes) -> Bytes {
        match parse(frame) {
            Ok(Parsed::Answer(parts)) => whole(&parts),
            other => panic!("an answer expected: {other:?}"),
        }
    }

    #[test]
    fn every_version_lists_every_api() {
        for version in ApiVersionsRequest::VERSIONS {
            let bytes = answered(&request_frame(&ApiVersionsRequest::default(), version));
            let response: ApiVersionsResponse<'_> = read(&bytes, version);
            assert_eq!(response.error_code, 0);
            assert_eq!(response.api_keys.len(), ApiKey::ALL.len());
            let produce = response.api_keys.iter().find(|api| api.api_key == 0);
            let produce = produce.map(|api| (api.min_version, api.max_version));
            assert_eq!(produce, Some((0, 13)));
        }
    }

    #[test]
    fn a_newer_client_gets_version_zero_with_the_list() {
        let request = ApiVersionsRequest {
            client_software_name: "later",
            client_software_version: "99",
        };
        let mut frame = request_frame(&request, 4).to_vec();
        frame[3] = 99;
        // What follows the header may have any form.
        frame.extend_from_slice(&[0xff; 10]);
        let bytes = answered(&Bytes::from(frame));
        let response: ApiVersionsResponse<'_> = read(&bytes, 0);
        assert_eq!(response.error_code, 35);
        assert_eq!(response.api_keys.len(), ApiKey::ALL.len());
    }
}
