//! The command line: one file or folder per subcommand.
//!
//! Conventions: results go to stdout, messages to stderr; `--json` writes exactly one object;
//! exit code 0 is success, 1 failure, 2 wrong usage, 130 Ctrl-C; a closed pipe ends quietly.

#![expect(clippy::disallowed_methods, reason = "people have files and clocks")]

mod bench;
mod connect;
mod consume;
mod demo;
mod error;
mod group;
mod human;
mod import;
mod inspect;
mod interrupt;
mod latency;
mod line;
mod output;
mod produce;
mod progress;
mod serve;
mod time;
mod topic;

pub use error::CliError;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A log-streaming engine that speaks the Kafka protocol: one core, one lane.
#[derive(Debug, Parser)]
#[command(
    name = "corelane",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Examples:
  corelane demo                                    see it work, with nothing left behind
  corelane topic create --topic logs --partitions 4
  corelane produce --topic logs /var/log/syslog    ship a file's lines
  corelane consume --topic logs --from @-1h        read what came in the last hour

`corelane help COMMAND` explains a command and shows examples of it.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Topic(topic::TopicArgs),
    Group(group::GroupArgs),
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Import(import::ImportArgs),
    Inspect(inspect::InspectArgs),
    Bench(bench::BenchArgs),
    Demo(demo::DemoArgs),
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::Serve(args) => args.run(),
            Self::Topic(args) => args.run(),
            Self::Group(args) => args.run(),
            Self::Produce(args) => args.run(),
            Self::Consume(args) => args.run(),
            Self::Import(args) => args.run(),
            Self::Inspect(args) => args.run(),
            Self::Bench(args) => args.run(),
            Self::Demo(args) => args.run(),
        }
    }
}

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_silent() {
                output::complain(&error);
            }
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.contains("corelane ")),
                "{} has no example",
                command.get_name()
            );
        }
    }
}
