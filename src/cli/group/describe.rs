//! `corelane group describe`: members, offsets, lag.

use super::super::{CliError, output};
use super::{table, tell};
use crate::client::groups::{DescribedGroup, DescribedMember, Offsets};
use crate::client::transport::{Cluster, LogEnd};
use crate::client::{BrokerCode, ClientError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
struct Described {
    group: String,
    state: String,
    protocol_type: String,
    protocol: String,
    members: Vec<Member>,
    partitions: Vec<Partition>,
    /// Of all partitions whose lag is known.
    lag: i64,
}

#[derive(Serialize)]
struct Member {
    member: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    client_id: String,
    client_host: String,
    assignment: BTreeMap<String, Vec<i32>>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Partition {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    log_end: Option<i64>,
    lag: Option<i64>,
    member: Option<String>,
}

pub(super) fn run(cluster: &mut Cluster, group: &str, json: bool) -> Result<(), CliError> {
    let Some(described) = cluster.describe_group(group)? else {
        return Err(CliError::Client(ClientError::Group {
            group: group.to_owned(),
            code: BrokerCode::GROUP_ID_NOT_FOUND,
            message: None,
        }));
    };
    let committed = cluster.committed_offsets(group)?;
    let ends = log_ends(cluster, &described, &committed)?;
    let report = report(group, described, &committed, &ends);
    if report.partitions.is_empty() && !json {
        output::message(&"no partitions are assigned, and no offsets are committed");
    }
    tell(&report, json, || text(&report))
}

/// The end of each partition that the group has to do with and that exists.
fn log_ends(
    cluster: &mut Cluster,
    group: &DescribedGroup,
    committed: &Offsets,
) -> Result<Offsets, CliError> {
    let assigned = group.members.iter().flat_map(|m| m.assignment.keys());
    let topics = committed.keys().map(|(topic, _)| topic).chain(assigned);
    let topics: BTreeSet<&String> = topics.collect();
    let names: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
    cluster.refresh(&names)?;
    let mut ends = Offsets::new();
    for topic in topics {
        let found = cluster.log_ends(topic, LogEnd::Latest)?;
        let found = found.into_iter();
        ends.extend(found.map(|(index, end)| ((topic.clone(), index.get()), end)));
    }
    Ok(ends)
}

fn report(
    group: &str,
    described: DescribedGroup,
    committed: &Offsets,
    ends: &Offsets,
) -> Described {
    let mut readers: BTreeMap<(String, i32), &DescribedMember> = BTreeMap::new();
    for member in &described.members {
        for (topic, partitions) in &member.assignment {
            let partitions = partitions.iter();
            readers.extend(partitions.map(|partition| ((topic.clone(), *partition), member)));
        }
    }
    let places: BTreeSet<&(String, i32)> = committed.keys().chain(readers.keys()).collect();
    let partitions = places.into_iter().map(|place| {
        let (offset, end) = (committed.get(place).copied(), ends.get(place).copied());
        Partition {
            topic: place.0.clone(),
            partition: place.1,
            committed: offset,
            log_end: end,
            lag: end
                .zip(offset)
                .map(|(end, offset)| end.saturating_sub(offset).max(0)),
            member: readers.get(place).map(|member| member.member.clone()),
        }
    });
    let partitions: Vec<Partition> = partitions.collect();
    let lag = partitions
        .iter()
        .filter_map(|partition| partition.lag)
        .sum();
    let members = described.members.into_iter().map(|member| Member {
        member: member.member,
        instance: member.instance,
        client_id: member.client_id,
        client_host: member.client_host,
        assignment: member.assignment,
    });
    Described {
        group: group.to_owned(),
        state: described.state,
        protocol_type: described.protocol_type,
        protocol: described.protocol,
        members: members.collect(),
        partitions,
        lag,
    }
}

fn text(report: &Described) -> String {
    let mut out = format!("group     {}\nstate     {}\n", report.group, report.state);
    if !report.protocol_type.is_empty() {
        out.push_str(&format!("protocol  {}", report.protocol_type));
        if !report.protocol.is_empty() {
            out.push_str(&format!(", {}", report.protocol));
        }
        out.push('\n');
    }
    out.push_str(&format!("members   {}\n", report.members.len()));
    out.push_str(&format!("lag       {}\n", report.lag));
    let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
    if !report.members.is_empty() {
        let mut rows: Vec<Vec<String>> = vec![cells(&["member", "instance", "client", "host"])];
        rows.extend(report.members.iter().map(|member| {
            let instance = member.instance.as_deref().unwrap_or("-");
            cells(&[
                &member.member,
                instance,
                &member.client_id,
                &member.client_host,
            ])
        }));
        out.push('\n');
        out.push_str(&table(&rows, &[]));
    }
    if !report.partitions.is_empty() {
        let names = [
            "topic",
            "partition",
            "committed",
            "log end",
            "lag",
            "member",
        ];
        let mut rows: Vec<Vec<String>> = vec![cells(&names)];
        rows.extend(report.partitions.iter().map(|partition| {
            let shown = |number: Option<i64>| number.map_or("-".into(), |n: i64| n.to_string());
            vec![
                partition.topic.clone(),
                partition.partition.to_string(),
                shown(partition.committed),
                shown(partition.log_end),
                shown(partition.lag),
                partition.member.clone().unwrap_or_else(|| "-".into()),
            ]
        }));
        out.push('\n');
        out.push_str(&table(&rows, &[1, 2, 3, 4]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(offsets: &[(&str, i32, i64)]) -> Offsets {
        let offsets = offsets.iter();
        let offsets =
            offsets.map(|(topic, index, offset)| (((*topic).to_owned(), *index), *offset));
        offsets.collect()
    }

    fn described() -> Described {
        let group = DescribedGroup {
            state: "Stable".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            members: vec![DescribedMember {
                member: "m-1".to_owned(),
                instance: None,
                client_id: "billing".to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                assignment: BTreeMap::from([("orders".to_owned(), vec![0, 1])]),
            }],
        };
        let committed = offsets(&[("orders", 0, 7), ("gone", 0, 3), ("orders", 2, 20)]);
        let ends = offsets(&[("orders", 0, 10), ("orders", 1, 4), ("orders", 2, 10)]);
        report("g", group, &committed, &ends)
    }

    #[test]
    fn lag_is_known_where_both_ends_are() {
        let report = described();
        let told = report.partitions.iter().map(|p| {
            let member = p.member.is_some();
            (p.topic.as_str(), p.partition, p.committed, p.lag, member)
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                ("gone", 0, Some(3), None, false),
                ("orders", 0, Some(7), Some(3), true),
                ("orders", 1, None, None, true),
                // The log was cut below what was committed.
                ("orders", 2, Some(20), Some(0), false),
            ]
        );
        assert_eq!(report.lag, 3);
    }

    #[test]
    fn people_see_members_and_partitions() {
        let text = text(&described());
        assert!(text.contains("protocol  consumer, range\n"), "{text}");
        let line = "orders          0          7       10    3  m-1\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("gone            0          3        -    -  -\n"),
            "{text}"
        );
    }
}
