use super::disk::Purpose;
use super::owner::Hosted;
use super::{Effect, Message, Shard, boot};
use crate::partition::Outcome;
use crate::storage::call::DiskCall;
use crate::topic::Catalog;
use crate::types::{CoreId, TopicId};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Directories of deleted partitions that are being renamed out of the way. Until that is done the
/// new catalog does not count as applied, so that a topic of the same name cannot meet them.
#[derive(Debug, Default)]
pub(super) struct Burials {
    renaming: BTreeSet<PathBuf>,
}

impl Shard {
    /// The registrar sent a new catalog.
    pub(super) fn adopt(&mut self, catalog: Arc<Catalog>, effects: &mut Vec<Effect>) {
        let old = std::mem::replace(&mut self.catalog, catalog);
        let catalog = Arc::clone(&self.catalog);
        for topic in old.topics() {
            match catalog.by_id(topic.id) {
                None => self.drop_topic(topic.id, effects),
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
        self.catalog_in_force(effects);
    }

    fn drop_topic(&mut self, topic: TopicId, effects: &mut Vec<Effect>) {
        let mut gone: Vec<_> =
            self.partitions.keys().filter(|id| id.topic() == topic).copied().collect();
        gone.sort_unstable();
        for id in gone {
            self.with_partition(id, effects, |partition, outcome: &mut Outcome| {
                partition.dismiss(outcome);
            });
            self.wake_watchers(id, effects);
            let Some(Hosted::Online(partition)) = self.partitions.remove(&id) else { continue };
            self.forget_flush(id, &partition);
            if let Some(directory) = partition.directory_on_disk() {
                let renamed = boot::burial_place(&directory, topic);
                self.burials.renaming.insert(renamed.clone());
                let call = DiskCall::BuryDirectory { from: directory, to: renamed.clone() };
                self.call(Purpose::Bury(renamed), call, effects);
            }
        }
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
            Err(error) => {
                let path = directory.display();
                log::error!("{path}: a deleted partition could not be renamed: {error}");
            }
        }
        self.catalog_in_force(effects);
    }

    fn catalog_in_force(&mut self, effects: &mut Vec<Effect>) {
        if self.burials.renaming.is_empty() {
            self.send(CoreId::REGISTRAR, Message::CatalogApplied, effects);
        }
    }
}
