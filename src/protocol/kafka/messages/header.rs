use super::ApiKey;
use crate::wire::{EncodeError, Format, Reader, Value, WireError, Writer};

/// What precedes every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The API's number, which may be unknown.
    pub api_key: i16,
    /// The API's version, which may not be served.
    pub api_version: i16,
    /// What the response repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<&'a str>,
}

/// The client's id has a 16-bit length in every version, so that a broker can read the header of
/// a request that is newer than itself.
const CLIENT_ID_FORMAT: Format = Format {
    version: 1,
    flexible: false,
};

impl<'a> RequestHeader<'a> {
    /// Reads a header; its own version follows from the API and the API's version. Of an unknown
    /// API it reads what all headers have in common.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let header = Self {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: Value::read(reader, CLIENT_ID_FORMAT)?,
        };
        if header.version() == Some(2) {
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] for the client's id.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.i16(self.api_key);
        writer.i16(self.api_version);
        writer.i32(self.correlation_id);
        self.client_id.write(writer, CLIENT_ID_FORMAT)?;
        if self.version() == Some(2) {
            writer.unsigned_varint(0);
        }
        Ok(())
    }

    fn version(&self) -> Option<i16> {
        ApiKey::from_code(self.api_key).map(|api| api.request_header_version(self.api_version))
    }
}

/// What precedes every response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The request's correlation id.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of a response to that version of that API.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(reader: &mut Reader<'_>, api: ApiKey, version: i16) -> Result<Self, WireError> {
        let correlation_id = reader.i32()?;
        if api.response_header_version(version) == 1 {
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header of a response to that version of that API.
    pub fn encode(&self, writer: &mut Writer, api: ApiKey, version: i16) {
        writer.i32(self.correlation_id);
        if api.response_header_version(version) == 1 {
            writer.unsigned_varint(0);
        }
    }
}
