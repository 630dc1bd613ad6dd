use super::disk::Purpose;
use super::owner::Hosted;
use super::{Effect, Message, Shard, boot};
use crate::storage::call::DiskCall;
use crate::topic::{Catalog, Topic};
use crate::types::{CoreId, Now, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Directories of deleted partitions that are being renamed out of the way. Until that is done the
/// new catalog does not count as applied, so that a topic of the same name cannot meet them.
#[derive(Debug, Default)]
pub(super) struct Burials {
    waiting: BTreeMap<TopicPartition, PathBuf>,
    renaming: BTreeSet<PathBuf>,
}

impl Shard {
    /// The registrar sent a new catalog.
    pub(super) fn adopt(&mut self, catalog: Arc<Catalog>, now: Now, effects: &mut Vec<Effect>) {
        let old = std::mem::replace(&mut self.catalog, catalog);
        let catalog = Arc::clone(&self.catalog);
        for topic in old.topics() {
            match catalog.by_id(topic.id) {
                None => self.drop_topic(topic, effects),
                Some(kept) if kept.settings != topic.settings => {
                    let config = boot::partition_config(&kept.settings);
                    for partition in boot::partitions(kept) {
                        self.with_partition(partition, effects, |partition, outcome| {
                            partition.configure(config.clone(), outcome);
                        });
                    }
                }
                Some(_) => {}
            }
        }
        self.tell_coordinators(&old, now, effects);
        self.catalog_in_force(effects);
    }

    fn drop_topic(&mut self, topic: &Topic, effects: &mut Vec<Effect>) {
        let placement = self.placement;
        let ours = boot::partitions(topic).filter(|id| placement.owner(*id) == self.core);
        for id in ours.collect::<Vec<_>>() {
            self.with_partition(id, effects, |partition, outcome| partition.dismiss(outcome));
            self.wake_watchers(id, effects);
            if let Some(Hosted::Online(partition)) = self.partitions.remove(&id) {
                self.forget(id, &partition);
            }
            let directory = boot::directory(&self.config.data, topic, id);
            self.burials.waiting.insert(id, directory);
            self.bury_if_quiet(id, effects);
        }
    }

    /// Renames a deleted partition's directory once no call of its log is under way: one that
    /// creates a file would bring the directory back.
    pub(super) fn bury_if_quiet(&mut self, id: TopicPartition, effects: &mut Vec<Effect>) {
        let busy = |purpose: &Purpose| matches!(purpose, Purpose::Log(other, _) if *other == id);
        if !self.burials.waiting.contains_key(&id) || self.disk_calls.values().any(busy) {
            return;
        }
        let from = self
            .burials
            .waiting
            .remove(&id)
            .expect("looked up just now");
        let to = boot::burial_place(&from, id.topic());
        self.burials.renaming.insert(to.clone());
        let call = DiskCall::BuryDirectory {
            from,
            to: to.clone(),
        };
        self.call(Purpose::Bury(to), call, effects);
    }

    /// A deleted partition's directory has its new name, or could not be renamed.
    pub(super) fn buried(
        &mut self,
        directory: PathBuf,
        result: io::Result<()>,
        effects: &mut Vec<Effect>,
    ) {
        self.burials.renaming.remove(&directory);
        match result {
            Ok(()) => {
                let call = DiskCall::RemoveDirectory { path: directory };
                self.call(Purpose::Remove, call, effects);
            }
            // A partition that nobody wrote to has no directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = directory.display();
                log::error!("{path}: a deleted partition could not be renamed: {error}");
            }
        }
        self.catalog_in_force(effects);
    }

    fn catalog_in_force(&mut self, effects: &mut Vec<Effect>) {
        if self.burials.renaming.is_empty() && self.burials.waiting.is_empty() {
            self.send(CoreId::REGISTRAR, Message::CatalogApplied, effects);
        }
    }
}
