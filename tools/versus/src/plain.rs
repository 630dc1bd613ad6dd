//! Takes out of an answer what differs from run to run.

use crate::side::Run;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Ids that a broker makes up; numbered in the order in which they appear.
const IDS: [&str; 7] = [
    "MemberId",
    "Leader",
    "ProducerId",
    "ClusterId",
    "LogDir",
    "Port",
    "IncarnationId",
];

/// Prose, of which only the presence counts.
const PROSE: [&str; 3] = ["ErrorMessage", "BatchIndexErrorMessage", "Documentation"];

/// Times and sizes that no case sets; of these counts whether they are known.
const MEASURED: [&str; 5] = [
    "LogAppendTimeMs",
    "LastTimestamp",
    "TotalBytes",
    "UsableBytes",
    "PartitionSize",
];

/// Epochs of groups and members of the consumer protocol: how far one step counts is a broker's
/// own affair, that they change is not. 0 and below have meanings.
const EPOCHS: [&str; 3] = ["MemberEpoch", "GroupEpoch", "AssignmentEpoch"];

/// Puts placeholders in the place of a run's own names and ids.
#[derive(Debug)]
pub struct Plain<'a> {
    run: &'a Run<'a>,
    seen: BTreeMap<String, Vec<Value>>,
}

impl<'a> Plain<'a> {
    pub fn new(run: &'a Run<'a>) -> Self {
        Self {
            run,
            seen: BTreeMap::new(),
        }
    }

    pub fn answer(&mut self, value: &Value) -> Value {
        self.value("", value)
    }

    fn value(&mut self, field: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(name, value)| (name.clone(), self.value(name, value)));
                Value::Object(members.collect())
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().filter(|item| self.is_own(item)).collect();
                items.iter().map(|item| self.value(field, item)).collect()
            }
            Value::String(text) if !text.is_empty() => self.text(field, text),
            Value::Number(number) if number.as_i64().is_some_and(|number| number >= 0) => {
                self.number(field, value)
            }
            other => other.clone(),
        }
    }

    /// Not a topic or group that another case has left behind, which a list of all has too.
    fn is_own(&self, item: &Value) -> bool {
        let name = ["Name", "GroupId"]
            .iter()
            .find_map(|key| item.get(*key)?.as_str());
        name.is_none_or(|name| name.starts_with(&self.run.prefix) || !is_some_runs(name))
    }

    fn text(&mut self, field: &str, text: &str) -> Value {
        if PROSE.contains(&field) {
            return json!("(text)");
        }
        let run = self.run;
        let saved =
            |(name, saved): (&String, &Value)| (saved == text).then(|| json!(format!("${name}")));
        if let Some(name) = run.saved.iter().find_map(saved) {
            return name;
        }
        if IDS.contains(&field) {
            return self.placeholder(field, &json!(text));
        }
        if let Ok(id) = uuid::Uuid::parse_str(text) {
            if id.is_nil() {
                return json!("(no id)");
            }
            let known = |(name, id): (&String, &String)| {
                (id == text).then(|| json!(format!("id of {}", name.replace(&run.prefix, "^"))))
            };
            return match run.ids.iter().find_map(known) {
                Some(name) => name,
                None => self.placeholder("id", &json!(text)),
            };
        }
        json!(text.replace(&run.prefix, "^"))
    }

    fn number(&mut self, field: &str, value: &Value) -> Value {
        if MEASURED.contains(&field) {
            return json!("(known)");
        }
        if EPOCHS.contains(&field) && value.as_i64() > Some(0) {
            return self.placeholder("epoch", value);
        }
        if IDS.contains(&field) {
            return self.placeholder(field, value);
        }
        value.clone()
    }

    fn placeholder(&mut self, kind: &str, value: &Value) -> Value {
        let seen = self.seen.entry(kind.to_owned()).or_default();
        let at = seen
            .iter()
            .position(|other| other == value)
            .unwrap_or_else(|| {
                seen.push(value.clone());
                seen.len() - 1
            });
        json!(format!("({kind} {})", at + 1))
    }
}

/// `v12s3456-…`, as main.rs makes them.
fn is_some_runs(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.strip_prefix('v').and_then(|name| name.split_once('-'));
    let numbers = parts.and_then(|(numbers, _)| numbers.split_once('s'));
    numbers.is_some_and(|(run, series)| digits(run) && digits(series))
}
