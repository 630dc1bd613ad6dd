//! The broker under test: a child of this process with a temporary directory, or one by address.

use super::super::{CliError, output};
use super::Bounds;
use super::process::Process;
use super::segments::SEGMENT_BYTES_MAX;
use crate::client::admin::NewTopic;
use crate::client::transport::{Cluster, ClusterConfig};
use clap::{Args, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a broker may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

const READY: &str = "corelane is ready on ";

/// Which broker.
#[derive(Debug, Clone, Args)]
pub(crate) struct BrokerArgs {
    /// A broker that runs already; one is started and removed again if left out
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: Option<String>,

    /// That broker's process, for its use of processor and memory
    #[arg(long, value_name = "PID", requires = "bootstrap")]
    broker_pid: Option<u32>,

    /// What an ack of all replicas means
    #[arg(long, value_name = "WHAT", default_value = "fsync")]
    durability: Durability,

    /// How many partitions
    #[arg(long, value_name = "P", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,

    /// Each core is a node of its own, so that batches go straight to their core
    #[arg(long)]
    per_core: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// On the device
    Fsync,
    /// In the page cache
    Relaxed,
}

/// A broker with an empty topic.
#[derive(Debug)]
pub(super) struct Broker {
    child: Option<ChildBroker>,
    process: Option<Process>,
    cluster: Cluster,
    topic: String,
    durability: &'static str,
}

/// The partitions that one node leads.
#[derive(Debug, Clone)]
pub(super) struct Led {
    pub(super) address: String,
    pub(super) partitions: Vec<i32>,
}

impl BrokerArgs {
    /// Whether an ack of all replicas means the device.
    pub(super) fn is_durable(&self) -> bool {
        self.durability == Durability::Fsync
    }

    /// Finds or starts the broker and makes the topic. A broker of our own keeps about
    /// `disk_bytes_max`.
    pub(super) fn open(
        &self,
        bounds: &Bounds,
        disk_bytes_max: Option<u64>,
    ) -> Result<Broker, CliError> {
        let child = match &self.bootstrap {
            Some(_) => None,
            None => Some(ChildBroker::start(bounds, self.per_core)?),
        };
        let address = child.as_ref().map(|child| child.address.clone());
        let address = address
            .or_else(|| self.bootstrap.clone())
            .unwrap_or_default();
        let pid = child.as_ref().map(|child| child.process.id());
        let mut cluster = Cluster::connect(ClusterConfig::new(vec![address]))?;
        let topic = format!("corelane-bench-{:08x}", fastrand::u32(..));
        let relaxed = !self.is_durable();
        let mut configs = Vec::new();
        let mut set = |name: &str, value: String| configs.push((name.to_owned(), value));
        if relaxed {
            set("corelane.durability", "relaxed".to_owned());
        }
        if let (Some(bytes), Some(_)) = (disk_bytes_max, &child) {
            let retained = bytes / self.partitions as u64;
            // Only whole segments are removed.
            let segment = SEGMENT_BYTES_MAX.min(retained / 2);
            set("retention.bytes", retained.to_string());
            set("segment.bytes", segment.to_string());
        }
        cluster.create_topic(&NewTopic {
            name: topic.clone(),
            partitions: Some(self.partitions),
            replication_factor: None,
            configs,
        })?;
        Ok(Broker {
            child,
            process: pid.or(self.broker_pid).map(Process::new),
            cluster,
            topic,
            durability: if relaxed { "relaxed" } else { "fsync" },
        })
    }
}

impl Broker {
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn durability(&self) -> &'static str {
        self.durability
    }

    pub(super) fn cpu_s(&self) -> Option<f64> {
        self.process?.cpu_s()
    }

    pub(super) fn rss_anon_mb(&self) -> Option<f64> {
        self.process?.rss_anon_mb()
    }

    /// Which node leads which partitions.
    pub(super) fn leaders(&mut self) -> Result<Vec<Led>, CliError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.cluster.refresh(&[&self.topic])?;
            if let Some(led) = self.led() {
                return Ok(led);
            }
            if Instant::now() > deadline {
                let topic = &self.topic;
                let message = format!("some partitions of {topic:?} have no leader");
                return Err(CliError::Message(message));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn led(&self) -> Option<Vec<Led>> {
        let metadata = self.cluster.metadata();
        let topic = metadata.topic(&self.topic)?;
        let mut led: Vec<Led> = Vec::new();
        for (index, partition) in topic.partitions() {
            let address = metadata.address(partition.leader?)?;
            match led.iter_mut().find(|led| led.address == address) {
                Some(led) => led.partitions.push(index.get()),
                None => led.push(Led {
                    address: address.to_owned(),
                    partitions: vec![index.get()],
                }),
            }
        }
        (!led.is_empty()).then_some(led)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A child takes its data with it.
        if self.child.is_none()
            && let Err(error) = self.cluster.delete_topic(&self.topic)
        {
            log::warn!("the topic {:?} is left behind: {error}", self.topic);
        }
    }
}

/// A broker that ends with this value.
#[derive(Debug)]
struct ChildBroker {
    process: Child,
    address: String,
    _directory: TempDir,
}

impl ChildBroker {
    fn start(bounds: &Bounds, per_core: bool) -> Result<Self, CliError> {
        let failed = |error| CliError::io("starting a broker", error);
        let directory = TempDir::new_in(&bounds.directory).map_err(failed)?;
        let mut process = Command::new(env::current_exe().map_err(failed)?)
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .args(["--cores", &bounds.cores.to_string()])
            .args(["--nodes", if per_core { "per-core" } else { "single" }])
            .arg("--data")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (ready, address) = mpsc::channel();
        if let Some(stderr) = process.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    match line.strip_prefix(READY) {
                        // Nobody waits for it any more if this fails.
                        Some(told) => drop(ready.send(told.to_owned())),
                        None => output::message(&line),
                    }
                }
            });
        }
        let told = address.recv_timeout(PATIENCE).unwrap_or_default();
        let address = told.split(' ').next().unwrap_or_default().to_owned();
        let child = Self {
            process,
            address,
            _directory: directory,
        };
        if child.address.is_empty() {
            let message = "the broker did not start; its words are above".to_owned();
            return Err(CliError::Message(message));
        }
        Ok(child)
    }
}

impl Drop for ChildBroker {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        while asked && Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // It is ours, and does not end by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
