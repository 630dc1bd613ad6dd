//! Values to bytes. Nothing is checked but names: a case may ask for what no client would send.

use crate::records;
use crate::schema::{Field, Kind, Message};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use uuid::Uuid;

/// A message's bytes in a version; fields that the version has not are left out.
pub fn encode(message: &Message, value: &Value, version: i16) -> Result<Vec<u8>> {
    let mut out = Encoder {
        bytes: Vec::new(),
        version,
        flexible: version >= message.flexible,
    };
    out.fields(&message.fields, value)?;
    Ok(out.bytes)
}

struct Encoder {
    bytes: Vec<u8>,
    version: i16,
    flexible: bool,
}

impl Encoder {
    fn fields(&mut self, fields: &[Field], value: &Value) -> Result<()> {
        let members = value
            .as_object()
            .with_context(|| format!("a struct is wanted, not {value}"))?;
        for name in members.keys() {
            if !fields.iter().any(|field| field.name == *name) {
                bail!("there is no field {name}");
            }
        }
        let mut tagged = Vec::new();
        for field in fields {
            if !field.versions.contains(self.version) {
                continue;
            }
            let given = members.get(&field.name);
            match field.tag {
                Some((tag, versions)) if self.flexible && versions.contains(self.version) => {
                    if let Some(given) = given {
                        tagged.push((tag, field, given));
                    }
                }
                _ => {
                    let default = default(field, self.version);
                    self.nullable(field, given.unwrap_or(&default))
                        .with_context(|| field.name.clone())?;
                }
            }
        }
        if self.flexible {
            tagged.sort_by_key(|(tag, ..)| *tag);
            self.unsigned(tagged.len() as u64);
            for (tag, field, value) in tagged {
                let mut inner = Encoder {
                    bytes: Vec::new(),
                    ..*self
                };
                inner.nullable(field, value)?;
                self.unsigned(tag.into());
                self.unsigned(inner.bytes.len() as u64);
                self.bytes.extend(inner.bytes);
            }
        }
        Ok(())
    }

    /// A struct that may be null says first whether it is there.
    fn nullable(&mut self, field: &Field, value: &Value) -> Result<()> {
        let is_nullable = field
            .nullable
            .is_some_and(|versions| versions.contains(self.version));
        if matches!(field.kind, Kind::Struct(_)) && is_nullable {
            self.bytes.push(if value.is_null() { 0xff } else { 1 });
            if value.is_null() {
                return Ok(());
            }
        }
        self.value(&field.kind, value)
    }

    fn value(&mut self, kind: &Kind, value: &Value) -> Result<()> {
        match kind {
            Kind::Bool => self
                .bytes
                .push(value.as_bool().with_context(|| wrong(value))?.into()),
            Kind::Int8 => self.int(value, 1)?,
            Kind::Int16 => self.int(value, 2)?,
            Kind::Int32 => self.int(value, 4)?,
            Kind::Int64 => self.int(value, 8)?,
            Kind::Uuid => {
                let text = value.as_str().with_context(|| wrong(value))?;
                self.bytes.extend(Uuid::parse_str(text)?.as_bytes());
            }
            Kind::String => {
                let text = match value {
                    Value::Null => None,
                    Value::String(text) => Some(text.as_bytes().to_vec()),
                    // Numbers as names of brokers, and settings' values.
                    other => Some(other.to_string().into_bytes()),
                };
                self.length(text.as_ref().map(Vec::len), 2);
                self.bytes.extend(text.unwrap_or_default());
            }
            Kind::Bytes | Kind::Records => {
                let bytes = bytes(value)?;
                self.length(bytes.as_ref().map(Vec::len), 4);
                self.bytes.extend(bytes.unwrap_or_default());
            }
            Kind::Struct(fields) => self.fields(fields, value)?,
            Kind::Array(item) => {
                let items = match value {
                    Value::Null => None,
                    other => Some(other.as_array().with_context(|| wrong(value))?),
                };
                self.length(items.map(Vec::len), 4);
                for value in items.into_iter().flatten() {
                    self.value(item, value)?;
                }
            }
        }
        Ok(())
    }

    fn int(&mut self, value: &Value, width: usize) -> Result<()> {
        let value = value.as_i64().with_context(|| wrong(value))?;
        self.bytes.extend(&value.to_be_bytes()[8 - width..]);
        Ok(())
    }

    fn length(&mut self, length: Option<usize>, width: usize) {
        if self.flexible {
            self.unsigned(length.map_or(0, |length| length as u64 + 1));
        } else {
            let length = length.map_or(-1, |length| length as i64);
            self.bytes.extend(&length.to_be_bytes()[8 - width..]);
        }
    }

    fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

fn wrong(value: &Value) -> String {
    format!("{value} is of the wrong kind")
}

/// Bytes as text, as `hex:…`, as record batches (a list), or as a group member's subscription.
fn bytes(value: &Value) -> Result<Option<Vec<u8>>> {
    Ok(match value {
        Value::Null => None,
        Value::String(text) => Some(match text.strip_prefix("hex:") {
            Some(digits) => hex(digits)?,
            None => text.as_bytes().to_vec(),
        }),
        Value::Array(batches) => Some(records::encode(batches)?),
        Value::Object(object) => {
            let topics = object.get("subscription").and_then(Value::as_array);
            let mut bytes = vec![0, 0];
            let topics = topics.with_context(|| wrong(value))?;
            bytes.extend((topics.len() as u32).to_be_bytes());
            for topic in topics {
                let topic = topic.as_str().with_context(|| wrong(topic))?;
                bytes.extend((topic.len() as u16).to_be_bytes());
                bytes.extend(topic.as_bytes());
            }
            bytes.extend((-1i32).to_be_bytes());
            Some(bytes)
        }
        other => bail!(wrong(other)),
    })
}

fn hex(digits: &str) -> Result<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| {
            Ok(u8::from_str_radix(
                digits.get(at..at + 2).context("odd")?,
                16,
            )?)
        })
        .collect()
}

/// What is sent for a field that a case does not name.
pub fn default(field: &Field, version: i16) -> Value {
    if let Some(text) = &field.default {
        return match text.as_str() {
            "null" => match field.nullable {
                Some(versions) if versions.contains(version) => Value::Null,
                _ => empty(&field.kind),
            },
            "true" => json!(true),
            "false" => json!(false),
            "0x7fffffff" => json!(i32::MAX),
            number => number
                .parse::<i64>()
                .map_or_else(|_| json!(number), |value| json!(value)),
        };
    }
    empty(&field.kind)
}

fn empty(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!(false),
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => json!(0),
        Kind::Uuid => json!(Uuid::nil().to_string()),
        Kind::String | Kind::Bytes => json!(""),
        Kind::Records => Value::Null,
        Kind::Struct(_) => json!({}),
        Kind::Array(_) => json!([]),
    }
}
