//! The messages: which field is where in which version, read from `messages.txt`.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::iter::Peekable;

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    const ALL: Self = Self {
        first: 0,
        last: i16::MAX,
    };

    /// `3-12`, `3+` or `3`.
    pub fn parse(text: &str) -> Result<Self> {
        let (first, last) = match text.strip_suffix('+') {
            Some(first) => (first, None),
            None => match text.split_once('-') {
                Some((first, last)) => (first, Some(last)),
                None => (text, Some(text)),
            },
        };
        let number = |text: &str| text.parse::<i16>().with_context(|| format!("{text:?}"));
        Ok(Self {
            first: number(first)?,
            last: last.map_or(Ok(i16::MAX), number)?,
        })
    }

    pub fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }
}

/// What a field holds.
#[derive(Debug, Clone)]
pub enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(Vec<Field>),
    Array(Box<Kind>),
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub versions: Versions,
    pub nullable: Option<Versions>,
    pub tag: Option<(u32, Versions)>,
    pub default: Option<String>,
}

/// A request or its answer.
#[derive(Debug)]
pub struct Message {
    pub fields: Vec<Field>,
    pub flexible: i16,
}

/// An API, in the versions that are compared.
#[derive(Debug)]
pub struct Api {
    pub name: String,
    pub key: i16,
    pub versions: Versions,
    pub request: Message,
    pub response: Message,
}

/// All APIs by name.
#[derive(Debug)]
pub struct Schema(BTreeMap<String, Api>);

impl Schema {
    /// The schema in `messages.txt`.
    pub fn load() -> Result<Self> {
        let lines = include_str!("../messages.txt").lines();
        let mut lines = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .peekable();
        let mut apis = BTreeMap::new();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["request", name, key, versions, flexible] = words[..] else {
                bail!("a request is wanted: {line:?}");
            };
            let request = message(flexible, &mut lines)?;
            let answer = lines.next().unwrap_or_default();
            let Some(flexible) = answer.split_whitespace().nth(4) else {
                bail!("the answer to {name} is wanted: {answer:?}");
            };
            let api = Api {
                name: name.to_owned(),
                key: key.parse()?,
                versions: Versions::parse(versions)?,
                request,
                response: message(flexible, &mut lines)?,
            };
            apis.insert(name.to_owned(), api);
        }
        Ok(Self(apis))
    }

    pub fn api(&self, name: &str) -> Result<&Api> {
        self.0
            .get(name)
            .with_context(|| format!("there is no API {name:?}"))
    }

    pub fn apis(&self) -> impl Iterator<Item = &Api> {
        self.0.values()
    }
}

fn message<'a>(
    flexible: &str,
    lines: &mut Peekable<impl Iterator<Item = &'a str>>,
) -> Result<Message> {
    let flexible = flexible.trim_start_matches("flexible=");
    Ok(Message {
        flexible: if flexible == "none" {
            i16::MAX
        } else {
            flexible.parse()?
        },
        fields: fields(2, lines)?,
    })
}

fn fields<'a>(
    indent: usize,
    lines: &mut Peekable<impl Iterator<Item = &'a str>>,
) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let depth = |line: &str| line.len() - line.trim_start().len();
    while let Some(line) = lines.next_if(|line| depth(line) == indent) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let kind = words.next().unwrap_or_default();
        let mut field = Field {
            name,
            kind: scalar(kind.trim_start_matches("[]")),
            versions: Versions::ALL,
            nullable: None,
            tag: None,
            default: None,
        };
        for word in words {
            match word.split_once('=') {
                None => field.versions = Versions::parse(word)?,
                Some(("null", versions)) => field.nullable = Some(Versions::parse(versions)?),
                Some(("default", value)) => field.default = Some(value.to_owned()),
                Some(("tag", tag)) => {
                    let (tag, versions) = tag.split_once(':').context("a tag has versions")?;
                    field.tag = Some((tag.parse()?, Versions::parse(versions)?));
                }
                Some(_) => bail!("{line:?}"),
            }
        }
        if let Kind::Struct(members) = &mut field.kind {
            *members = self::fields(indent + 2, lines)?;
        }
        if kind.starts_with("[]") {
            field.kind = Kind::Array(Box::new(field.kind));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn scalar(name: &str) -> Kind {
    match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "uuid" => Kind::Uuid,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "records" => Kind::Records,
        _ => Kind::Struct(Vec::new()),
    }
}
