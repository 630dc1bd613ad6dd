//! Topic by topic into the data directory.

use super::error::ImportError;
use super::partition::{CopiedPartition, PartitionCopy};
use super::plan::{ImportOptions, Plan, PlannedTopic};
use crate::shard::{partition_config, read_catalog, write_catalog};
use crate::storage::call::{DiskCall, DiskReply};
use crate::storage::journal::Journaled;
use crate::storage::{Disk, Log};
use crate::topic::{BuriedTopic, Catalog, Topic};
use crate::types::{Offset, PartitionIndex, ProducerId, TopicId, TopicName};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Chunks that are compared at a time: 64 MiB.
const CHUNKS: usize = 1024;

/// Who is told how it goes.
pub trait Watch {
    /// A topic begins.
    fn begin(&mut self, topic: &TopicName);
    /// So many bytes were copied; a break ends the import.
    fn advance(&mut self, bytes: u64) -> ControlFlow<()>;
    /// Something worth knowing.
    fn note(&mut self, note: &str);
}

/// A topic that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedTopic {
    /// Its name.
    pub topic: String,
    /// Its id.
    pub id: String,
    /// Its partitions, from 0 on.
    pub partitions: Vec<ImportedPartition>,
}

/// A partition that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedPartition {
    /// Its number.
    pub partition: i32,
    /// Records, those below the first offset included.
    pub records: u64,
    /// Bytes of batches.
    pub bytes: u64,
    /// Segments.
    pub segments: u32,
    /// The first offset that can be read.
    pub first_offset: i64,
    /// The offset that is given next.
    pub next_offset: i64,
    /// Idempotent producers that are remembered.
    pub producers: usize,
    /// Bytes at the end that did not hold and were left out.
    pub cut_bytes: u64,
}

/// An import that is about to run.
#[derive(Debug)]
pub struct Import<'a> {
    disk: &'a dyn Disk,
    data: PathBuf,
    options: ImportOptions,
    plan: Plan,
    catalog: Catalog,
    /// Producer ids below were perhaps given out by this broker.
    ids_from: ProducerId,
}

impl<'a> Import<'a> {
    /// Decides what will be done. Nothing is written. The caller holds the data directory, and knows that no
    /// Kafka runs on the others.
    pub fn prepare(
        disk: &'a dyn Disk,
        data: &Path,
        options: ImportOptions,
    ) -> Result<Self, ImportError> {
        let stored = read_catalog(disk, data)?;
        let plan = Plan::make(disk, data, stored.as_ref(), &options)?;
        let catalog = stored.unwrap_or_else(|| Catalog::new(plan.cluster_id.clone()));
        let has_served = catalog.incarnation > 0;
        let ids_from = if has_served {
            catalog.next_producer_id
        } else {
            0
        };
        Ok(Self {
            disk,
            data: data.to_path_buf(),
            options,
            plan,
            catalog,
            ids_from: ProducerId::new(ids_from),
        })
    }

    /// What will be done.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Does it.
    pub fn run(mut self, watch: &mut dyn Watch) -> Result<Vec<ImportedTopic>, ImportError> {
        let topics = std::mem::take(&mut self.plan.topics);
        self.announce(&topics)?;
        let mut imported = Vec::new();
        for topic in &topics {
            watch.begin(&topic.name);
            self.remove(topic)?;
            match self.copy(topic, watch) {
                Ok(copied) => {
                    self.publish(topic, &copied)?;
                    imported.push(report(topic, &copied));
                }
                Err(error) => {
                    // The next import or start does it, if this fails as well.
                    let _ = self.remove(topic);
                    return Err(error);
                }
            }
        }
        Ok(imported)
    }

    /// Leaves tombstones of the topics: whatever a crash leaves of them is removed.
    fn announce(&mut self, topics: &[PlannedTopic]) -> Result<(), ImportError> {
        for topic in topics {
            let is_known = |buried: &BuriedTopic| buried.id == topic.id;
            if !self.catalog.buried.iter().any(is_known) {
                self.catalog.buried.push(BuriedTopic {
                    name: topic.name.clone(),
                    id: topic.id,
                    partitions: count(topic),
                });
            }
        }
        self.write_catalog()
    }

    /// Removes what an import that was cut short left of a topic.
    fn remove(&self, topic: &PlannedTopic) -> Result<(), ImportError> {
        for number in 0..count(topic) {
            let path = self.directory(topic, number);
            let removal = DiskCall::RemoveDirectory { path: path.clone() };
            removal.perform(self.disk).map_err(ImportError::io(&path))?;
        }
        Ok(())
    }

    fn copy(
        &self,
        topic: &PlannedTopic,
        watch: &mut dyn Watch,
    ) -> Result<Vec<CopiedPartition>, ImportError> {
        let mut copied = Vec::new();
        for planned in &topic.partitions {
            let copy = PartitionCopy {
                disk: self.disk,
                topic,
                source: &planned.source,
                directory: self.directory(topic, planned.source.partition),
                unclean: self.options.unclean,
                ids_from: self.ids_from,
            };
            copied.push(copy.run(watch)?);
        }
        self.disk
            .sync_directory(&self.data)
            .map_err(ImportError::io(&self.data))?;
        for (number, copied) in (0..).zip(&copied) {
            self.check(topic, number, copied)?;
        }
        Ok(copied)
    }

    /// Goes through what a start does with a partition, and compares what can be read if asked to.
    fn check(
        &self,
        topic: &PlannedTopic,
        number: i32,
        copied: &CopiedPartition,
    ) -> Result<(), ImportError> {
        let recovered = Log::recover(
            self.disk,
            self.directory(topic, number),
            partition_config(&topic.settings).log,
            topic.id,
            PartitionIndex::new(number),
            &Journaled::default(),
        )?;
        let log = recovered.log;
        assert_eq!(log.end(), copied.end, "the checkpoint says where it ends");
        assert_eq!(log.start(), copied.log_start, "and where it begins");
        if self.options.verify {
            self.read_back(&log)?;
        }
        Ok(())
    }

    fn read_back(&self, log: &Log) -> Result<(), ImportError> {
        let mut from = Offset::ZERO;
        while let Some(segment) = log.sealed_from(from) {
            from = segment.base.next();
            let path = segment.path.clone();
            let (mut first, mut goes_on) = (0, true);
            while goes_on {
                let compare = DiskCall::Scrub {
                    segment: segment.clone(),
                    first,
                    count: CHUNKS,
                };
                let reply = compare.perform(self.disk).map_err(ImportError::io(&path))?;
                let DiskReply::Scrubbed(scrubbed) = reply else {
                    unreachable!("a comparison has a result");
                };
                if let Some((from, _)) = scrubbed.damaged.first() {
                    let from = from.get();
                    return Err(ImportError::ReadBack { path, from });
                }
                goes_on = scrubbed.goes_on;
                first += CHUNKS;
            }
        }
        Ok(())
    }

    /// The topic is whole: from here on it is served.
    fn publish(
        &mut self,
        topic: &PlannedTopic,
        copied: &[CopiedPartition],
    ) -> Result<(), ImportError> {
        let catalog = &mut self.catalog;
        catalog.buried.retain(|buried| buried.id != topic.id);
        catalog.put(Topic {
            name: topic.name.clone(),
            id: topic.id,
            partitions: count(topic),
            settings: topic.settings.clone(),
        });
        // An unclean start raises the catalog's epoch alone: no partition may be ahead of it.
        let epochs = copied.iter().map(|copied| copied.leader_epoch);
        catalog.leader_epoch = epochs.fold(catalog.leader_epoch, Ord::max);
        let ids = copied.iter().map(|copied| copied.next_producer_id);
        let ids = ids.chain([self.plan.next_producer_id]);
        catalog.next_producer_id = ids.fold(catalog.next_producer_id, Ord::max);
        self.write_catalog()
    }

    fn write_catalog(&self) -> Result<(), ImportError> {
        let written = write_catalog(&self.data, &self.catalog).perform(self.disk);
        written.map(drop).map_err(ImportError::io(&self.data))
    }

    fn directory(&self, topic: &PlannedTopic, number: i32) -> PathBuf {
        self.data.join(format!("{}-{number}", topic.name))
    }
}

fn count(topic: &PlannedTopic) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}

fn report(topic: &PlannedTopic, copied: &[CopiedPartition]) -> ImportedTopic {
    let id: TopicId = topic.id;
    let partitions = (0..)
        .zip(copied)
        .map(|(partition, copied)| ImportedPartition {
            partition,
            records: copied.records,
            bytes: copied.bytes,
            segments: copied.segments,
            first_offset: copied.log_start.get(),
            next_offset: copied.end.get(),
            producers: copied.producers,
            cut_bytes: copied.cut_bytes,
        });
    ImportedTopic {
        topic: topic.name.as_str().to_owned(),
        id: id.to_string(),
        partitions: partitions.collect(),
    }
}
