//! A broker inside this process, on a free port of the loopback interface, in a directory that goes
//! away with it.

use super::super::CliError;
use crate::config::Settings;
use crate::runtime::Engine;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use tempfile::TempDir;

/// A running broker; dropping it stops it and removes its data.
#[derive(Debug)]
pub(super) struct Embedded {
    // Before the directory, whose files it holds open.
    engine: Engine,
    _data: TempDir,
}

impl Embedded {
    /// Starts a broker whose data lies under `directory`, or where temporary files lie.
    pub(super) fn start(directory: Option<&Path>) -> Result<Self, CliError> {
        let mut data = tempfile::Builder::new();
        let data = data.prefix("corelane-demo-");
        let data = match directory {
            Some(directory) => data.tempdir_in(directory),
            None => data.tempdir(),
        };
        let data = data.map_err(|error| {
            CliError::io("cannot make a temporary directory (see --directory)", error)
        })?;
        let settings = Settings {
            data: Some(data.path().to_owned()),
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            auto_create_topics: Some(false),
            ..Settings::default()
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let config = settings
            .into_config(u16::try_from(cores).unwrap_or(u16::MAX))
            .map_err(|error| CliError::Message(error.to_string()))?;
        let engine =
            Engine::start(config, false).map_err(|error| CliError::Message(error.to_string()))?;
        Ok(Self {
            engine,
            _data: data,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        self.engine.address().to_string()
    }
}
