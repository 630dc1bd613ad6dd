//! `corelane group list`.

use super::super::{CliError, output};
use super::{table, tell};
use crate::client::groups::ListedGroup;
use crate::client::transport::Cluster;
use serde::Serialize;

#[derive(Serialize)]
struct Listed {
    groups: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    group_type: Option<String>,
    protocol_type: String,
}

pub(super) fn run(cluster: &mut Cluster, states: &[String], json: bool) -> Result<(), CliError> {
    let groups = chosen(cluster.list_groups()?, states);
    if groups.is_empty() && !json {
        output::message(&"no groups");
    }
    let report = Listed { groups };
    tell(&report, json, || text(&report.groups))
}

/// Old brokers do not tell states, so that nothing of theirs fits one.
fn chosen(groups: Vec<ListedGroup>, states: &[String]) -> Vec<Shown> {
    let fits = |state: Option<&str>| {
        let mut states = states.iter();
        states.any(|wanted| state.is_some_and(|state| state.eq_ignore_ascii_case(wanted)))
    };
    let groups = groups.into_iter();
    let groups = groups.filter(|group| states.is_empty() || fits(group.state.as_deref()));
    let groups = groups.map(|group| Shown {
        group: group.group,
        state: group.state,
        group_type: group.group_type,
        protocol_type: group.protocol_type,
    });
    groups.collect()
}

fn text(groups: &[Shown]) -> String {
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|group| {
            let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".into());
            vec![
                group.group.clone(),
                told(&group.state),
                told(&group.group_type),
                group.protocol_type.clone(),
            ]
        })
        .collect();
    table(&rows, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_chosen_by_state_in_any_case() {
        let group = |group: &str, state: Option<&str>| ListedGroup {
            group: group.to_owned(),
            protocol_type: "consumer".to_owned(),
            state: state.map(str::to_owned),
            group_type: None,
        };
        let groups = || {
            vec![
                group("a", Some("Stable")),
                group("b", Some("Empty")),
                group("c", None),
            ]
        };
        assert_eq!(chosen(groups(), &[]).len(), 3);
        let stable = chosen(groups(), &["stable".to_owned()]);
        assert_eq!(text(&stable), "a  Stable  ?  consumer\n");
    }
}
