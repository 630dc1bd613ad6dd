use super::operation::Wanted;
use super::{FetchPartition, FetchTopic, FetchedPartition};
use crate::broker::{BrokerError, Context, TopicRef, WatchItem};
use crate::types::{
    CoreId, FetchSessionEpoch, Offset, PartitionIndex, RequestId, TopicId, TopicPartition,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a session's watches are to be forgotten.
pub(super) type Unwatched = Vec<(CoreId, TopicPartition)>;

/// What one client reads, and what it was told last (KIP-227).
///
/// Each partition is *active*, to be read by the next fetch, or idle: read to its end, with nothing
/// untold, and watched by its owner. So a fetch costs as much as has changed.
#[derive(Debug)]
pub(super) struct FetchSession {
    /// The number of the request that comes next.
    pub(super) epoch: FetchSessionEpoch,
    pub(super) names_by_id: bool,
    /// The fetch under way.
    pub(super) fetch: Option<RequestId>,
    /// The catalog's generation that owners were looked up in.
    generation: u64,
    topics: FxHashMap<Arc<TopicRef>, FxHashMap<PartitionIndex, Partition>>,
    /// What the topics are called here; of some, though no partition is left.
    names: FxHashMap<TopicId, Arc<TopicRef>>,
    /// Active partitions, in the order in which they are read: what gave records comes last the
    /// next time.
    active: BTreeMap<u64, (Arc<TopicRef>, PartitionIndex)>,
    next_order: u64,
    partitions: usize,
}

#[derive(Debug)]
struct Partition {
    read: FetchPartition,
    owner: Result<(CoreId, TopicPartition), BrokerError>,
    /// High watermark and log start as the client knows them.
    told: Option<(Offset, Offset)>,
    order: u64,
    /// Its owner will say when it moves.
    watched: bool,
}

impl FetchSession {
    pub(super) fn new(names_by_id: bool, generation: u64) -> Self {
        Self {
            epoch: FetchSessionEpoch::INITIAL.next(),
            names_by_id,
            fetch: None,
            generation,
            topics: FxHashMap::default(),
            names: FxHashMap::default(),
            active: BTreeMap::new(),
            next_order: 0,
            partitions: 0,
        }
    }

    /// How many partitions it has.
    pub(super) fn len(&self) -> usize {
        self.partitions
    }

    /// Adds partitions, or changes where they are read.
    pub(super) fn put(&mut self, topics: Vec<FetchTopic>, context: &Context<'_>) {
        for FetchTopic { topic, partitions } in topics {
            let known = context.topic(&topic);
            let topic = match self.topics.get_key_value(&topic) {
                Some((topic, _)) => Arc::clone(topic),
                None => Arc::new(topic),
            };
            if let Ok(known) = &known {
                self.names.insert(known.id, Arc::clone(&topic));
            }
            let of_topic = self.topics.entry(Arc::clone(&topic)).or_default();
            for read in partitions {
                let order = self.next_order;
                let partition = of_topic.entry(read.index).or_insert_with(|| {
                    self.next_order += 1;
                    self.partitions += 1;
                    let owner = known.clone();
                    Partition {
                        read,
                        owner: owner.and_then(|known| context.owner(known, read.index)),
                        told: None,
                        order,
                        watched: false,
                    }
                });
                partition.read = read;
                let name = (Arc::clone(&topic), read.index);
                self.active.insert(partition.order, name);
            }
        }
    }

    /// Takes partitions out.
    pub(super) fn forget(
        &mut self,
        topics: &[(TopicRef, Vec<PartitionIndex>)],
        unwatched: &mut Unwatched,
    ) {
        for (topic, indexes) in topics {
            let Some(partitions) = self.topics.get_mut(topic) else {
                continue;
            };
            let removed = indexes.iter().filter_map(|index| partitions.remove(index));
            for partition in removed {
                self.partitions -= 1;
                self.active.remove(&partition.order);
                unwatched.extend(partition.owner.ok());
            }
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// Looks up all owners again if the catalog is a new one.
    pub(super) fn follow(
        &mut self,
        generation: u64,
        context: &Context<'_>,
        unwatched: &mut Unwatched,
    ) {
        if std::mem::replace(&mut self.generation, generation) == generation {
            return;
        }
        self.names.clear();
        for (topic, partitions) in &mut self.topics {
            let known = context.topic(topic);
            if let Ok(known) = &known {
                self.names.insert(known.id, Arc::clone(topic));
            }
            for (index, partition) in partitions {
                let owner = known.clone().and_then(|known| context.owner(known, *index));
                if owner == partition.owner {
                    continue;
                }
                let old = std::mem::replace(&mut partition.owner, owner);
                unwatched.extend(old.ok());
                partition.watched = false;
                self.active
                    .insert(partition.order, (Arc::clone(topic), *index));
            }
        }
    }

    /// A fetch begins; what it is to read.
    pub(super) fn begin(&mut self, id: RequestId) -> Vec<Wanted> {
        self.fetch = Some(id);
        self.wanted()
    }

    /// What the next read is to ask for.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let wanted = self.active.values().map(|(topic, index)| {
            let partitions = self.topics.get(topic);
            let partition = partitions.and_then(|partitions| partitions.get(index));
            let partition = partition.expect("what is active is in the session");
            Wanted {
                topic: Arc::clone(topic),
                read: partition.read,
                owner: partition.owner.clone(),
            }
        });
        wanted.collect()
    }

    /// Leaves of these what is not watched already, and takes it for watched from now on.
    pub(super) fn watch(&mut self, items: &mut Vec<WatchItem>) {
        items.retain(|item| {
            let partition = self.partition(item.partition);
            partition.is_some_and(|(_, partition)| !std::mem::replace(&mut partition.watched, true))
        });
    }

    /// The owner of a partition said that it moved.
    pub(super) fn moved(&mut self, moved: TopicPartition) {
        if let Some((topic, partition)) = self.partition(moved) {
            partition.watched = false;
            let (order, index) = (partition.order, partition.read.index);
            self.active.insert(order, (topic, index));
        }
    }

    fn partition(&mut self, id: TopicPartition) -> Option<(Arc<TopicRef>, &mut Partition)> {
        let topic = self.names.get(&id.topic())?;
        let partition = self.topics.get_mut(topic)?.get_mut(&id.partition())?;
        Some((Arc::clone(topic), partition))
    }

    /// Takes in what a read gave: whether the client is to be told, and what is to be watched.
    pub(super) fn settle(
        &mut self,
        wanted: &Wanted,
        fetched: &FetchedPartition,
    ) -> (bool, Option<(CoreId, WatchItem)>) {
        let partitions = self.topics.get_mut(&wanted.topic);
        let partition = partitions.and_then(|partitions| partitions.get_mut(&fetched.index));
        let partition = partition.expect("a session does not change while it fetches");
        let (high_watermark, log_start) = (fetched.high_watermark, fetched.log_start);
        if fetched.error.is_some() {
            // So that the partition is told of once the error is gone.
            partition.told = None;
            return (true, None);
        }
        let ends = Some((high_watermark, log_start));
        let is_news = std::mem::replace(&mut partition.told, ends) != ends;
        if fetched.records.is_some() {
            let name = self.active.remove(&partition.order);
            partition.order = self.next_order;
            self.next_order += 1;
            let name = name.unwrap_or_else(|| (Arc::clone(&wanted.topic), fetched.index));
            self.active.insert(partition.order, name);
            return (true, None);
        }
        let mut watch = None;
        if partition.read.offset >= high_watermark
            && let Ok((core, id)) = partition.owner
        {
            self.active.remove(&partition.order);
            if !std::mem::replace(&mut partition.watched, true) {
                let item = WatchItem {
                    partition: id,
                    high_watermark,
                    log_start,
                };
                watch = Some((core, item));
            }
        }
        (is_news, watch)
    }

    /// Everywhere that it may watch something.
    pub(super) fn into_watched(self) -> Unwatched {
        let partitions = self.topics.into_values().flatten();
        partitions
            .filter_map(|(_, partition)| partition.owner.ok())
            .collect()
    }
}
