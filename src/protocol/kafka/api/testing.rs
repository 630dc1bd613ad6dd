//! A client's side of the protocol, for tests.

use super::{Call, Parsed, parse, respond};
use crate::broker::{GroupAnswer, Part, Request, Response};
use crate::coordinator::{GroupError, GroupReply, GroupRequest};
use crate::protocol::kafka::messages::{ApiKey, RequestHeader, ResponseHeader};
use crate::types::{GroupId, PartitionIndex};
use crate::wire::{Chunk, Message, Reader, Writer};
use bytes::Bytes;

const CORRELATION_ID: i32 = 4711;

fn header(api: ApiKey, version: i16) -> RequestHeader<'static> {
    RequestHeader {
        api_key: api.code(),
        api_version: version,
        correlation_id: CORRELATION_ID,
        client_id: Some("test"),
    }
}

/// A call as `parse` would yield it.
pub(super) fn call(api: ApiKey, version: i16) -> Call {
    Call::new(api, &header(api, version))
}

/// A request's frame without its length.
pub(super) fn request_frame<'a, M: Message<'a>>(request: &M, version: i16) -> Bytes {
    let api = ApiKey::from_code(M::KEY).expect("served");
    let mut writer = Writer::new();
    header(api, version).encode(&mut writer).expect("short");
    request.encode(&mut writer, version).expect("expressible");
    let chunks = writer.finish().expect("short");
    match chunks.as_slice() {
        [Chunk::Bytes(bytes)] => bytes.clone(),
        other => panic!("one chunk expected: {other:?}"),
    }
}

/// What the broker is asked to do.
pub(super) fn parsed<'a, M: Message<'a>>(request: &M, version: i16) -> (Call, Request) {
    match parse(&request_frame(request, version)) {
        Ok(Parsed::Request(call, request)) => (call, request),
        other => panic!("a request expected: {other:?}"),
    }
}

/// What one group is asked.
pub(super) fn parsed_group<'a, M: Message<'a>>(
    request: &M,
    version: i16,
) -> (Call, GroupId, GroupRequest) {
    match parsed(request, version) {
        (call, Request::Groups(mut groups)) => {
            let (group, asked) = groups.pop().expect("a group");
            assert!(groups.is_empty(), "one group");
            (call, group, asked)
        }
        other => panic!("a request to a group expected: {other:?}"),
    }
}

/// The answer of one group.
pub(super) fn group_answer(group: &str, result: Result<GroupReply, GroupError>) -> Response {
    asked_answer(group, Vec::new(), result)
}

/// The answer of one group that was asked about these partitions.
pub(super) fn asked_answer(
    group: &str,
    asked: Vec<(String, Vec<PartitionIndex>)>,
    result: Result<GroupReply, GroupError>,
) -> Response {
    Response::Groups(vec![GroupAnswer {
        group: GroupId::new(group),
        asked,
        result,
    }])
}

/// The bytes of a response as they leave.
pub(super) fn whole(parts: &[Part]) -> Bytes {
    let bytes = parts.iter().flat_map(|part| match part {
        Part::Bytes(bytes) => bytes.to_vec(),
        Part::File { .. } => panic!("no files here"),
    });
    bytes.collect()
}

/// The bytes of the broker's response.
pub(super) fn response_bytes(call: &Call, response: Response) -> Bytes {
    whole(&respond(call, response))
}

/// Reads a response whole.
pub(super) fn read<'a, M: Message<'a>>(bytes: &'a Bytes, version: i16) -> M {
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.i32(), Ok(bytes.len() as i32 - 4), "length prefix");
    let api = ApiKey::from_code(M::KEY).expect("served");
    let header = ResponseHeader::decode(&mut reader, api, version).expect("a header");
    assert_eq!(header.correlation_id, CORRELATION_ID);
    let message = M::decode(&mut reader, version).expect("a message");
    assert_eq!(reader.remaining(), 0, "bytes after the message");
    message
}
