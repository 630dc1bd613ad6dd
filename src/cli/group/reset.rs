//! `corelane group reset-offsets`: where offsets are, where they would go, and moving them there.

use super::super::{CliError, output};
use super::target::Target;
use super::topics::{self, TopicChoice};
use super::{table, tell};
use crate::client::groups::Offsets;
use crate::client::transport::{Cluster, LogEnd};
use crate::types::PartitionIndex;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) group: &'a str,
    /// Whose offsets; of all topics that the group has offsets of if `None`.
    pub(super) topics: Option<&'a Vec<TopicChoice>>,
    pub(super) target: Target,
    pub(super) execute: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    group: &'a str,
    executed: bool,
    partitions: Vec<Move>,
}

/// One offset's move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Move {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    new: i64,
}

/// What a partition's log holds.
#[derive(Debug, Clone, Copy)]
struct Log {
    earliest: i64,
    latest: i64,
    /// The first offset at the target's time, if there is such a record.
    at_time: Option<i64>,
}

pub(super) fn run(cluster: &mut Cluster, order: &Order<'_>, json: bool) -> Result<(), CliError> {
    let group = order.group;
    if let Some(known) = cluster.describe_group(group)?
        && !known.members.is_empty()
    {
        let (state, count) = (&known.state, known.members.len());
        return Err(CliError::Message(format!(
            "group {group:?} is {state} with {count} members, which would go on from where they \
             are; stop them first"
        )));
    }
    let committed = cluster.committed_offsets(group)?;
    let partitions = match order.topics {
        Some(choices) => topics::partitions(cluster, choices)?,
        None => with_offsets(&committed),
    };
    let mut moves = Vec::new();
    for (topic, partitions) in &partitions {
        let logs = logs(cluster, topic, order.target)?;
        moves.extend(plan(topic, partitions, &logs, &committed, order.target)?);
    }
    if moves.is_empty() {
        return Err(CliError::Message(format!(
            "group {group:?} has committed no offsets of topics that exist; name topics with \
             --topic"
        )));
    }
    if order.execute {
        let offsets = moves.iter();
        let offsets = offsets.map(|to| ((to.topic.clone(), to.partition), to.new));
        cluster.commit_offsets(group, &offsets.collect())?;
    }
    let report = Report {
        group,
        executed: order.execute,
        partitions: moves,
    };
    tell(&report, json, || text(&report.partitions))?;
    if !order.execute {
        output::message(&"nothing was changed; --execute does it");
    }
    Ok(())
}

fn with_offsets(committed: &Offsets) -> BTreeMap<String, Vec<i32>> {
    let mut partitions: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in committed.keys() {
        partitions
            .entry(topic.clone())
            .or_default()
            .push(*partition);
    }
    partitions
}

fn logs(
    cluster: &mut Cluster,
    topic: &str,
    target: Target,
) -> Result<BTreeMap<i32, Log>, CliError> {
    cluster.refresh(&[topic])?;
    let earliest = cluster.log_ends(topic, LogEnd::Earliest)?;
    let latest = cluster.log_ends(topic, LogEnd::Latest)?;
    let at_time = match target {
        Target::Time(time) => cluster.offsets_at(topic, time)?,
        _ => BTreeMap::new(),
    };
    let log = |(index, earliest): (PartitionIndex, i64)| {
        let log = Log {
            earliest,
            latest: *latest.get(&index)?,
            at_time: at_time.get(&index).copied().filter(|offset| *offset >= 0),
        };
        Some((index.get(), log))
    };
    Ok(earliest.into_iter().filter_map(log).collect())
}

/// Where the offsets of a topic's partitions go. Partitions that do not exist any more have nowhere
/// to go, and are left out.
fn plan(
    topic: &str,
    partitions: &[i32],
    logs: &BTreeMap<i32, Log>,
    committed: &Offsets,
    target: Target,
) -> Result<Vec<Move>, CliError> {
    let mut moves = Vec::new();
    for &partition in partitions {
        let Some(log) = logs.get(&partition) else {
            continue;
        };
        let committed = committed.get(&(topic.to_owned(), partition)).copied();
        let wanted = match (target, committed) {
            (Target::Earliest, _) => log.earliest,
            (Target::Latest, _) => log.latest,
            (Target::Offset(offset), _) => offset,
            (Target::Time(_), _) => log.at_time.unwrap_or(log.latest),
            (Target::Shift(by), Some(offset)) => offset.saturating_add(by),
            (Target::Shift(_), None) => {
                return Err(CliError::Message(format!(
                    "topic {topic:?}, partition {partition}: nothing is committed, so that there \
                     is nothing to shift; name another target"
                )));
            }
        };
        moves.push(Move {
            topic: topic.to_owned(),
            partition,
            committed,
            new: wanted.min(log.latest).max(log.earliest),
        });
    }
    Ok(moves)
}

fn text(moves: &[Move]) -> String {
    let names = ["topic", "partition", "committed", "new"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    rows.extend(moves.iter().map(|to| {
        let committed = to.committed.map_or("-".into(), |offset| offset.to_string());
        vec![
            to.topic.clone(),
            to.partition.to_string(),
            committed,
            to.new.to_string(),
        ]
    }));
    table(&rows, &[1, 2, 3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Timestamp;

    fn planned(target: Target, partitions: &[i32]) -> Result<Vec<i64>, CliError> {
        let log = |at_time| Log {
            earliest: 10,
            latest: 20,
            at_time,
        };
        let logs = BTreeMap::from([(0, log(Some(13))), (1, log(None))]);
        let committed = [((("t").to_owned(), 0), 15), (("t".to_owned(), 2), 1)];
        let committed = Offsets::from(committed);
        let moves = plan("t", partitions, &logs, &committed, target)?;
        Ok(moves.into_iter().map(|to| to.new).collect())
    }

    #[test]
    fn every_target_is_found_and_kept_within_the_log() {
        let both = |target| planned(target, &[0, 1]).expect("planned");
        assert_eq!(both(Target::Earliest), [10, 10]);
        assert_eq!(both(Target::Latest), [20, 20]);
        assert_eq!(both(Target::Offset(12)), [12, 12]);
        assert_eq!(both(Target::Offset(0)), [10, 10]);
        assert_eq!(both(Target::Offset(99)), [20, 20]);
        let time = Target::Time(Timestamp::new(1));
        assert_eq!(both(time), [13, 20], "the end where all is older");
        let shifted = |by| planned(Target::Shift(by), &[0]).expect("planned");
        assert_eq!(shifted(-2), [13]);
        assert_eq!(shifted(i64::MAX), [20]);
        assert_eq!(shifted(i64::MIN), [10]);
    }

    #[test]
    fn what_has_no_offset_is_not_shifted() {
        let error = planned(Target::Shift(1), &[1]).expect_err("refused");
        assert!(error.to_string().contains("partition 1"), "{error}");
    }

    #[test]
    fn partitions_that_are_gone_are_left_out() {
        let moved = planned(Target::Earliest, &[0, 2]).expect("planned");
        assert_eq!(moved, [10]);
    }

    #[test]
    fn people_see_from_where_to_where() {
        let to = Move {
            topic: "orders".to_owned(),
            partition: 3,
            committed: None,
            new: 10,
        };
        let expected = "topic   partition  committed  new\norders          3          -   10\n";
        assert_eq!(text(&[to]), expected);
    }
}
