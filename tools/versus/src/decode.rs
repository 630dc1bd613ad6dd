//! Bytes to values, to the last byte.

use crate::encode::default;
use crate::records;
use crate::schema::{Field, Kind, Message, Versions};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Reads a message that must end where its bytes end.
pub fn decode(message: &Message, bytes: &[u8], version: i16) -> Result<Value> {
    let mut from = Decoder {
        bytes,
        version,
        flexible: version >= message.flexible,
    };
    let value = from.fields(&message.fields)?;
    if !from.bytes.is_empty() {
        bail!("{} bytes are left over", from.bytes.len());
    }
    Ok(value)
}

/// A cursor over an answer's bytes.
struct Decoder<'a> {
    bytes: &'a [u8],
    version: i16,
    flexible: bool,
}

impl<'a> Decoder<'a> {
    fn fields(&mut self, fields: &[Field]) -> Result<Value> {
        let mut members = Map::new();
        let tag = |field: &Field, version| match field.tag {
            Some((tag, versions)) if versions.contains(version) => Some(tag),
            _ => None,
        };
        for field in fields {
            if !field.versions.contains(self.version) {
                continue;
            }
            let value = if self.flexible && tag(field, self.version).is_some() {
                // What is not sent has its default; it may come yet.
                default(field, self.version)
            } else {
                self.value(&field.kind, field.nullable)
                    .with_context(|| field.name.clone())?
            };
            members.insert(field.name.clone(), value);
        }
        if self.flexible {
            for _ in 0..self.unsigned()? {
                let (number, length) = (self.unsigned()?, self.unsigned()?);
                let mut inner = Decoder {
                    bytes: self.take(length as usize)?,
                    ..*self
                };
                let mut known = fields.iter();
                match known.find(|field| tag(field, self.version).map(u64::from) == Some(number)) {
                    Some(field) => {
                        let value = inner.value(&field.kind, field.nullable)?;
                        members.insert(field.name.clone(), value);
                    }
                    None => {
                        members.insert(format!("tag {number}"), json!(length));
                    }
                }
            }
        }
        Ok(Value::Object(members))
    }

    fn value(&mut self, kind: &Kind, nullable: Option<Versions>) -> Result<Value> {
        Ok(match kind {
            Kind::Bool => json!(self.int(1)? != 0),
            Kind::Int8 => json!(self.int(1)?),
            Kind::Int16 => json!(self.int(2)?),
            Kind::Int32 => json!(self.int(4)?),
            Kind::Int64 => json!(self.int(8)?),
            Kind::Uuid => json!(Uuid::from_slice(self.take(16)?)?.to_string()),
            Kind::String => match self.length(2)? {
                None => Value::Null,
                Some(length) => json!(std::str::from_utf8(self.take(length)?)?),
            },
            Kind::Bytes => match self.length(4)? {
                None => Value::Null,
                Some(length) => text(self.take(length)?),
            },
            Kind::Records => match self.length(4)? {
                None => Value::Null,
                Some(length) => records::decode(self.take(length)?)?,
            },
            Kind::Struct(fields) => {
                if nullable.is_some_and(|versions| versions.contains(self.version))
                    && self.int(1)? < 0
                {
                    return Ok(Value::Null);
                }
                self.fields(fields)?
            }
            Kind::Array(item) => match self.length(4)? {
                None => Value::Null,
                Some(length) => {
                    let items = (0..length).map(|_| self.value(item, None));
                    Value::Array(items.collect::<Result<_>>()?)
                }
            },
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length)
            .with_context(|| format!("{length} bytes are wanted, {} left", self.bytes.len()))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn int(&mut self, width: usize) -> Result<i64> {
        let bytes = self.take(width)?;
        let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        let start = if negative { -1i64 } else { 0 };
        Ok(bytes
            .iter()
            .fold(start, |value, byte| (value << 8) | i64::from(*byte)))
    }

    fn length(&mut self, width: usize) -> Result<Option<usize>> {
        let length = if self.flexible {
            self.unsigned()? as i64 - 1
        } else {
            self.int(width)?
        };
        Ok(usize::try_from(length).ok())
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a number of more than ten bytes")
    }
}

/// Bytes as text if they are, as `hex:…` if not.
pub fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => json!(text),
        _ => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!(format!("hex:{digits}"))
        }
    }
}
