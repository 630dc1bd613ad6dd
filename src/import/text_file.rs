//! Kafka's small text files: properties, and checkpoints, which begin with a version and a count.

use crate::storage::log_copy::is_usable_epoch;
use crate::types::{LeaderEpoch, Offset, TopicId};
use std::collections::BTreeMap;

/// Offsets by topic and partition.
pub(super) type Offsets = BTreeMap<(String, i32), Offset>;

/// `name=value` or `name: value` a line; comments begin with `#`.
pub(super) fn properties(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(['=', ':']));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

/// The id in a `partition.metadata` of version 0.
pub(super) fn topic_id(text: &str) -> Result<TopicId, String> {
    let properties = properties(text);
    if properties.get("version") != Some(&"0") {
        return Err("version 0 is known".to_owned());
    }
    let id = properties.get("topic_id").copied().unwrap_or_default();
    decode_id(id)
        .filter(|id| *id != TopicId::NONE)
        .ok_or_else(|| format!("{id:?} is no topic id"))
}

/// 16 bytes in 22 characters of base64 for addresses, without padding, as Kafka writes ids.
fn decode_id(text: &str) -> Option<TopicId> {
    if text.len() != 22 {
        return None;
    }
    let mut bits = 0_u128;
    for (place, character) in text.bytes().enumerate() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        // The last character has two bits of the id, and four that are zero.
        match place {
            21 if value & 0x0f != 0 => return None,
            21 => bits = bits << 2 | u128::from(value >> 4),
            _ => bits = bits << 6 | u128::from(value),
        }
    }
    Some(TopicId::from_bytes(bits.to_be_bytes()))
}

/// `topic partition offset` a line, as the checkpoints of a log directory have it.
pub(super) fn offsets(text: &str) -> Result<Offsets, String> {
    let entries = entries(text)?.into_iter().map(|line| {
        let mut fields = line.split_whitespace();
        let entry = (|| {
            let topic = fields.next()?.to_owned();
            let partition = fields.next()?.parse().ok()?;
            let offset: i64 = fields.next()?.parse().ok()?;
            Some(((topic, partition), Offset::new(offset)))
        })();
        let entry = entry.filter(|(_, offset)| *offset >= Offset::ZERO);
        entry
            .filter(|_| fields.next().is_none())
            .ok_or_else(|| format!("{line:?} is no topic, partition and offset"))
    });
    entries.collect()
}

/// `epoch offset` a line, as a partition's `leader-epoch-checkpoint` has it.
pub(super) fn epochs(text: &str) -> Result<Vec<(LeaderEpoch, Offset)>, String> {
    let entries = entries(text)?.into_iter().map(|line| {
        let numbers = line.split_once(' ').and_then(|(epoch, start)| {
            let epoch: i32 = epoch.parse().ok()?;
            let start: i64 = start.trim().parse().ok()?;
            Some((epoch, start))
        });
        let numbers = numbers.map(|(epoch, start)| (LeaderEpoch::new(epoch), Offset::new(start)));
        numbers
            .filter(|(epoch, start)| is_usable_epoch(*epoch) && *start >= Offset::ZERO)
            .ok_or_else(|| format!("{line:?} is no epoch and offset"))
    });
    entries.collect()
}

/// The lines after version and count.
fn entries(text: &str) -> Result<Vec<&str>, String> {
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err("version 0 is known".to_owned());
    }
    let count = lines.next().and_then(|line| line.parse::<usize>().ok());
    let entries: Vec<&str> = lines.collect();
    match count {
        Some(count) if count == entries.len() => Ok(entries),
        _ => Err(format!(
            "{} entries are not as many as it says",
            entries.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_kafka_writes_them() {
        let id = |text: &str| topic_id(&format!("version: 0\ntopic_id: {text}"));
        let bytes = *b"corelane-import1";
        assert_eq!(id("Y29yZWxhbmUtaW1wb3J0MQ"), Ok(TopicId::from_bytes(bytes)));
        assert_eq!(
            id("__________________-_-w").map(TopicId::to_bytes),
            Ok([
                255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 191, 251
            ])
        );
        for wrong in [
            "",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "Y29yZWxhbmUtaW1wb3J0MR",
            "short",
            "!29yZWxhbmUtaW1wb3J0MQ",
        ] {
            assert!(id(wrong).is_err(), "{wrong:?}");
        }
        assert!(topic_id("version: 1\ntopic_id: Y29yZWxhbmUtaW1wb3J0MQ").is_err());
    }

    #[test]
    fn checkpoints_say_how_much_they_hold() {
        let read = offsets("0\n2\na 0 5\nb-1 12 7\n").expect("whole");
        assert_eq!(read[&("b-1".to_owned(), 12)], Offset::new(7));
        let starts = [(LeaderEpoch::new(3), Offset::new(40))];
        assert_eq!(epochs("0\n1\n3 40\n"), Ok(starts.to_vec()));
        for wrong in [
            "",
            "1\n0\n",
            "0\n",
            "0\n2\na 0 5\n",
            "0\n1\na 0 -5\n",
            "0\n1\na 0 5 6\n",
            "0\n1\na 0\n",
        ] {
            assert!(offsets(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["0\n1\n3\n", "0\n1\n-3 4\n", "0\n1\nx 4\n"] {
            assert!(epochs(wrong).is_err(), "{wrong:?}");
        }
    }
}
