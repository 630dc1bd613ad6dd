//! `corelane produce`: ships lines of files or stdin to a topic.

mod input;
mod key;
mod summary;

use super::connect::ConnectArgs;
use super::interrupt::Interrupt;
use super::line::{Line, LineSplitter};
use super::progress::Progress;
use super::{CliError, output};
use crate::client::ClientError;
use crate::client::producer::{Acks, ProducerConfig};
use crate::client::transport::{BlockingProducer, Cluster};
use crate::record::Compression;
use clap::{Args, ValueEnum};
use input::{Input, Piece};
use key::{KeyArgs, KeyRule};
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};
use summary::Summary;

/// Ship the lines of files or stdin to a topic
#[derive(Debug, Args)]
#[command(after_help = "\
Every line becomes one record, whatever bytes it holds; only \\n ends a line. A file that cannot be
read is named, the others are shipped all the same, and the exit code is 1.

Examples:
  corelane produce --topic logs /var/log/syslog /var/log/auth.log
  tail -F app.log | corelane produce --topic logs
  corelane produce --topic sshd --key-regex 'sshd\\[(\\d+)\\]' auth.log    a session stays in order
  corelane produce --topic pairs --key-separator '\\t' pairs.tsv
  corelane produce --topic logs --compression lz4 --acks 1 --json big.log")]
pub(crate) struct ProduceArgs {
    /// The topic to ship to
    #[arg(long, short, value_name = "NAME")]
    topic: String,

    /// Files to ship, in this order; '-' is stdin, and so is no file
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: KeyArgs,

    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC", default_value = "zstd")]
    compression: Compression,

    /// The codec's level
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    level: Option<i32>,

    /// When a batch counts as shipped: sent (0), taken by the leader (1), safe (all)
    ///
    /// Only with `all` retries can neither double nor reorder lines.
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    acks: AcksArg,

    /// How long a line waits for others to share a batch with, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    linger: u64,

    /// Write the summary as one JSON object to stdout
    #[arg(long)]
    json: bool,

    /// No progress and no summary
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AcksArg {
    #[value(name = "0")]
    None,
    #[value(name = "1")]
    Leader,
    #[value(name = "all", alias = "-1")]
    All,
}

impl From<AcksArg> for Acks {
    fn from(acks: AcksArg) -> Self {
        match acks {
            AcksArg::None => Self::None,
            AcksArg::Leader => Self::Leader,
            AcksArg::All => Self::All,
        }
    }
}

/// What a record takes beside its value, so that a line that fits is surely taken.
const RECORD_OVERHEAD_BYTES: usize = 256;
/// How long to wait for input before serving connections.
const TURN: Duration = Duration::from_millis(20);

impl ProduceArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let interrupt = Interrupt::install()?;
        let config = self.producer_config()?;
        let line_bytes_max = config.batch_bytes_max.saturating_sub(RECORD_OVERHEAD_BYTES);
        let producer = BlockingProducer::connect(self.connect.cluster()?, &self.topic, config)?;
        let total = input::total_bytes(&self.files);
        let progress = Progress::bytes(total, self.quiet || self.json);
        let mut shipping = Shipping {
            producer,
            key: self.key.rule(),
            summary: Summary::new(&self.topic, self.compression),
            progress,
            line_bytes_max,
        };
        let started = Instant::now();
        let input = Input::start(self.files)?;
        let shipped = shipping.ship(&input, &interrupt);
        shipping
            .summary
            .finish(started.elapsed(), shipping.producer.held_records());
        let Shipping {
            summary, progress, ..
        } = shipping;
        drop(progress);
        if self.json {
            output::json(&summary.report())?;
        } else if !self.quiet {
            output::message(&summary);
        }
        shipped?;
        if summary.is_complete() {
            Ok(())
        } else {
            Err(CliError::Failed)
        }
    }

    fn producer_config(&self) -> Result<ProducerConfig, CliError> {
        let defaults = ProducerConfig::default();
        let levels = self.compression.levels();
        if let Some(level) = self.level
            && !levels
                .as_ref()
                .is_some_and(|levels| levels.contains(&level))
        {
            let compression = self.compression;
            return Err(CliError::Usage(match levels {
                None => format!("--level: {compression} has no levels"),
                Some(levels) => format!(
                    "--level: {compression} has the levels {} to {}",
                    levels.start(),
                    levels.end()
                ),
            }));
        }
        Ok(ProducerConfig {
            acks: self.acks.into(),
            compression: self.compression,
            level: self.level,
            linger: Duration::from_millis(self.linger),
            request_timeout: Duration::from_secs(self.connect.timeout),
            batch_bytes_max: self.batch_bytes_max(defaults.batch_bytes_max)?,
            ..defaults
        })
    }

    /// The most that the topic takes in a batch, if it says so, and no more than the default.
    fn batch_bytes_max(&self, default: usize) -> Result<usize, CliError> {
        let mut cluster = Cluster::connect(self.connect.cluster()?)?;
        cluster.topic(&self.topic, true)?;
        // Who may produce need not be allowed to see settings: then the default has to do.
        let configs = cluster.describe_configs(&self.topic).unwrap_or_default();
        let limit = configs
            .iter()
            .find(|config| config.name == "max.message.bytes")
            .and_then(|config| config.value.as_deref()?.parse::<usize>().ok());
        Ok(limit.map_or(default, |limit| {
            limit.min(default).max(RECORD_OVERHEAD_BYTES * 2)
        }))
    }
}

/// Lines on their way.
struct Shipping {
    producer: BlockingProducer,
    key: KeyRule,
    summary: Summary,
    progress: Progress,
    line_bytes_max: usize,
}

impl Shipping {
    fn ship(&mut self, input: &Input, interrupt: &Interrupt) -> Result<(), CliError> {
        let mut splitter = LineSplitter::new(self.line_bytes_max);
        while !interrupt.is_set() {
            match input.pieces().recv_timeout(TURN) {
                Ok(Piece::Bytes(bytes)) => {
                    splitter.push(&bytes, |line| self.take(line))?;
                    self.summary.read_bytes += bytes.len() as u64;
                    self.progress.advance(bytes.len() as u64);
                    self.producer.poll(Duration::ZERO)?;
                }
                // A last line without a newline is a line, also of a file that broke off.
                Ok(Piece::End) => splitter.end(|line| self.take(line))?,
                Ok(Piece::Failed { name, error }) => {
                    splitter.end(|line| self.take(line))?;
                    self.progress.message(&format!("corelane: {name}: {error}"));
                    self.summary.unreadable += 1;
                }
                Err(RecvTimeoutError::Timeout) => self.producer.poll(Duration::ZERO)?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.take_deliveries();
        }
        // Also after Ctrl-C: what was taken is shipped. (A second Ctrl-C ends the process.)
        self.producer.set_flushing(true);
        while !self.producer.is_idle() {
            self.producer.poll(TURN)?;
            self.take_deliveries();
        }
        self.take_deliveries();
        interrupt.check()
    }

    fn take(&mut self, line: Line<'_>) -> Result<(), CliError> {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong(bytes) => {
                self.refuse(bytes);
                return Ok(());
            }
        };
        let (key, value) = self.key.split(line);
        if key.is_none() && self.key.wants_keys() {
            self.summary.without_key += 1;
        }
        let now = self.producer.wall();
        match self.producer.send(now, key, Some(value)) {
            Ok(()) => self.summary.lines += 1,
            Err(ClientError::RecordTooLarge { bytes, .. }) => self.refuse(bytes as u64),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn refuse(&mut self, bytes: u64) {
        let number = self.summary.lines + self.summary.too_long + 1;
        self.progress.message(&format!(
            "corelane: line {number} has {bytes} bytes; a record may have {} (the topic's \
             max.message.bytes); it is left out",
            self.line_bytes_max
        ));
        self.summary.too_long += 1;
    }

    fn take_deliveries(&mut self) {
        while let Some(delivery) = self.producer.next_delivery() {
            self.summary.delivered(&delivery);
        }
    }
}
