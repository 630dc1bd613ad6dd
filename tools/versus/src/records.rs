//! Record batches (magic 2), from what a case says of them, and back.

use crate::decode::text;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// A batch as a case gives it; what is left out is as a client would send it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(default)]
    base_offset: i64,
    #[serde(default = "minus_one_32")]
    leader_epoch: i32,
    #[serde(default = "two")]
    magic: i8,
    #[serde(default)]
    attributes: i16,
    #[serde(default = "minus_one_64")]
    producer: i64,
    #[serde(default = "minus_one_16")]
    producer_epoch: i16,
    #[serde(default = "minus_one_32")]
    sequence: i32,
    /// The first record's time.
    #[serde(default = "a_time")]
    time: i64,
    max_time: Option<i64>,
    last_offset_delta: Option<i32>,
    count: Option<i32>,
    /// What the records are called, `key=value` or `value`; a time of their own after an `@`.
    records: Vec<String>,
    /// Bytes in the place of the encoded records.
    payload: Option<String>,
    /// A checksum off by this.
    #[serde(default)]
    crc_off: u32,
    /// A length off by this.
    #[serde(default)]
    length_off: i32,
    /// This many bytes are missing at the end.
    #[serde(default)]
    cut: usize,
}

fn minus_one_64() -> i64 {
    -1
}
fn minus_one_32() -> i32 {
    -1
}
fn minus_one_16() -> i16 {
    -1
}
fn two() -> i8 {
    2
}
/// 2025-01-01; no retention in a case is that short.
fn a_time() -> i64 {
    1_735_689_600_000
}

/// The batches' bytes.
pub fn encode(batches: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for batch in batches {
        let batch: Batch = serde_json::from_value(batch.clone())?;
        bytes.extend(batch.encode()?);
    }
    Ok(bytes)
}

impl Batch {
    fn encode(&self) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        let mut last_time = self.time;
        for (at, record) in self.records.iter().enumerate() {
            let (record, time) = match record.split_once('@') {
                Some((record, time)) => (record, time.parse()?),
                None => (record.as_str(), self.time),
            };
            last_time = last_time.max(time);
            let (key, value) = match record.split_once('=') {
                Some((key, value)) => (Some(key), value),
                None => (None, record),
            };
            let mut one = vec![0];
            varint(&mut one, time - self.time);
            varint(&mut one, at as i64);
            match key {
                Some(key) => {
                    varint(&mut one, key.len() as i64);
                    one.extend(key.as_bytes());
                }
                None => varint(&mut one, -1),
            }
            varint(&mut one, value.len() as i64);
            one.extend(value.as_bytes());
            varint(&mut one, 0);
            varint(&mut payload, one.len() as i64);
            payload.extend(one);
        }
        if let Some(instead) = &self.payload {
            payload = instead.as_bytes().to_vec();
        }
        let count = self.records.len() as i32;
        let mut body = Vec::new();
        body.extend(self.attributes.to_be_bytes());
        body.extend(self.last_offset_delta.unwrap_or(count - 1).to_be_bytes());
        body.extend(self.time.to_be_bytes());
        body.extend(self.max_time.unwrap_or(last_time).to_be_bytes());
        body.extend(self.producer.to_be_bytes());
        body.extend(self.producer_epoch.to_be_bytes());
        body.extend(self.sequence.to_be_bytes());
        body.extend(self.count.unwrap_or(count).to_be_bytes());
        body.extend(payload);
        let mut batch = self.base_offset.to_be_bytes().to_vec();
        batch.extend((body.len() as i32 + 9 + self.length_off).to_be_bytes());
        batch.extend(self.leader_epoch.to_be_bytes());
        batch.push(self.magic as u8);
        let crc = crc32c::crc32c(&body).wrapping_add(self.crc_off);
        batch.extend(crc.to_be_bytes());
        batch.extend(body);
        let kept = batch
            .len()
            .checked_sub(self.cut)
            .context("nothing is left of the batch")?;
        batch.truncate(kept);
        Ok(batch)
    }
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The header of each batch, its payload as it is; an incomplete batch at the end by its bytes.
pub fn decode(mut bytes: &[u8]) -> Result<Value> {
    let mut batches = Vec::new();
    while bytes.len() >= 61 {
        let int = |at: usize, width: usize| {
            let number = bytes[at..at + width].iter();
            let start = if bytes[at] & 0x80 != 0 { -1i64 } else { 0 };
            number.fold(start, |value, byte| (value << 8) | i64::from(*byte))
        };
        let length = usize::try_from(int(8, 4)).unwrap_or(0) + 12;
        if length < 61 || length > bytes.len() {
            break;
        }
        let crc = u32::from_be_bytes([bytes[17], bytes[18], bytes[19], bytes[20]]);
        batches.push(json!({
            "BaseOffset": int(0, 8),
            "LeaderEpoch": int(12, 4),
            "Magic": int(16, 1),
            "CrcHolds": crc == crc32c::crc32c(&bytes[21..length]),
            "Attributes": int(21, 2),
            "LastOffsetDelta": int(23, 4),
            "BaseTimestamp": int(27, 8),
            "MaxTimestamp": int(35, 8),
            "ProducerId": int(43, 8),
            "ProducerEpoch": int(51, 2),
            "BaseSequence": int(53, 4),
            "Count": int(57, 4),
            "Payload": text(&bytes[61..length]),
        }));
        bytes = &bytes[length..];
    }
    if !bytes.is_empty() {
        batches.push(json!({ "Incomplete": bytes.len() }));
    }
    Ok(Value::Array(batches))
}
