use super::Shard;
use super::owner::Hosted;
use crate::config::Config;
use crate::partition::{Partition, PartitionConfig};
use crate::storage::call::DiskCall;
use crate::storage::catalog_file::{CATALOG_NAME, CatalogSnapshot};
use crate::storage::checkpoint::Checkpoint;
use crate::storage::log::{Log, LogConfig};
use crate::storage::{DecodeError, Disk, OpenMode};
use crate::topic::{Catalog, Placement, Topic, TopicSettings};
use crate::types::{CoreId, LeaderEpoch, PartitionIndex, Position, TopicId, TopicPartition};
use rustc_hash::FxHashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A catalog larger than this is taken for damage.
const CATALOG_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What is settled before any core serves: the catalog, the leader epoch of this start, and which
/// directories are left of deleted topics.
#[derive(Debug, Clone)]
pub struct Boot {
    catalog: Arc<Catalog>,
    config: Arc<Config>,
    seed: u64,
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
        let mut catalog = match read(disk, &path).map_err(io)? {
            Some(bytes) => {
                let decoded = CatalogSnapshot::decode(&bytes);
                let error = |error| BootError::Catalog {
                    path: path.clone(),
                    error,
                };
                Catalog::from_snapshot(decoded.map_err(error)?).map_err(error)?
            }
            None if holds_partitions(disk, &config.data).map_err(io)? => {
                return Err(BootError::CatalogMissing { path });
            }
            None => first_catalog(seed),
        };
        if !catalog.clean {
            catalog.leader_epoch = catalog.leader_epoch.next();
        }
        catalog.clean = false;
        remove_buried(disk, &config.data, &mut catalog).map_err(io)?;
        write_catalog(&config.data, &catalog)
            .perform(disk)
            .map_err(io)?;
        Ok(Self {
            catalog: Arc::new(catalog),
            config,
            seed,
        })
    }

    /// Recovers the partitions of one core and makes its shard. Damaged partitions go offline, by
    /// name; they do not keep the others from serving.
    pub fn shard(&self, disk: &dyn Disk, core: CoreId) -> Result<Shard, BootError> {
        let placement = Placement::new(self.config.cores);
        let names = disk
            .list(&self.config.data)
            .map_err(|error| BootError::Io {
                path: self.config.data.clone(),
                error,
            })?;
        let mut partitions = FxHashMap::default();
        for topic in self.catalog.topics() {
            for id in self::partitions(topic).filter(|id| placement.owner(*id) == core) {
                let directory = directory(&self.config.data, topic, id);
                let name = directory.file_name().map(|name| name.to_string_lossy());
                let found = names.binary_search_by(|entry| {
                    entry.name.as_str().cmp(name.as_deref().unwrap_or_default())
                });
                if found.is_ok() {
                    partitions.insert(id, self.recover(disk, topic, id, directory));
                }
            }
        }
        Ok(Shard::new(core, Arc::clone(&self.config), self, partitions))
    }

    fn recover(
        &self,
        disk: &dyn Disk,
        topic: &Topic,
        id: TopicPartition,
        directory: PathBuf,
    ) -> Hosted {
        let config = partition_config(&topic.settings);
        let epoch = self.catalog.leader_epoch;
        let path = directory.clone();
        match Log::recover(
            disk,
            directory,
            config.log.clone(),
            id.topic(),
            id.partition(),
        ) {
            Ok(recovered) => {
                // What was imported may have been led under a later epoch than ours.
                let epoch = epoch.max(recovered.epoch);
                let partition = Partition::new(recovered.log, recovered.producers, epoch, config);
                Hosted::Online(Box::new(partition))
            }
            Err(error) => {
                let reason = format!("{}: {error}", path.display());
                log::error!("partition offline: {reason}");
                Hosted::Offline(reason)
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

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, OpenMode::ReadOnly) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.length()?.get();
    if length > CATALOG_BYTES_MAX {
        let problem = format!("{length} bytes are too many for a catalog");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(Position::ZERO, &mut bytes)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Removes what is left of deleted topics; their tombstones have then served.
fn remove_buried(disk: &dyn Disk, data: &Path, catalog: &mut Catalog) -> io::Result<()> {
    for buried in &catalog.buried {
        let live = catalog.by_name(buried.name.as_str()).is_some();
        for partition in 0..buried.partitions {
            let directory = data.join(format!("{}-{partition}", buried.name));
            let renamed = burial_place(&directory, buried.id);
            // A name that is taken again is another topic's, unless the renaming failed.
            let ours = !live || Checkpoint::topic_of(disk, &directory) == Some(buried.id);
            let left = [Some(renamed), ours.then_some(directory)];
            for path in left.into_iter().flatten() {
                match (DiskCall::RemoveDirectory { path }).perform(disk) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
    }
    catalog.buried.clear();
    Ok(())
}

/// The call that makes a catalog the durable one.
pub(super) fn write_catalog(data: &Path, catalog: &Catalog) -> DiskCall {
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

/// Where a deleted partition's directory waits for its removal.
pub(super) fn burial_place(directory: &Path, topic: TopicId) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    // The id in place of the name: both would not fit into 255 bytes.
    let number = name.rsplit_once('-').map_or("", |(_, number)| number);
    directory.with_file_name(format!("{topic}-{number}-delete"))
}

/// The partitions of a topic.
pub(super) fn partitions(topic: &Topic) -> impl Iterator<Item = TopicPartition> + use<> {
    let id = topic.id;
    (0..topic.partitions).map(move |index| TopicPartition::new(id, PartitionIndex::new(index)))
}

/// What a topic's settings mean for its partitions.
pub(super) fn partition_config(settings: &TopicSettings) -> PartitionConfig {
    PartitionConfig {
        log: LogConfig {
            segment_bytes: settings.segment_bytes(),
            segment_ms: settings.segment_ms(),
            index_interval_bytes: settings.index_interval_bytes(),
            retention_ms: settings.retention_ms(),
            retention_bytes: settings.retention_bytes(),
            ..LogConfig::default()
        },
        durability: settings.durability(),
        timestamp_source: settings.timestamp_source(),
    }
}
