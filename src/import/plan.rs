//! What is taken over, decided before anything is written; what stands against it is told all at once.

use super::error::{ImportError, Refusal};
use super::metadata_log::Metadata;
use super::producer_snapshot;
use super::source::{FILE_BYTES_MAX, SourceDirectory, SourcePartition};
use crate::broker::offsets_topic_settings;
use crate::coordinator::OFFSETS_TOPIC;
use crate::storage::Disk;
use crate::storage::disk::read_whole;
use crate::topic::{Catalog, TopicSettings};
use crate::types::{Offset, TopicId, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Topics that only a Kafka can use; never taken over.
const KAFKAS_OWN: [&str; 4] = [
    "__cluster_metadata",
    "__remote_log_metadata",
    "__share_group_state",
    "__transaction_state",
];

/// Settings of all brokers, and those of a topic that they stand for.
const OF_BROKERS: [(&str, &str); 4] = [
    ("log.cleanup.policy", "cleanup.policy"),
    ("log.retention.bytes", "retention.bytes"),
    ("log.retention.ms", "retention.ms"),
    ("log.segment.bytes", "segment.bytes"),
];

/// What is wanted of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Kafka's log directories.
    pub from: Vec<PathBuf>,
    /// The topics to take; all if there is none.
    pub topics: Vec<String>,
    /// Topics, and directories that Kafka had not finished with, to leave out.
    pub skip: Vec<String>,
    /// Settings for topics that have none of that name in Kafka's metadata.
    pub settings: BTreeMap<String, String>,
    /// Whether a Kafka that was not shut down cleanly is taken, with its tails cut.
    pub unclean: bool,
    /// Whether all that was written is read back.
    pub verify: bool,
}

/// What is taken over.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Topics in the order in which they are copied, that of the committed offsets last.
    pub topics: Vec<PlannedTopic>,
    /// Topics that are in the data directory already.
    pub present: Vec<TopicName>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// Whose cluster it is.
    pub cluster_id: String,
    /// The first producer id that Kafka had not given out, as far as is known.
    pub next_producer_id: i64,
}

/// A topic to take over.
#[derive(Debug, Clone)]
pub struct PlannedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id, kept.
    pub id: TopicId,
    /// Its settings here.
    pub settings: TopicSettings,
    /// Its partitions, from 0 on.
    pub partitions: Vec<PlannedPartition>,
}

/// A partition to take over.
#[derive(Debug, Clone)]
pub struct PlannedPartition {
    /// What there is of it.
    pub source: SourcePartition,
    /// Bytes of segments.
    pub bytes: u64,
}

impl Plan {
    /// Bytes to copy at most.
    pub fn bytes(&self) -> u64 {
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.bytes).sum()
    }

    /// Looks at everything. `catalog` is that of the data directory, if it has one.
    pub fn make(
        disk: &dyn Disk,
        data: &Path,
        catalog: Option<&Catalog>,
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        let mut planning = Planning {
            disk,
            data,
            catalog,
            options,
            metadata: None,
            refusals: Vec::new(),
            plan: Self::default(),
        };
        planning.run()?;
        let Planning { refusals, plan, .. } = planning;
        if refusals.is_empty() {
            Ok(plan)
        } else {
            Err(ImportError::Refused(refusals))
        }
    }
}

struct Planning<'a> {
    disk: &'a dyn Disk,
    data: &'a Path,
    catalog: Option<&'a Catalog>,
    options: &'a ImportOptions,
    metadata: Option<Metadata>,
    refusals: Vec<Refusal>,
    plan: Plan,
}

impl Planning<'_> {
    fn run(&mut self) -> Result<(), ImportError> {
        let options = self.options;
        let wants = |topic: &str| options.wants(topic);
        let mut directories = Vec::new();
        for path in &options.from {
            directories.push(SourceDirectory::read(
                self.disk,
                path,
                &wants,
                &mut self.refusals,
            )?);
        }
        self.check_directories(&directories);
        self.read_metadata(&directories)?;
        let partitions = directories.into_iter().flat_map(|found| found.partitions);
        let mut topics: BTreeMap<TopicName, BTreeMap<i32, SourcePartition>> = BTreeMap::new();
        for partition in partitions {
            let topic = topics.entry(partition.topic.clone()).or_default();
            let path = partition.path.clone();
            if let Some(one) = topic.insert(partition.partition, partition) {
                self.refusals.push(Refusal::Twice {
                    one: one.path,
                    other: path,
                });
            }
        }
        self.check_names(&topics);
        for (name, partitions) in topics {
            self.plan_topic(name, partitions)?;
        }
        let is_last = |topic: &PlannedTopic| topic.name.as_str() == OFFSETS_TOPIC;
        self.plan.topics.sort_by_key(is_last);
        self.check_room()
    }

    fn check_directories(&mut self, directories: &[SourceDirectory]) {
        for directory in directories {
            if directory.cluster_id.is_none() {
                continue;
            }
            if !directory.is_clean && !self.options.unclean {
                self.refusals.push(Refusal::Unclean(directory.path.clone()));
            }
            for leftover in &directory.leftovers {
                let options = self.options;
                if options.wants(&leftover.topic) && !options.skip.contains(&leftover.name) {
                    self.refusals.push(Refusal::Leftover {
                        path: directory.path.join(&leftover.name),
                        name: leftover.name.clone(),
                        kind: leftover.kind,
                    });
                }
            }
        }
        let clusters: BTreeSet<&String> = directories
            .iter()
            .filter_map(|directory| directory.cluster_id.as_ref())
            .collect();
        let mut clusters = clusters.into_iter();
        self.plan.cluster_id = clusters.next().cloned().unwrap_or_default();
        if let Some(other) = clusters.next() {
            self.refusals.push(Refusal::ClustersDiffer {
                one: self.plan.cluster_id.clone(),
                other: other.clone(),
            });
        }
    }

    fn read_metadata(&mut self, directories: &[SourceDirectory]) -> Result<(), ImportError> {
        let found = directories.iter().find(|found| !found.metadata.is_empty());
        let Some(directory) = found else {
            let note = "Kafka's metadata is not in the given directories: what topics were set to \
                        is not known (give its metadata.log.dir as another --from, or use --set)";
            self.plan.notes.push(note.to_owned());
            return Ok(());
        };
        let snapshot = directory.snapshots.last();
        let read = Metadata::read(self.disk, snapshot, &directory.metadata)?;
        self.plan.next_producer_id = read.next_producer_id;
        self.metadata = Some(read);
        Ok(())
    }

    fn check_names(&mut self, topics: &BTreeMap<TopicName, BTreeMap<i32, SourcePartition>>) {
        for named in &self.options.topics {
            match TopicName::new(named) {
                Ok(name) if KAFKAS_OWN.contains(&named.as_str()) => {
                    self.refusals.push(Refusal::KafkasOwn(name));
                }
                Ok(name) if topics.contains_key(&name) => {}
                _ => self.refusals.push(Refusal::NoSuchTopic(named.clone())),
            }
        }
        // What could not be read is told already.
        if topics.is_empty() && self.refusals.is_empty() {
            let paths = self.options.from.iter().cloned();
            self.refusals.extend(paths.map(Refusal::NothingThere));
        }
    }

    fn plan_topic(
        &mut self,
        name: TopicName,
        partitions: BTreeMap<i32, SourcePartition>,
    ) -> Result<(), ImportError> {
        let mut ids = partitions.values().map(|partition| partition.id);
        let Some(id) = ids.next() else {
            return Ok(());
        };
        if let Some(other) = ids.find(|other| *other != id) {
            let topic = name;
            let one = id;
            self.refusals
                .push(Refusal::TopicIdsDiffer { topic, one, other });
            return Ok(());
        }
        if self.is_present(&name, id) {
            self.plan.present.push(name);
            return Ok(());
        }
        self.check_complete(&name, id, &partitions);
        for (number, partition) in &partitions {
            self.check_transactions(&name, partition)?;
            self.check_place(&name, id, *number)?;
        }
        let settings = self.settings(&name);
        let partitions = partitions.into_values().map(|source| PlannedPartition {
            bytes: source.segments.iter().map(|segment| segment.bytes).sum(),
            source,
        });
        self.plan.topics.push(PlannedTopic {
            name,
            id,
            settings,
            partitions: partitions.collect(),
        });
        Ok(())
    }

    /// Whether the topic was taken over before; another one in its place is refused.
    fn is_present(&mut self, name: &TopicName, id: TopicId) -> bool {
        let Some(catalog) = self.catalog else {
            return false;
        };
        match (catalog.by_name(name.as_str()), catalog.by_id(id)) {
            (Some(topic), _) if topic.id == id => return true,
            (Some(topic), _) => self.refusals.push(Refusal::NameTaken {
                topic: name.clone(),
                found: topic.id,
                wanted: id,
            }),
            (None, Some(holder)) => self.refusals.push(Refusal::IdTaken {
                topic: name.clone(),
                id,
                holder: holder.name.clone(),
            }),
            (None, None) => {}
        }
        false
    }

    /// Every partition must be there: by the metadata, or else up to the last one found.
    fn check_complete(
        &mut self,
        name: &TopicName,
        id: TopicId,
        found: &BTreeMap<i32, SourcePartition>,
    ) {
        let known = self
            .metadata
            .as_ref()
            .map(|metadata| metadata.topics.get(&id));
        let partitions = match known {
            Some(Some(topic)) if topic.name == name.as_str() => {
                topic.partitions.last().map_or(0, |last| last + 1)
            }
            Some(_) => {
                let paths = found.values().map(|partition| partition.path.clone());
                self.refusals.extend(paths.map(|path| Refusal::Stray {
                    path,
                    name: name.clone(),
                }));
                return;
            }
            None => 0,
        };
        let last = found
            .last_key_value()
            .map_or(0, |(last, _)| last.saturating_add(1));
        let partitions = partitions.max(last);
        let missing = (0..partitions).filter(|number| !found.contains_key(number));
        let missing: Vec<i32> = missing.take(1000).collect();
        if !missing.is_empty() {
            self.refusals.push(Refusal::PartitionsMissing {
                topic: name.clone(),
                partitions,
                missing,
            });
        }
    }

    /// Transactions that the small files tell of; others show in the batches.
    fn check_transactions(
        &mut self,
        topic: &TopicName,
        partition: &SourcePartition,
    ) -> Result<(), ImportError> {
        let mut told_by = partition.has_aborted.then(|| partition.path.clone());
        if let Some((_, path)) = partition.snapshots.last() {
            let bytes = read_whole(self.disk, path, FILE_BYTES_MAX);
            let bytes = bytes.map_err(ImportError::io(path))?;
            let entries = producer_snapshot::decode(&bytes).unwrap_or_default();
            if entries.iter().any(|entry| entry.is_transactional) {
                told_by = Some(path.clone());
            }
        }
        if let Some(path) = told_by {
            let topic = topic.clone();
            self.refusals.push(Refusal::Transactions { path, topic });
        }
        Ok(())
    }

    /// What lies where the partition will must be what an import left that was cut short.
    fn check_place(
        &mut self,
        name: &TopicName,
        id: TopicId,
        number: i32,
    ) -> Result<(), ImportError> {
        let buried = self.catalog.map(|catalog| &catalog.buried[..]);
        let mut buried = buried.unwrap_or_default().iter();
        let is_ours = buried.any(|buried| buried.id == id && buried.name == *name);
        let entries = self
            .disk
            .list(self.data)
            .map_err(ImportError::io(self.data))?;
        let place = format!("{name}-{number}");
        if !is_ours && entries.iter().any(|entry| entry.name == place) {
            self.refusals.push(Refusal::InTheWay(self.data.join(place)));
        }
        Ok(())
    }

    fn settings(&mut self, name: &TopicName) -> TopicSettings {
        if name.as_str() == OFFSETS_TOPIC {
            return offsets_topic_settings();
        }
        let mut wanted = BTreeMap::new();
        if let Some(metadata) = &self.metadata {
            for (broker, topic) in OF_BROKERS {
                if let Some(value) = metadata.broker_settings.get(broker) {
                    wanted.insert(topic.to_owned(), value.clone());
                }
            }
        }
        wanted.extend(self.options.settings.clone());
        if let Some(metadata) = &self.metadata {
            let own = metadata.settings.get(name.as_str());
            wanted.extend(own.cloned().unwrap_or_default());
        }
        wanted.retain(|setting, value| {
            let alone = BTreeMap::from([(setting.clone(), value.clone())]);
            let served = TopicSettings::new(alone);
            if let Err(error) = &served {
                let note = format!("topic {name}: {setting}={value} is left out: {error}");
                self.plan.notes.push(note);
            }
            served.is_ok()
        });
        self.keep_all(name, &mut wanted);
        TopicSettings::new(wanted).unwrap_or_else(|source| {
            let topic = name.clone();
            self.refusals.push(Refusal::Settings { topic, source });
            TopicSettings::default()
        })
    }

    /// How long Kafka kept records may stand in its server.properties, which is not read: until someone
    /// says so, nothing is deleted by a guess.
    fn keep_all(&mut self, name: &TopicName, wanted: &mut BTreeMap<String, String>) {
        if wanted.contains_key("retention.ms") || wanted.contains_key("retention.bytes") {
            return;
        }
        let settings = TopicSettings::new(wanted.clone()).unwrap_or_default();
        if settings.cleanup().deletes {
            wanted.insert("retention.ms".to_owned(), "-1".to_owned());
            let note = format!(
                "topic {name}: how long its records are kept is not set on it, so they are kept \
                 for good (retention.ms=-1; --set retention.ms=… sets it)"
            );
            self.plan.notes.push(note);
        }
    }

    fn check_room(&mut self) -> Result<(), ImportError> {
        let volume = self
            .disk
            .volume(self.data)
            .map_err(ImportError::io(self.data))?;
        let (needed, usable) = (self.plan.bytes(), volume.usable_bytes);
        if needed > usable {
            let path = self.data.to_path_buf();
            self.refusals.push(Refusal::NoRoom {
                path,
                needed,
                usable,
            });
        }
        Ok(())
    }
}

impl ImportOptions {
    fn wants(&self, topic: &str) -> bool {
        let is_named = |names: &[String]| names.iter().any(|name| name == topic);
        let is_chosen = self.topics.is_empty() || is_named(&self.topics);
        is_chosen && !is_named(&self.skip) && !KAFKAS_OWN.contains(&topic)
    }
}

impl SourcePartition {
    /// Where the log goes on after the segment at this place in the list, if it does.
    pub(super) fn upto(&self, place: usize) -> Option<Offset> {
        let next = self.segments.get(place + 1).map(|segment| segment.base);
        let base = self.segments.get(place).map(|segment| segment.base);
        next.or(self.last_base.filter(|last| Some(*last) > base))
    }
}
