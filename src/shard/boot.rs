use super::owner::Hosted;
use super::partition_config::partition_config;
use super::{Shard, burials};
use crate::config::Config;
use crate::partition::{Partition, PartitionConfig};
use crate::storage::call::DiskCall;
use crate::storage::catalog_file::{CATALOG_NAME, CatalogSnapshot};
use crate::storage::disk::read_whole;
use crate::storage::journal::{
    EntryHeader, JOURNAL_DIRECTORY, Journal, JournalConfig, JournalError, Journaled, Replay,
    UNRECOVERED_NAME, forget_unrecovered, keep_unrecovered, remove_journals,
};
use crate::storage::log::Log;
use crate::storage::{DecodeError, Disk, Recovered, RecoveryError};
use crate::topic::{Catalog, Placement, Topic};
use crate::types::{CoreId, LeaderEpoch, PartitionIndex, TopicId, TopicPartition};
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;

/// A catalog larger than this is taken for damage.
const CATALOG_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What is settled before any core serves: the catalog, the leader epoch of this start, and which
/// directories are left of deleted topics.
#[derive(Debug, Clone)]
pub struct Boot {
    /// As it is once every core has recovered.
    catalog: Arc<Catalog>,
    config: Arc<Config>,
    seed: u64,
    /// What the journals of earlier starts hold.
    replay: Arc<Replay>,
    /// Cores that have not recovered yet.
    unrecovered: Arc<AtomicUsize>,
    /// Directories of deleted partitions that are still to be removed.
    buried: Arc<[(TopicPartition, PathBuf)]>,
}

/// Why a data directory cannot be served.
#[derive(Debug, Error)]
pub enum BootError {
    /// The catalog cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There are partitions, but no catalog that says which topics they are of.
    #[error(
        "{path} is missing, but the directory holds partitions; bring the file back from a backup, \
         or choose an empty directory with --data"
    )]
    CatalogMissing {
        /// Where the catalog should be.
        path: PathBuf,
    },
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A journal holds batches of a topic that is not known.
    #[error(
        "a journal holds batches of partition {partition}, of which the catalog knows nothing; \
         bring the catalog back from a backup, or, to give up what only the journals hold, move \
         the directory {path} away"
    )]
    UnknownPartition {
        /// Whose.
        partition: TopicPartition,
        /// The directory of all journals.
        path: PathBuf,
    },
    /// The catalog is damaged or of a newer format.
    #[error("{path}: {error}")]
    Catalog {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: DecodeError,
    },
}

impl Boot {
    /// Reads the catalog, or makes the first one. After an unclean stop the leader epoch is
    /// raised, durably before anything can be appended under it. `seed` drives every random
    /// choice of this start.
    pub fn load(disk: &dyn Disk, config: Arc<Config>, seed: u64) -> Result<Self, BootError> {
        let path = config.data.join(CATALOG_NAME);
        let io = |error| BootError::Io {
            path: path.clone(),
            error,
        };
        let stored = read_stored(disk, &config.data)?;
        let (mut catalog, replay) =
            stored.unwrap_or_else(|| (first_catalog(seed), Replay::default()));
        if catalog.clean {
            // Everything is in the segments.
            catalog.void_below = catalog.incarnation + 1;
        } else {
            catalog.leader_epoch = catalog.leader_epoch.next();
        }
        catalog.clean = false;
        catalog.incarnation += 1;
        let left = burials::bury_again(disk, &config.data, &catalog).map_err(io)?;
        write_catalog(&config.data, &catalog)
            .perform(disk)
            .map_err(io)?;
        catalog.void_below = catalog.incarnation;
        // Until the journals are void, tombstones tell whose batches may be left out; after that, whose
        // files are still to be removed.
        let ids: BTreeSet<TopicId> = left.iter().map(|(id, _)| id.topic()).collect();
        catalog.buried.retain(|buried| ids.contains(&buried.id));
        Ok(Self {
            catalog: Arc::new(catalog),
            unrecovered: Arc::new(AtomicUsize::new(config.cores.into())),
            config,
            seed,
            replay: Arc::new(replay),
            buried: left.into(),
        })
    }

    /// What a core has to remove: directories of deleted partitions that it would own.
    pub(super) fn buried_of(&self, core: CoreId) -> VecDeque<PathBuf> {
        let placement = Placement::new(self.config.cores);
        let ours = self.buried.iter();
        let ours = ours.filter(|(id, _)| placement.owner(*id) == core);
        ours.map(|(_, path)| path.clone()).collect()
    }

    /// Recovers the partitions of one core and makes its shard. Damaged partitions go offline, by
    /// name; they do not keep the others from serving. No shard may be stepped before all are made:
    /// the last one declares the journals of earlier starts void.
    pub fn shard(&self, disk: &dyn Disk, core: CoreId) -> Result<Shard, BootError> {
        let mut partitions = self.recover_all(disk, core)?;
        let limits = &self.config.limits;
        let sizes = JournalConfig {
            file_bytes: limits.journal_file_bytes,
            files_max: limits.journal_files_max,
            block_bytes_max: limits.journal_block_bytes_max,
        };
        let (data, incarnation) = (&self.config.data, self.catalog.incarnation);
        let mut journal = Journal::new(
            data,
            core,
            incarnation,
            sizes,
            self.seed ^ u64::from(core.get()),
        );
        self.keep_marks(disk, &mut journal, &mut partitions)
            .map_err(|error| BootError::Io {
                path: data.join(JOURNAL_DIRECTORY),
                error,
            })?;
        for hosted in partitions.values() {
            if let Hosted::Online(partition) = hosted {
                let path = partition.directory().to_path_buf();
                forget_unrecovered(disk, &path).map_err(|error| BootError::Io { path, error })?;
            }
        }
        if self.unrecovered.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.void_journals(disk)?;
        }
        Ok(Shard::new(
            core,
            Arc::clone(&self.config),
            self,
            journal,
            partitions,
        ))
    }

    /// What the journals of earlier starts say was durable is said by this one's, or by the
    /// partitions' checkpoints where there is no space for a journal.
    fn keep_marks(
        &self,
        disk: &dyn Disk,
        journal: &mut Journal,
        partitions: &mut FxHashMap<TopicPartition, Hosted>,
    ) -> io::Result<()> {
        let mark = |(id, hosted): (&TopicPartition, &Hosted)| match hosted {
            Hosted::Online(partition) => super::commit::mark(*id, partition),
            Hosted::Offline(_) => None,
        };
        let mut marks: Vec<EntryHeader> = partitions.iter().filter_map(mark).collect();
        marks.sort_by_key(|mark| mark.partition);
        if journal.state(disk, &marks)? {
            return Ok(());
        }
        for mark in marks {
            if let Some(Hosted::Online(partition)) = partitions.get_mut(&mark.partition) {
                partition.checkpoint_now(disk)?;
            }
        }
        Ok(())
    }

    /// Every partition is recovered: what earlier journals hold is not needed any more, and must
    /// never be taken in again.
    fn void_journals(&self, disk: &dyn Disk) -> Result<(), BootError> {
        let data = &self.config.data;
        let written = write_catalog(data, &self.catalog).perform(disk);
        written.map_err(|error| BootError::Io {
            path: data.join(CATALOG_NAME),
            error,
        })?;
        Ok(remove_journals(disk, data, self.catalog.incarnation)?)
    }

    fn recover_all(
        &self,
        disk: &dyn Disk,
        core: CoreId,
    ) -> Result<FxHashMap<TopicPartition, Hosted>, BootError> {
        let placement = Placement::new(self.config.cores);
        let is_ours = |id| placement.owner(id) == core;
        let stored = stored_partitions(
            disk,
            &self.config.data,
            &self.catalog,
            &self.replay,
            is_ours,
        )?;
        let mut partitions = FxHashMap::default();
        for stored in stored {
            partitions.insert(stored.id, self.recover(disk, stored)?);
        }
        Ok(partitions)
    }

    fn recover(&self, disk: &dyn Disk, stored: Stored<'_>) -> Result<Hosted, BootError> {
        let epoch = self.catalog.leader_epoch;
        match stored.recover(disk) {
            Ok(recovered) => {
                let config = stored.config;
                // What was imported may have been led under a later epoch than ours.
                let epoch = epoch.max(recovered.epoch);
                let partition = Partition::new(recovered.log, recovered.producers, epoch, config);
                Ok(Hosted::Online(Box::new(partition)))
            }
            Err(error) => {
                let reason = format!("{}: {error}", stored.directory.display());
                log::error!("partition offline: {reason}");
                stored.keep(disk)?;
                Ok(Hosted::Offline(reason))
            }
        }
    }

    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// Drives what is random in this start.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The epoch that partitions are led under until the next unclean start.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.catalog.leader_epoch
    }
}

/// What a start reads before it changes anything: the catalog, and what journals hold of its
/// partitions. `None` in a directory without either.
pub(super) fn read_stored(
    disk: &dyn Disk,
    data: &Path,
) -> Result<Option<(Catalog, Replay)>, BootError> {
    let Some(catalog) = read_catalog(disk, data)? else {
        return Ok(None);
    };
    let replay = if catalog.clean {
        Replay::default()
    } else {
        Replay::read(disk, data, catalog.void_below)?
    };
    check_all_known(&replay, &catalog, data)?;
    Ok(Some((catalog, replay)))
}

/// Reads a directory's catalog; `None` in one that has neither a catalog nor partitions.
pub fn read_catalog(disk: &dyn Disk, data: &Path) -> Result<Option<Catalog>, BootError> {
    let path = data.join(CATALOG_NAME);
    let io = |error| BootError::Io {
        path: path.clone(),
        error,
    };
    let bytes = match read_whole(disk, &path, CATALOG_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match holds_partitions(disk, data).map_err(io)? {
                true => Err(BootError::CatalogMissing { path }),
                false => Ok(None),
            };
        }
        bytes => bytes.map_err(io)?,
    };
    let catalog = CatalogSnapshot::decode(&bytes).and_then(Catalog::from_snapshot);
    let catalog = catalog.map_err(|error| BootError::Catalog { path, error })?;
    Ok(Some(catalog))
}

/// A partition of which something is on the disk.
pub(super) struct Stored<'a> {
    pub(super) id: TopicPartition,
    pub(super) directory: PathBuf,
    config: PartitionConfig,
    /// What journals hold of it.
    journaled: &'a Journaled,
}

impl Stored<'_> {
    pub(super) fn recover(&self, disk: &dyn Disk) -> Result<Recovered, RecoveryError> {
        Log::recover(
            disk,
            self.directory.clone(),
            self.config.log.clone(),
            self.id.topic(),
            self.id.partition(),
            self.journaled,
        )
    }

    /// Keeps what journals hold of a partition that does not come back.
    pub(super) fn keep(&self, disk: &dyn Disk) -> Result<(), BootError> {
        if self.journaled.is_empty() {
            return Ok(());
        }
        let kept = keep_unrecovered(disk, &self.directory, self.id, self.journaled);
        kept.map_err(|error| BootError::Io {
            path: self.directory.join(UNRECOVERED_NAME),
            error,
        })
    }
}

/// Those of the wanted partitions that have a directory or something in a journal.
pub(super) fn stored_partitions<'a>(
    disk: &dyn Disk,
    data: &Path,
    catalog: &Catalog,
    replay: &'a Replay,
    is_wanted: impl Fn(TopicPartition) -> bool,
) -> Result<Vec<Stored<'a>>, BootError> {
    let names = disk.list(data).map_err(|error| BootError::Io {
        path: data.to_path_buf(),
        error,
    })?;
    let mut stored = Vec::new();
    for topic in catalog.topics() {
        for id in partitions(topic).filter(|id| is_wanted(*id)) {
            let directory = directory(data, topic, id);
            let name = directory.file_name().map(|name| name.to_string_lossy());
            let found = names.binary_search_by(|entry| {
                entry.name.as_str().cmp(name.as_deref().unwrap_or_default())
            });
            let journaled = replay.of(id);
            if found.is_ok() || !journaled.is_empty() {
                stored.push(Stored {
                    id,
                    directory,
                    config: partition_config(&topic.settings),
                    journaled,
                });
            }
        }
    }
    Ok(stored)
}

fn holds_partitions(disk: &dyn Disk, data: &Path) -> io::Result<bool> {
    let entries = match disk.list(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    let is_partition = |name: &str| {
        let number = name
            .rsplit_once('-')
            .map(|(_, number)| number.parse::<u32>());
        matches!(number, Some(Ok(_)))
    };
    Ok(entries
        .iter()
        .any(|entry| entry.is_directory && is_partition(&entry.name)))
}

fn first_catalog(seed: u64) -> Catalog {
    let mut bytes = [0; 16];
    // Not the sequence that the registrar draws topic ids from.
    fastrand::Rng::with_seed(!seed).fill(&mut bytes);
    Catalog::new(TopicId::from_random_bytes(bytes).to_string())
}

/// What journals hold of a topic that is neither live nor buried could be lost without a word.
fn check_all_known(replay: &Replay, catalog: &Catalog, data: &Path) -> Result<(), BootError> {
    let is_known = |id: TopicPartition| {
        let is_live = catalog.by_id(id.topic()).is_some_and(|topic| topic.has(id));
        is_live || catalog.buried.iter().any(|buried| buried.id == id.topic())
    };
    match replay.partitions().find(|id| !is_known(*id)) {
        None => Ok(()),
        Some(partition) => Err(BootError::UnknownPartition {
            partition,
            path: data.join(JOURNAL_DIRECTORY),
        }),
    }
}

/// The call that makes a catalog the durable one.
pub fn write_catalog(data: &Path, catalog: &Catalog) -> DiskCall {
    let bytes = catalog.to_snapshot().encode();
    DiskCall::ReplaceFile {
        path: data.join(CATALOG_NAME),
        bytes,
    }
}

/// Where a partition's files lie.
pub(super) fn directory(data: &Path, topic: &Topic, partition: TopicPartition) -> PathBuf {
    data.join(format!("{}-{}", topic.name, partition.partition()))
}

/// The partitions of a topic.
pub(super) fn partitions(topic: &Topic) -> impl Iterator<Item = TopicPartition> + use<> {
    let id = topic.id;
    (0..topic.partitions).map(move |index| TopicPartition::new(id, PartitionIndex::new(index)))
}
