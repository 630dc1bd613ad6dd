//! Differences that are meant, each with its reason: `intended.toml`.

use crate::difference::Difference;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// A pattern of differences; `*` stands for anything, what is left out for all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intended {
    #[serde(default = "any")]
    pub case: String,
    #[serde(default = "any")]
    pub api: String,
    pub path: String,
    #[serde(default = "any")]
    pub kafka: String,
    #[serde(default = "any")]
    pub corelane: String,
    pub reason: String,
}

fn any() -> String {
    "*".to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    intended: Vec<Intended>,
}

pub fn load(file: &Path) -> Result<Vec<Intended>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(toml::from_str::<File>(&text)?.intended)
}

impl Intended {
    pub fn explains(&self, case: &str, api: &str, difference: &Difference) -> bool {
        matches(&self.case, case)
            && matches(&self.api, api)
            && matches(&self.path, &difference.path)
            && matches(&self.kafka, &shown(&difference.kafka))
            && matches(&self.corelane, &shown(&difference.corelane))
    }
}

/// A value as it is shown and matched.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, is_match) in [
            ("a*c", "abbc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*b*b", "ab", false),
            ("*x*", "axb", true),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }
}
