use crate::protocol::kafka::messages::{ApiKey, RequestHeader};

/// What must be known of a request to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<String>,
    detail: SettingsDetail,
}

/// How much a client wants to know of settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SettingsDetail {
    /// Where else a value is set.
    pub(super) synonyms: bool,
    /// What the setting means.
    pub(super) documentation: bool,
}

impl Call {
    pub(super) fn new(api: ApiKey, header: &RequestHeader<'_>) -> Self {
        Self {
            api,
            version: header.api_version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.map(str::to_owned),
            detail: SettingsDetail::default(),
        }
    }

    /// The API.
    pub fn api(&self) -> ApiKey {
        self.api
    }

    /// The version of request and response.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// What the response repeats.
    pub fn correlation_id(&self) -> i32 {
        self.correlation_id
    }

    /// What the client calls itself.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    pub(super) fn detail(&self) -> SettingsDetail {
        self.detail
    }

    pub(super) fn set_detail(&mut self, detail: SettingsDetail) {
        self.detail = detail;
    }

    /// This call, to be answered in another version.
    pub(super) fn at_version(&self, version: i16) -> Self {
        Self {
            version,
            ..self.clone()
        }
    }
}
