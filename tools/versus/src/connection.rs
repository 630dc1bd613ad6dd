//! A connection to a broker, and requests on it.

use crate::decode::decode;
use crate::encode::encode;
use crate::schema::Api;
use anyhow::Result;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer larger than this is taken for nonsense.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What came of a request.
#[derive(Debug, Clone)]
pub enum Answer {
    Decoded(Value),
    /// In a word, why there is none.
    None(String),
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    correlation: i32,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            correlation: 0,
        })
    }

    /// Sends a request; the number is that of its answer.
    pub fn send(&mut self, api: &Api, version: i16, fields: &Value, cut: usize) -> Result<i32> {
        self.correlation += 1;
        let mut frame = vec![0; 4];
        frame.extend(api.key.to_be_bytes());
        frame.extend(version.to_be_bytes());
        frame.extend(self.correlation.to_be_bytes());
        frame.extend([0, 6]);
        frame.extend(b"versus");
        if version >= api.request.flexible {
            frame.push(0);
        }
        frame.extend(encode(&api.request, fields, version)?);
        frame.truncate(frame.len().saturating_sub(cut).max(4));
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        // A peer that has closed already shows when it is read from.
        let _ = self.stream.write_all(&frame);
        Ok(self.correlation)
    }

    /// Waits for the answer with this number.
    pub fn receive(
        &mut self,
        api: &Api,
        version: i16,
        correlation: i32,
        patience: Duration,
    ) -> Result<Answer> {
        self.stream.set_read_timeout(Some(patience))?;
        let frame = match self.frame() {
            Ok(frame) => frame,
            Err(error) => {
                let silent = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                let word = if silent { "no answer" } else { "closed" };
                return Ok(Answer::None(word.into()));
            }
        };
        Ok(answer(api, version, correlation, &frame))
    }

    fn frame(&mut self) -> std::io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

fn answer(api: &Api, version: i16, correlation: i32, frame: &[u8]) -> Answer {
    let is_versions = api.name == "ApiVersions";
    // The header of an answer to ApiVersions never has tags.
    let tags = usize::from(version >= api.response.flexible && !is_versions);
    let Some((header, body)) = frame.split_at_checked(4 + tags) else {
        return Answer::None("an answer without a header".into());
    };
    if header[..4] != correlation.to_be_bytes() || header.get(4).is_some_and(|tags| *tags != 0) {
        return Answer::None("an answer to something else".into());
    }
    // KIP-511: one to an unknown version is in version 0.
    let unsupported = is_versions && !api.versions.contains(version);
    let version = if unsupported { 0 } else { version };
    match decode(&api.response, body, version) {
        Ok(value) => Answer::Decoded(value),
        Err(error) => Answer::None(format!("undecodable: {error:#}")),
    }
}

impl Answer {
    pub fn value(&self) -> Value {
        match self {
            Self::Decoded(value) => value.clone(),
            Self::None(word) => json!(word),
        }
    }
}
