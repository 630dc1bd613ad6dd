use super::owner::Hosted;
use super::partition_config::partition_config;
use super::{Effect, Message, Shard, boot};
use crate::topic::{Catalog, Topic};
use crate::types::{CoreId, Now};
use std::sync::Arc;

impl Shard {
    /// The registrar sent a new catalog.
    pub(super) fn adopt(&mut self, catalog: Arc<Catalog>, now: Now, effects: &mut Vec<Effect>) {
        let old = std::mem::replace(&mut self.catalog, catalog);
        self.fetch_sessions.catalog_changed();
        let catalog = Arc::clone(&self.catalog);
        for topic in old.topics() {
            match catalog.by_id(topic.id) {
                None => self.drop_topic(topic, effects),
                Some(kept) if kept.settings != topic.settings => {
                    let config = partition_config(&kept.settings);
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
            self.bury(id, directory, effects);
        }
    }

    pub(super) fn catalog_in_force(&mut self, effects: &mut Vec<Effect>) {
        if self.burials.are_out_of_the_way() {
            self.send(CoreId::REGISTRAR, Message::CatalogApplied, effects);
        }
    }
}
