//! Where a line's key comes from.

use clap::Args;
use regex::bytes::{CaptureLocations, Regex};

/// How to find a key in a line; at most one of them.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(super) struct KeyArgs {
    /// A line's key is what this matches: its group named `key`, else its first group, else all
    ///
    /// The value stays the whole line. A line that does not match has no key.
    #[arg(long, value_name = "RE")]
    key_regex: Option<Regex>,

    /// A line's key is what comes before the first of this; the value is what comes after
    ///
    /// `\t` is a tab. A line without it has no key.
    #[arg(long, value_name = "C", value_parser = separator)]
    key_separator: Option<Separator>,
}

/// The bytes between key and value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Separator(Vec<u8>);

fn separator(text: &str) -> Result<Separator, String> {
    let unescaped = text.replace("\\t", "\t");
    if unescaped.is_empty() || unescaped.contains('\n') {
        return Err("a separator is at least one character and not a newline".into());
    }
    Ok(Separator(unescaped.into_bytes()))
}

/// Finds keys; made once, used for every line.
#[derive(Debug)]
pub(super) enum KeyRule {
    /// No line has a key.
    None,
    /// The part of the line that a group of the expression matches.
    Regex {
        /// The expression.
        regex: Regex,
        /// Memory for its groups, used again and again.
        groups: CaptureLocations,
        /// Which group is the key.
        group: usize,
    },
    /// What comes before the separator.
    Separator(Vec<u8>),
}

impl KeyArgs {
    /// The rule that the arguments ask for.
    pub(super) fn rule(&self) -> KeyRule {
        if let Some(Separator(separator)) = &self.key_separator {
            return KeyRule::Separator(separator.clone());
        }
        let Some(regex) = self.key_regex.clone() else {
            return KeyRule::None;
        };
        let named = regex
            .capture_names()
            .position(|name| name.is_some_and(|name| name == "key"));
        KeyRule::Regex {
            group: named.unwrap_or_else(|| usize::from(regex.captures_len() > 1)),
            groups: regex.capture_locations(),
            regex,
        }
    }
}

impl KeyRule {
    /// Whether lines are meant to have keys.
    pub(super) const fn wants_keys(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// A line's key, if it has one, and its value.
    pub(super) fn split<'a>(&mut self, line: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        match self {
            Self::None => (None, line),
            Self::Regex {
                regex,
                groups,
                group,
            } => {
                let key = regex
                    .captures_read(groups, line)
                    .and_then(|_| groups.get(*group))
                    .and_then(|(start, end)| line.get(start..end));
                (key, line)
            }
            Self::Separator(separator) => split_at(line, separator),
        }
    }
}

fn split_at<'a>(line: &'a [u8], separator: &[u8]) -> (Option<&'a [u8]>, &'a [u8]) {
    let found = line
        .windows(separator.len())
        .position(|window| window == separator);
    match found {
        Some(at) => (
            line.get(..at),
            line.get(at + separator.len()..).unwrap_or_default(),
        ),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(
        regex: Option<&str>,
        separated_by: Option<&str>,
        line: &[u8],
    ) -> (Option<Vec<u8>>, Vec<u8>) {
        let args = KeyArgs {
            key_regex: regex.map(|regex| Regex::new(regex).expect("a valid expression")),
            key_separator: separated_by.map(|text| separator(text).expect("a valid separator")),
        };
        let mut rule = args.rule();
        let (key, value) = rule.split(line);
        (key.map(<[u8]>::to_vec), value.to_vec())
    }

    #[test]
    fn an_expression_names_the_key_by_group() {
        let line = b"user=7 order=42 \xff";
        let key = |regex| split(Some(regex), None, line).0;
        assert_eq!(key(r"order=(\d+)"), Some(b"42".to_vec()));
        assert_eq!(key(r"user=(\d+) order=(?<key>\d+)"), Some(b"42".to_vec()));
        assert_eq!(key(r"order=\d+"), Some(b"order=42".to_vec()));
        assert_eq!(key(r"nothing"), None);
        assert_eq!(
            key(r"(?:user=7|(x))"),
            Some(b"user=7".to_vec()).filter(|_| false)
        );
        assert_eq!(split(Some("user"), None, line).1, line);
    }

    #[test]
    fn a_separator_splits_once() {
        let told = |line| split(None, Some("\\t"), line);
        assert_eq!(told(b"k\tv\tw"), (Some(b"k".to_vec()), b"v\tw".to_vec()));
        assert_eq!(told(b"\tv"), (Some(vec![]), b"v".to_vec()));
        assert_eq!(told(b"no tab"), (None, b"no tab".to_vec()));
        assert_eq!(split(None, Some("::"), b"a:b::c").0, Some(b"a:b".to_vec()));
        assert!(separator("").is_err());
    }
}
