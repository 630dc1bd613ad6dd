//! `corelane import`: takes over the topics of an Apache Kafka that was stopped.

mod report;
mod source_lock;

use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{CliError, output};
use crate::import::{Import, ImportError, ImportOptions, Watch};
use crate::storage::{DataDirectory, RealDisk};
use crate::types::TopicName;
use clap::Args;
use report::Report;
use source_lock::SourceLock;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Take over the topics of an Apache Kafka that was stopped
///
/// Copies the segments of Kafka's log directory, checks every batch on the way, and keeps topic ids,
/// offsets, timestamps, leader epochs, idempotent producers and the offsets that groups committed.
/// Kafka's directory is not changed. No broker may run on either directory.
#[derive(Debug, Args)]
#[command(after_help = "\
A topic is there when all of it is: one that was interrupted is begun anew by the next import, and
topics that are there already are left as they are. Transactions are refused, as they are not served.

Examples:
  corelane import --from /var/lib/kafka/data --data /var/lib/corelane
  corelane import --from /disk1/kafka --from /disk2/kafka      a broker with several log.dirs
  corelane import --from kafka-logs --topic orders --topic __consumer_offsets --verify
  corelane import --from kafka-logs --set retention.ms=604800000 --json")]
pub(crate) struct ImportArgs {
    /// Kafka's log directory (log.dirs); once for each that it has
    #[arg(long, value_name = "KAFKA_LOG_DIR", required = true)]
    from: Vec<PathBuf>,

    /// Where the data will live; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "corelane-data")]
    data: PathBuf,

    /// A topic to take over, may be repeated; all of them, and committed offsets, if left out
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,

    /// A topic, or the name of a directory that Kafka had not finished with, to leave out
    #[arg(long, value_name = "NAME")]
    skip: Vec<String>,

    /// A setting for topics that have none of that name in Kafka's metadata, may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,

    /// Take a Kafka that was not shut down cleanly, and cut ends that do not hold, as it would
    #[arg(long)]
    unclean: bool,

    /// Read everything back from the disk and compare
    #[arg(long)]
    verify: bool,

    /// Write one JSON object to stdout
    #[arg(long)]
    json: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("NAME=VALUE is wanted")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

impl ImportArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let interrupt = Interrupt::install()?;
        check_apart(&self.from, &self.data)?;
        let locks = self.from.iter().map(|path| SourceLock::take(path));
        let _locks = locks.collect::<Result<Vec<_>, _>>()?;
        let held = DataDirectory::open(&self.data);
        let held = held.map_err(|error| CliError::Message(error.to_string()))?;
        let disk = RealDisk::new();
        let settings: BTreeMap<_, _> = self.set.into_iter().collect();
        let options = ImportOptions {
            from: self.from,
            topics: self.topic,
            skip: self.skip,
            settings,
            unclean: self.unclean,
            verify: self.verify,
        };
        let import = Import::prepare(&disk, held.path(), options).map_err(told)?;
        let mut report = Report::of(import.plan(), &self.data);
        if !self.json {
            report.notes.iter().for_each(|note| output::message(note));
        }
        let mut watcher = Watcher {
            progress: Progress::bytes(Some(import.plan().bytes()), self.json),
            interrupt,
            notes: Vec::new(),
        };
        let imported = import.run(&mut watcher).map_err(told);
        report.notes.append(&mut watcher.notes);
        drop(watcher);
        report.imported = imported?;
        if self.json {
            output::json(&report)
        } else {
            output::text(&report)
        }
    }
}

fn told(error: ImportError) -> CliError {
    match error {
        ImportError::Interrupted => {
            output::complain(&error);
            CliError::Interrupted
        }
        error => CliError::Message(error.to_string()),
    }
}

/// Nothing is written where Kafka's files are.
fn check_apart(from: &[PathBuf], data: &Path) -> Result<(), CliError> {
    let full = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let failed = |path: &Path| {
        let name = path.display().to_string();
        move |error| CliError::io(name, error)
    };
    let target = full(data).map_err(failed(data))?;
    for path in from {
        let source = fs::canonicalize(path).map_err(failed(path))?;
        if target.starts_with(&source) || source.starts_with(&target) {
            return Err(CliError::Usage(format!(
                "--data {} and --from {} lie in each other; choose another --data",
                data.display(),
                path.display()
            )));
        }
    }
    Ok(())
}

struct Watcher {
    progress: Progress,
    interrupt: Interrupt,
    notes: Vec<String>,
}

impl Watch for Watcher {
    fn begin(&mut self, topic: &TopicName) {
        self.progress.say(topic.as_str().to_owned());
    }

    fn advance(&mut self, bytes: u64) -> ControlFlow<()> {
        self.progress.advance(bytes);
        if self.interrupt.is_set() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn note(&mut self, note: &str) {
        self.progress.message(note);
        self.notes.push(note.to_owned());
    }
}
