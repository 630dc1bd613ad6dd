use super::Call;
use super::entries::ENTRIES_MAX;
use crate::protocol::kafka::messages::{ApiKey, RequestHeader};
use crate::wire::WireError;
use thiserror::Error;

/// Why a connection must be closed; the text is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not even the header can be read.
    #[error("malformed request header: {0}")]
    Header(WireError),
    /// An API that is not served.
    #[error("client {client} sent API {api_key} version {version}, which is not served")]
    UnsupportedApi {
        /// What the client calls itself, quoted.
        client: String,
        /// The API's number.
        api_key: i16,
        /// Its version.
        version: i16,
    },
    /// A version that is not served.
    #[error(
        "client {client} sent {api} version {version}; versions {} to {} are served",
        api.served().start(), api.served().end()
    )]
    UnsupportedVersion {
        /// What the client calls itself, quoted.
        client: String,
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
    },
    /// A body that is not what the header says.
    #[error("client {client} sent a malformed {api} version {version}: {error}")]
    Malformed {
        /// What the client calls itself, quoted.
        client: String,
        /// The API.
        api: ApiKey,
        /// Its version.
        version: i16,
        /// What is wrong.
        error: Malformed,
    },
}

/// What is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Its bytes.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It names more topics, partitions and the like than a request may.
    #[error("more than {ENTRIES_MAX} entries; split the request")]
    TooManyEntries,
}

impl Refusal {
    pub(super) fn unsupported_api(header: &RequestHeader<'_>) -> Self {
        Self::UnsupportedApi {
            client: quoted(header.client_id),
            api_key: header.api_key,
            version: header.api_version,
        }
    }

    pub(super) fn unsupported_version(call: &Call) -> Self {
        Self::UnsupportedVersion {
            client: quoted(call.client_id()),
            api: call.api(),
            version: call.version(),
        }
    }

    pub(super) fn malformed(call: &Call, error: impl Into<Malformed>) -> Self {
        Self::Malformed {
            client: quoted(call.client_id()),
            api: call.api(),
            version: call.version(),
            error: error.into(),
        }
    }
}

/// A client's name, fit for a line of the log: escaped and not too long.
fn quoted(client_id: Option<&str>) -> String {
    const CHARACTERS_MAX: usize = 64;
    let name: String = client_id
        .unwrap_or_default()
        .chars()
        .take(CHARACTERS_MAX)
        .collect();
    format!("{name:?}")
}
