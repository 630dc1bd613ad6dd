//! `corelane topic`: makes, lists, describes, alters and deletes topics.

use super::connect::ConnectArgs;
use super::{CliError, human, output};
use crate::client::admin::{ConfigChange, ConfigEntry, NewTopic};
use crate::client::metadata::TopicMetadata;
use crate::client::transport::{Cluster, LogEnd};
use crate::types::TopicId;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Make, list, describe, alter and delete topics
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  corelane topic create --topic orders --partitions 8 --config retention.ms=604800000
  corelane topic list
  corelane topic describe --topic orders
  corelane topic alter --topic orders --partitions 16 --config compression.type=zstd
  corelane topic alter --topic orders --config retention.ms=      back to the default
  corelane topic delete --topic orders")]
pub(crate) struct TopicArgs {
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
    /// Make a topic
    #[command(after_help = "\
Example:
  corelane topic create --topic orders --partitions 8 --config retention.ms=604800000")]
    Create {
        /// Its name: letters, digits, '.', '_' and '-'
        #[arg(long, short, value_name = "NAME")]
        topic: String,
        /// How many partitions; the broker's default if left out
        #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// How many copies; the broker's default if left out
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,
        /// A setting, by Kafka's names; may be given several times
        #[arg(long, short, value_name = "KEY=VALUE", value_parser = setting)]
        config: Vec<(String, String)>,
        /// Be content if the topic exists already
        #[arg(long)]
        if_not_exists: bool,
    },
    /// List all topics
    #[command(after_help = "Example:\n  corelane topic list --json")]
    List {
        /// Also those that the broker made for itself
        #[arg(long)]
        internal: bool,
    },
    /// Show a topic's partitions, offsets and settings
    #[command(after_help = "Example:\n  corelane topic describe --topic orders")]
    Describe {
        /// Its name
        #[arg(long, short, value_name = "NAME")]
        topic: String,
        /// Also settings that are just defaults
        #[arg(long)]
        all_configs: bool,
    },
    /// Give a topic more partitions or other settings
    #[command(after_help = "\
Examples:
  corelane topic alter --topic orders --partitions 16
  corelane topic alter --topic orders --config retention.ms=86400000
  corelane topic alter --topic orders --config retention.ms=      back to the default")]
    Alter {
        /// Its name
        #[arg(long, short, value_name = "NAME")]
        topic: String,
        /// How many partitions it shall have in all; keys change their partitions
        #[arg(long, short, value_name = "N", required_unless_present = "config")]
        #[arg(value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// A setting; nothing after the '=' resets it; may be given several times
        #[arg(long, short, value_name = "KEY=VALUE", value_parser = setting)]
        config: Vec<(String, String)>,
    },
    /// Delete a topic and all its records
    #[command(after_help = "Example:\n  corelane topic delete --topic orders")]
    Delete {
        /// Its name
        #[arg(long, short, value_name = "NAME")]
        topic: String,
        /// Be content if there is no such topic
        #[arg(long)]
        if_exists: bool,
    },
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("give a setting as KEY=VALUE, such as retention.ms=86400000".into()),
    }
}

#[derive(Serialize)]
struct Changed<'a> {
    topic: &'a str,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    topics: Vec<ListedTopic>,
}

#[derive(Serialize)]
struct ListedTopic {
    topic: String,
    partitions: i32,
    internal: bool,
}

#[derive(Serialize)]
struct Described {
    topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    partitions: Vec<DescribedPartition>,
    configs: BTreeMap<String, Option<String>>,
}

#[derive(Serialize)]
struct DescribedPartition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    earliest: Option<i64>,
    latest: Option<i64>,
}

impl TopicArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let mut cluster = Cluster::connect(self.connect.cluster()?)?;
        let json = self.json;
        match self.action {
            Action::Create {
                topic,
                partitions,
                replication_factor,
                config,
                if_not_exists,
            } => {
                let topic = NewTopic {
                    name: topic,
                    partitions,
                    replication_factor,
                    configs: config,
                };
                create(&mut cluster, &topic, if_not_exists, json)
            }
            Action::List { internal } => list(&mut cluster, internal, json),
            Action::Describe { topic, all_configs } => {
                describe(&mut cluster, &topic, all_configs, json)
            }
            Action::Alter {
                topic,
                partitions,
                config,
            } => alter(&mut cluster, &topic, partitions, &config, json),
            Action::Delete { topic, if_exists } => delete(&mut cluster, &topic, if_exists, json),
        }
    }
}

fn create(
    cluster: &mut Cluster,
    topic: &NewTopic,
    if_not_exists: bool,
    json: bool,
) -> Result<(), CliError> {
    use crate::client::{BrokerCode, ClientError};
    let name = topic.name.as_str();
    let created = match cluster.create_topic(topic) {
        Err(ClientError::Topic { code, .. })
            if if_not_exists && code == BrokerCode::TOPIC_ALREADY_EXISTS =>
        {
            None
        }
        other => Some(other?),
    };
    // The broker may answer before every other one has heard of it.
    let known = cluster.topic(name, false)?;
    let partitions = known.partition_count();
    let id = created.as_ref().map_or(known.id(), |created| created.id);
    let report = Changed {
        topic: name,
        changed: created.is_some(),
        partitions: Some(partitions),
        id: shown_id(id),
    };
    let what = if created.is_some() {
        "created"
    } else {
        "exists already"
    };
    tell(&report, json, || {
        format!("topic {name:?} {what}: {}\n", plural(partitions))
    })
}

fn list(cluster: &mut Cluster, internal: bool, json: bool) -> Result<(), CliError> {
    cluster.refresh_all()?;
    let topics: Vec<ListedTopic> = cluster
        .metadata()
        .topics()
        .filter(|(_, topic)| internal || !topic.is_internal())
        .map(|(name, topic)| ListedTopic {
            topic: name.to_owned(),
            partitions: topic.partition_count(),
            internal: topic.is_internal(),
        })
        .collect();
    if topics.is_empty() && !json {
        output::message(&"no topics; make one: corelane topic create --topic NAME");
    }
    let report = Listed { topics };
    tell(&report, json, || {
        let width = report.topics.iter().map(|listed| listed.topic.len()).max();
        let width = width.unwrap_or(0);
        report.topics.iter().fold(String::new(), |mut out, listed| {
            let _ = writeln!(
                out,
                "{:width$}  {}",
                listed.topic,
                plural(listed.partitions)
            );
            out
        })
    })
}

fn describe(cluster: &mut Cluster, name: &str, all: bool, json: bool) -> Result<(), CliError> {
    let topic = cluster.topic(name, false)?;
    let earliest = cluster.log_ends(name, LogEnd::Earliest)?;
    let latest = cluster.log_ends(name, LogEnd::Latest)?;
    let configs = cluster.describe_configs(name)?;
    let partitions = topic
        .partitions()
        .map(|(index, partition)| DescribedPartition {
            partition: index.get(),
            leader: partition.leader.map(|node| node.get()),
            leader_epoch: partition.leader_epoch.get(),
            replicas: partition.replicas.iter().map(|node| node.get()).collect(),
            in_sync: partition.in_sync.iter().map(|node| node.get()).collect(),
            earliest: earliest.get(&index).copied(),
            latest: latest.get(&index).copied(),
        });
    let report = Described {
        topic: name.to_owned(),
        id: shown_id(topic.id()),
        partitions: partitions.collect(),
        configs: shown_configs(configs, all),
    };
    tell(&report, json, || described_text(&report, &topic))
}

fn shown_configs(configs: Vec<ConfigEntry>, all: bool) -> BTreeMap<String, Option<String>> {
    configs
        .into_iter()
        .filter(|config| all || config.is_set)
        .map(|config| (config.name, config.value))
        .collect()
}

fn described_text(report: &Described, topic: &TopicMetadata) -> String {
    let mut out = format!("topic       {}\n", report.topic);
    if let Some(id) = &report.id {
        let _ = writeln!(out, "id          {id}");
    }
    let records = report.partitions.iter().map(|partition| {
        let ends = partition.latest.zip(partition.earliest);
        ends.map_or(0, |(latest, earliest)| (latest - earliest).max(0) as u64)
    });
    let _ = writeln!(out, "partitions  {}", topic.partition_count());
    let _ = writeln!(out, "offsets     {} kept", human::count(records.sum()));
    for (name, value) in &report.configs {
        let _ = writeln!(
            out,
            "config      {name}={}",
            value.as_deref().unwrap_or("(secret)")
        );
    }
    let _ = writeln!(
        out,
        "\n{:>9} {:>7} {:>6} {:>14} {:>14}  in sync",
        "partition", "leader", "epoch", "earliest", "latest"
    );
    for partition in &report.partitions {
        let shown = |number: Option<i64>| number.map_or("?".into(), |number| number.to_string());
        let nodes: Vec<String> = partition.in_sync.iter().map(i32::to_string).collect();
        let _ = writeln!(
            out,
            "{:>9} {:>7} {:>6} {:>14} {:>14}  {}",
            partition.partition,
            partition
                .leader
                .map_or("none".into(), |leader| leader.to_string()),
            partition.leader_epoch,
            shown(partition.earliest),
            shown(partition.latest),
            nodes.join(",")
        );
    }
    out
}

fn alter(
    cluster: &mut Cluster,
    name: &str,
    partitions: Option<i32>,
    config: &[(String, String)],
    json: bool,
) -> Result<(), CliError> {
    let before = cluster.topic(name, false)?.partition_count();
    if !config.is_empty() {
        let changes: Vec<ConfigChange> = config
            .iter()
            .map(|(name, value)| ConfigChange {
                name: name.clone(),
                value: (!value.is_empty()).then(|| value.clone()),
            })
            .collect();
        cluster.alter_configs(name, &changes)?;
    }
    let grows = partitions.is_some_and(|partitions| partitions != before);
    if let Some(count) = partitions.filter(|_| grows) {
        cluster.create_partitions(name, count)?;
    }
    let count = partitions.unwrap_or(before);
    let report = Changed {
        topic: name,
        changed: grows || !config.is_empty(),
        partitions: Some(count),
        id: None,
    };
    tell(&report, json, || {
        let what = if report.changed {
            "altered"
        } else {
            "is so already"
        };
        format!(
            "topic {name:?} {what}: {}, {} set\n",
            plural(count),
            config.len()
        )
    })
}

fn delete(cluster: &mut Cluster, name: &str, if_exists: bool, json: bool) -> Result<(), CliError> {
    use crate::client::{BrokerCode, ClientError};
    let changed = match cluster.delete_topic(name) {
        Err(ClientError::Topic { code, .. })
            if if_exists && code == BrokerCode::UNKNOWN_TOPIC_OR_PARTITION =>
        {
            false
        }
        other => other.map(|()| true)?,
    };
    let report = Changed {
        topic: name,
        changed,
        partitions: None,
        id: None,
    };
    tell(&report, json, || {
        let what = if changed { "deleted" } else { "does not exist" };
        format!("topic {name:?} {what}\n")
    })
}

fn tell(report: &impl Serialize, json: bool, text: impl Fn() -> String) -> Result<(), CliError> {
    if json {
        output::json(report)
    } else {
        output::text(text())
    }
}

fn shown_id(id: TopicId) -> Option<String> {
    (id != TopicId::NONE).then(|| id.to_string())
}

fn plural(partitions: i32) -> String {
    match partitions {
        1 => "1 partition".into(),
        count => format!("{count} partitions"),
    }
}

#[cfg(test)]
mod tests {
    use super::setting;

    #[test]
    fn settings_have_a_name_and_maybe_a_value() {
        let told = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(setting("a.b=c=d"), told("a.b", "c=d"));
        assert_eq!(setting("a="), told("a", ""));
        assert!(setting("a").is_err());
        assert!(setting("=x").is_err());
    }
}
