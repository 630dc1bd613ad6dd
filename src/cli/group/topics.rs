//! Topics as `group` commands take them, and the partitions that they mean.

use super::super::CliError;
use crate::client::transport::Cluster;
use std::collections::BTreeMap;
use std::str::FromStr;

/// `TOPIC`, or `TOPIC:0,1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicChoice {
    topic: String,
    /// All if empty.
    partitions: Vec<i32>,
}

impl FromStr for TopicChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, partitions) = match text.split_once(':') {
            None => (text, Vec::new()),
            Some((topic, list)) => {
                let number = |part: &str| match part.trim().parse::<i32>() {
                    Ok(number) if number >= 0 => Ok(number),
                    _ => Err(format!("{part:?} is not a partition's number")),
                };
                let partitions: Result<Vec<i32>, _> = list.split(',').map(number).collect();
                (topic, partitions?)
            }
        };
        if topic.is_empty() {
            return Err("give TOPIC or TOPIC:PARTITION,... such as orders:0,3".into());
        }
        Ok(Self {
            topic: topic.to_owned(),
            partitions,
        })
    }
}

/// The partitions that are meant, which must exist, by topic.
pub(super) fn partitions(
    cluster: &mut Cluster,
    choices: &[TopicChoice],
) -> Result<BTreeMap<String, Vec<i32>>, CliError> {
    let mut meant: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for choice in choices {
        let count = cluster.topic(&choice.topic, false)?.partition_count();
        let partitions = meant.entry(choice.topic.clone()).or_default();
        partitions.extend(choice.among(count)?);
        partitions.sort_unstable();
        partitions.dedup();
    }
    Ok(meant)
}

impl TopicChoice {
    fn among(&self, count: i32) -> Result<Vec<i32>, CliError> {
        if self.partitions.is_empty() {
            return Ok((0..count).collect());
        }
        let mut partitions = self.partitions.iter();
        match partitions.find(|partition| **partition >= count) {
            None => Ok(self.partitions.clone()),
            Some(&partition) => Err(crate::client::ClientError::NoPartition {
                topic: self.topic.clone(),
                partition,
                last: count - 1,
            }
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_partitions_or_all_of_them() {
        let choice = |text: &str| text.parse::<TopicChoice>();
        let some = choice("orders:0, 3").expect("valid");
        assert_eq!(
            (some.topic.as_str(), &some.partitions[..]),
            ("orders", &[0, 3][..])
        );
        assert_eq!(some.among(4).ok(), Some(vec![0, 3]));
        let error = some.among(3).expect_err("too few").to_string();
        assert!(error.contains("partition 3"), "{error}");
        assert_eq!(
            choice("orders").expect("valid").among(2).ok(),
            Some(vec![0, 1])
        );
        for wrong in ["", ":1", "orders:", "orders:x", "orders:-1", "orders:1,"] {
            assert!(choice(wrong).is_err(), "{wrong:?}");
        }
    }
}
