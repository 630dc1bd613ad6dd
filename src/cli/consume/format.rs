//! How a record is shown.

use super::super::time;
use crate::types::{Offset, PartitionIndex, Timestamp};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{self, Write};

/// The forms in which records are written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The value's bytes as they are, then a newline
    Text,
    /// The key, a tab, the value, a newline
    KeyValue,
    /// Time, partition, offset, key and value, for people
    Full,
    /// One JSON object a line; what is not UTF-8 comes as base64 in `key_base64`, `value_base64`
    Json,
}

/// A record with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Its partition.
    pub(super) partition: PartitionIndex,
    /// Its offset.
    pub(super) offset: Offset,
    /// Its timestamp.
    pub(super) timestamp: Timestamp,
    /// Its key.
    pub(super) key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub(super) value: Option<&'a [u8]>,
}

#[derive(Serialize)]
struct JsonRecord<'a> {
    partition: i32,
    offset: i64,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<JsonHeader<'a>>,
}

#[derive(Serialize)]
struct JsonHeader<'a> {
    name: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

impl Format {
    /// Writes a record and its newline. `headers` are asked for only where they are shown.
    pub(super) fn write<'a>(
        self,
        out: &mut impl Write,
        record: Shown<'a>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> io::Result<()> {
        match self {
            Self::Text => out.write_all(record.value.unwrap_or_default())?,
            Self::KeyValue => {
                out.write_all(record.key.unwrap_or_default())?;
                out.write_all(b"\t")?;
                out.write_all(record.value.unwrap_or_default())?;
            }
            Self::Full => write_full(out, record)?,
            Self::Json => write_json(out, record, headers)?,
        }
        out.write_all(b"\n")
    }
}

fn write_full(out: &mut impl Write, record: Shown<'_>) -> io::Result<()> {
    write!(
        out,
        "{} {}/{} ",
        time::format(record.timestamp),
        record.partition,
        record.offset
    )?;
    match record.key {
        Some(key) => write!(out, "[{}] ", key.escape_ascii())?,
        None => out.write_all(b"- ")?,
    }
    out.write_all(record.value.unwrap_or(b"(tombstone)"))
}

fn write_json<'a>(
    out: &mut impl Write,
    record: Shown<'a>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> io::Result<()> {
    let (key, key_base64) = text_or_base64(record.key);
    let (value, value_base64) = text_or_base64(record.value);
    let headers = headers.map(|(name, value)| {
        let (value, value_base64) = text_or_base64(value);
        JsonHeader {
            name: String::from_utf8_lossy(name),
            value,
            value_base64,
        }
    });
    let object = JsonRecord {
        partition: record.partition.get(),
        offset: record.offset.get(),
        timestamp: record.timestamp.get(),
        key,
        key_base64,
        value,
        value_base64,
        headers: headers.collect(),
    };
    serde_json::to_writer(out, &object).map_err(io::Error::from)
}

/// JSON's null for nothing, text for UTF-8, base64 for all else.
fn text_or_base64(bytes: Option<&[u8]>) -> (Option<Option<&str>>, Option<String>) {
    let Some(bytes) = bytes else {
        return (Some(None), None);
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(Some(text)), None),
        Err(_) => (None, Some(base64(bytes))),
    }
}

/// RFC 4648, the standard alphabet, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            if place > chunk.len() {
                out.push('=');
                continue;
            }
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            out.push(ALPHABET.get(index).map_or('=', |byte| *byte as char));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
        let record = Shown {
            partition: PartitionIndex::new(3),
            offset: Offset::new(42),
            timestamp: Timestamp::new(1_795_168_800_005),
            key,
            value,
        };
        let headers: [(&[u8], Option<&[u8]>); 1] = [(b"trace", Some(b"\xff"))];
        let mut out = Vec::new();
        format
            .write(&mut out, record, headers.into_iter())
            .expect("memory takes everything");
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn texts_are_for_people_and_pipes() {
        assert_eq!(shown(Format::Text, None, Some(b"hello")), "hello\n");
        assert_eq!(shown(Format::KeyValue, Some(b"k"), Some(b"v")), "k\tv\n");
        assert_eq!(
            shown(Format::Full, Some(b"k\x00"), None),
            "2026-11-20T10:00:00.005Z 3/42 [k\\x00] (tombstone)\n"
        );
    }

    #[test]
    fn json_tells_bytes_from_text_and_nothing_from_empty() {
        assert_eq!(
            shown(Format::Json, None, Some(b"say \"hi\"")),
            "{\"partition\":3,\"offset\":42,\"timestamp\":1795168800005,\"key\":null,\
             \"value\":\"say \\\"hi\\\"\",\"headers\":[{\"name\":\"trace\",\"value_base64\":\"/w==\"}]}\n"
        );
        let binary: serde_json::Value =
            serde_json::from_str(&shown(Format::Json, Some(b""), Some(b"\xff\xfe\xfd")))
                .expect("JSON");
        assert_eq!(binary["key"], "");
        assert_eq!(binary["value_base64"], "//79");
        assert!(binary.get("value").is_none());
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
