//! `corelane serve`: runs the broker.

use super::{CliError, output};
use crate::config::{Config, ConfigError, Nodes, Settings};
use crate::runtime::{Engine, EngineError, on_stop_signal};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io, thread};

/// Read when it exists in the working directory and --config names no other.
const CONFIG_NAME: &str = "corelane.toml";

/// Run the broker
///
/// Settings come from the command line, then from the configuration file, then from the defaults.
/// SIGTERM and Ctrl-C stop it cleanly; a second one ends it at once. RUST_LOG sets what is logged
/// (error, warn, info, debug, trace).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  corelane serve                                            127.0.0.1:9092, data in ./corelane-data
  corelane serve --data /var/lib/corelane --listen 0.0.0.0:9092 --advertised-address logs.example
  corelane serve --cores 4 --nodes per-core                 each core a node at a port of its own")]
pub(crate) struct ServeArgs {
    /// Where the data lives
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The address for clients; port 0 takes any free one
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,

    /// What clients are told to connect to; the listen address if left out
    #[arg(long, value_name = "HOST[:PORT]")]
    advertised_address: Option<String>,

    /// How many data cores; all of the machine's if left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    cores: Option<u16>,

    /// How the cores appear to clients
    #[arg(long, value_name = "HOW")]
    nodes: Option<NodesArg>,

    /// The configuration file; ./corelane.toml is read if it exists
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NodesArg {
    /// One address, one node
    Single,
    /// Core i is a node of its own at port + 1 + i
    PerCore,
}

impl ServeArgs {
    pub(crate) fn run(self) -> Result<(), CliError> {
        log_to_stderr();
        let config = self.into_config()?;
        let data = config.data.clone();
        let cores = config.cores;
        let engine = Engine::start(config, true).map_err(|error| explain(&error))?;
        let stop = engine.stop_handle();
        on_stop_signal(move || stop.request())
            .map_err(|error| CliError::io("cannot listen for signals", error))?;
        let plural = if cores == 1 { "core" } else { "cores" };
        output::message(&format_args!(
            "corelane is ready on {} ({cores} {plural}, data in {})",
            engine.address(),
            data.display()
        ));
        engine.wait();
        log::info!("stopped");
        Ok(())
    }

    fn into_config(self) -> Result<Config, CliError> {
        let file = read_file(self.config.as_deref())?;
        let given = Settings {
            data: self.data,
            listen: self.listen,
            advertised_address: self.advertised_address,
            cores: self.cores,
            nodes: self.nodes.map(|nodes| match nodes {
                NodesArg::Single => Nodes::Single,
                NodesArg::PerCore => Nodes::PerCore,
            }),
            ..Settings::default()
        };
        let machine_cores = thread::available_parallelism().map_or(1, |count| count.get());
        given
            .over(file)
            .into_config(machine_cores.try_into().unwrap_or(u16::MAX))
            .map_err(|error| usage(&error))
    }
}

fn read_file(named: Option<&Path>) -> Result<Settings, CliError> {
    let path = named.unwrap_or(Path::new(CONFIG_NAME));
    match fs::read_to_string(path) {
        Ok(text) => Settings::parse(path.to_owned(), &text).map_err(|error| usage(&error)),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok(Settings::default())
        }
        Err(error) => Err(CliError::io(path.display().to_string(), error)),
    }
}

fn usage(error: &ConfigError) -> CliError {
    CliError::Usage(error.to_string())
}

/// Errors of the start say what to do themselves.
fn explain(error: &EngineError) -> CliError {
    CliError::Message(error.to_string())
}

fn log_to_stderr() {
    let environment = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(environment)
        .format_target(false)
        .init();
}
