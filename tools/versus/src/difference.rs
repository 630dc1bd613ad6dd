//! Where two answers differ.

use serde_json::{Value, json};

/// What names an element of an array; the order of such elements is not compared.
const KEYS: [&str; 19] = [
    "Name",
    "TopicName",
    "Topic",
    "TopicId",
    "GroupId",
    "Group",
    "PartitionIndex",
    "PartitionId",
    "Index",
    "Partition",
    "ResourceName",
    "MemberId",
    "Key",
    "ApiKey",
    "NodeId",
    "BrokerId",
    "LogDir",
    "BatchIndex",
    "ProducerId",
];

/// One difference within two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub path: String,
    pub kafka: Value,
    pub corelane: Value,
}

/// All differences of two answers.
pub fn differences(kafka: &Value, corelane: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), kafka, corelane, &mut found);
    found
}

fn compare(path: String, kafka: &Value, corelane: &Value, found: &mut Vec<Difference>) {
    let absent = json!("(absent)");
    match (kafka, corelane) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let more = theirs.keys().filter(|name| !ours.contains_key(*name));
            for name in ours.keys().chain(more) {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                let value =
                    |side: &serde_json::Map<_, _>| side.get(name).unwrap_or(&absent).clone();
                compare(path, &value(ours), &value(theirs), found);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let (ours, theirs) = (keyed(ours), keyed(theirs));
            let find = |side: &[(String, Value)], key: &str| {
                let mut side = side.iter();
                side.find(|(other, _)| other == key)
                    .map(|(_, value)| value.clone())
            };
            let more = theirs.iter().filter(|(key, _)| find(&ours, key).is_none());
            for (key, _) in ours.iter().chain(more) {
                let value = |side: &[(String, Value)]| find(side, key).unwrap_or(absent.clone());
                compare(
                    format!("{path}[{key}]"),
                    &value(&ours),
                    &value(&theirs),
                    found,
                );
            }
        }
        _ if kafka == corelane => {}
        _ => found.push(Difference {
            path,
            kafka: there(kafka, corelane),
            corelane: there(corelane, kafka),
        }),
    }
}

/// A struct that only one side has is not told in full.
fn there(value: &Value, other: &Value) -> Value {
    if value.is_object() && other == "(absent)" {
        json!("(there)")
    } else {
        value.clone()
    }
}

/// Elements by what names them, or by their place; a second of the same name has a number.
fn keyed(items: &[Value]) -> Vec<(String, Value)> {
    let is_order_free = |items: &[Value]| items.iter().all(Value::is_string);
    let mut sorted = items.to_vec();
    if is_order_free(items) {
        sorted.sort_by_key(Value::to_string);
    }
    let items = &sorted;
    let mut keyed: Vec<(String, Value)> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let named = KEYS.iter().find_map(|key| match item.get(*key)? {
            Value::String(text) => Some(if text.is_empty() {
                "''".to_owned()
            } else {
                text.clone()
            }),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        let key = named.unwrap_or_else(|| format!("#{at}"));
        let same = keyed
            .iter()
            .filter(|(other, _)| other.split(" again ").next() == Some(&key));
        let key = match same.count() {
            0 => key,
            more => format!("{key} again {more}"),
        };
        keyed.push((key, item.clone()));
    }
    keyed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_elements_are_compared_by_name() {
        let kafka = json!({"Topics": [{"Name": "a", "Code": 3}, {"Name": "b", "Code": 0}]});
        let corelane = json!({"Topics": [{"Name": "b", "Code": 0}, {"Name": "a", "Code": 5}]});
        let found = differences(&kafka, &corelane);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "Topics[a].Code");
    }

    #[test]
    fn what_only_one_side_has_is_a_difference() {
        let kafka = json!({"Topics": [{"Name": "a"}, {"Name": "a"}], "X": 1});
        let corelane = json!({"Topics": [{"Name": "a"}], "Y": null});
        let paths: Vec<_> = differences(&kafka, &corelane)
            .into_iter()
            .map(|difference| difference.path)
            .collect();
        assert_eq!(paths, ["Topics[a again 1]", "X", "Y"]);
    }
}
