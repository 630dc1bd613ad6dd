//! A partition's log on a simulated disk, driven as a shard would: calls wait in a queue and are
//! performed when the test says so.

use bytes::Bytes;
use corelane::record::{Batch, BatchBuilder, Batches, Compression, DecompressionLimits};
use corelane::storage::journal::Journaled;
use corelane::storage::log::RecoveryReport;
use corelane::storage::{
    Calls, Completed, Disk, FileRange, Log, LogConfig, MemoryDisk, ProducerState, ReadError,
    Recovered, RecoveryError,
};
use corelane::types::{
    LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId,
};
use std::path::{Path, PathBuf};

pub(crate) const TOPIC: TopicId = TopicId::from_bytes([5; 16]);
pub(crate) const PARTITION: PartitionIndex = PartitionIndex::new(3);
pub(crate) const NOW: Timestamp = Timestamp::new(1_000_000);

pub(crate) fn directory() -> PathBuf {
    PathBuf::from("data/orders-3")
}

/// Limits so tiny that everything happens all the time.
pub(crate) fn tiny() -> LogConfig {
    LogConfig {
        segment_bytes: 1500,
        segment_ms: 1_000_000,
        index_interval_bytes: 200,
        retention_ms: None,
        retention_bytes: None,
        reserve_bytes_min: 64,
        reserve_bytes_max: 512,
        write_behind_bytes: 256,
        decompressed_bytes_max: 1 << 20,
        compaction: None,
        ..LogConfig::default()
    }
}

/// A batch of these values, all at one time.
pub(crate) fn batch_of(values: &[Vec<u8>], time: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for value in values {
        builder.append(time, None, Some(value), &[]);
    }
    Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap()
}

pub(crate) fn batch(value: &str) -> Batch {
    batch_of(&[value.as_bytes().to_vec()], NOW)
}

/// A batch of an idempotent producer.
pub(crate) fn batch_from(producer: i64, epoch: i16, sequence: i32, values: &[Vec<u8>]) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for value in values {
        builder.append(NOW, None, Some(value), &[]);
    }
    let (producer, epoch) = (ProducerId::new(producer), ProducerEpoch::new(epoch));
    builder.set_producer(producer, epoch, Sequence::new(sequence));
    Batch::validate(builder.build(Offset::ZERO).unwrap()).unwrap()
}

/// A log, its disk and the calls that wait.
pub(crate) struct Partition<D: Disk> {
    pub(crate) disk: D,
    pub(crate) directory: PathBuf,
    pub(crate) config: LogConfig,
    pub(crate) log: Log,
    pub(crate) producers: ProducerState,
    pub(crate) epoch: LeaderEpoch,
    pub(crate) calls: Calls,
    /// All that the log said became true, oldest first.
    pub(crate) events: Vec<Completed>,
}

impl Partition<MemoryDisk> {
    pub(crate) fn new(config: LogConfig, seed: u64) -> Self {
        let disk = MemoryDisk::new(seed);
        disk.create_directory(Path::new("data")).unwrap();
        disk.sync_directory(Path::new("")).unwrap();
        Self::open(disk, directory(), config)
    }

    /// The process dies and is started anew.
    pub(crate) fn crash(&mut self) -> (bool, RecoveryReport) {
        self.disk.process_crash();
        self.restart()
    }

    /// The power goes and comes back.
    pub(crate) fn power_cut(&mut self) -> (bool, RecoveryReport) {
        self.disk.power_cut();
        self.restart()
    }

    /// The names of the partition's files with this extension, sorted.
    pub(crate) fn disk_names(&self, extension: &str) -> Vec<String> {
        let entries = self.disk.list(&self.directory).unwrap_or_default();
        let names = entries.into_iter().map(|entry| entry.name);
        names
            .filter(|name| name.ends_with(&format!(".{extension}")))
            .collect()
    }

    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        self.disk.read_file(&self.directory.join(name)).unwrap()
    }
}

impl<D: Disk + Clone> Partition<D> {
    pub(crate) fn open(disk: D, directory: PathBuf, config: LogConfig) -> Self {
        let recovered = recover(&disk, &directory, &config).expect("recovers");
        let Recovered {
            log,
            producers,
            epoch,
            ..
        } = recovered;
        let (calls, events) = (Calls::new(), Vec::new());
        Self {
            disk,
            directory,
            config,
            log,
            producers,
            epoch,
            calls,
            events,
        }
    }

    /// Opens the log again as a starting broker does.
    pub(crate) fn restart(&mut self) -> (bool, RecoveryReport) {
        let recovered = recover(&self.disk, &self.directory, &self.config);
        self.take(recovered.expect("recovers"))
    }

    pub(crate) fn take(&mut self, recovered: Recovered) -> (bool, RecoveryReport) {
        assert!(
            recovered.epoch <= self.epoch,
            "nothing was written under a later one"
        );
        if !recovered.clean {
            // As the catalog does, which keeps it for all partitions.
            self.epoch = self.epoch.next();
        }
        self.log = recovered.log;
        self.producers = recovered.producers;
        self.calls.clear();
        self.events.clear();
        (recovered.clean, recovered.report)
    }

    /// Performs the waiting call at `index`, counted round.
    pub(crate) fn perform(&mut self, index: usize) {
        if self.calls.is_empty() {
            return;
        }
        let (ticket, call) = self.calls.remove(index % self.calls.len());
        let result = call.perform(&self.disk);
        let event = self.log.completed(ticket, result, &mut self.calls);
        self.events.push(event);
    }

    /// Performs everything that waits.
    pub(crate) fn drain(&mut self) {
        while !self.calls.is_empty() {
            self.perform(0);
        }
    }

    /// Appends, performing calls until there is room.
    pub(crate) fn append(&mut self, batch: &Batch) -> Offset {
        self.try_append(batch, NOW).expect("appends")
    }

    pub(crate) fn try_append(&mut self, batch: &Batch, now: Timestamp) -> std::io::Result<Offset> {
        while !self
            .log
            .make_room(batch.bytes().len(), now, &mut self.calls)
        {
            if self.calls.is_empty() {
                panic!("no room and nothing under way");
            }
            self.perform(0);
            if let Some(Completed::Failed { .. }) = self.events.last()
                && let Some(Completed::Failed { error, .. }) = self.events.pop()
            {
                return Err(error);
            }
        }
        let base = self.log.append(batch, self.epoch, now)?;
        self.producers.record(batch.header(), base, now);
        Ok(base)
    }

    pub(crate) fn append_values(&mut self, values: &[&str]) {
        for value in values {
            self.append(&batch(value));
        }
    }

    pub(crate) fn sync(&mut self) {
        self.drain();
        if self.log.begin_sync(&mut self.calls) {
            self.drain();
        }
    }

    pub(crate) fn checkpoint(&mut self) {
        self.drain();
        if self
            .log
            .checkpoint(self.epoch, &self.producers, &mut self.calls)
        {
            self.drain();
        }
    }

    pub(crate) fn close(&mut self) {
        if !self.log.close(self.epoch, &self.producers, &mut self.calls) {
            self.drain();
            let closed = self
                .events
                .iter()
                .any(|event| matches!(event, Completed::Closed));
            assert!(closed, "{:?}", self.events);
        }
    }

    /// All values from `from` to the end, fetch by fetch; checks that offsets are dense.
    pub(crate) fn values_from(&self, from: Offset, bytes_max: u32) -> Vec<Vec<u8>> {
        let (mut next, end) = (from, self.log.end());
        let mut values = Vec::new();
        while next < end {
            let range = self.log.read(next, end, bytes_max, true).expect("plans");
            let range = range.expect("there is more");
            assert!(range.next > next);
            for (offset, value) in records_of(&range) {
                if offset >= next {
                    assert_eq!(offset.get(), from.get() + values.len() as i64);
                    values.push(value);
                }
            }
            assert_eq!(range.next.get(), from.get() + values.len() as i64);
            next = range.next;
        }
        values
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let values = self.values_from(self.log.start(), 300);
        values
            .into_iter()
            .map(|value| String::from_utf8(value).unwrap())
            .collect()
    }

    pub(crate) fn read(
        &self,
        from: i64,
        upto: i64,
        max: u32,
    ) -> Result<Option<FileRange>, ReadError> {
        self.log
            .read(Offset::new(from), Offset::new(upto), max, true)
    }
}

pub(crate) fn recover(
    disk: &dyn Disk,
    directory: &Path,
    config: &LogConfig,
) -> Result<Recovered, RecoveryError> {
    Log::recover(
        disk,
        directory.to_path_buf(),
        config.clone(),
        TOPIC,
        PARTITION,
        &Journaled::default(),
    )
}

/// The records of a range, decoded.
pub(crate) fn records_of(range: &FileRange) -> Vec<(Offset, Vec<u8>)> {
    let mut bytes = vec![0; range.length() as usize];
    assert_eq!(
        range.file.read_at(range.from, &mut bytes).unwrap(),
        bytes.len()
    );
    let mut records = Vec::new();
    for batch in Batches::new(Bytes::from(bytes)) {
        let batch = batch.expect("whole batches");
        let decoded = batch.records(&DecompressionLimits::default()).unwrap();
        for record in decoded.iter() {
            let record = record.unwrap();
            records.push((record.offset, record.value.unwrap_or_default().to_vec()));
        }
    }
    records
}

pub(crate) fn log_name(base: i64) -> String {
    format!("{base:020}.log")
}

/// The base offset in a segment's file name.
pub(crate) fn base(name: &str) -> i64 {
    name.split('.').next().unwrap().parse().unwrap()
}
