//! What one version of a message has and another lacks.

use crate::encoded;
use bytes::Bytes;
use corelane::protocol::kafka::messages::*;
use corelane::wire::{EncodeError, Message, Reader, WireError};

#[test]
fn what_a_version_cannot_say_is_refused_or_dropped() {
    let request = MetadataRequest {
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    assert_eq!(
        encoded(&request, 3),
        Err(EncodeError::UnsupportedField {
            message: "MetadataRequest",
            field: "allow_auto_topic_creation",
            version: 3
        })
    );
    assert!(encoded(&request, 4).is_ok());
    assert_eq!(
        encoded(&MetadataRequest::default(), 0),
        Err(EncodeError::NullField {
            message: "MetadataRequest",
            field: "topics",
            version: 0
        })
    );
    assert!(matches!(
        encoded(&MetadataRequest::default(), 14),
        Err(EncodeError::UnsupportedVersion { version: 14, .. })
    ));
    let named = ApiVersionsRequest {
        client_software_name: "corelane",
        ..ApiVersionsRequest::default()
    };
    assert_eq!(encoded(&named, 2), Ok(Bytes::new()));
}

#[test]
fn null_where_a_version_has_none_is_refused() {
    // Metadata 9, one topic whose name is null, which only version 10 allows.
    let bytes = [2, 0, 0, 1, 0, 0, 0];
    assert_eq!(
        MetadataRequest::decode(&mut Reader::new(&bytes), 9),
        Err(WireError::UnexpectedNull { position: 1 })
    );
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    // ApiVersions 3: two names, then the tags 5 (two bytes) and 900 (none).
    let bytes = [2, b'a', 2, b'b', 2, 5, 2, 0xca, 0xfe, 0x84, 0x07, 0];
    let mut reader = Reader::new(&bytes);
    let request = ApiVersionsRequest::decode(&mut reader, 3).expect("whole");
    assert_eq!(request.client_software_version, "b");
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn a_header_of_an_unknown_api_can_be_answered() {
    let bytes = [0x7f, 0xff, 0, 1, 0, 0, 0, 9, 0, 1, b'x', 0xff];
    let header = RequestHeader::decode(&mut Reader::new(&bytes)).expect("whole");
    assert_eq!((header.api_key, header.client_id), (0x7fff, Some("x")));
}
