//! One connection to a broker, without its socket: makes frames of requests and tells which request
//! a frame answers.
//!
//! Invariants: a broker answers a connection's requests in their order, so a frame belongs to the
//! oldest request that still waits, or the connection is beyond use; requests other than the first
//! go out in the newest version that both sides know.

use super::{BrokerCode, ClientError, Request, Versions};
use crate::protocol::kafka::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
};
use crate::wire::{Chunk, Message, Reader, Writer};
use bytes::Bytes;
use std::collections::VecDeque;

/// A request's number on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(i32);

/// A frame to send: its pieces, in order.
#[derive(Debug)]
pub struct Outgoing {
    /// The request's number.
    pub correlation: CorrelationId,
    /// The bytes, in pieces; record data is shared, not copied.
    pub pieces: Vec<Bytes>,
}

/// Whether the broker will answer (it does not answer a Produce with acks=0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It will.
    Yes,
    /// It will not.
    No,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    broker: String,
    client_id: String,
    next_correlation: i32,
    waiting: VecDeque<Waiting>,
    versions: Option<Versions>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    correlation: CorrelationId,
    api: ApiKey,
    version: i16,
}

/// The answer to one request, not yet decoded.
#[derive(Debug, Clone)]
pub struct Answer {
    broker: String,
    waiting: Waiting,
    frame: Bytes,
    body_at: usize,
}

/// How a handshake stands.
#[derive(Debug)]
pub enum Handshake {
    /// The connection can be used.
    Done,
    /// The broker is older; this is to be sent next.
    Again(Outgoing),
}

/// Checks the length in front of a response.
///
/// # Errors
/// [`ClientError::Protocol`] if it cannot be one, or is more than `bytes_max`.
pub fn frame_length(broker: &str, prefix: [u8; 4], bytes_max: usize) -> Result<usize, ClientError> {
    let length = i32::from_be_bytes(prefix);
    match usize::try_from(length) {
        Ok(length) if (4..=bytes_max).contains(&length) => Ok(length),
        _ => Err(ClientError::Protocol {
            broker: broker.to_owned(),
            reason: format!("it announced an answer of {length} bytes"),
        }),
    }
}

impl Connection {
    /// A connection to `broker` (its address, for messages), freshly opened.
    pub fn new(broker: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            broker: broker.into(),
            client_id: client_id.into(),
            next_correlation: 0,
            waiting: VecDeque::new(),
            versions: None,
        }
    }

    /// The broker's address.
    pub fn broker(&self) -> &str {
        &self.broker
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// The first request on every connection: which versions do you know?
    ///
    /// # Errors
    /// [`ClientError::Encode`], never in practice.
    pub fn hello(&mut self) -> Result<Outgoing, ClientError> {
        self.hello_in(*ApiVersionsRequest::USED.end())
    }

    fn hello_in(&mut self, version: i16) -> Result<Outgoing, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: "corelane",
            client_software_version: env!("CARGO_PKG_VERSION"),
        };
        self.encode(&request, ApiKey::ApiVersions, version, &[], Answered::Yes)
    }

    /// Takes the answer to [`hello`](Self::hello). A broker that does not know our version of the
    /// question says so in version 0 (KIP-511), and is asked again in that.
    ///
    /// # Errors
    /// [`ClientError::Protocol`], [`ClientError::Refused`].
    pub fn welcome(&mut self, answer: &Answer) -> Result<Handshake, ClientError> {
        let code = BrokerCode::new(answer.reader().i16().map_err(|e| answer.unreadable(&e))?);
        if code == BrokerCode::UNSUPPORTED_VERSION && answer.waiting.version > 0 {
            return self.hello_in(0).map(Handshake::Again);
        }
        let response: ApiVersionsResponse<'_> = answer.decode()?;
        code.check().map_err(|code| answer.refused(code, None))?;
        self.versions = Some(Versions::new(
            response
                .api_keys
                .iter()
                .map(|api| (api.api_key, api.min_version..=api.max_version)),
        ));
        Ok(Handshake::Done)
    }

    /// Makes a frame of a request. `records` are what its external record data refer to by index.
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] if both sides share no version, [`ClientError::Encode`].
    pub fn request<'a, R: Request<'a>>(
        &mut self,
        request: &R,
        records: &[Bytes],
        answered: Answered,
    ) -> Result<Outgoing, ClientError> {
        let unsupported = || ClientError::Unsupported {
            broker: self.broker.clone(),
            request: R::NAME,
        };
        let version = self
            .versions
            .as_ref()
            .and_then(|versions| versions.newest(R::KEY, &R::USED))
            .ok_or_else(unsupported)?;
        let api = ApiKey::from_code(R::KEY).ok_or_else(unsupported)?;
        self.encode(request, api, version, records, answered)
    }

    fn encode<'a>(
        &mut self,
        request: &impl Message<'a>,
        api: ApiKey,
        version: i16,
        records: &[Bytes],
        answered: Answered,
    ) -> Result<Outgoing, ClientError> {
        let correlation = CorrelationId(self.next_correlation);
        let header = RequestHeader {
            api_key: api.code(),
            api_version: version,
            correlation_id: correlation.0,
            client_id: Some(&self.client_id),
        };
        let mut writer = Writer::framed();
        header.encode(&mut writer)?;
        request.encode(&mut writer, version)?;
        let pieces = writer.finish()?.into_iter().map(|chunk| match chunk {
            Chunk::Bytes(bytes) => bytes,
            Chunk::External { index, length } => {
                let data = records.get(index).cloned().unwrap_or_default();
                assert_eq!(data.len(), length as usize, "record data as announced");
                data
            }
        });
        let pieces = pieces.collect();
        self.next_correlation = self.next_correlation.wrapping_add(1) & i32::MAX;
        if answered == Answered::Yes {
            self.waiting.push_back(Waiting {
                correlation,
                api,
                version,
            });
        }
        Ok(Outgoing {
            correlation,
            pieces,
        })
    }

    /// Takes a frame without its length and tells which request it answers.
    ///
    /// # Errors
    /// [`ClientError::Protocol`]: the connection is to be closed.
    pub fn accept(&mut self, frame: Bytes) -> Result<Answer, ClientError> {
        let Some(waiting) = self.waiting.pop_front() else {
            return Err(self.protocol("it answered more than was asked".into()));
        };
        let mut reader = Reader::new(&frame);
        let header = ResponseHeader::decode(&mut reader, waiting.api, waiting.version)
            .map_err(|error| self.protocol(format!("an answer's header is unreadable: {error}")))?;
        if header.correlation_id != waiting.correlation.0 {
            return Err(self.protocol(format!(
                "it answered request {} where {} was due",
                header.correlation_id, waiting.correlation.0
            )));
        }
        let body_at = reader.position();
        Ok(Answer {
            broker: self.broker.clone(),
            waiting,
            frame,
            body_at,
        })
    }

    fn protocol(&self, reason: String) -> ClientError {
        ClientError::Protocol {
            broker: self.broker.clone(),
            reason,
        }
    }
}

impl Answer {
    /// Which request it answers.
    pub const fn correlation(&self) -> CorrelationId {
        self.waiting.correlation
    }

    /// The frame, of which decoded record data are a part.
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] if the bytes are no such message.
    ///
    /// # Panics
    /// If the answer is to another kind of request: the caller mixed them up.
    pub fn decode<'a, M: Message<'a>>(&'a self) -> Result<M, ClientError> {
        assert_eq!(M::KEY, self.waiting.api.code(), "an answer of that API");
        M::decode(&mut self.reader(), self.waiting.version).map_err(|error| self.unreadable(&error))
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.frame.get(self.body_at..).unwrap_or_default())
    }

    fn unreadable(&self, error: &crate::wire::WireError) -> ClientError {
        ClientError::unreadable(&self.broker, api_name(self.waiting.api), error)
    }

    /// The error that the broker refused the whole request with `code`.
    pub fn refused(&self, code: BrokerCode, message: Option<&str>) -> ClientError {
        ClientError::Refused {
            broker: self.broker.clone(),
            request: api_name(self.waiting.api),
            code,
            message: message.map(str::to_owned),
        }
    }
}

const fn api_name(api: ApiKey) -> &'static str {
    match api {
        ApiKey::Produce => "Produce",
        ApiKey::Fetch => "Fetch",
        ApiKey::ListOffsets => "ListOffsets",
        ApiKey::Metadata => "Metadata",
        ApiKey::ApiVersions => "ApiVersions",
        ApiKey::CreateTopics => "CreateTopics",
        ApiKey::DeleteTopics => "DeleteTopics",
        ApiKey::InitProducerId => "InitProducerId",
        ApiKey::DescribeConfigs => "DescribeConfigs",
        ApiKey::CreatePartitions => "CreatePartitions",
        ApiKey::IncrementalAlterConfigs => "IncrementalAlterConfigs",
        _ => "a request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kafka::messages::{
        ApiVersion, MetadataRequest, MetadataResponse, PartitionProduceData, ProduceRequest,
        TopicProduceData,
    };
    use crate::wire::{Array, Records};

    /// A broker's answer to the request `outgoing`, as a frame without its length.
    fn answer<'a>(
        message: &impl Message<'a>,
        api: ApiKey,
        version: i16,
        correlation: i32,
    ) -> Bytes {
        let mut writer = Writer::new();
        ResponseHeader {
            correlation_id: correlation,
        }
        .encode(&mut writer, api, version);
        message
            .encode(&mut writer, version)
            .expect("a valid answer");
        match writer.finish().expect("a small answer").remove(0) {
            Chunk::Bytes(bytes) => bytes,
            Chunk::External { .. } => panic!("no records"),
        }
    }

    fn known(apis: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse<'static> {
        let api_keys = apis
            .iter()
            .map(|(api, min_version, max_version)| ApiVersion {
                api_key: api.code(),
                min_version: *min_version,
                max_version: *max_version,
            });
        ApiVersionsResponse {
            api_keys: api_keys.collect(),
            ..Default::default()
        }
    }

    fn connected(apis: &[(ApiKey, i16, i16)]) -> Connection {
        let mut connection = Connection::new("b:1", "test");
        connection.hello().expect("hello");
        let frame = answer(&known(apis), ApiKey::ApiVersions, 3, 0);
        let answer = connection.accept(frame).expect("the answer");
        assert!(matches!(connection.welcome(&answer), Ok(Handshake::Done)));
        connection
    }

    #[test]
    fn an_old_broker_is_asked_again_in_version_zero() {
        let mut connection = Connection::new("b:1", "test");
        connection.hello().expect("hello");
        let refusal = ApiVersionsResponse {
            error_code: BrokerCode::UNSUPPORTED_VERSION.get(),
            ..Default::default()
        };
        let frame = answer(&refusal, ApiKey::ApiVersions, 0, 0);
        let refused = connection.accept(frame).expect("the answer");
        let Ok(Handshake::Again(again)) = connection.welcome(&refused) else {
            panic!("asks again");
        };
        assert_eq!(again.correlation, CorrelationId(1));
        let frame = answer(
            &known(&[(ApiKey::Metadata, 0, 5)]),
            ApiKey::ApiVersions,
            0,
            1,
        );
        let answer = connection.accept(frame).expect("the answer");
        assert!(matches!(connection.welcome(&answer), Ok(Handshake::Done)));
        let metadata = MetadataRequest::default();
        assert!(connection.request(&metadata, &[], Answered::Yes).is_ok());
    }

    #[test]
    fn answers_belong_to_requests_in_their_order() {
        let mut connection = connected(&[(ApiKey::Metadata, 0, 12)]);
        let request = MetadataRequest::default();
        let first = connection
            .request(&request, &[], Answered::Yes)
            .expect("a request");
        connection
            .request(&request, &[], Answered::Yes)
            .expect("a request");
        let response = MetadataResponse {
            controller_id: 7,
            ..Default::default()
        };
        let due = connection
            .accept(answer(&response, ApiKey::Metadata, 12, 1))
            .expect("the first answer");
        assert_eq!(due.correlation(), first.correlation);
        assert_eq!(
            due.decode::<MetadataResponse<'_>>()
                .map(|m| m.controller_id)
                .ok(),
            Some(7)
        );
        let wrong = connection.accept(answer(&response, ApiKey::Metadata, 12, 9));
        assert!(matches!(wrong, Err(ClientError::Protocol { .. })));
        let too_many = connection.accept(answer(&response, ApiKey::Metadata, 12, 3));
        assert!(matches!(too_many, Err(ClientError::Protocol { .. })));
    }

    #[test]
    fn a_missing_version_is_told_by_name() {
        let mut connection = connected(&[(ApiKey::Metadata, 99, 100)]);
        let error = connection
            .request(&MetadataRequest::default(), &[], Answered::Yes)
            .expect_err("no common version");
        assert!(error.to_string().contains("MetadataRequest"), "{error}");
    }

    #[test]
    fn record_data_goes_out_uncopied_and_acks_0_awaits_nothing() {
        let mut connection = connected(&[(ApiKey::Produce, 3, 13)]);
        let data = Bytes::from_static(b"records");
        let partition = PartitionProduceData {
            index: 0,
            records: Some(Records::External {
                index: 0,
                length: 7,
            }),
        };
        let request = ProduceRequest {
            topic_data: Array::from(vec![TopicProduceData {
                name: "t",
                partition_data: Array::from(vec![partition]),
                ..Default::default()
            }]),
            ..Default::default()
        };
        let outgoing = connection
            .request(&request, std::slice::from_ref(&data), Answered::No)
            .expect("a request");
        assert!(
            outgoing
                .pieces
                .iter()
                .any(|piece| piece.as_ptr() == data.as_ptr())
        );
        assert_eq!(connection.in_flight(), 0);
    }

    #[test]
    fn lengths_are_bounded_before_memory_follows_them() {
        assert_eq!(frame_length("b", [0, 0, 0, 4], 100).ok(), Some(4));
        for prefix in [
            [0, 0, 0, 3],
            [0, 0, 0, 101],
            [0xff; 4],
            [0x7f, 0xff, 0xff, 0xff],
        ] {
            assert!(frame_length("b", prefix, 100).is_err(), "{prefix:?}");
        }
    }
}
