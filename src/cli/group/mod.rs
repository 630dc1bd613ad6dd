//! `corelane group`: lists and describes groups of consumers, moves their offsets, deletes them.

mod describe;
mod list;
mod reset;
mod target;
mod topics;

use super::connect::ConnectArgs;
use super::{CliError, output};
use crate::client::transport::Cluster;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use target::TargetArgs;
use topics::TopicChoice;

/// List, describe, reset and delete groups of consumers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  corelane group list
  corelane group describe --group billing                 who reads what, and how far behind
  corelane group reset-offsets --group billing --topic orders --to-earliest
  corelane group reset-offsets --group billing --all-topics --to-datetime -2h --execute
  corelane group delete --group billing")]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    connect: ConnectArgs,

    /// Write one JSON object to stdout
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all groups
    #[command(after_help = "\
Examples:
  corelane group list
  corelane group list --state Empty --json")]
    List {
        /// Only groups in this state, such as Stable or Empty; may be given several times
        #[arg(long, value_name = "STATE")]
        state: Vec<String>,
    },
    /// Show a group's members, offsets and lag
    #[command(after_help = "Example:\n  corelane group describe --group billing")]
    Describe {
        /// Its name
        #[arg(long, short, value_name = "NAME")]
        group: String,
    },
    /// Move a group's offsets; it must have no members
    ///
    /// Shows what would be done; --execute does it. Offsets outside of the log move to its nearest
    /// end.
    #[command(after_help = "\
Examples:
  corelane group reset-offsets --group billing --topic orders --to-earliest
  corelane group reset-offsets --group billing --topic orders:0,3 --to-offset 4711 --execute
  corelane group reset-offsets --group billing --all-topics --by-duration 90m --execute
  corelane group reset-offsets --group billing --topic orders --shift-by -100 --execute")]
    ResetOffsets {
        /// Its name; a group that does not exist is made
        #[arg(long, short, value_name = "NAME")]
        group: String,
        #[command(flatten)]
        topics: TopicArgs,
        #[command(flatten)]
        target: TargetArgs,
        /// Do it
        #[arg(long)]
        execute: bool,
    },
    /// Delete a group and its offsets, or only its offsets of some topics
    #[command(after_help = "\
Examples:
  corelane group delete --group billing
  corelane group delete --group billing --topic orders:0,3")]
    Delete {
        /// Its name
        #[arg(long, short, value_name = "NAME")]
        group: String,
        /// Keep the group and only forget its offsets of this topic, or of these partitions of it;
        /// may be given several times
        #[arg(long, short, value_name = "TOPIC[:PARTITION,...]")]
        topic: Vec<TopicChoice>,
    },
}

/// Whose offsets are meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct TopicArgs {
    /// A topic, or some partitions of it; may be given several times
    #[arg(long, short, value_name = "TOPIC[:PARTITION,...]")]
    topic: Vec<TopicChoice>,
    /// All topics that the group has offsets of
    #[arg(long)]
    all_topics: bool,
}

#[derive(Serialize)]
struct Deleted<'a> {
    group: &'a str,
    /// The group itself, not only offsets of it.
    deleted: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    offsets_deleted: BTreeMap<String, Vec<i32>>,
}

impl GroupArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let mut cluster = Cluster::connect(self.connect.cluster()?)?;
        let json = self.json;
        match self.action {
            Action::List { state } => list::run(&mut cluster, &state, json),
            Action::Describe { group } => describe::run(&mut cluster, &group, json),
            Action::ResetOffsets {
                group,
                topics,
                target,
                execute,
            } => {
                let target = target.target();
                let order = reset::Order {
                    group: &group,
                    topics: (!topics.all_topics).then_some(&topics.topic),
                    target,
                    execute,
                };
                reset::run(&mut cluster, &order, json)
            }
            Action::Delete { group, topic } => delete(&mut cluster, &group, &topic, json),
        }
    }
}

fn delete(
    cluster: &mut Cluster,
    group: &str,
    topics: &[TopicChoice],
    json: bool,
) -> Result<(), CliError> {
    let mut report = Deleted {
        group,
        deleted: topics.is_empty(),
        offsets_deleted: BTreeMap::new(),
    };
    if report.deleted {
        cluster.delete_group(group)?;
    } else {
        report.offsets_deleted = topics::partitions(cluster, topics)?;
        cluster.delete_offsets(group, &report.offsets_deleted)?;
    }
    tell(&report, json, || {
        let counts = report.offsets_deleted.values().map(Vec::len);
        match counts.sum::<usize>() {
            0 => format!("group {group:?} deleted\n"),
            1 => format!("group {group:?}: the offset of 1 partition deleted\n"),
            count => format!("group {group:?}: the offsets of {count} partitions deleted\n"),
        }
    })
}

fn tell(report: &impl Serialize, json: bool, text: impl Fn() -> String) -> Result<(), CliError> {
    if json {
        output::json(report)
    } else {
        output::text(text())
    }
}

/// Lines of cells as columns, each as wide as its widest cell; those named are numbers.
fn table(rows: &[Vec<String>], numbers: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| {
            if numbers.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cells() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["topic", "lag", "member"]), row(["é", "1000", ""])];
        assert_eq!(table(&rows, &[1]), "topic   lag  member\né      1000\n");
        assert_eq!(table(&[], &[]), "");
    }
}
