//! `corelane consume`: reads a topic to stdout.

mod format;
mod start;

use super::CliError;
use super::connect::ConnectArgs;
use super::interrupt::Interrupt;
use super::output::{self, Stdout};
use crate::client::consumer::{ConsumerConfig, Fetched, Notice, Start, Until};
use crate::client::transport::BlockingConsumer;
use crate::record::{DecompressionLimits, Record};
use crate::types::PartitionIndex;
use clap::Args;
use format::{Format, Shown};
use std::io::Write;
use std::time::Duration;

/// Read a topic to stdout
#[derive(Debug, Args)]
#[command(after_help = "\
Without --follow, reading ends where each partition ended when it began. Records of a partition
come in order; those of several partitions come interleaved.

Examples:
  corelane consume --topic logs
  corelane consume --topic logs --from end --follow            like tail -f
  corelane consume --topic logs --from @-15m                   the last quarter of an hour
  corelane consume --topic logs --from @2026-11-20T10:00:00Z --count 100
  corelane consume --topic orders --partition 3 --from 4711 --format json | jq .value")]
pub(crate) struct ConsumeArgs {
    /// The topic to read
    #[arg(long, short, value_name = "NAME")]
    topic: String,

    /// Where to start: beginning, end, an offset, or @TIME
    ///
    /// @TIME is RFC 3339 (@2026-11-20T10:00:00Z), milliseconds since 1970 (@1795168800000), or
    /// relative (@-1h, @-2d12h). An offset that is not kept any more means the first that is.
    #[arg(long, value_name = "WHERE", default_value = "beginning")]
    #[arg(value_parser = start::parse, allow_hyphen_values = true)]
    from: Start,

    /// Only these partitions, comma separated; all if left out
    #[arg(long, short, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,

    /// End after so many records
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,

    /// Go on as new records come
    #[arg(long, short)]
    follow: bool,

    /// How records are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Short for --format json: one object a line
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    connect: ConnectArgs,
}

/// How long to wait for records before looking at signals and at the output.
const TURN: Duration = Duration::from_millis(100);

/// Writes records until enough were written.
struct Sink {
    out: Stdout,
    format: Format,
    left: u64,
}

/// Why a visit of records stops.
enum Stop {
    /// Enough were written.
    Enough,
    /// Something failed.
    Failed(CliError),
}

impl From<crate::client::ClientError> for Stop {
    fn from(error: crate::client::ClientError) -> Self {
        Self::Failed(error.into())
    }
}

impl ConsumeArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let interrupt = Interrupt::install()?;
        let config = ConsumerConfig {
            until: if self.follow {
                Until::Forever
            } else {
                Until::End
            },
            request_timeout: Duration::from_secs(self.connect.timeout),
            ..ConsumerConfig::default()
        };
        let partitions: Vec<PartitionIndex> = self
            .partition
            .iter()
            .copied()
            .map(PartitionIndex::new)
            .collect();
        let partitions = (!partitions.is_empty()).then_some(partitions);
        let cluster = self.connect.cluster()?;
        let mut consumer = BlockingConsumer::connect(
            cluster,
            &self.topic,
            partitions.as_deref(),
            self.from,
            config,
        )?;
        let mut sink = Sink {
            out: output::stdout(),
            format: if self.json { Format::Json } else { self.format },
            left: self.count.unwrap_or(u64::MAX),
        };
        let read = read(&mut consumer, &mut sink, &interrupt);
        // What was written before an error is not to be lost with it.
        let flushed = sink.out.flush().map_err(CliError::stdout);
        read.and(flushed)
    }
}

fn read(
    consumer: &mut BlockingConsumer,
    sink: &mut Sink,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let limits = DecompressionLimits::default();
    while sink.left > 0 && !consumer.is_done() {
        interrupt.check()?;
        let fetched = consumer.next(Duration::ZERO)?;
        while let Some(notice) = consumer.next_notice() {
            warn(notice);
        }
        match fetched {
            Some(fetched) => match sink.write(&fetched, &limits) {
                Ok(()) => {}
                Err(Stop::Enough) => break,
                Err(Stop::Failed(error)) => return Err(error),
            },
            None => {
                sink.out.flush().map_err(CliError::stdout)?;
                wait(consumer, sink, &limits)?;
            }
        }
    }
    Ok(())
}

/// Nothing is there now: waits for a while, and writes what came.
fn wait(
    consumer: &mut BlockingConsumer,
    sink: &mut Sink,
    limits: &DecompressionLimits,
) -> Result<(), CliError> {
    let Some(fetched) = consumer.next(TURN)? else {
        return Ok(());
    };
    match sink.write(&fetched, limits) {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn warn(notice: Notice) {
    let Notice::Jumped {
        partition,
        from,
        to,
    } = notice;
    output::complain(&format_args!(
        "partition {partition}: offset {from} is not in the log any more; reading goes on at {to}"
    ));
}

impl Sink {
    fn write(&mut self, fetched: &Fetched, limits: &DecompressionLimits) -> Result<(), Stop> {
        fetched.visit(limits, |record| {
            if self.left == 0 {
                return Err(Stop::Enough);
            }
            self.left -= 1;
            self.write_record(fetched.partition, record)
        })
    }

    fn write_record(&mut self, partition: PartitionIndex, record: &Record<'_>) -> Result<(), Stop> {
        let shown = Shown {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
        };
        let headers = record.headers().map(|header| (header.name, header.value));
        self.format
            .write(&mut self.out, shown, headers)
            .map_err(|error| Stop::Failed(CliError::stdout(error)))
    }
}
