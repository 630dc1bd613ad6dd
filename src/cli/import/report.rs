use super::super::human;
use crate::import::{ImportedTopic, Plan};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What an import did.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The data directory.
    data: String,
    /// Topics that are new there.
    pub(super) imported: Vec<ImportedTopic>,
    /// Topics that were there before.
    present: Vec<String>,
    /// What is worth knowing.
    pub(super) notes: Vec<String>,
}

impl Report {
    pub(super) fn of(plan: &Plan, data: &Path) -> Self {
        let present = plan.present.iter().map(|name| name.as_str().to_owned());
        Self {
            data: data.display().to_string(),
            imported: Vec::new(),
            present: present.collect(),
            notes: plan.notes.clone(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for topic in &self.imported {
            let sum = |of: fn(&crate::import::ImportedPartition) -> u64| {
                topic.partitions.iter().map(of).sum::<u64>()
            };
            writeln!(
                f,
                "{}: {} partitions, {} records, {}",
                topic.topic,
                topic.partitions.len(),
                human::count(sum(|partition| partition.records)),
                human::bytes(sum(|partition| partition.bytes)),
            )?;
            let written = topic
                .partitions
                .iter()
                .filter(|found| found.next_offset > 0);
            for partition in written {
                writeln!(
                    f,
                    "  {}: {} records, {}, offsets {} to {}",
                    partition.partition,
                    human::count(partition.records),
                    human::bytes(partition.bytes),
                    partition.first_offset,
                    partition.next_offset,
                )?;
            }
        }
        for name in &self.present {
            writeln!(f, "{name}: was there already, and is left as it is")?;
        }
        writeln!(
            f,
            "{} topics are in {}; `corelane serve --data {}` serves them",
            self.imported.len() + self.present.len(),
            self.data,
            self.data
        )
    }
}
